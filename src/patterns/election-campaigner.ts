/**
 * One candidate that stands for election for as long as somebody listens.
 *
 * Promises: it says that it leads only while its lease runs on the storage clock, reckoned on the monotonic clock from when that lease
 * was *asked for*, never from the answer: renewed at a third of the lease, given up at two thirds, so that a third is left for
 * the words to arrive and for clocks that differ. It hears at once when its reign is ended from outside (it watches the lease's row),
 * and resigns at once when nobody listens any more. While another leads it tries when the lease is resigned or lapses, and now
 * and then in between. A reign whose answer was lost is known again by the claim in its record: it is renewed before
 * it is said, and resigned at the end. Stores nothing of its own; costs a commit at each third of the lease while it
 * leads, a check now and then while it waits. Storage away: it says so in time, goes on trying, and fails after a minute.
 *
 * Not promised: a wall clock of the storage machine that jumps ahead by more than a third of the lease ends the lease early; it is then
 * heard of as an end from outside, within a second. Whoever must not err gives the token with its writes (`src/store/fence.ts`).
 */
import type { Change, Revision, WatchBatch } from '../../proto/store';
import { backoffDelayMs } from '../core/backoff';
import type { CancelTimer, Clock } from '../core/clock';
import { eitherSignal, untilAborted } from '../core/endable';
import { isAppError, toAppError } from '../core/errors';
import type { AppError, FailureCode } from '../core/errors';
import type { Ids } from '../core/ids';
import type { Settled } from '../store/transact';
import type { CampaignVerdict, Lease, LeaseRecord, Leadership, RenewalVerdict } from './election-decisions';

/** What a candidate knows. */
export interface CampaignStatus {
  /** Its own reign; undefined while it does not lead. */
  readonly leadership: Leadership | undefined;
  /** Whoever leads; undefined where nobody does, or that is not known. */
  readonly leader: Leadership | undefined;
}

/** Until when a lease is believed in, in monotonic milliseconds. */
export type HeldUntil = (lease: {
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  readonly leaseMs: number;
}) => number;

/** Two thirds of the lease, from when it was asked for: the storage clock began to count at that moment or later. */
export const heldSinceSent: HeldUntil = ({ sentAtMs, leaseMs }) => sentAtMs + (leaseMs * 2) / 3;

export interface CampaignerOptions {
  readonly leaseMs: number;
  /** Stands in the record of every reign of this campaigner, and of no other. */
  readonly claim: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly heldUntil?: HeldUntil;
  readonly campaign: () => Promise<Settled<CampaignVerdict>>;
  readonly renew: (token: number) => Promise<Settled<RenewalVerdict>>;
  /** Ends the reign that has the claim, where there is one. */
  readonly resign: () => Promise<boolean>;
  readonly leadershipOf: (lease: Lease | LeaseRecord, settled: Settled<unknown>) => Leadership;
  /** Changes of the lease's row, keys only. */
  readonly watch: (afterRevision: Revision | undefined, signal: AbortSignal) => AsyncIterable<WatchBatch>;
}

interface Reign {
  readonly token: number;
  /** Of the commit that the lease runs from. */
  readonly revision: Revision;
}

/** Failures that pass: the candidate goes on. */
const passing: ReadonlySet<FailureCode> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'OUTCOME_UNKNOWN',
  'CONTENTION',
  'OVERLOADED',
]);
/** As long as other subscriptions wait for a storage that is away. */
const awayMsMax = 60_000;
const retryBackoff = { baseMs: 20, capMs: 500 } as const;
/** A candidate that waits looks at least this often, or at each third of its lease where that is longer. */
const lookEveryMsMin = 500;
const watchAgainMs = 500;

/** A new object each time: what is made of a status for its subscriber is kept for as long as the status. */
const unknownLeader = (): CampaignStatus => ({ leadership: undefined, leader: undefined });

export class Campaigner {
  readonly #options: CampaignerOptions;
  readonly #clock: Clock;
  /** What its listener has not taken: never a reign that is over. */
  #waiting: CampaignStatus[] = [];
  #said: CampaignStatus | undefined;
  #failure: AppError | undefined;
  #onNews: () => void = () => undefined;

  #reign: Reign | undefined;
  /** A reign of this campaigner may stand in the store. */
  #mayReign = false;
  /** Until when its lease is believed in. */
  #heldUntilMs = -Infinity;
  #cancelGivingUp: CancelTimer | undefined;

