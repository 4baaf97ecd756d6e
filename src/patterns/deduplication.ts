/**
 * Fingerprints of documents, so that no text is stored twice: neither the same one, nor one that says nearly the same.
 *
 * Promises: of any number of callers at once, on any number of gateways, with texts that are near to each other, exactly one is stored. The
 * same id again is an update of its own fingerprint; updated into another's text it is that one's duplicate and keeps the fingerprint that it
 * has. Exact to 20,000 fingerprints a collection; beyond that a near one is found as surely as the index finds the nearest.
 * Stores a head a collection and a row a fingerprint (`src/store/collections.ts`), a row by the hash of its text, and a tail that every
 * store moves on (`deduplication-tail.ts`). Costs: embedding; a read and a search, at the same time; one commit that checks the
 * tail and the row of the hash. Where something was stored meanwhile, only that is compared, without a new search; what waits in the
 * same lane is compared with each other. The texts themselves are not kept. Fails with INVALID_ARGUMENT, CONTENTION, what the provider
 * fails with, and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import { canonicalText } from '../core/canonical-text';
import { backoffDelayMs } from '../core/backoff';
import type { Clock } from '../core/clock';
import { decodeRecord, encodeRecord } from '../core/codec';
import type { EmbeddingProvider } from '../core/embedding';
import { AppError, invalidArgument, isAppError } from '../core/errors';
import { hashParts } from '../core/ids';
import type { Ids } from '../core/ids';
import { requireText } from '../core/input';
import { families, keyspace, readVectorKey } from '../core/keyspace';
import type { VectorLife } from '../core/keyspace';
import { distanceBetween } from '../core/vector-distance';
import { decodeVectorRow } from '../core/vector-row';
import { Collections, requireCollection } from '../store/collections';
import type { CollectionTurn } from '../store/collections';
import type { Transact, View } from '../store/transact';
import { deleteVector, putVector, sizeOfStamps, stampVectors, stampsOf } from '../store/vector-rows';
import { decodeTail, encodeTail, storedSince, withStored } from './deduplication-tail';
import type { Stored } from './deduplication-tail';

export interface CheckDocument {
  readonly id: string;
  readonly content: string;
  readonly threshold: number;
  readonly collection: string;
}

export interface DeduplicationResult {
  readonly isDuplicate: boolean;
  readonly duplicateOf: string | undefined;
  readonly method: 'exact' | 'semantic' | undefined;
  /** Of the nearest stored document; 0 where none is stored. */
  readonly similarity: number;
  readonly stored: boolean;
}

export interface DeduplicationDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly ids: Ids;
  readonly embeddings: EmbeddingProvider;
}

/** What a fingerprint's row holds beside its vector. */
interface FingerprintPayload {
  readonly hash: string;
}

/** The nearest other fingerprint. */
interface Nearest {
  readonly id: string;
  readonly similarity: number;
}

/** A document on its way. */
interface Candidate {
  readonly id: string;
  readonly hash: string;
  readonly vector: Float32Array;
  readonly threshold: number;
}

/** What it was compared with. */
interface Compared {
  /** Everything that was stored up to this number. */
  readonly through: number;
  readonly nearest: Nearest | undefined;
}

/** More has been stored than the candidate was compared with: a signal between decision and method. */
class StoredMeanwhile extends Error {
  constructor(
    /** Those of whose vectors nothing is known here; undefined: too many to name. */
    readonly unknown: readonly Stored[] | undefined,
  ) {
    super('more was stored meanwhile');
  }
}

const format = 1;
const triesMax = 64;
const retryBackoff = { baseMs: 1, capMs: 20 };
/** Vectors by the hash of their text, of candidates and of what others stored lately. */
const knownVectorsMax = 1_024;
/** Up to here no index is used that may miss one. */
const exactMax = 20_000;

export class Deduplication {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #ids: Ids;
  readonly #embeddings: EmbeddingProvider;
  readonly #collections: Collections;
  readonly #vectors = new Map<string, Float32Array>();
  #underWay = 0;

  constructor({ store, transact, clock, ids, embeddings }: DeduplicationDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#clock = clock;
    this.#ids = ids;
    this.#embeddings = embeddings;
    this.#collections = new Collections({ store, transact, ids, owner: 'fingerprint', provider: embeddings });
  }

