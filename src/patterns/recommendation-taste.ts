/**
 * A user's taste: the mean of the vectors of the products that they had to do with, each counted by its weight and by its age. An
 * interaction counts half after a half-life, a quarter after two. The mean can be carried on with each new one, since age takes the same
 * part from all; or be made again from the interactions that are kept. Pure.
 */
import { decodeRecord, encodeRecord } from '../core/codec';
import { decodeVectorRow, encodeVectorRow } from '../core/vector-row';
import { limits } from '../../proto/limits';

export interface Taste {
  /** The weighted mean. */
  readonly mean: Float32Array;
  /** All weights together, each by its age at `updatedAtMs`. */
  readonly weight: number;
  readonly updatedAtMs: number;
  /** Interactions of the user so far. */
  readonly count: number;
  /** Products of the kept interactions, the latest last, each once. */
  readonly seen: readonly string[];
  /** What the mean was made with: the life of the products, and how quickly it forgets. */
  readonly generation: number;
  readonly halfLifeMs: number;
}

export interface Interaction {
  readonly productId: string;
  readonly weight: number;
  readonly atMs: number;
}

/** The makings of a mean. */
export interface TasteMakings {
  readonly generation: number;
  readonly halfLifeMs: number;
}

const format = 1;

export function encodeTaste({ mean, ...said }: Taste): Buffer {
  return encodeVectorRow({ vector: mean, payload: encodeRecord(format, said) });
}

export function decodeTaste(value: Buffer): Taste {
  const { vector, payload } = decodeVectorRow(value);
  return { mean: vector, ...decodeRecord<Omit<Taste, 'mean'>>(format, payload) };
}

export function encodeInteraction(interaction: Interaction): Buffer {
  return encodeRecord(format, interaction);
}

export function decodeInteraction(value: Buffer): Interaction {
  return decodeRecord<Interaction>(format, value);
}

/** Whether the mean was made from other vectors, or forgets at another pace: then it is to be made again. */
export function isOutdated(taste: Taste, { generation, halfLifeMs }: TasteMakings): boolean {
  return taste.generation !== generation || taste.halfLifeMs !== halfLifeMs;
}

/** The taste with one interaction more; undefined: the first. */
export function decideInteraction(
  taste: Taste | undefined,
  interaction: { readonly productId: string; readonly weight: number; readonly vector: Float32Array },
  { generation, halfLifeMs, nowMs }: TasteMakings & { readonly nowMs: number },
): Taste {
  const { productId, weight, vector } = interaction;
  const updatedAtMs = Math.max(nowMs, taste?.updatedAtMs ?? 0);
  return {
    ...movedTowards(taste, { vector, weight, atMs: updatedAtMs }, halfLifeMs),
    count: (taste?.count ?? 0) + 1,
    seen: withSeen(taste?.seen ?? [], productId),
    generation,
    halfLifeMs,
  };
}

/** The mean made again from the kept interactions, oldest first, and the vectors of their products as they are now; of one that is gone, nothing counts. */
export function remakeTaste(
  taste: Taste,
  interactions: readonly (Interaction & { readonly vector: Float32Array | undefined })[],
  { generation, halfLifeMs, dimensions }: TasteMakings & { readonly dimensions: number },
): Taste {
  let made: Mean | undefined;
  for (const { vector, weight, atMs } of interactions)
    if (vector) made = movedTowards(made, { vector, weight, atMs }, halfLifeMs);
  const nothing = { mean: new Float32Array(dimensions), weight: 0, updatedAtMs: taste.updatedAtMs };
  return { ...(made ?? nothing), count: taste.count, seen: taste.seen, generation, halfLifeMs };
}

type Mean = Pick<Taste, 'mean' | 'weight' | 'updatedAtMs'>;

function movedTowards(
  from: Mean | undefined,
  { vector, weight, atMs }: { readonly vector: Float32Array; readonly weight: number; readonly atMs: number },
  halfLifeMs: number,
): Mean {
  const kept = from ? from.weight * 0.5 ** ((atMs - from.updatedAtMs) / halfLifeMs) : 0;
  const all = kept + weight;
  const mean = vector.map((value, index) => ((from?.mean[index] ?? 0) * kept + value * weight) / all);
  return { mean, weight: all, updatedAtMs: atMs };
}

/** The product last, each once, and no more than are kept. */
function withSeen(seen: readonly string[], productId: string): string[] {
  return [...seen.filter((id) => id !== productId), productId].slice(-limits.interactionsKeptMax);
}