  /** Of the state that the last answer was decided on. */
  #answered: Revision = 0;
  /** The newest end of a lease that the watch has shown, and the newest write of one. */
  #ended: Revision = 0;
  #written: Revision = 0;
  #onAnswer: () => void = () => undefined;

  #dueAtMs = -Infinity;
  #onDue: () => void = () => undefined;
  #failures = 0;
  #awaySinceMs = 0;

  constructor(options: CampaignerOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** Stands until `signal` aborts or the iteration ends. To be run once. */
  async *statuses(signal: AbortSignal): AsyncGenerator<CampaignStatus, void, void> {
    const own = new AbortController();
    const either = eitherSignal(signal, own.signal);
    const wake = (): void => {
      this.#onNews();
      this.#onDue();
    };
    either.signal.addEventListener('abort', wake, { once: true });
    void this.#stand(either.signal);
    try {
      while (!either.signal.aborted) {
        const next = this.#take();
        if (next) yield next;
        else if (this.#failure) throw this.#failure;
        else await new Promise<void>((resolve) => (this.#onNews = resolve));
      }
    } finally {
      own.abort();
      either.release();
    }
  }

  // --- saying ------------------------------------------------------------------------------------------------------

  #take(): CampaignStatus | undefined {
    const next = this.#waiting.shift();
    // Timers may be late, as after a pause of the whole process.
    if (!next?.leadership || this.#clock.monotonicMs() < this.#heldUntilMs) return next;
    this.#said = unknownLeader();
    return this.#said;
  }

  #say(status: CampaignStatus): void {
    const said = this.#said;
    const isSame = said && !said.leadership && !status.leadership && tokenOf(said) === tokenOf(status);
    if (isSame) return;
    this.#said = status;
    // That it leads no more takes the place of whatever waits; that it leads, of an older word of the same reign.
    const before = status.leadership ? this.#waiting.filter(({ leadership }) => !leadership) : [];
    this.#waiting = [...before, status];
    this.#onNews();
  }

  #believeUntil(untilMs: number): void {
    this.#heldUntilMs = untilMs;
    this.#cancelGivingUp?.();
    const leftMs = untilMs - this.#clock.monotonicMs();
    const giveUp = (): void => this.#say(unknownLeader());
    this.#cancelGivingUp = leftMs > 0 ? this.#clock.after(leftMs, giveUp) : undefined;
    // The timer that was due may not have come yet.
    if (leftMs <= 0 && this.#said?.leadership) giveUp();
  }

  #believeNoMore(): void {
    this.#reign = undefined;
    this.#believeUntil(-Infinity);
  }

  // --- standing ----------------------------------------------------------------------------------------------------

  /** Never rejects. */
  async #stand(signal: AbortSignal): Promise<void> {
    const watching = this.#watch(signal);
    try {
      while (!signal.aborted) {
        await this.#operate(signal);
        await this.#untilDue(signal);
      }
    } catch (thrown) {
      this.#failure = toAppError(thrown);
      this.#onNews();
    }
    this.#cancelGivingUp?.();
    await this.#resign();
    await watching;
  }

  async #operate(signal: AbortSignal): Promise<void> {
    const sentAtMs = this.#clock.monotonicMs();
    const { campaign, renew, leaseMs } = this.#options;
    const reign = this.#reign;
    this.#mayReign = true;
    try {
      const asked: Promise<Settled<CampaignVerdict | RenewalVerdict>> = reign ? renew(reign.token) : campaign();
      const settled = await untilAborted(asked, signal);
      if (!settled) return;
      this.#failures = 0;
      this.#answered = Math.max(this.#answered, settled.revision);
      this.#heed(settled, sentAtMs);
      this.#onAnswer();
    } catch (thrown) {
      const error = toAppError(thrown);
      const nowMs = this.#clock.monotonicMs();
      if (this.#failures === 0) this.#awaySinceMs = nowMs;
      this.#failures += 1;
      if (!passing.has(error.code) || nowMs - this.#awaySinceMs > awayMsMax) throw error;
      if (!this.#said) this.#say(unknownLeader());
      const backoff = { ...retryBackoff, capMs: Math.min(retryBackoff.capMs, leaseMs / 6) };
      this.#dueAt(nowMs + backoffDelayMs(this.#failures, backoff, this.#options.ids));
    }
  }

  #heed(settled: Settled<CampaignVerdict | RenewalVerdict>, sentAtMs: number): void {
    const { leaseMs, claim, leadershipOf, heldUntil = heldSinceSent } = this.#options;
    const { outcome, revision, nowMs: storageNowMs } = settled;
    const nowMs = this.#clock.monotonicMs();
    if (outcome.kind === 'leading') {
      // It ended again before its answer came.
      if (this.#ended > revision) return this.#lost(unknownLeader());
      this.#reign = { token: outcome.lease.token, revision };
      this.#believeUntil(heldUntil({ sentAtMs, answeredAtMs: nowMs, leaseMs }));
      const leadership = leadershipOf(outcome.lease, settled);
      if (nowMs < this.#heldUntilMs) this.#say({ leadership, leader: leadership });
      // Another renewed it meanwhile, for how long is not known here.
      this.#dueAt(this.#written > revision ? nowMs : sentAtMs + leaseMs / 3);
      return;
    }
    const leader = outcome.lease && leadershipOf(outcome.lease, settled);
    if (outcome.kind === 'held' && outcome.lease.claim === claim) {
      // Its own, whose answer was lost: renewed first, so that it is known from when it runs.
      this.#reign = { token: outcome.lease.token, revision };
      this.#dueAt(nowMs);
    } else if (outcome.kind === 'held') {
      this.#believeNoMore();
      this.#mayReign = false;
      this.#say({ leadership: undefined, leader });
      const lapsesInMs = leader!.leaseExpiresAtMs - storageNowMs;
      this.#dueAt(this.#ended > revision ? nowMs : nowMs + Math.min(lapsesInMs + 1, this.#lookEveryMs));
    } else this.#lost({ leadership: undefined, leader });
  }

  #lost(status: CampaignStatus): void {
    this.#believeNoMore();
    this.#say(status);
    this.#dueAt(this.#clock.monotonicMs());
  }

  get #lookEveryMs(): number {
    return Math.max(lookEveryMsMin, this.#options.leaseMs / 3);
  }

  #dueAt(atMs: number): void {
    this.#dueAtMs = atMs;
    this.#onDue();
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = this.#dueAtMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(leftMs, resolve);
        this.#onDue = (): void => {
          cancel();
          resolve();
        };
      });
    }
  }

  /** Tried again for as long as a lease may run. */
  async #resign(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + this.#options.leaseMs;
    for (let tries = 1; this.#mayReign; tries += 1) {
      try {
        await this.#options.resign();
        return;
      } catch (thrown) {
        if (!passing.has(toAppError(thrown).code) || this.#clock.monotonicMs() >= untilMs) return;
        await this.#clock.sleep(backoffDelayMs(tries, retryBackoff, this.#options.ids));
      }
    }
  }

  // --- watching ----------------------------------------------------------------------------------------------------

  /** Never rejects. */
  async #watch(signal: AbortSignal): Promise<void> {
    await untilAborted(new Promise<void>((resolve) => (this.#onAnswer = resolve)), signal);
    let after: Revision | undefined = this.#answered;
    while (!signal.aborted) {
      try {
        for await (const { changes, revision, nowMs } of this.#options.watch(after, signal)) {
          // It began anew: whatever came in between is found by asking.
          if (after === undefined) this.#dueAt(this.#clock.monotonicMs());
          after = revision;
          for (const change of changes) this.#note(change, nowMs);
        }
      } catch (error) {
        if (isAppError(error, 'HISTORY_GONE')) after = undefined;
      }
      await this.#clock.sleep(watchAgainMs, signal);
    }
  }

  #note({ kind, revision, expiresAtMs }: Change, storageNowMs: number): void {
    if (revision <= this.#answered) return;
    const nowMs = this.#clock.monotonicMs();
    if (kind !== 'put') {
      this.#ended = revision;
      if (this.#reign && revision > this.#reign.revision) this.#lost(unknownLeader());
      else this.#dueAt(nowMs);
      return;
    }
    this.#written = revision;
    // Somebody else's renewal of its reign, or one of its own whose answer has not come: only asking tells.
    if (this.#reign) this.#dueAt(nowMs);
    else if (this.#ended <= this.#answered) {
      this.#dueAt(nowMs + Math.min(Math.max(expiresAtMs - storageNowMs, 0) + 1, this.#lookEveryMs));
    }
  }
}

function tokenOf({ leader }: CampaignStatus): number | undefined {
  return leader?.fencingToken;
}
