/** Drops what is remembered for a while only: rows of batches, and marks by their generations. Done by the process that keeps house, a bounded part at a time. */
import type { RetentionOptions } from '../engine';
import type { EtcdChannel } from './channel';
import type { Layout, Span } from './layout';
import { deleteOp, methods } from './messages';
import type { EtcdReader } from './reader';
import { bucketMs } from './writer-parts';

export interface HousekeepingOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly retention: RetentionOptions;
}

const everyMs = 10_000;
/** Rows of one deletion: etcd does nothing else meanwhile. */
const rowsMax = 1_000;
/** Deletions of one round. */
const stepsMax = 50;
/** Batches are kept a little longer than attempts have to be found again. */
const spareMs = 60_000;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #nextMs = 0;
  #running: Promise<void> | undefined;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** Does a round where it is time for one. */
  look(nowMs: number): void {
    if (this.#running) return;
    if (this.#nextMs === 0) this.#nextMs = nowMs + everyMs;
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + everyMs;
    this.#running = this.#clean(nowMs)
      .catch(() => undefined)
      .then(() => void (this.#running = undefined));
  }

  /** Resolves when no round runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #clean(nowMs: number): Promise<void> {
    const { layout, retention } = this.#options;
    const { attemptKeepMs, markKeepMs } = retention;
    await this.#drop(layout.batchesBefore(Math.floor((nowMs - attemptKeepMs - spareMs) / bucketMs)));
    await this.#drop(layout.marksBefore(Math.floor(nowMs / markKeepMs) - 1));
  }

  async #drop({ start, end }: Span): Promise<void> {
    const { reader, channel } = this.#options;
    for (let step = 0; step < stepsMax; step += 1) {
      const { responses } = await reader.raw([{ key: start, rangeEnd: end, limit: rowsMax, keysOnly: true }]);
      const { kvs, more } = responses[0]!;
      const last = kvs.at(-1);
      if (!last) return;
      const through = Buffer.concat([last.key, Buffer.of(0)]);
      await channel.ask(methods.txn, { compare: [], success: [deleteOp(start, through)], failure: [] });
      if (!more) return;
    }
  }
}
