/**
 * NoriKV's Vector over the vectors of GraphQL: an index that is made here is `vectorIndex` there, and the reverse, with the same limits and within the
 * same plan. This file knows the words of the wire; the vectors themselves are the business of the tier that it is given.
 */
import { status } from '@grpc/grpc-js';
import { limits } from '../../proto/limits';
import type {
  CreateVectorIndexRequest,
  DropVectorIndexRequest,
  VectorDeleteRequest,
  VectorGetRequest,
  VectorInsertRequest,
  VectorSearchRequest,
} from '../../proto/norikv-wire';
import type { Revision, SearchConsistency } from '../../proto/store';
import { AppError, invalidArgument, toAppError } from '../../src/core/errors';
import type { VectorDistance } from '../../src/core/vector-distance';
import { requireConsistency, requireDistance, requireIdempotencyKey, requireIndexType } from './norikv-input';
import { Refusal } from './norikv-status';

export interface VectorTierSettings {
  readonly dimensions: number;
  readonly distance: VectorDistance;
  readonly isExact: boolean;
}

interface Keyed {
  readonly idempotencyKey?: string | undefined;
}

/** The vectors of the tenant, with marks apart from those of GraphQL. Its refusals name the fields of GraphQL's inputs. */
export interface VectorTier {
  create(
    input: { readonly namespace: string } & VectorTierSettings & Keyed,
  ): Promise<{ readonly kind: 'created' } | ({ readonly kind: 'exists' } & VectorTierSettings)>;
  drop(input: { readonly namespace: string } & Keyed): Promise<boolean>;
  insert(
    input: {
      readonly namespace: string;
      readonly vectors: readonly { readonly id: string; readonly vector: readonly number[] }[];
    } & Keyed,
  ): Promise<
    | { readonly kind: 'inserted'; readonly revision: Revision }
    | { readonly kind: 'notFound' }
    | { readonly kind: 'mismatch'; readonly expected: number; readonly actual: number }
  >;
  delete(input: { readonly namespace: string; readonly id: string } & Keyed): Promise<boolean>;
  index(namespace: string): Promise<{ readonly size: number } | undefined>;
  get(namespace: string, id: string): Promise<{ readonly vector: Float32Array } | undefined>;
  search(search: {
    readonly namespace: string;
    readonly near: { readonly vector: readonly number[] };
    readonly k: number;
    readonly consistency: SearchConsistency;
    readonly withVectors: boolean;
  }): Promise<{
    readonly matches: readonly {
      readonly id: string;
      readonly distance: number;
      readonly vector: Float32Array | undefined;
    }[];
    readonly searchMs: number;
  }>;
}

/** Of a match on the wire, beside its id and numbers. */
const matchBytes = 24;

export class NorikvVector {
  readonly #tier: () => VectorTier;
  readonly #answerBytesMax: number;

  /** `answerBytesMax`: what the clients receive in one message. */
  constructor(tier: () => VectorTier, answerBytesMax: number) {
    this.#tier = tier;
    this.#answerBytesMax = answerBytesMax;
  }

