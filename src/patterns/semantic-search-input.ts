/** What callers give of documents and searches, parsed: each refusal names the field, the value and the rule. */
import { limits } from '../../proto/limits';
import { canonicalText } from '../core/canonical-text';
import { invalidArgument } from '../core/errors';
import { requireCount, requireText } from '../core/input';
import { vectorRowBytes } from '../core/vector-row';
import { requireCollection } from '../store/collections';
import { requireMetadata } from '../store/vector-rows';

export interface IndexDocuments {
  readonly collection: string;
  readonly documents: readonly {
    readonly id: string;
    readonly title: string;
    readonly content: string;
    readonly metadata?: unknown;
  }[];
  readonly idempotencyKey?: string | undefined;
}

/** A document, ready to be embedded and written. */
export interface NewDocument {
  readonly id: string;
  readonly title: string;
  readonly content: string;
  /** JSON text; empty: none. */
  readonly metadata: Buffer;
}

export function requireDocumentId(field: string, id: string): Buffer {
  return requireText(field, id, { bytesMax: limits.nameBytesMax });
}

/** The documents of a batch, each id once, all together within what one mutation stores. */
export function requireDocuments({ collection, documents }: IndexDocuments, dimensions: number): NewDocument[] {
  requireCollection('input.collection', collection);
  requireCount('input.documents', documents, { min: 1, max: limits.documentsOfBatchMax });
  const seen = new Set<string>();
  let bytes = 0;
  const parsed = documents.map(({ id, title, content, metadata }, at) => {
    const field = `input.documents[${at}]`;
    const idBytes = requireDocumentId(`${field}.id`, id).length;
    if (seen.has(id)) throw invalidArgument(`${field}.id`, `names "${id.slice(0, 60)}" a second time`);
    seen.add(id);
    requireText(`${field}.title`, title, { bytesMin: 0, bytesMax: limits.titleBytesMax });
    requireText(`${field}.content`, content, { bytesMin: 0, bytesMax: limits.contentBytesMax });
    if (canonicalText(title) === '' && canonicalText(content) === '')
      throw invalidArgument(field, 'has neither title nor content: there is nothing to find it by');
    const json = requireMetadata(`${field}.metadata`, metadata);
    // Quotation marks and the like take more room in JSON; the whole stays below what a transaction takes.
    const payloadBytes = Buffer.byteLength(JSON.stringify([title, content]), 'utf8');
    const keyBytes = 2 * Buffer.byteLength(collection, 'utf8') + idBytes;
    bytes += vectorRowBytes(dimensions) + json.length + payloadBytes + 2 * keyBytes;
    return { id, title, content, metadata: json };
  });
  if (bytes > limits.vectorBatchBytesMax) {
    const rule = `come to ${bytes} bytes with their vectors, at most ${limits.vectorBatchBytesMax} fit one mutation: send fewer`;
    throw invalidArgument('input.documents', rule);
  }
  return parsed;
}

/** What is looked for says something. */
export function requireQuery(query: string): void {
  requireText('query', query, { bytesMax: limits.contentBytesMax });
  if (canonicalText(query) === '') throw invalidArgument('query', 'is nothing but white space');
}

export function requireMinScore(minScore: number): void {
  // Written so that what is no number does not pass.
  if (!(minScore >= -1 && minScore <= 1))
    throw invalidArgument('minScore', `is ${minScore}: it must be between -1 and 1`);
}
