/**
 * Writes. Physical transactions take what has gathered while others were on their way (`write-queue.ts`, `selection.ts`, `plan.ts`), so that
 * a trip through etcd's log is shared by all that waited for it. A few are on their way at a time, and touch nothing of each other's:
 * in which order etcd applies them is all the same. What was sent and has no answer is found out (`delivery.ts`) before anything that
 * touches it is written. Where that cannot be found out in time, its callers are told OUTCOME_UNKNOWN, and only they; what was not sent is UNAVAILABLE.
 */
import type { CommitOutcome, Transaction } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import { toStoreError } from './channel';
import { Conclusions } from './conclusions';
import { Delivery } from './delivery';
import { Harmony } from './harmony';
import { judgeRows } from './judge-rows';
import type { Footprint, Plan } from './plan';
import { Selection, isExclusive } from './selection';
import type { Flight } from './selection';
import { Sender } from './sender';
import { Tellings } from './tellings';
import { WriteLock } from './write-lock';
import { WriteQueue, fail } from './write-queue';
import type { Passage } from './write-queue';
import { pauseMs, unknownOutcome } from './writer-parts';
import type { Member, WriterOptions } from './writer-parts';

/** A caller who has waited so long is told so. */
const waitMsMax = 3_500;
/** Physical transactions on their way at a time. */
const flightsMax = 2;
/**
 * Members of one of them: callers who all wait for the same one would come back together, and the other one stay empty, while this
 * process and etcd wait for each other.
 */
const membersMax = 128;

export class EtcdWriter {
  readonly #options: WriterOptions;
  readonly #queue = new WriteQueue();
  readonly #closing = new AbortController();
  readonly #selection: Selection;
  readonly #sender: Sender;
  readonly #flights = new Set<Flight>();
  #isRunning = false;
  /** Something came, or came back, since it was last looked at. */
  #hasNews = false;
  #onNews: (() => void) | undefined;
  #onIdle: (() => void) | undefined;

  constructor(writer: WriterOptions) {
    this.#options = writer;
    const harmony = new Harmony();
    this.#selection = new Selection(writer, this.#queue, harmony);
    const closing = this.#closing.signal;
    const tellings = new Tellings();
    const onUnknown = (members: readonly Member[]): void => this.#tellUnknown(members);
    const putBack = (members: readonly Member[]): void => this.#putBack(members);
    const delivery = new Delivery({ writer, tellings, closing, onUnknown });
    const conclusions = new Conclusions({ writer, tellings, closing, onUnknown, putBack });
    const lock = new WriteLock(writer, closing);
    this.#sender = new Sender({ writer, delivery, conclusions, lock, harmony, putBack });
  }

  commit(
    transactions: readonly Transaction[],
    faults: readonly (AppError | undefined)[],
  ): Promise<readonly CommitOutcome[]> {
    const outcomes = this.#queue.add(transactions, faults, this.#monotonicMs());
    this.#start();
    return outcomes;
  }

  /** Writes something of our own; false where its compares did not hold, undefined where it could not be written. */
  write(plan: Plan, footprint: Footprint, bytes = plan.writes.length * 64): Promise<boolean | undefined> {
    const applied = this.#queue.addPlan(plan, { footprint, bytes, sinceMs: this.#monotonicMs() });
    this.#start();
    return applied;
  }

  /** Judges transactions that write nothing on the state that stands. */
  async judge(transactions: readonly Transaction[]): Promise<CommitOutcome[]> {
    const { layout, time, reader, known, markKeepMs, marksPerScopeMax } = this.#options;
    const ranges = transactions.map(({ checks }) => checks.map(({ key }) => ({ key: layout.row(key) })));
    const { responses, revision } = await reader.raw(ranges.flat());
    const options = { layout, nowMs: time.nowMs(), markKeepMs, marksPerScopeMax, marksOfScope: 0 };
    let at = 0;
    return transactions.map((each, index) => {
      const own = responses.slice(at, (at += ranges[index]!.length));
      const { outcome, entries } = judgeRows(each, { responses: own, revision }, options);
      for (const entry of entries) known.note(entry);
      return outcome;
    });
  }

