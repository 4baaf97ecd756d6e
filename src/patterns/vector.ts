/**
 * Vector indexes: named sets of vectors of one length, among which the nearest to a given one are found.
 *
 * Promises: vectors are rows, durable with their metadata in one commit, and an index can always be made again from them; a STRONG
 * search sees every write acknowledged before it began, an update moves, a delete removes; distances are computed from the rows. Stores
 * a head an index { dimensions, distance, type, generation }, a row a vector, and a stamp for each writing process, which counts the
 * vectors; a dropped index is one put to its head, its rows are removed afterwards. Costs: an insert reads which of its rows are there
 * (keys alone) and is one commit, whatever it writes; a search, a get, an index are one trip each; what concerns an index for the first
 * time in this process reads its head before. Fails with INVALID_ARGUMENT, NOT_FOUND, DIMENSION_MISMATCH, IDEMPOTENCY_KEY_REUSED,
 * CONTENTION and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Entry, KeyRange, Revision, SearchConsistency, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { AppError, isAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { requireInteger } from '../core/input';
import type { Json } from '../core/json';
import { families, keyspace, readVectorIndexKey, readVectorKey, vectorIndexesRange } from '../core/keyspace';
import type { VectorLife } from '../core/keyspace';
import { parseMetadata } from '../core/metadata-filter';
import { decodeVectorRow, metadataOf } from '../core/vector-row';
import { rememberAsJson } from '../store/remember';
import type { Remembered, Settled, Transact, View } from '../store/transact';
import {
  chooseVectorWriter,
  deleteVector,
  putVector,
  requireFilter,
  requireVector,
  shownMetadata,
  sizeOfStamps,
  stampVectors,
  stampsOf,
  vectorSearchRequest,
} from '../store/vector-rows';
import type { VectorSettings } from '../store/vector-rows';
import {
  decideCreateIndex,
  decideDropIndex,
  decodeHead,
  decodeIndexCount,
  encodeHead,
  encodeIndexCount,
  refuseVectors,
} from './vector-decisions';
import type {
  CreateIndexOutcome,
  InsertOutcome,
  VectorHead,
  VectorIndexRecord,
  VectorRefusal,
} from './vector-decisions';
import { requireNamespace, requireNewIndex, requireNewVectors, requireVectorId } from './vector-input';
import type { CreateVectorIndex, InsertVectors, NewVector } from './vector-input';
import { VectorSweep } from './vector-sweep';

export interface VectorIndex extends VectorSettings {
  readonly namespace: string;
  readonly size: number;
  readonly createdAtMs: number;
}

export interface StoredVector {
  readonly id: string;
  readonly vector: Float32Array;
  readonly metadata: Json | undefined;
  readonly revision: Revision;
}

export interface VectorMatch {
  readonly id: string;
  readonly distance: number;
  /** Only where it was asked for. */
  readonly vector: Float32Array | undefined;
  readonly metadata: Json | undefined;
}

export interface VectorMatches {
  readonly matches: readonly VectorMatch[];
  readonly searchMs: number;
}

export type CreateVectorIndexOutcome =
  | { readonly kind: 'created'; readonly index: VectorIndex }
  /** With what it was made with. */
  | ({ readonly kind: 'exists' } & VectorSettings);

export type InsertVectorsOutcome =
  | { readonly kind: 'inserted'; readonly inserted: number; readonly updated: number; readonly revision: Revision }
  | VectorRefusal;

export interface SearchVectors {
  readonly namespace: string;
  readonly near: { readonly vector?: readonly number[] | undefined; readonly id?: string | undefined };
  readonly k: number;
  readonly filter?: unknown;
  readonly consistency: SearchConsistency;
  readonly withVectors: boolean;
}

export interface VectorsDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What the marks of its commands begin with, so that those of another face are apart; default nothing. */
  readonly face?: string;
}

