/**
 * Who reads at an old revision, so that history is not compacted under them. A row each: made at the revision that is read, written anew while it is
 * read, and of no weight when that has not happened for a while. Whoever compacts asks first.
 */
import type { Clock } from '../../src/core/clock';
import type { Ids } from '../../src/core/ids';
import type { EtcdChannel } from './channel';
import { decodeNumber, encodeNumber } from './layout';
import type { Layout } from './layout';
import { deleteOp, isAtRevision, methods, putOp } from './messages';
import type { Compare, RequestOp } from './messages';
import type { EtcdReader } from './reader';

export interface HoldsOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly ids: Ids;
  /** For pauses. */
  readonly transportClock: Clock;
  readonly nowMs: () => number;
}

export interface Hold {
  /** Of etcd's own: what can be read until it is let go. */
  readonly revision: number;
  release(): void;
}

const keepMs = 30_000;
const renewMs = 5_000;
/** Of one look; more do not read at one time. */
const holdsMax = 1_000;

export class Holds {
  readonly #options: HoldsOptions;

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  /** Holds what stands now. */
  async take(): Promise<Hold> {
    const { layout, ids, transportClock } = this.#options;
    const key = layout.hold(ids.bytes(16));
    const { revision } = await this.#write(this.#put(key));
    const ending = new AbortController();
    void (async () => {
      while (!ending.signal.aborted) {
        await transportClock.sleep(renewMs, ending.signal);
        // etcd does not answer: the next time comes soon enough.
        await this.#write(ending.signal.aborted ? deleteOp(key) : this.#put(key)).catch(() => undefined);
      }
    })();
    return { revision, release: () => ending.abort() };
  }

  /** The oldest revision that is read; undefined: none. */
  async oldest(): Promise<number | undefined> {
    const { layout, reader, nowMs } = this.#options;
    const { start: key, end: rangeEnd } = layout.holds;
    const { responses } = await reader.raw([{ key, rangeEnd, limit: holdsMax }]);
    let oldest: number | undefined;
    for (const { key: held, value, createRevision, modRevision } of responses[0]!.kvs) {
      if (decodeNumber(value) > nowMs()) oldest = Math.min(oldest ?? createRevision, createRevision);
      else await this.#write(deleteOp(held), [isAtRevision(held, modRevision)]);
    }
    return oldest;
  }

  #put(key: Buffer): RequestOp {
    return putOp(key, encodeNumber(this.#options.nowMs() + keepMs));
  }

  async #write(operation: RequestOp, compare: readonly Compare[] = []): Promise<{ readonly revision: number }> {
    const { header } = await this.#options.channel.ask(methods.txn, { compare, success: [operation], failure: [] });
    return header!;
  }
}
