/**
 * What a row was before an event of etcd's watch, as far as it matters: its size, its expiry, its history. etcd would send it along
 * (`prev_kv`), but reads it for every event by itself, which costs its member several times what the write did. So it is kept from the events
 * themselves, bounded; a row that was made new had nothing before it; and what is not known is read, for all events of a
 * message in one trip. Exact as long as the events come in order and without a hole.
 */
import type { RowHead } from '../judge';
import type { EtcdChannel } from './channel';
import { rowHead } from './layout';
import type { Layout } from './layout';
import { methods } from './messages';
import type { EtcdEvent } from './messages';
import { nameOf } from './plan';

/** etcd's default of --max-txn-ops. */
const operationsMax = 128;

export interface PreviousRowsOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  /** Rows that are kept at the most. */
  readonly rowsMax: number;
}

export class PreviousRows {
  readonly #options: PreviousRowsOptions;
  /** Rows by name as the last event left them. When the young ones are many, the old ones are forgotten. */
  #young = new Map<string, RowHead>();
  #old = new Map<string, RowHead>();

  constructor(options: PreviousRowsOptions) {
    this.#options = options;
  }

  /** For each event, what stood before it. Rejects with EtcdFailure: it then knows nothing any more. */
  async of(events: readonly EtcdEvent[]): Promise<readonly (RowHead | undefined)[]> {
    const missing: number[] = [];
    const found = events.map((event, index) => {
      if (!this.#options.layout.isRow(event.kv.key)) return undefined;
      const before = this.#take(event);
      if (before === 'unknown') missing.push(index);
      return before === 'unknown' ? undefined : before;
    });
    if (missing.length === 0) return found;
    try {
      const heads = await this.#read(missing.map((index) => events[index]!));
      missing.forEach((index, at) => (found[index] = heads[at]));
      return found;
    } catch (error) {
      this.#young.clear();
      this.#old.clear();
      throw error;
    }
  }

  /** What stood before an event, which is from here on what stands. */
  #take({ type, kv }: EtcdEvent): RowHead | undefined | 'unknown' {
    const name = nameOf(kv.key);
    const isNew = type === 0 && kv.version === 1;
    const before = isNew ? undefined : (this.#young.get(name) ?? this.#old.get(name) ?? 'unknown');
    if (type === 0) this.#keep(name, rowHead(kv));
    else {
      this.#young.delete(name);
      this.#old.delete(name);
    }
    return before;
  }

  #keep(name: string, head: RowHead): void {
    this.#young.set(name, head);
    if (this.#young.size < this.#options.rowsMax / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  async #read(events: readonly EtcdEvent[]): Promise<readonly (RowHead | undefined)[]> {
    const requests = events.map(({ kv }) => ({ requestRange: { key: kv.key, revision: kv.modRevision - 1 } }));
    const heads: (RowHead | undefined)[] = [];
    for (let at = 0; at < requests.length; at += operationsMax) {
      const success = requests.slice(at, at + operationsMax);
      const { responses } = await this.#options.channel.once(methods.txn, { compare: [], success, failure: [] });
      for (const { responseRange } of responses) {
        const [row] = responseRange!.kvs;
        heads.push(row && rowHead(row));
      }
    }
    return heads;
  }
}