/** An index as this process last saw it. Whatever is done with it checks that it is still so. */
interface KnownIndex {
  readonly record: VectorIndexRecord;
  /** Of its head. */
  readonly revision: Revision;
  readonly life: VectorLife;
}

/** The head is not the one that the command was laid out for: a signal between decision and method. */
class MovedOn extends Error {}

const owner = 'caller';
const headHistory = families.vectorIndex.history;
const knownMax = 10_000;
const triesMax = 5;

export class Vectors {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #sweep: VectorSweep;
  readonly #face: string;
  readonly #writer: number;
  readonly #known = new Map<string, KnownIndex>();
  #hasLooked = false;

  constructor({ store, transact, clock, ids, face = '' }: VectorsDependencies) {
    this.#face = face;
    this.#store = store;
    this.#transact = transact;
    this.#clock = clock;
    this.#ids = ids;
    this.#writer = chooseVectorWriter(ids);
    this.#sweep = new VectorSweep({ store, transact, clock });
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  /** The index, or undefined where there is none. */
  async index(namespace: string): Promise<VectorIndex | undefined> {
    requireNamespace('namespace', namespace);
    const found = await this.#readOf(namespace, ({ life }) => [stampsOf(life)]);
    return found && toIndex(namespace, found.known.record, found.results[0]!);
  }

  /** All indexes, in byte order of their namespaces. */
  async indexes(): Promise<VectorIndex[]> {
    const heads = await this.#heads();
    const known = heads.flatMap((entry) => toKnown(entry) ?? []);
    if (known.length === 0) return [];
    const ranges = known.flatMap(({ life }) => [headRange(life.namespace), stampsOf(life)]);
    const { results } = await this.#store.read(ranges);
    return known.flatMap(({ life, record }, at) => {
      const head = results[2 * at]!.entries[0];
      const isStill = decodeHead(head?.value).index?.generation === record.generation;
      return isStill ? [toIndex(life.namespace, record, results[2 * at + 1]!.entries)] : [];
    });
  }

  /** The vector, or undefined where there is none, or no such index. */
  async get(namespace: string, id: string): Promise<StoredVector | undefined> {
    requireNamespace('namespace', namespace);
    requireVectorId('id', id);
    const found = await this.#readOf(namespace, ({ life }) => [{ start: keyspace.vector(life, id) }]);
    const entry = found?.results[0]![0];
    if (!entry) return undefined;
    const row = decodeVectorRow(entry.value);
    return { id, vector: row.vector, metadata: shownMetadata(row), revision: entry.revision };
  }

  /** The nearest of the index. Throws NOT_FOUND where there is no such index or no vector to be near to, DIMENSION_MISMATCH. */
  async search(search: SearchVectors): Promise<VectorMatches> {
    const startMs = this.#clock.monotonicMs();
    const { namespace, near, k } = search;
    requireNamespace('namespace', namespace);
    requireInteger('k', k, { min: 1, max: limits.vectorMatchesMax });
    const filter = requireFilter('filter', search.filter);
    const given = requireNear(near);
    const matches = await this.#untilCurrent(namespace, async (known) => {
      if (!known) throw noSuchIndex(namespace);
      const vector = typeof given === 'string' ? await this.#vectorOf(known, given) : given;
      const { dimensions } = known.record;
      if (vector.length !== dimensions) {
        const rule = `has ${vector.length} dimensions, the index "${namespace}" has ${dimensions}`;
        // Perhaps the index has been made anew since: the store knows.
        await this.#refuseMoved(known);
        throw new AppError('DIMENSION_MISMATCH', `near.vector ${rule}`, {
          details: { field: 'near.vector', expected: dimensions, actual: vector.length },
        });
      }
      return this.#searchIn(known, {
        ...search,
        filter,
        vector,
        except: typeof given === 'string' ? given : undefined,
      });
    });
    return { matches, searchMs: this.#clock.monotonicMs() - startMs };
  }

  // --- writing -----------------------------------------------------------------------------------------------------

  /** Makes an index; one that exists is left alone. */
  async create(input: CreateVectorIndex): Promise<CreateVectorIndexOutcome> {
    const settings = requireNewIndex(input);
    const { namespace } = input;
    await this.#lookOnce();
    const generation = this.#ids.bytes(6).readUIntBE(0, 6);
    const headKey = keyspace.vectorIndex(owner, namespace);
    const countKey = keyspace.vectorIndexCount(owner);
    const { outcome } = await this.#transact.run<CreateIndexOutcome>({
      records: [headKey, countKey],
      decide: (view) => {
        const count = decodeIndexCount(view.get(countKey)?.value);
        const command = { settings, generation, count };
        const { outcome: decided, next } = decideCreateIndex(readHead(view, headKey), command, view.nowMs);
        if (next) {
          view.put(headKey, encodeHead(next), { history: headHistory });
          view.put(countKey, encodeIndexCount(count + 1), { history: headHistory });
        }
        return decided;
      },
      remembered: rememberAsJson({ mutation: `${this.#face}vectorCreateIndex`, input, defaults: createDefaults }),
    });
    if (outcome.kind === 'exists') return outcome;
    return { kind: 'created', index: { namespace, ...settings, size: 0, createdAtMs: outcome.createdAtMs } };
  }

  /** Drops the index with all its vectors, in one put; whether there was one. */
  async drop(input: { readonly namespace: string; readonly idempotencyKey?: string | undefined }): Promise<boolean> {
    const { namespace } = input;
    requireNamespace('input.namespace', namespace);
    await this.#lookOnce();
    const headKey = keyspace.vectorIndex(owner, namespace);
    const countKey = keyspace.vectorIndexCount(owner);
    const { outcome } = await this.#transact.run<boolean>({
      records: [headKey, countKey],
      decide: (view) => {
        const next = decideDropIndex(readHead(view, headKey));
        if (!next) return false;
        view.put(headKey, encodeHead(next), { history: headHistory });
        const count = decodeIndexCount(view.get(countKey)?.value);
        view.put(countKey, encodeIndexCount(Math.max(0, count - 1)), { history: headHistory });
        return true;
      },
      remembered: rememberAsJson({ mutation: `${this.#face}vectorDropIndex`, input }),
    });
    this.#known.delete(namespace);
    if (outcome) this.#sweep.look(owner, namespace);
    return outcome;
  }

  /** Writes all the vectors, new ones and others over what is there, or none. */
  async insert(input: InsertVectors): Promise<InsertVectorsOutcome> {
    const vectors = requireNewVectors(input);
    await this.#lookOnce();
    const dimensions = vectors.map(({ vector }) => vector.length);
    const remembered = rememberAsJson<InsertOutcome>({ mutation: `${this.#face}vectorInsert`, input });
    const settled = await this.#untilCurrent(input.namespace, (known) =>
      this.#write<InsertOutcome>({
        namespace: input.namespace,
        known,
        ids: vectors.map(({ id }) => id),
        decide: (view, rows) => refuseVectors(known?.record, dimensions) ?? writeVectors(view, vectors, rows!),
        remembered,
      }),
    );
    const { outcome, revision } = settled;
    return outcome.kind === 'inserted' ? { ...outcome, revision } : outcome;
  }

  /** Removes the vector; whether there was one. */
  async delete(input: {
    readonly namespace: string;
    readonly id: string;
    readonly idempotencyKey?: string | undefined;
  }): Promise<boolean> {
    const { namespace, id } = input;
    requireNamespace('input.namespace', namespace);
    requireVectorId('input.id', id);
    const remembered = rememberAsJson<boolean>({ mutation: `${this.#face}vectorDelete`, input });
    const { outcome } = await this.#untilCurrent(namespace, (known) =>
      this.#write<boolean>({
        namespace,
        known,
        ids: [id],
        decide: (view, rows) => {
          if (!rows || !view.get(rows.keys[0]!)) return false;
          deleteVector(view, rows.keys[0]!);
          stampVectors(view, rows.stampKey, -1);
          return true;
        },
        remembered,
      }),
    );
    return outcome;
  }

  /** Resolves when no rows of dropped indexes are being removed here: for tests and for a graceful stop. */
  swept(): Promise<void> {
    return this.#sweep.idle();
  }

  // --- the parts ---------------------------------------------------------------------------------------------------

  async #searchIn(known: KnownIndex, search: SearchIn): Promise<VectorMatch[]> {
    const { life, record, revision } = known;
    const { namespace, k, filter, consistency, withVectors, vector, except } = search;
    const checks = [{ key: keyspace.vectorIndex(owner, namespace), revision }];
    const found = await this.#store.search(
      vectorSearchRequest({
        life,
        settings: record,
        checks,
        near: vector,
        k,
        filter,
        except,
        consistency,
        withVectors,
      }),
    );
    if (found.kind === 'conflict') throw new MovedOn();
    return found.hits.map(({ key, value, distance }) => {
      const vector = withVectors ? decodeVectorRow(value).vector : undefined;
      return { id: readVectorKey(life, key), distance, vector, metadata: parseMetadata(metadataOf(value)) };
    });
  }

  async #vectorOf({ life, revision }: KnownIndex, id: string): Promise<Float32Array> {
    const { results } = await this.#store.read([{ start: keyspace.vector(life, id) }, headRange(life.namespace)]);
    const [row, head] = results.map(({ entries }) => entries[0]);
    if (head?.revision !== revision) throw new MovedOn();
    if (!row) throw new AppError('NOT_FOUND', `there is no vector "${id}" in the index "${life.namespace}"`);
    return decodeVectorRow(row.value).vector;
  }

  async #refuseMoved({ life, revision }: KnownIndex): Promise<void> {
    const { results } = await this.#store.read([headRange(life.namespace)]);
    if (results[0]!.entries[0]?.revision !== revision) throw new MovedOn();
  }

  /** A command on rows of an index as it is known; undefined: as there is none. */
  #write<O>({ namespace, known, ids, decide, remembered }: WriteRows<O>): Promise<Settled<O>> {
    const headKey = keyspace.vectorIndex(owner, namespace);
    if (!known) {
      return this.#transact.run<O>({
        records: [headKey],
        decide: (view) => {
          if (readHead(view, headKey).index) throw new MovedOn();
          return decide(view, undefined);
        },
        remembered,
      });
    }
    const { life } = known;
    const rows = {
      stampKey: keyspace.vectorStamp(life, this.#writer),
      keys: ids.map((id) => keyspace.vector(life, id)),
    };
    return this.#transact.run<O>({
      records: [rows.stampKey],
      guards: [headKey],
      rows: rows.keys,
      keysOnly: 'rows',
      decide: (view) => {
        if (readHead(view, headKey).index?.generation !== life.generation) throw new MovedOn();
        return decide(view, rows);
      },
      remembered,
    });
  }

  /** Runs with what is known of the index, and again where that turned out to be otherwise. */
  async #untilCurrent<T>(namespace: string, run: (known: KnownIndex | undefined) => Promise<T>): Promise<T> {
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const known = this.#known.get(namespace) ?? (await this.#learn(namespace));
      try {
        return await run(known);
      } catch (error) {
        const hasMoved = error instanceof MovedOn || (isAppError(error) && error.cause instanceof MovedOn);
        if (!hasMoved) throw error;
        this.#known.delete(namespace);
      }
    }
    throw new AppError('CONTENTION', `the index "${namespace}" was made anew ${triesMax} times in a row: try again`);
  }

  /** Reads rows of an index together with its head; undefined: there is no such index. */
  async #readOf(
    namespace: string,
    rangesOf: (known: KnownIndex) => readonly KeyRange[],
  ): Promise<{ readonly known: KnownIndex; readonly results: readonly (readonly Entry[])[] } | undefined> {
    return this.#untilCurrent(namespace, async (known) => {
      if (!known) return undefined;
      const { results } = await this.#store.read([headRange(namespace), ...rangesOf(known)]);
      const [head, ...rest] = results.map(({ entries }) => entries);
      if (head![0]?.revision !== known.revision) throw new MovedOn();
      return { known, results: rest };
    });
  }

  async #learn(namespace: string): Promise<KnownIndex | undefined> {
    const { results } = await this.#store.read([headRange(namespace)]);
    const entry = results[0]!.entries[0];
    const known = entry && toKnown(entry);
    if (!known) return undefined;
    this.#known.set(namespace, known);
    if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!);
    return known;
  }

  async #heads(): Promise<readonly Entry[]> {
    const { results } = await this.#store.read([vectorIndexesRange(owner)]);
    const { entries } = results[0]!;
    this.#hasLooked = true;
    for (const head of entries) this.#sweep.begin(owner, head);
    return entries;
  }

  /** What was dropped by a gateway that is gone is removed by the next one that has to do with indexes. */
  async #lookOnce(): Promise<void> {
    if (!this.#hasLooked) await this.#heads();
  }
}

