/**
 * Deletes what has expired, so that its end is announced within a second. Due rows say when to look at a row; the row itself says
 * whether it is over, or when to look again. A row and its due row go in one revision, only if the row is still the one that was looked at: so
 * each is swept once, by whichever process comes first. Those that do not keep house come a little later, for when nobody else does.
 */
import type { Clock } from '../../src/core/clock';
import { isExpired } from '../judge';
import { rowHead } from './layout';
import type { Layout } from './layout';
import { deleteOp, isAbsent, isAtRevision, putOp } from './messages';
import type { KeyValue, RequestOp } from './messages';
import type { Footprint, Plan } from './plan';
import { nameOf } from './plan';
import type { EtcdReader } from './reader';
import type { EtcdWriter } from './writer';

export interface SweeperOptions {
  readonly clock: Clock;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly writer: EtcdWriter;
  readonly nowMs: () => number;
  readonly isFirst: () => boolean;
}

/** Due rows of one look; each makes a nested transaction. */
const pageRows = 110;
/** How much later those look that do not keep house. */
const secondMs = 400;

export class Sweeper {
  readonly #options: SweeperOptions;
  #running: Promise<void> | undefined;
  /** Something may have become due since the last look began. */
  #isWanted = false;
  #isEnded = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Looks for what is due; once more where it does already. */
  look(): void {
    this.#isWanted = true;
    if (!this.#isEnded) this.#running ??= this.#run();
  }

  /** Resolves when it has stopped. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isWanted && !this.#isEnded) {
      this.#isWanted = false;
      await this.#sweep().catch(() => undefined);
    }
    this.#running = undefined;
  }

  async #sweep(): Promise<void> {
    const { layout, reader, writer, nowMs, isFirst } = this.#options;
    for (let isMore = true; isMore && !this.#isEnded;) {
      const throughMs = isFirst() ? nowMs() : nowMs() - secondMs;
      const { start: key, end: rangeEnd } = layout.dueThrough(throughMs);
      const { responses } = await reader.raw([{ key, rangeEnd, limit: pageRows, keysOnly: true }], true);
      const dues = responses[0]!.kvs;
      isMore = responses[0]!.more;
      if (dues.length === 0) return;
      const rows = await reader.raw(dues.map((due) => ({ key: layout.row(layout.readDue(due.key).key) })));
      const applied = await Promise.all(
        dues.map((due, index) => {
          const { plan, footprint } = this.#plan(due, rows.responses[index]!.kvs[0]);
          return writer.write(plan, footprint);
        }),
      );
      // Not written, for a reason that is not theirs: the next look comes soon enough.
      if (applied.includes(undefined)) return;
    }
  }

  #plan(due: KeyValue, row: KeyValue | undefined): { readonly plan: Plan; readonly footprint: Footprint } {
    const { layout, nowMs } = this.#options;
    const { key, atMs } = layout.readDue(due.key);
    const name = nameOf(key);
    const rowKey = layout.row(key);
    const writes: RequestOp[] = [deleteOp(due.key)];
    const head = row && rowHead(row);
    const isOver = head !== undefined && isExpired(head, nowMs());
    if (isOver) writes.push(deleteOp(rowKey));
    // It lives longer than was thought: looked at again at its end.
    else if (head && head.expiresAtMs > atMs) writes.push(putOp(layout.due(head.expiresAtMs, key), Buffer.alloc(0)));
    const compare = [row ? isAtRevision(rowKey, row.modRevision) : isAbsent(rowKey)];
    // Two due rows of one key may be filed anew under the same time: they do not travel together.
    const plan: Plan = { compare, writes, reads: [], witness: undefined, dues: [] };
    return {
      plan,
      footprint: isOver ? { reads: [], writes: [name] } : { reads: [name], writes: [`d${nameOf(key)}`] },
    };
  }
}
