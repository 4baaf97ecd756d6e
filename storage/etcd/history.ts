/**
 * How far back the changes reach. etcd keeps every revision until it is told to forget; the process that keeps house tells it, behind what is
 * promised: a time, unless it grows past a size. Compaction is of all of etcd, whatever else is kept there.
 */
import type { Revision } from '../../proto/store';
import type { EtcdChannel } from './channel';
import { encodeNumber } from './layout';
import type { Layout } from './layout';
import { methods, putOp } from './messages';

export interface HistoryOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly keepMs: number;
  readonly bytesMax: number;
  readonly oldestRevision: Revision;
  /** The oldest revision that somebody reads at; undefined: none. */
  readonly oldestHeld: () => Promise<Revision | undefined>;
  /** Where this process begins to see changes, and when. */
  readonly beginning: { readonly revision: Revision; readonly nowMs: number };
}

/** A moment: everything through this revision was written by then. */
interface Moment {
  revision: Revision;
  nowMs: number;
  /** Of all that was seen until then. */
  bytes: number;
  readonly firstMs: number;
  readonly firstBytes: number;
}

/** Moments are kept at this part of what is kept in all. */
const fineness = 64;

export class History {
  readonly #options: HistoryOptions;
  readonly #moments: Moment[] = [];
  #bytes = 0;
  #oldestRevision: Revision;
  #cutting: Promise<void> | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#oldestRevision = options.oldestRevision;
    const { revision, nowMs } = options.beginning;
    this.#moments.push({ revision, nowMs, bytes: 0, firstMs: nowMs, firstBytes: 0 });
  }

  /** The oldest revision that a watch can start after. */
  get oldestRevision(): Revision {
    return this.#oldestRevision;
  }

  /** Somebody has cut it. */
  noteOldest(revision: Revision): void {
    this.#oldestRevision = Math.max(this.#oldestRevision, revision);
  }

  /** Something was written. */
  note({
    revision,
    nowMs,
    bytes,
  }: {
    readonly revision: Revision;
    readonly nowMs: number;
    readonly bytes: number;
  }): void {
    const { keepMs, bytesMax } = this.#options;
    this.#bytes += bytes;
    const last = this.#moments.at(-1)!;
    const atMs = Math.max(nowMs, last.nowMs);
    const isSame = atMs - last.firstMs <= keepMs / fineness && this.#bytes - last.firstBytes <= bytesMax / fineness;
    if (isSame) Object.assign(last, { revision, nowMs: atMs, bytes: this.#bytes });
    else this.#moments.push({ revision, nowMs: atMs, bytes: this.#bytes, firstMs: atMs, firstBytes: last.bytes });
  }

  /** Forgets what is not kept any more, where there is any. Only in the process that keeps house. */
  cut(nowMs: number): void {
    const { keepMs, bytesMax } = this.#options;
    let target: Revision | undefined;
    // The last moment is now: what came with it stays.
    while (this.#moments.length > 1) {
      const { nowMs: atMs, firstBytes, revision } = this.#moments[0]!;
      if (atMs + keepMs >= nowMs && this.#bytes - firstBytes <= bytesMax) break;
      target = revision;
      this.#moments.shift();
    }
    if (target === undefined || target <= this.#oldestRevision) return;
    this.#cutting = (this.#cutting ?? Promise.resolve()).then(() => this.#forget(target));
  }

  /** Resolves when what was begun to be forgotten is. */
  async settled(): Promise<void> {
    await this.#cutting;
  }

  async #forget(target: Revision): Promise<void> {
    const { channel, layout, oldestHeld } = this.#options;
    try {
      const revision = Math.min(target, (await oldestHeld()) ?? target);
      if (revision <= this.#oldestRevision) return;
      // Said first, so that nobody is promised what is about to go.
      const value = encodeNumber(revision);
      await channel.ask(methods.txn, { compare: [], success: [putOp(layout.history, value)], failure: [] });
      this.noteOldest(revision);
      await channel.ask(methods.compact, { revision });
    } catch {
      // It was compacted further by somebody else, or etcd does not answer: there will be a next time.
    }
  }
}