  /** Stores the document's fingerprint unless a near duplicate is stored already. */
  async check(input: CheckDocument): Promise<DeduplicationResult> {
    requireCheck(input);
    const { id, content, threshold, collection } = input;
    const canonical = canonicalText(content);
    const [vector] = await this.#embeddings.embed([canonical]);
    const hash = hashParts(canonical).toString('base64url');
    this.#underWay += 1;
    this.#remember(hash, vector!);
    try {
      return await this.#collections.write(collection, (turn) =>
        this.#place(turn, { id, hash, vector: vector!, threshold }),
      );
    } finally {
      this.#underWay -= 1;
      // Nobody is left to be compared.
      if (this.#underWay === 0) this.#vectors.clear();
    }
  }

  /** Removes the fingerprint; whether there was one. */
  async remove(id: string, collection: string): Promise<boolean> {
    requireId('id', id);
    requireCollection('collection', collection);
    const removed = await this.#collections.change(collection, (turn) => this.#remove(turn, id));
    return removed ?? false;
  }

  // --- storing -----------------------------------------------------------------------------------------------------

  /** Compares and stores, again for what was stored meanwhile, until nothing was. */
  async #place(turn: CollectionTurn, candidate: Candidate): Promise<DeduplicationResult> {
    let compared = await this.#compare(turn.life, candidate);
    for (let tries = 1; tries <= triesMax; tries += 1) {
      try {
        return await this.#commit(turn, candidate, compared);
      } catch (error) {
        const signal = isAppError(error) ? error.cause : error;
        if (!(signal instanceof StoredMeanwhile)) throw error;
        // Those of this process go round without a trip; whoever meets others every time makes room for them.
        if (tries > 4) await this.#clock.sleep(backoffDelayMs(tries - 4, retryBackoff, this.#ids));
        const isLearnt = signal.unknown && (await this.#learnVectors(turn.life, signal.unknown));
        if (!isLearnt) compared = await this.#compare(turn.life, candidate);
      }
    }
    throw new AppError(
      'CONTENTION',
      `other documents were stored ${triesMax} times in a row: nothing was written, try again`,
    );
  }

  /** The nearest of what is stored. The tail is read before the search begins, so that nothing lies between the two. */
  async #compare(life: VectorLife, { id, vector }: Candidate): Promise<Compared> {
    const { results } = await this.#store.read([{ start: keyspace.fingerprintTail(life) }, stampsOf(life)]);
    const through = decodeTail(results[0]!.entries[0]?.value).sequence;
    if (through === 0) return { through, nearest: undefined };
    const isExact = sizeOfStamps(results[1]!.entries) <= exactMax;
    const search = { near: vector, k: 1, except: id, withVectors: false, isExact };
    const hit = (await this.#collections.searchLife(life, search))?.hits[0];
    const nearest = hit && { id: readVectorKey(life, hit.key), similarity: similarityOf(hit.distance) };
    return { through, nearest };
  }

