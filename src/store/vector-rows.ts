/**
 * Vectors as rows, for every pattern that keeps some: a vector lies in the same row as whatever belongs to it, and is written in the
 * same commit as everything else of that pattern. Whoever writes or deletes a row of an index also writes the index's stamp of this process,
 * in the same commit: it counts the rows, and by it a search knows how new a state it has to see. Writers of other processes have
 * stamps of their own, so that they do not meet.
 */
import { limits } from '../../proto/limits';
import type { Check, Entry, KeySpan, SearchConsistency, SearchRequest } from '../../proto/store';
import { decodeRecord, encodeRecord } from '../core/codec';
import { invalidArgument } from '../core/errors';
import type { Ids } from '../core/ids';
import { requireCount } from '../core/input';
import { requireJson } from '../core/json';
import type { Json } from '../core/json';
import { families, keyspace, vectorLifeRange } from '../core/keyspace';
import type { VectorLife } from '../core/keyspace';
import { hasPlainLists, parseMetadata } from '../core/metadata-filter';
import type { VectorDistance } from '../core/vector-distance';
import { encodeVectorRow } from '../core/vector-row';
import type { VectorRow } from '../core/vector-row';
import type { View } from './view';

/** What all vectors of an index have in common. */
export interface VectorSettings {
  readonly dimensions: number;
  readonly distance: VectorDistance;
  /** Searches read every vector. */
  readonly isExact: boolean;
}

/** Processes whose writers do not meet; two of one number merely do. */
export const vectorWritersMax = 16;

const format = 1;

interface StampRecord {
  /** Rows added less rows deleted by writers of this number. */
  readonly added: number;
}

/** The number of this process. */
export function chooseVectorWriter(ids: Pick<Ids, 'fraction'>): number {
  return Math.floor(ids.fraction() * vectorWritersMax);
}

// --- writing -----------------------------------------------------------------------------------------------------

export function putVector(view: View, key: Buffer, row: Pick<VectorRow, 'vector'> & Partial<VectorRow>): void {
  view.put(key, encodeVectorRow(row), { history: families.vector.history });
}

export function deleteVector(view: View, key: Buffer): void {
  view.delete(key, families.vector.history);
}

/** Notes in this process's stamp that rows of the index were written; `added`: by how many they have become more. */
export function stampVectors(view: View, stampKey: Buffer, added: number): void {
  const standing = view.get(stampKey);
  const before = standing ? decodeStamp(standing.value) : 0;
  view.put(stampKey, encodeRecord(format, { added: before + added } satisfies StampRecord), {
    history: families.vectorStamp.history,
  });
}

/** How many rows an index has, from all of its stamps in one snapshot. */
export function sizeOfStamps(stamps: readonly Entry[]): number {
  return stamps.reduce((sum, { value }) => sum + decodeStamp(value), 0);
}

function decodeStamp(value: Buffer): number {
  return decodeRecord<StampRecord>(format, value).added;
}

// --- searching ---------------------------------------------------------------------------------------------------

export interface VectorSearch extends Pick<SearchRequest, 'near' | 'k' | 'withVectors'> {
  readonly life: VectorLife;
  readonly settings: VectorSettings;
  /** Hold where the index is still what it was taken for. */
  readonly checks: readonly Check[];
  readonly filter?: string | undefined;
  /** The id of a vector that is not among the hits. */
  readonly except?: string | undefined;
  readonly consistency: SearchConsistency;
}

/** A search as the store takes it. */
export function vectorSearchRequest(search: VectorSearch): SearchRequest {
  const { life, settings, checks, near, k, filter, except, consistency, withVectors } = search;
  return {
    rows: vectorLifeRange('vector', life),
    stamps: stampsOf(life),
    checks,
    distance: settings.distance,
    isExact: settings.isExact,
    near,
    k,
    ...(filter !== undefined && { filter }),
    ...(except !== undefined && { except: keyspace.vector(life, except) }),
    consistency,
    withVectors,
  };
}

/** All stamps of one life of an index. */
export function stampsOf(life: VectorLife): KeySpan {
  return vectorLifeRange('vectorStamp', life);
}

// --- what callers give -------------------------------------------------------------------------------------------

const numberMax = limits.vectorNumberMax;

/** A vector as it is stored: 32-bit floats. */
export function requireVector(field: string, numbers: readonly number[]): Float32Array {
  requireCount(field, numbers, { min: 1, max: limits.vectorDimensionsMax });
  const vector = new Float32Array(numbers.length);
  for (let at = 0; at < numbers.length; at += 1) {
    const number = numbers[at]!;
    // Written so that what is no number does not pass.
    if (!(Math.abs(number) <= numberMax))
      throw invalidArgument(
        `${field}[${at}]`,
        `is ${number}: it must be a number between -${numberMax} and ${numberMax}`,
      );
    vector[at] = number;
  }
  return vector;
}

/** Metadata as it is stored: JSON text of an object; empty where there is none. */
export function requireMetadata(field: string, metadata: unknown): Buffer {
  if (metadata === undefined || metadata === null) return Buffer.alloc(0);
  refuseUnlessObject(field, metadata);
  const rule = { bytesMax: limits.vectorMetadataBytesMax, depthMax: limits.vectorMetadataDepthMax };
  return Buffer.from(requireJson(field, metadata, rule), 'utf8');
}

/** A filter as the store takes it; undefined where there is none. */
export function requireFilter(field: string, filter: unknown): string | undefined {
  if (filter === undefined || filter === null) return undefined;
  refuseUnlessObject(field, filter);
  const text = requireJson(field, filter, {
    bytesMax: limits.vectorFilterBytesMax,
    depthMax: limits.vectorMetadataDepthMax,
  });
  if (!hasPlainLists(filter as Json)) throw invalidArgument(field, 'has a list that holds a list or an object');
  return text;
}

/** Metadata as a caller is shown it; undefined: none. */
export function shownMetadata({ metadata }: Pick<VectorRow, 'metadata'>): Json | undefined {
  return parseMetadata(metadata);
}

function refuseUnlessObject(field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument(field, 'must be a JSON object');
}
