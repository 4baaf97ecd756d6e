/**
 * Collections of things with a meaning, for every pattern that keeps some: vectors of one embedding model, begun by the first that is
 * stored. A head says which model that was: what comes from another one is refused and never mixed with it. Where nothing is
 * left in a collection, the next model may have it. Whoever writes checks the head in the same commit; what this process knows of it
 * costs no trip.
 */
import { limits } from '../../proto/limits';
import type { Entry, Revision, SearchFound, Store } from '../../proto/store';
import { decodeRecord, encodeRecord } from '../core/codec';
import type { EmbeddingProvider } from '../core/embedding';
import { AppError, invalidArgument, isAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { requireText } from '../core/input';
import { families, keyspace } from '../core/keyspace';
import type { VectorLife, VectorOwner } from '../core/keyspace';
import type { VectorRow } from '../core/vector-row';
import type { Remembered, Settled, Transact, View } from './transact';
import {
  chooseVectorWriter,
  deleteVector,
  putVector,
  sizeOfStamps,
  stampVectors,
  stampsOf,
  vectorSearchRequest,
  vectorWritersMax,
} from './vector-rows';
import type { VectorSearch } from './vector-rows';

/** The head's record. */
interface CollectionRecord {
  readonly model: string;
  readonly dimensions: number;
  /** The rows have it in their keys. */
  readonly generation: number;
  readonly createdAtMs: number;
}

/** A collection as this process last saw it. */
interface KnownCollection {
  readonly life: VectorLife;
  /** Of its head. */
  readonly revision: Revision;
  readonly record: CollectionRecord;
}

/** How a command on a collection is laid out. */
export interface CollectionTurn {
  readonly life: VectorLife;
  /** Of this process; to be stamped where rows are written. */
  readonly stampKey: Buffer;
  readonly records: readonly Buffer[];
  readonly guards: readonly Buffer[];
  /** The first thing that the decision does: makes the collection where there is none. */
  readonly enter: (view: View) => void;
}

export interface CollectionsDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly ids: Ids;
  readonly owner: VectorOwner;
  readonly provider: EmbeddingProvider;
}

/** The head is not the one that the command was laid out for: a signal between decision and method. */
class MovedOn extends Error {}

const format = 1;
const knownMax = 10_000;
const triesMax = 5;
const headHistory = families.vectorIndex.history;

export function requireCollection(field: string, name: string): void {
  requireText(field, name, { bytesMax: limits.nameBytesMax });
}

export class Collections {
  readonly #dependencies: CollectionsDependencies;
  #writer: number | undefined;
  readonly #known = new Map<string, KnownCollection>();

