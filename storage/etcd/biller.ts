/**
 * Writes down what accounts hold. One process, the one that keeps house, reads all changes with what they replaced, adds them up and
 * writes the sums a few times a second, together with the revision that they reach to, if that is still where it began: so every change is
 * counted once, whoever wrote it and however often that process changes. Nothing of it is in the way of writing.
 */
import type { Clock } from '../../src/core/clock';
import { decodeUsage, encodeUsage, noUsage, usageKey } from '../../src/core/usage';
import { UsageBook } from '../usage';
import type { UsageChange } from '../usage';
import type { EtcdChannel } from './channel';
import { feed } from './feed';
import { decodeNumber, encodeNumber, encodeRow, rowValue } from './layout';
import type { Layout } from './layout';
import { isAbsent, isAtRevision, methods, putOp } from './messages';
import { nameOf, spreadWrites } from './plan';
import type { EtcdReader } from './reader';

export interface BillerOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly transportClock: Clock;
  readonly isFirst: () => boolean;
  readonly oldestRevision: () => number;
  /** Where the history of the store begins. */
  readonly beginning: number;
}

const everyMs = 200;
/** Accounts that one writing takes. */
const accountsMax = 1_000;

/** What one message of the watch brought. */
interface Page {
  readonly changes: readonly UsageChange[];
  readonly through: number;
}

interface Collected {
  /** Not written down yet. */
  pages: Page[];
  /** Everything through this revision was collected. */
  through: number;
}

export class Biller {
  readonly #options: BillerOptions;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  #collected: Collected = { pages: [], through: 0 };
  /** What was written down last: the revision, and that of its row. */
  #billed = { through: 0, modRevision: 0 };
  #watching: AbortController | undefined;

  constructor(options: BillerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Writes down what there is through a revision, if that comes soon, and stops. */
  async end(revision: number): Promise<void> {
    const { transportClock } = this.#options;
    for (let tries = 0; tries < 20 && this.#watching && this.#collected.through < revision; tries += 1)
      await transportClock.sleep(5);
    this.#ending.abort();
    await this.#running;
    if (this.#watching) await this.#write().catch(() => undefined);
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
        else if (!(await this.#write())) this.#stop();
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
    const collected: Collected = { pages: [], through };
    this.#collected = collected;
    const watching = new AbortController();
    this.#watching = watching;
    const { channel, transportClock } = this.#options;
    const options = { channel, layout, transportClock, oldestRevision, signal: watching.signal };
    // What etcd has forgotten by now cannot be counted any more.
    void this.#collect(feed(options, Math.max(through, oldestRevision())), collected).catch(() => watching.abort());
  }

  async #collect(pages: ReturnType<typeof feed>, collected: Collected): Promise<void> {
    for await (const { usage, through } of pages) {
      if (usage.length > 0) collected.pages.push({ changes: usage, through });
      collected.through = through;
    }
  }

  /** Writes down what was collected. False: somebody else did, or the watch broke. */
  async #write(): Promise<boolean> {
    const { channel, layout, reader } = this.#options;
    if (this.#watching!.signal.aborted) return false;
    const collected = this.#collected;
    const pages = this.#take(collected.pages);
    if (pages.length === 0) return true;
    const changes = pages.flatMap((page) => page.changes);
    const { through } = pages.at(-1)!;
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
    collected.pages = collected.pages.slice(pages.length);
    return true;
  }

  /** The first pages, of so many accounts as one writing takes. */
  #take(pages: readonly Page[]): readonly Page[] {
    const accounts = new Set<string>();
    const end = pages.findIndex(({ changes }) => {
      for (const { account } of changes) accounts.add(nameOf(account));
      return accounts.size > accountsMax;
    });
    // A single page with more goes as it is: a message of etcd has not that many.
    return end < 0 ? pages : pages.slice(0, Math.max(1, end));
  }
}
