/**
 * Writes down what accounts hold. One process, the one that keeps house, takes all changes with what they replaced, from the shared watch and
 * what came before it from a stream of its own, adds them up and writes the sums a few times a second, together with the revision that they reach to, if that is still where it began: so every change is
 * counted once, whoever wrote it and however often that process changes. Nothing of it is in the way of writing. Where etcd has forgotten
 * changes before they were written down, all is counted anew (`recount.ts`).
 */
import type { Clock } from '../../src/core/clock';
import { isAppError } from '../../src/core/errors';
import { decodeUsage, encodeUsage, noUsage, usageKey } from '../../src/core/usage';
import { UsageBook } from '../usage';
import type { UsageChange } from '../usage';
import type { EtcdChannel } from './channel';
import { feed } from './feed';
import type { FeedPage } from './feed';
import type { Holds } from './holds';
import { decodeNumber, encodeNumber, encodeRow, rowValue } from './layout';
import type { Layout } from './layout';
import { isAbsent, isAtRevision, methods, putOp } from './messages';
import { nameOf, spreadWrites } from './plan';
import type { EtcdReader } from './reader';
import { recount } from './recount';
import type { Billed } from './recount';

export interface BillerOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly holds: Holds;
  readonly transportClock: Clock;
  readonly isFirst: () => boolean;
  readonly oldestRevision: () => number;
  /** Where the history of the store begins. */
  readonly beginning: number;
  /** Everything through it came from the shared watch. */
  readonly published: () => number;
}

const everyMs = 200;
/** How far sums reach is written down at least so often, also where they did not change: so that history may go. */
const reachEveryMs = 10_000;
/** Between two tries to count all anew: that goes through all rows, and may be overtaken again and again. */
const countPauseMs = 2_000;
/** Messages of the shared watch that wait for what came before; past it, it begins anew. */
const laterMax = 10_000;
/** Accounts that one writing takes. */
const accountsMax = 1_000;

/** What one message of the watch brought. */
type Page = Pick<FeedPage, 'usage' | 'after' | 'through'>;

/** Its sums. */
interface Taken {
  readonly changes: readonly UsageChange[];
  readonly through: number;
}

interface Collected {
  /** Not written down yet. */
  pages: Taken[];
  /** Everything through this revision was collected. */
  through: number;
  /** From the shared watch, while what came before it is still read; undefined: nothing is missing before it. */
  later: Page[] | undefined;
}

export class Biller {
  readonly #options: BillerOptions;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  #collected: Collected = { pages: [], through: 0, later: undefined };
  /** What was written down last: the revision, and that of its row. */
  #billed: Billed = { through: 0, modRevision: 0 };
  #billedAtMs = 0;
  /** etcd no longer has all that was not written down. */
  #hasGap = false;
  #nextCountMs = -Infinity;
  #watching: AbortController | undefined;