  constructor(dependencies: CollectionsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Runs a command on the collection, which is made where there is none. Throws INVALID_ARGUMENT where another model has it. */
  write<T>(name: string, run: (turn: CollectionTurn) => Promise<T>): Promise<T> {
    return this.#untilCurrent(name, async (known) => run(await this.#turnOf(name, known)));
  }

  /** The same for a collection that there is; undefined where there is none. Any model will do: nothing is embedded. */
  change<T>(name: string, run: (turn: CollectionTurn) => Promise<T>): Promise<T | undefined> {
    return this.#untilCurrent(name, async (known) => known && run(this.#standingTurn(known)));
  }

  /** Stores the rows, each over what is there, all or none; how many there are. Throws INVALID_ARGUMENT where another model has the collection. */
  put(
    name: string,
    rows: readonly CollectionRow[],
    remembered: Remembered<number> | undefined,
  ): Promise<Settled<number>> {
    return this.write(name, ({ life, stampKey, records, guards, enter }) => {
      const keys = rows.map(({ id }) => keyspace.vector(life, id));
      return this.#dependencies.transact.run<number>({
        records,
        guards,
        rows: keys,
        keysOnly: 'rows',
        decide: (view) => {
          enter(view);
          const added = keys.filter((key) => !view.get(key)).length;
          for (const [at, row] of rows.entries()) putVector(view, keys[at]!, row);
          stampVectors(view, stampKey, added);
          return rows.length;
        },
        remembered,
      });
    });
  }

  /** Removes the row; whether there was one. */
  async delete(name: string, id: string): Promise<boolean> {
    const settled = await this.change(name, ({ life, stampKey, records, guards, enter }) => {
      const key = keyspace.vector(life, id);
      return this.#dependencies.transact.run<boolean>({
        records,
        guards,
        rows: [key],
        keysOnly: 'rows',
        decide: (view) => {
          enter(view);
          if (!view.get(key)) return false;
          deleteVector(view, key);
          stampVectors(view, stampKey, -1);
          return true;
        },
      });
    });
    return settled?.outcome ?? false;
  }

  /** Reads what is at these keys, from one snapshot; undefined where there is no such collection. Any model will do. */
  async read(name: string, keysOf: (life: VectorLife) => readonly Buffer[]): Promise<CollectionRead | undefined> {
    return this.#untilCurrent(name, async (known) => {
      if (!known) return undefined;
      const { life, revision } = known;
      const keys = [keyspace.vectorIndex(life.owner, name), ...keysOf(life)];
      const { results } = await this.#dependencies.store.read(keys.map((start) => ({ start })));
      const [head, ...entries] = results.map(({ entries: found }) => found[0]);
      if (head?.revision !== revision) throw new MovedOn();
      return { life, entries };
    });
  }

  /** The nearest to a vector of the provider's; nothing where there is no such collection. Throws INVALID_ARGUMENT where another model has it. */
  search(name: string, search: SearchCollection): Promise<CollectionFound | undefined> {
    return this.#untilCurrent(name, async (known) => {
      if (!known) return undefined;
      if (!this.#isOurs(known)) throw await this.#otherModel(name, known);
      return this.#searchIn(known, search);
    });
  }

  /** The nearest to a vector that was read in this life of the collection; undefined where that is over. Any model will do. */
  searchLife({ namespace, generation }: VectorLife, search: SearchCollection): Promise<CollectionFound | undefined> {
    return this.#untilCurrent(namespace, async (known) =>
      known?.life.generation === generation ? this.#searchIn(known, search) : undefined,
    );
  }

  async #searchIn({ life, revision, record }: KnownCollection, search: SearchCollection): Promise<CollectionFound> {
    const { isExact = false, ...asked } = search;
    const checks = [{ key: keyspace.vectorIndex(life.owner, life.namespace), revision }];
    const settings = { dimensions: record.dimensions, distance: 'cosine', isExact } as const;
    const request = vectorSearchRequest({ ...asked, life, checks, settings, consistency: 'strong' });
    const found = await this.#dependencies.store.search(request);
    if (found.kind === 'conflict') throw new MovedOn();
    return { ...found, life };
  }

  // --- heads -------------------------------------------------------------------------------------------------------

  async #turnOf(name: string, known: KnownCollection | undefined): Promise<CollectionTurn> {
    if (!known) return this.#newTurn(name, undefined);
    if (this.#isOurs(known)) return this.#standingTurn(known);
    if (await this.#isEmpty(known)) return this.#newTurn(name, known);
    throw await this.#otherModel(name, known);
  }

  /** The collection is there: whoever writes checks that it is still the same. */
  #standingTurn({ life, record }: KnownCollection): CollectionTurn {
    const headKey = keyspace.vectorIndex(life.owner, life.namespace);
    const stampKey = this.#stampKey(life);
    return {
      life,
      stampKey,
      records: [stampKey],
      guards: [headKey],
      enter: (view) => {
        if (readHead(view, headKey)?.generation !== record.generation) throw new MovedOn();
      },
    };
  }

  /** There is none, or one of another model in which nothing is left: it is made with the first commit. */
  #newTurn(name: string, empty: KnownCollection | undefined): CollectionTurn {
    const { ids, owner, provider } = this.#dependencies;
    const headKey = keyspace.vectorIndex(owner, name);
    const life = { owner, namespace: name, generation: ids.bytes(6).readUIntBE(0, 6) };
    const oldStamps = empty ? stampKeysOf(empty.life) : [];
    const stampKey = this.#stampKey(life);
    return {
      life,
      stampKey,
      records: [headKey, stampKey, ...oldStamps],
      guards: [],
      enter: (view) => {
        if (readHead(view, headKey)?.generation !== empty?.record.generation) throw new MovedOn();
        const stamps = oldStamps.map((key) => view.get(key)).filter((row) => row !== undefined);
        // Something was stored in the meantime: it is not empty any more.
        if (sizeOfStamps(stamps as unknown as Entry[]) !== 0) throw new MovedOn();
        for (const key of oldStamps) view.delete(key, families.vectorStamp.history);
        const { id: model, dimensions } = provider;
        const record = { model, dimensions, generation: life.generation, createdAtMs: view.nowMs };
        view.put(headKey, encodeRecord(format, record satisfies CollectionRecord), { history: headHistory });
      },
    };
  }

  /** The stamp of this process. */
  #stampKey(life: VectorLife): Buffer {
    this.#writer ??= chooseVectorWriter(this.#dependencies.ids);
    return keyspace.vectorStamp(life, this.#writer);
  }

  async #isEmpty({ life }: KnownCollection): Promise<boolean> {
    const { results } = await this.#dependencies.store.read([stampsOf(life)]);
    return sizeOfStamps(results[0]!.entries) === 0;
  }

  #isOurs({ record }: KnownCollection): boolean {
    const { id, dimensions } = this.#dependencies.provider;
    return record.model === id && record.dimensions === dimensions;
  }

  /** Why this model cannot be used, if that still is so: no refusal rests on what was kept alone. */
  async #otherModel(name: string, { record, revision }: KnownCollection): Promise<AppError> {
    const { store, owner, provider } = this.#dependencies;
    const { results } = await store.read([{ start: keyspace.vectorIndex(owner, name), keysOnly: true }]);
    if (results[0]!.entries[0]?.revision !== revision) throw new MovedOn();
    const { id, dimensions } = provider;
    return invalidArgument(
      'collection',
      `"${name}" holds vectors of the embedding model ${record.model} (${record.dimensions} dimensions), and this gateway has ${id} (${dimensions}): use another collection, or remove what is in it first`,
    );
  }

  /** Runs with what is known of the collection, and again where that turned out to be otherwise. */
  async #untilCurrent<T>(name: string, run: (known: KnownCollection | undefined) => Promise<T>): Promise<T> {
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const known = this.#known.get(name) ?? (await this.#learn(name));
      try {
        return await run(known);
      } catch (error) {
        const hasMoved = error instanceof MovedOn || (isAppError(error) && error.cause instanceof MovedOn);
        if (!hasMoved) throw error;
        this.#known.delete(name);
      }
    }
    throw new AppError('CONTENTION', `the collection "${name}" was begun anew ${triesMax} times in a row: try again`);
  }

  async #learn(name: string): Promise<KnownCollection | undefined> {
    const { store, owner } = this.#dependencies;
    const { results } = await store.read([{ start: keyspace.vectorIndex(owner, name) }]);
    const head = results[0]!.entries[0];
    if (!head) return undefined;
    const record = decodeRecord<CollectionRecord>(format, head.value);
    const life = { owner, namespace: name, generation: record.generation };
    const known = { life, revision: head.revision, record };
    this.#known.set(name, known);
    if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!);
    return known;
  }
}

/** A thing of a collection, ready to be written. */
export interface CollectionRow extends VectorRow {
  readonly id: string;
}

export interface SearchCollection extends Pick<VectorSearch, 'near' | 'k' | 'withVectors' | 'filter' | 'except'> {
  /** No index is used that may miss one. Default false. */
  readonly isExact?: boolean;
}

export interface CollectionRead {
  readonly life: VectorLife;
  /** One for each key, in order. */
  readonly entries: readonly (Entry | undefined)[];
}

export interface CollectionFound extends SearchFound {
  readonly life: VectorLife;
}

function stampKeysOf(life: VectorLife): Buffer[] {
  return Array.from({ length: vectorWritersMax }, (_, writer) => keyspace.vectorStamp(life, writer));
}

function readHead(view: View, key: Buffer): CollectionRecord | undefined {
  const row = view.get(key);
  return row && decodeRecord<CollectionRecord>(format, row.value);
}
