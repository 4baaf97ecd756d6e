/** Vectors in a namespace of a store, as a pattern writes them, and searches for them. */
import type { KeySpan, SearchFound, SearchOutcome, SearchRequest, Store, Transaction } from '../../proto/store';
import { encodeVectorRow } from '../../src/core/vector-row';
import { bytes, put, remove, textOf, transaction } from '../conformance/suite/words';

/** Vectors by id, with metadata where there is some. */
export type Vectors = Readonly<Record<string, readonly number[]>>;

const allBetween = (start: string, end: string): KeySpan => ({ start: bytes(start), end: bytes(end) });
export const namespace = { rows: allBetween('v:', 'v;'), stamps: allBetween('s:', 's;') } as const;

export function row(vector: readonly number[], metadata?: object): Buffer {
  return encodeVectorRow({
    vector: Float32Array.from(vector),
    ...(metadata && { metadata: Buffer.from(JSON.stringify(metadata)) }),
  });
}

/** A transaction that writes vectors, and their stamp. */
export function inserting(vectors: Vectors, metadata: Readonly<Record<string, object>> = {}): Transaction {
  const rows = Object.entries(vectors).map(([id, vector]) =>
    put(`v:${id}`, row(vector, metadata[id]), { history: 'key' }),
  );
  return transaction([...rows, put('s:0', 'stamp', { history: 'none' })]);
}

export function deleting(...ids: readonly string[]): Transaction {
  return transaction([...ids.map((id) => remove(`v:${id}`, 'key')), put('s:0', 'stamp', { history: 'none' })]);
}

export type Asked = Partial<Omit<SearchRequest, 'near' | 'except'>> & {
  readonly near: readonly number[];
  readonly except?: string;
};

export function search(store: Store, { near, except, ...rest }: Asked): Promise<SearchOutcome> {
  return store.search({
    ...namespace,
    checks: [],
    distance: 'euclidean',
    isExact: false,
    k: 10,
    consistency: 'strong',
    withVectors: false,
    ...rest,
    near: Float32Array.from(near),
    ...(except !== undefined && { except: bytes(`v:${except}`) }),
  });
}

export async function found(store: Store, asked: Asked): Promise<SearchFound> {
  const outcome = await search(store, asked);
  if (outcome.kind !== 'found') throw new Error('a conflict where hits were expected');
  return outcome;
}

export async function idsOf(store: Store, asked: Asked): Promise<string[]> {
  return (await found(store, asked)).hits.map(({ key }) => textOf(key).slice(2));
}