  /** Finishes what runs. What cannot be finished is given up when its time is over. */
  async close(): Promise<void> {
    if (this.#isRunning) {
      const cancel = this.#options.transportClock.after(waitMsMax, () => this.#closing.abort());
      await new Promise<void>((resolve) => (this.#onIdle = resolve));
      cancel();
    }
    this.#closing.abort();
  }

  // --- the loop ----------------------------------------------------------------------------------------------------

  #start(): void {
    this.#hasNews = true;
    this.#onNews?.();
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#queue.size > 0 || this.#flights.size > 0) {
      // What arrives in one turn is together.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#hasNews = false;
      let isSent = false;
      try {
        isSent = await this.#step();
      } catch (thrown) {
        await this.#onFailure(thrown);
      }
      if (this.#closing.signal.aborted) this.#failAll(new AppError('UNAVAILABLE', 'the store is closed'));
      const goesOn = isSent && this.#queue.size > 0 && !this.#isFull();
      if (this.#flights.size > 0 && !goesOn) await this.#news();
    }
    this.#isRunning = false;
    this.#onIdle?.();
  }

  /** Sends off what may travel now; whether there was anything. */
  async #step(): Promise<boolean> {
    const refusal = this.#options.registration.refusal();
    if (refusal) this.#failAll(refusal);
    if (this.#queue.size === 0 || this.#isFull()) return false;
    await this.#selection.learn([...this.#flights]);
    const nowMs = this.#options.time.nowMs();
    const { taken, passage } = this.#selection.take(nowMs, [...this.#flights], membersMax);
    if (taken.length > 0) void this.#fly(taken, passage, nowMs);
    return taken.length > 0;
  }

  #isFull(): boolean {
    return this.#flights.size >= flightsMax || [...this.#flights].some((each) => each.isExclusive);
  }

  async #fly(members: readonly Member[], passage: Passage, nowMs: number): Promise<void> {
    const flight = { members, passage, isExclusive: members.some(({ plan }) => isExclusive(plan)) };
    this.#flights.add(flight);
    try {
      await this.#sender.send(members, nowMs);
    } catch (thrown) {
      // Nothing of them was written.
      this.#putBack(members);
      await this.#onFailure(thrown);
    }
    this.#flights.delete(flight);
    this.#hasNews = true;
    this.#onNews?.();
  }

  /** Resolves when something came, or came back, since the last look. */
  async #news(): Promise<void> {
    if (!this.#hasNews) await new Promise<void>((resolve) => (this.#onNews = resolve));
    this.#onNews = undefined;
  }

  #putBack(members: readonly Member[]): void {
    this.#queue.putBack(
      members.map(({ waiting }) => waiting).filter((each) => each.kind === 'plan' || !each.isSettled),
    );
  }

  // --- giving up ---------------------------------------------------------------------------------------------------

  async #onFailure(thrown: unknown): Promise<void> {
    const error = toStoreError(thrown);
    if (error.code !== 'UNAVAILABLE') return this.#failAll(error);
    this.#failLate(error);
    await this.#options.transportClock.sleep(pauseMs, this.#closing.signal);
  }

  /** Those who have waited for long are told that it is not known; and those behind them that nothing was written. */
  #tellUnknown(members: readonly Member[]): void {
    const nowMs = this.#monotonicMs();
    for (const { waiting } of members)
      if (waiting.kind === 'transaction' && nowMs - waiting.sinceMs >= waitMsMax)
        waiting.settle({ kind: 'failed', error: unknownOutcome() });
    this.#failLate(new AppError('UNAVAILABLE', 'etcd does not answer: nothing was written'));
  }

  #failAll(error: AppError): void {
    for (const waiting of this.#queue.remove(() => true)) fail(waiting, error);
  }

  #failLate(error: AppError): void {
    const nowMs = this.#monotonicMs();
    for (const waiting of this.#queue.remove(({ sinceMs }) => nowMs - sinceMs >= waitMsMax)) fail(waiting, error);
  }

  #monotonicMs(): number {
    return this.#options.transportClock.monotonicMs();
  }
}