  constructor(options: BillerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The shared watch has brought something. */
  note(page: Page): void {
    if (!this.#watching || this.#watching.signal.aborted) return;
    const { later } = this.#collected;
    if (later) later.push(page);
    else this.#take(this.#collected, page);
    if (later && later.length > laterMax) this.#watching.abort();
  }

  /** Writes down what there is through a revision, if that comes soon, and stops. */
  async end(revision: number): Promise<void> {
    const { transportClock } = this.#options;
    for (let tries = 0; tries < 20 && this.#watching && this.#collected.through < revision; tries += 1)
      await transportClock.sleep(5);
    this.#ending.abort();
    await this.#running;
    if (this.#watching) await this.#write(0).catch(() => undefined);
    this.#watching?.abort();
  }

  async #run(): Promise<void> {
    const { transportClock, isFirst } = this.#options;
    while (!this.#ending.signal.aborted) {
      await transportClock.sleep(everyMs, this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      try {
        if (!isFirst()) this.#stop();
        else if (!this.#watching) await this.#begin();
        else if (!(await this.#write(reachEveryMs))) this.#stop();
      } catch {
        // etcd does not answer: it goes on from what was written down.
        this.#stop();
      }
    }
  }

  #stop(): void {
    this.#watching?.abort();
    this.#watching = undefined;
  }

  /** Goes on from what was written down last. */
  async #begin(): Promise<void> {
    const { reader, layout, beginning, oldestRevision } = this.#options;
    const { responses } = await reader.raw([{ key: layout.billed }]);
    const [row] = responses[0]!.kvs;
    const through = row ? decodeNumber(row.value) : beginning;
    this.#billed = { through, modRevision: row?.modRevision ?? 0 };
    this.#billedAtMs = this.#options.transportClock.monotonicMs();
    if (through < oldestRevision()) this.#hasGap = true;
    if (this.#hasGap && !(await this.#countAnew())) return;
    const from = this.#billed.through;
    const published = this.#options.published();
    // The shared watch would bring what was written down already: it is tried again when it has come so far.
    if (published < from) return;
    const watching = new AbortController();
    this.#watching = watching;
    const isBehind = from < published;
    const collected: Collected = { pages: [], through: from, later: isBehind ? [] : undefined };
    this.#collected = collected;
    if (isBehind) void this.#catchUp(collected, { after: from, through: published, watching });
  }

  /** Whether that was done. */
  async #countAnew(): Promise<boolean> {
    const { channel, layout, holds, transportClock } = this.#options;
    if (transportClock.monotonicMs() < this.#nextCountMs) return false;
    const hold = await holds.take();
    try {
      const billed = await recount({ channel, layout, billed: this.#billed, signal: this.#ending.signal });
      if (!billed) return false;
      this.#billed = billed;
      this.#hasGap = false;
      return true;
    } finally {
      this.#nextCountMs = transportClock.monotonicMs() + countPauseMs;
      hold.release();
    }
  }

  /** Reads what came before the shared watch, then goes on with that. */
  async #catchUp(
    collected: Collected,
    {
      after,
      through,
      watching,
    }: { readonly after: number; readonly through: number; readonly watching: AbortController },
  ): Promise<void> {
    const { channel, layout, transportClock, oldestRevision } = this.#options;
    const options = { channel, layout, transportClock, oldestRevision, signal: watching.signal, through };
    try {
      for await (const page of feed(options, after)) this.#take(collected, page);
      if (watching.signal.aborted) return;
      collected.through = through;
      for (const page of collected.later!) this.#take(collected, page);
      collected.later = undefined;
    } catch (error) {
      if (isAppError(error, 'HISTORY_GONE')) this.#hasGap = true;
      watching.abort();
    }
  }

  #take(collected: Collected, { usage, after, through }: Page): void {
    if (through <= collected.through) return;
    // The shared watch has a hole: it goes on from what was written down.
    if (after > collected.through) return this.#watching?.abort();
    if (usage.length > 0) collected.pages.push({ changes: usage.flatMap(({ changes }) => changes), through });
    collected.through = through;
  }

  /** Writes down what was collected, and if that was long ago, how far it reaches. False: somebody else did, or the watch broke. */
  async #write(reachMs: number): Promise<boolean> {
    const { channel, layout, reader } = this.#options;
    if (this.#watching!.signal.aborted) return false;
    const collected = this.#collected;
    const pages = this.#first(collected.pages);
    const isReachDue = this.#options.transportClock.monotonicMs() - this.#billedAtMs >= reachMs;
    if (pages.length === 0 && !(isReachDue && collected.through > this.#billed.through)) return true;
    const changes = pages.flatMap((page) => page.changes);
    const through = pages.at(-1)?.through ?? collected.through;
    const accounts = [...new Map(changes.map(({ account }) => [nameOf(account), account])).values()];
    const rows = await reader.raw(accounts.map((account) => ({ key: layout.row(usageKey(account)) })));
    const stored = new Map(
      accounts.map((account, index) => {
        const [row] = rows.responses[index]!.kvs;
        return [nameOf(account), row ? decodeUsage(rowValue(row)) : noUsage];
      }),
    );
    const book = new UsageBook((account) => stored.get(nameOf(account)) ?? noUsage);
    book.take(changes);
    const puts = [...book.changed()].map(({ account, usage }) =>
      putOp(layout.row(usageKey(account)), encodeRow(encodeUsage(usage), { expiresAtMs: 0, history: 'none' })),
    );
    const { modRevision } = this.#billed;
    const { header, succeeded } = await channel.ask(methods.txn, {
      compare: [modRevision === 0 ? isAbsent(layout.billed) : isAtRevision(layout.billed, modRevision)],
      success: spreadWrites([putOp(layout.billed, encodeNumber(through)), ...puts], 1),
      failure: [],
    });
    if (!succeeded) return false;
    this.#billed = { through, modRevision: header!.revision };
    this.#billedAtMs = this.#options.transportClock.monotonicMs();
    collected.pages = collected.pages.slice(pages.length);
    return true;
  }

  /** The first pages, of so many accounts as one writing takes: a list of its own, since more pages come while it is written. */
  #first(pages: readonly Taken[]): readonly Taken[] {
    const accounts = new Set<string>();
    const end = pages.findIndex(({ changes }) => {
      for (const { account } of changes) accounts.add(nameOf(account));
      return accounts.size > accountsMax;
    });
    // A single page with more goes as it is: a message of etcd has not that many.
    // A copy: more may come while these are written.
    return pages.slice(0, end < 0 ? pages.length : Math.max(1, end));
  }
}