interface SearchIn extends Pick<SearchVectors, 'namespace' | 'k' | 'consistency' | 'withVectors'> {
  readonly vector: Float32Array;
  readonly filter: string | undefined;
  readonly except: string | undefined;
}

/** The rows that a command names. */
interface Rows {
  readonly stampKey: Buffer;
  /** In the order of the ids. */
  readonly keys: readonly Buffer[];
}

interface WriteRows<O> {
  readonly namespace: string;
  readonly known: KnownIndex | undefined;
  readonly ids: readonly string[];
  /** Pure; `rows` is undefined where there is no index. */
  readonly decide: (view: View, rows: Rows | undefined) => O;
  readonly remembered: Remembered<O> | undefined;
}

const createDefaults = { distance: 'cosine', isExact: false } as const;

function writeVectors(view: View, vectors: readonly NewVector[], { keys, stampKey }: Rows): InsertOutcome {
  let updated = 0;
  for (const [at, { vector, metadata }] of vectors.entries()) {
    if (view.get(keys[at]!)) updated += 1;
    putVector(view, keys[at]!, { vector, metadata });
  }
  const inserted = vectors.length - updated;
  stampVectors(view, stampKey, inserted);
  return { kind: 'inserted', inserted, updated };
}

function requireNear({ vector, id }: SearchVectors['near']): Float32Array | string {
  if ((vector === undefined) === (id === undefined))
    throw new AppError('INVALID_ARGUMENT', 'near needs exactly one of vector and id', { details: { field: 'near' } });
  if (vector) return requireVector('near.vector', vector);
  requireVectorId('near.id', id!);
  return id!;
}

function noSuchIndex(namespace: string): AppError {
  return new AppError('NOT_FOUND', `there is no vector index "${namespace}"`, { details: { field: 'namespace' } });
}

function headRange(namespace: string): KeyRange {
  return { start: keyspace.vectorIndex(owner, namespace) };
}

function readHead(view: View, key: Buffer): VectorHead {
  return decodeHead(view.get(key)?.value);
}

function toKnown({ key, value, revision }: Entry): KnownIndex | undefined {
  const { index: record } = decodeHead(value);
  const namespace = readVectorIndexKey(key);
  return record && { record, revision, life: { owner, namespace, generation: record.generation } };
}

function toIndex(namespace: string, record: VectorIndexRecord, stamps: readonly Entry[]): VectorIndex {
  const { dimensions, distance, isExact, createdAtMs } = record;
  return { namespace, dimensions, distance, isExact, size: sizeOfStamps(stamps), createdAtMs };
}
