/**
 * The removal of rows whose index was dropped, in the background and in bounded steps. A generation is never used again, and no commit
 * to it stands once its index is dropped, so that its rows are deleted without a condition; several gateways may do so at once. When
 * they are gone the head forgets the generation: until then it tells whoever comes by that there is something to remove.
 */
import type { Entry, KeySpan, Store, Transaction } from '../../proto/store';
import type { Clock } from '../core/clock';
import { isAppError } from '../core/errors';
import { families, keyspace, readVectorIndexKey, vectorLifeRange } from '../core/keyspace';
import type { VectorLife, VectorOwner } from '../core/keyspace';
import { stampsOf } from '../store/vector-rows';
import type { Transact } from '../store/transact';
import { decideSwept, decodeHead, encodeHead } from './vector-decisions';

export interface VectorSweepDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
}

const rowsOfStep = 1_000;
const rowsOfTransaction = 200;
/** Callers go first. */
const pauseMs = 2;

export class VectorSweep {
  readonly #dependencies: VectorSweepDependencies;
  readonly #running = new Map<string, Promise<void>>();

  constructor(dependencies: VectorSweepDependencies) {
    this.#dependencies = dependencies;
  }

  /** Begins to remove what a head says was dropped, unless that is under way. A failure leaves the rest to whoever comes by next. */
  begin(owner: VectorOwner, { key, value }: Pick<Entry, 'key' | 'value'>): void {
    const namespace = readVectorIndexKey(key);
    for (const generation of decodeHead(value).dropped) {
      const life = { owner, namespace, generation };
      this.#run(keyspace.vector(life, ''), () => this.#sweep(life));
    }
  }

  /** Looks whether there is something to remove of this namespace, and begins with it. */
  look(owner: VectorOwner, namespace: string): void {
    const headKey = keyspace.vectorIndex(owner, namespace);
    this.#run(headKey, async () => {
      const { results } = await this.#dependencies.store.read([{ start: headKey }]);
      for (const head of results[0]!.entries) this.begin(owner, head);
    });
  }

  /** Resolves when nothing is being removed any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Once at a time for each key. */
  #run(key: Buffer, run: () => Promise<void>): void {
    const name = key.toString('latin1');
    if (this.#running.has(name)) return;
    const running = run()
      .catch((error: unknown) => {
        if (!isAppError(error)) throw error;
      })
      .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
  }

  async #sweep(life: VectorLife): Promise<void> {
    await this.#deleteAll(vectorLifeRange('vector', life), 'vector');
    await this.#deleteAll(stampsOf(life), 'vectorStamp');
    const { owner, namespace, generation } = life;
    const headKey = keyspace.vectorIndex(owner, namespace);
    await this.#dependencies.transact.run<void>({
      records: [headKey],
      decide: (view) => {
        const head = view.get(headKey);
        if (!head) return;
        const left = decideSwept(decodeHead(head.value), generation);
        if (left) view.put(headKey, encodeHead(left), { history: families.vectorIndex.history });
        else view.delete(headKey, families.vectorIndex.history);
      },
    });
  }

  async #deleteAll(range: KeySpan, family: 'vector' | 'vectorStamp'): Promise<void> {
    const { store, clock } = this.#dependencies;
    const { history } = families[family];
    for (;;) {
      const { results } = await store.read([{ ...range, limit: rowsOfStep, keysOnly: true }]);
      const { entries, more } = results[0]!;
      const transactions: Transaction[] = [];
      for (let at = 0; at < entries.length; at += rowsOfTransaction) {
        const writes = entries
          .slice(at, at + rowsOfTransaction)
          .map(({ key }) => ({ kind: 'delete' as const, key, history }));
        transactions.push({ checks: [], writes });
      }
      if (transactions.length > 0)
        for (const outcome of await store.commit(transactions)) if (outcome.kind === 'failed') throw outcome.error;
      if (!more) return;
      await clock.sleep(pauseMs);
    }
  }
}