  async #commit(turn: CollectionTurn, candidate: Candidate, compared: Compared): Promise<DeduplicationResult> {
    const { life, stampKey, records, guards, enter } = turn;
    const keys = {
      tail: keyspace.fingerprintTail(life),
      own: keyspace.vector(life, candidate.id),
      hash: keyspace.fingerprintHash(life, candidate.hash),
      stamp: stampKey,
    };
    const { outcome } = await this.#transact.run<DeduplicationResult>({
      records: [keys.tail, ...records],
      guards,
      rows: [keys.own, keys.hash],
      decide: (view) => {
        enter(view);
        return this.#decide(view, keys, { life, candidate, compared });
      },
    });
    return outcome;
  }

  #decide(
    view: View,
    keys: { readonly tail: Buffer; readonly own: Buffer; readonly hash: Buffer; readonly stamp: Buffer },
    { life, candidate, compared }: { life: VectorLife; candidate: Candidate; compared: Compared },
  ): DeduplicationResult {
    const { id, hash, threshold, vector } = candidate;
    const holder = view.get(keys.hash)?.value.toString('utf8');
    if (holder !== undefined && holder !== id) return duplicate({ id: holder, similarity: 1 }, 'exact');
    const tail = decodeTail(view.get(keys.tail)?.value);
    const nearest = nearer(compared.nearest, this.#nearestSince(storedSince(tail, compared.through), candidate));
    if (nearest && nearest.similarity >= threshold) return duplicate(nearest, 'semantic');
    const own = view.get(keys.own);
    const before = own && payloadOf(own.value).hash;
    if (before !== hash) {
      const payload = encodeRecord(format, { hash } satisfies FingerprintPayload);
      putVector(view, keys.own, { vector, payload });
      view.put(keys.hash, Buffer.from(id, 'utf8'), { history: families.fingerprintHash.history });
      if (before !== undefined)
        view.deleteSideRow(keyspace.fingerprintHash(life, before), families.fingerprintHash.history);
      view.put(keys.tail, encodeTail(withStored(tail, { id, hash })), { history: families.fingerprintTail.history });
      stampVectors(view, keys.stamp, own ? 0 : 1);
    }
    return {
      isDuplicate: false,
      duplicateOf: undefined,
      method: undefined,
      similarity: nearest?.similarity ?? 0,
      stored: true,
    };
  }

  /** The nearest of what was stored since the search. Throws StoredMeanwhile where that cannot be said from here. */
  #nearestSince(stored: readonly Stored[] | undefined, { id, vector }: Candidate): Nearest | undefined {
    const others = stored?.filter((each) => each.id !== id);
    const unknown = others?.filter(({ hash }) => !this.#vectors.has(hash));
    if (!others || !unknown || unknown.length > 0) throw new StoredMeanwhile(unknown);
    let nearest: Nearest | undefined;
    for (const each of others) {
      const distance = distanceBetween('cosine', vector, this.#vectors.get(each.hash)!);
      nearest = nearer(nearest, { id: each.id, similarity: similarityOf(distance) });
    }
    return nearest;
  }

  /** Reads the vectors of what others stored; false: some of it is gone, or has another text by now. */
  async #learnVectors(life: VectorLife, unknown: readonly Stored[]): Promise<boolean> {
    const { results } = await this.#store.read(unknown.map(({ id }) => ({ start: keyspace.vector(life, id) })));
    let isComplete = true;
    for (const [at, { hash }] of unknown.entries()) {
      const row = results[at]!.entries[0];
      if (row && payloadOf(row.value).hash === hash) this.#remember(hash, decodeVectorRow(row.value).vector);
      else isComplete = false;
    }
    return isComplete;
  }

  #remember(hash: string, vector: Float32Array): void {
    this.#vectors.delete(hash);
    this.#vectors.set(hash, vector);
    if (this.#vectors.size > knownVectorsMax) this.#vectors.delete(this.#vectors.keys().next().value!);
  }

  async #remove({ life, stampKey, records, guards, enter }: CollectionTurn, id: string): Promise<boolean> {
    const key = keyspace.vector(life, id);
    const { outcome } = await this.#transact.run<boolean>({
      records,
      guards,
      rows: [key],
      decide: (view) => {
        enter(view);
        const own = view.get(key);
        if (!own) return false;
        deleteVector(view, key);
        const hashKey = keyspace.fingerprintHash(life, payloadOf(own.value).hash);
        view.deleteSideRow(hashKey, families.fingerprintHash.history);
        stampVectors(view, stampKey, -1);
        return true;
      },
    });
    return outcome;
  }
}

function requireId(field: string, id: string): void {
  requireText(field, id, { bytesMax: limits.nameBytesMax });
}

function requireCheck({ id, content, threshold, collection }: CheckDocument): void {
  requireId('input.id', id);
  requireCollection('input.collection', collection);
  requireText('input.content', content, { bytesMax: limits.contentBytesMax });
  if (canonicalText(content) === '') throw invalidArgument('input.content', 'is nothing but white space');
  // Written so that what is no number does not pass.
  if (!(threshold > 0 && threshold <= 1))
    throw invalidArgument('input.threshold', `is ${threshold}: it must be above 0 and at most 1`);
}

function duplicate({ id, similarity }: Nearest, method: 'exact' | 'semantic'): DeduplicationResult {
  return { isDuplicate: true, duplicateOf: id, method, similarity, stored: false };
}

function nearer(one: Nearest | undefined, other: Nearest | undefined): Nearest | undefined {
  if (!one || !other) return one ?? other;
  return other.similarity > one.similarity ? other : one;
}

/** Without the last digits, which rounding makes: two equal vectors are 1. */
function similarityOf(distance: number): number {
  return Math.round((1 - distance) * 1e9) / 1e9;
}

function payloadOf(row: Buffer): FingerprintPayload {
  return decodeRecord<FingerprintPayload>(format, decodeVectorRow(row).payload);
}
