/**
 * Documents that are found by what they mean.
 *
 * Promises: title, content, metadata and vector of a document are one row, written in one commit, so that a search never shows a
 * document that is gone, or the text of one version for the vector of another; a search sees every document that was acknowledged before
 * it began; a batch is all or nothing. A collection holds vectors of one embedding model. Stores a head a collection and a row a document
 * (`src/store/collections.ts`). Costs: embedding, before anything is locked or queued; then a batch reads which of its rows are there and is one commit,
 * a search is one trip, a document one trip. Fails with INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED, what the provider of
 * embeddings fails with, and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { decodeRecord, encodeRecord } from '../core/codec';
import type { EmbeddingProvider } from '../core/embedding';
import type { Ids } from '../core/ids';
import { requireInteger } from '../core/input';
import type { Json } from '../core/json';
import { keyspace, readVectorKey } from '../core/keyspace';
import { encodeOpaque } from '../core/opaque';
import { decodeVectorRow } from '../core/vector-row';
import { Collections, requireCollection } from '../store/collections';
import { rememberAsJson } from '../store/remember';
import type { Transact } from '../store/transact';
import { requireFilter, shownMetadata } from '../store/vector-rows';
import { requireDocuments, requireDocumentId, requireMinScore, requireQuery } from './semantic-search-input';
import type { IndexDocuments } from './semantic-search-input';

export interface Document {
  readonly id: string;
  readonly collection: string;
  readonly title: string;
  readonly content: string;
  /** Undefined: none. */
  readonly metadata: Json | undefined;
}

export interface SemanticHit {
  /** 1 - the cosine distance. */
  readonly score: number;
  readonly document: Document;
}

export interface SemanticSearchResult {
  readonly hits: readonly SemanticHit[];
  readonly model: string;
  readonly tookMs: number;
}

export interface SearchDocuments {
  readonly query: string;
  readonly collection: string;
  readonly first: number;
  readonly minScore?: number | undefined;
  readonly filter?: unknown;
}

export interface IndexedDocuments {
  readonly indexed: number;
  readonly documents: readonly Document[];
}

export interface SemanticSearchDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly ids: Ids;
  readonly embeddings: EmbeddingProvider;
}

/** What a row holds beside its vector and metadata. */
interface DocumentPayload {
  readonly title: string;
  readonly content: string;
}

const format = 1;
const indexDefaults = { collection: 'documents' };

export class SemanticSearch {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #embeddings: EmbeddingProvider;
  readonly #collections: Collections;

  constructor({ store, transact, clock, ids, embeddings }: SemanticSearchDependencies) {
    this.#clock = clock;
    this.#embeddings = embeddings;
    this.#collections = new Collections({ store, transact, ids, owner: 'document', provider: embeddings });
  }

  /** Stores all the documents, new ones and others over what is there, or none. */
  async index(input: IndexDocuments): Promise<IndexedDocuments> {
    const documents = requireDocuments(input, this.#embeddings.dimensions);
    const { collection } = input;
    const vectors = await this.#embeddings.embed(documents.map(textOf));
    const rows = documents.map(({ id, title, content, metadata }, at) => {
      const payload = encodeRecord(format, { title, content } satisfies DocumentPayload);
      return { id, vector: vectors[at]!, metadata, payload };
    });
    const remembered = rememberAsJson<number>({ mutation: 'indexDocuments', input, defaults: indexDefaults });
    const { outcome: indexed, isReplay } = await this.#collections.put(collection, rows, remembered);
    if (isReplay) {
      const ids = documents.map(({ id }) => id);
      return { indexed, documents: await this.#present(collection, ids) };
    }
    const shown = documents.map((document) => ({ ...document, collection, metadata: shownMetadata(document) }));
    return { indexed, documents: shown };
  }

  /** The nearest documents of the collection, nearest first; none where there is no such collection. */
  async search(search: SearchDocuments): Promise<SemanticSearchResult> {
    const startMs = this.#clock.monotonicMs();
    const { collection, first, minScore } = search;
    requireQuery(search.query);
    requireCollection('collection', collection);
    requireInteger('first', first, { min: 1, max: limits.vectorMatchesMax });
    if (minScore !== undefined) requireMinScore(minScore);
    const filter = requireFilter('filter', search.filter);
    const [near] = await this.#embeddings.embed([search.query]);
    const found = await this.#collections.search(collection, { near: near!, k: first, filter, withVectors: false });
    const hits = (found?.hits ?? []).map(({ key, value, distance }) => ({
      score: 1 - distance,
      document: toDocument({ id: readVectorKey(found!.life, key), collection }, value),
    }));
    return {
      hits: minScore === undefined ? hits : hits.filter(({ score }) => score >= minScore),
      model: this.#embeddings.id,
      tookMs: this.#clock.monotonicMs() - startMs,
    };
  }

  /** The document, or undefined where there is none. */
  async get(id: string, collection: string): Promise<Document | undefined> {
    requireDocumentId('id', id);
    requireCollection('collection', collection);
    const [document] = await this.#present(collection, [id]);
    return document;
  }

  /** The document that a global id names, or undefined. */
  async byNodeId(payload: string): Promise<Document | undefined> {
    const place = parsePlace(payload);
    if (!place) return undefined;
    const [document] = await this.#present(place.collection, [place.id]);
    return document;
  }

  /** Removes the document; whether there was one. */
  async delete(id: string, collection: string): Promise<boolean> {
    requireDocumentId('id', id);
    requireCollection('collection', collection);
    return this.#collections.delete(collection, id);
  }

  /** Those of the documents that are there. */
  async #present(collection: string, ids: readonly string[]): Promise<Document[]> {
    const found = await this.#collections.read(collection, (life) => ids.map((id) => keyspace.vector(life, id)));
    return (found?.entries ?? []).flatMap((entry, at) =>
      entry ? [toDocument({ id: ids[at]!, collection }, entry.value)] : [],
    );
  }
}

function textOf({ title, content }: DocumentPayload): string {
  return `${title}\n${content}`.trim();
}

function toDocument({ id, collection }: Pick<Document, 'id' | 'collection'>, value: Buffer): Document {
  const row = decodeVectorRow(value);
  const { title, content } = decodeRecord<DocumentPayload>(format, row.payload);
  return { id, collection, title, content, metadata: shownMetadata(row) };
}

/** Of a document's global id: two names, of which JSON may write each byte as six. */
export const documentNodeBytesMax = 12 * limits.nameBytesMax + 16;

/** The global id of a document. */
export function documentNodeId({ id, collection }: Pick<Document, 'id' | 'collection'>): string {
  return encodeOpaque('documentNode', Buffer.from(JSON.stringify([collection, id]), 'utf8'));
}

function parsePlace(payload: string): Pick<Document, 'id' | 'collection'> | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== 2) return undefined;
  const [collection, id] = parts as unknown[];
  const isName = (part: unknown): part is string =>
    typeof part === 'string' &&
    part.isWellFormed() &&
    part !== '' &&
    Buffer.byteLength(part, 'utf8') <= limits.nameBytesMax;
  return isName(collection) && isName(id) ? { collection, id } : undefined;
}