  async createIndex(request: CreateVectorIndexRequest): Promise<{ created: boolean }> {
    const { namespace, dimensions } = request;
    const distance = requireDistance(request.distance);
    const isExact = requireIndexType(request.indexType);
    const input = { namespace, dimensions, distance, isExact, ...keyOf(request) };
    const outcome = await inWords(this.#tier().create(input));
    if (outcome.kind === 'created') return { created: true };
    const isSame = outcome.dimensions === dimensions && outcome.distance === distance && outcome.isExact === isExact;
    if (isSame) return { created: false };
    const is = `${outcome.dimensions} dimensions, ${outcome.distance}, ${outcome.isExact ? 'brute force' : 'HNSW'}`;
    throw new Refusal(status.ALREADY_EXISTS, `there is an index "${namespace}" already, with other parameters: ${is}`);
  }

  async dropIndex(request: DropVectorIndexRequest): Promise<{ dropped: boolean }> {
    const { namespace } = request;
    return { dropped: await inWords(this.#tier().drop({ namespace, ...keyOf(request) })) };
  }

  /** The revision at which it stands. */
  async insert(request: VectorInsertRequest): Promise<Revision> {
    const { namespace, id, vector } = request;
    const outcome = await inWords(this.#tier().insert({ namespace, vectors: [{ id, vector }], ...keyOf(request) }));
    if (outcome.kind === 'inserted') return outcome.revision;
    if (outcome.kind === 'notFound') throw noSuchIndex(namespace);
    const { actual, expected } = outcome;
    throw invalidArgument('vector', `has ${actual} dimensions, the index "${namespace}" has ${expected}`);
  }

  async delete(request: VectorDeleteRequest): Promise<{ deleted: boolean }> {
    const { namespace, id } = request;
    return { deleted: await inWords(this.#tier().delete({ namespace, id, ...keyOf(request) })) };
  }

  async get({ namespace, id, consistency }: VectorGetRequest): Promise<{ vector: Float32Array; found: boolean }> {
    // Whatever is allowed to be behind, it is not.
    requireConsistency(consistency);
    const found = await inWords(this.#tier().get(namespace, id));
    return { vector: found?.vector ?? new Float32Array(), found: found !== undefined };
  }

  /** The nearest first. */
  async search({ namespace, query, k, includeVectors: withVectors, consistency: word }: VectorSearchRequest) {
    const consistency = requireConsistency(word) === 'stale' ? 'eventual' : 'strong';
    const tier = this.#tier();
    const search = {
      namespace,
      near: { vector: query },
      k: await this.#knownK(tier, namespace, k),
      consistency,
      withVectors,
    } as const;
    const { matches, searchMs } = await inWords(tier.search(search));
    let bytes = matchBytes;
    for (const { id, vector } of matches) bytes += matchBytes + Buffer.byteLength(id) + 4 * (vector?.length ?? 0);
    if (bytes > this.#answerBytesMax) throw this.#tooLarge();
    const shown = matches.map(({ id, distance, vector }) => ({ id, distance, ...(vector && { vector }) }));
    return { matches: shown, searchTimeUs: Math.max(0, Math.round(searchMs * 1_000)) };
  }

  /** More than there are gives all, as far as one search goes. */
  async #knownK(tier: VectorTier, namespace: string, k: number): Promise<number> {
    const { vectorMatchesMax } = limits;
    if (k <= vectorMatchesMax) return k;
    const index = await inWords(tier.index(namespace));
    if (!index) throw noSuchIndex(namespace);
    if (index.size <= vectorMatchesMax) return vectorMatchesMax;
    throw invalidArgument('k', `is ${k}, at most ${vectorMatchesMax} of the ${index.size} vectors are found at once`);
  }

  #tooLarge(): AppError {
    const rule = `the answer would have more than ${this.#answerBytesMax} bytes: ask for fewer, or without their vectors`;
    return invalidArgument('include_vectors', `is set, and ${rule}`);
  }
}

function keyOf(request: { readonly idempotencyKey: string }): Keyed {
  const idempotencyKey = requireIdempotencyKey(request.idempotencyKey);
  return idempotencyKey === undefined ? {} : { idempotencyKey };
}

function noSuchIndex(namespace: string): AppError {
  return new AppError('NOT_FOUND', `there is no vector index "${namespace}"`);
}

/** A refusal with the names that the fields have on the wire. */
async function inWords<Result>(asked: Promise<Result>): Promise<Result> {
  try {
    return await asked;
  } catch (thrown) {
    const error = toAppError(thrown);
    const message = error.message.replace(/^input\.(vectors\[0\]\.)?/, '').replace(/^near\.vector/, 'query');
    throw message === error.message ? error : new AppError(error.code, message, { cause: error });
  }
}
