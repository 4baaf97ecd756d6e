/**
 * The rules of event streams: what becomes of an append, a deletion, a snapshot, from the state that they find. Pure.
 *
 * An append is judged in this order. Events that stand already, all of them, in the same order and place, are a replay, whatever they say: what
 * was stored is the answer. Then a fence refuses, then ids that are taken, then another version than the expected one.
 */
import { assertInvariant } from '../core/errors';
import type { Fenced } from '../store/fence';
import type { StreamHead, Tail } from './event-record';

/** What an append finds. */
export interface AppendState {
  readonly head: StreamHead;
  readonly tail: Tail;
  /** For each event, the version of the one that has its id in the present life of the stream; undefined: none has. */
  readonly standing: readonly (number | undefined)[];
}

export interface AppendRules {
  readonly ids: readonly string[];
  readonly expectedVersion: number | undefined;
  /** What the fence came to. */
  readonly fenced: Fenced | undefined;
}

export type AppendVerdict =
  | {
      readonly kind: 'appended';
      /** Of the first of the events. */
      readonly version: number;
      readonly position: number;
      readonly atMs: number;
      readonly head: StreamHead;
    }
  /** They stand already, from this version on. */
  | { readonly kind: 'standing'; readonly version: number }
  | { readonly kind: 'wrongVersion'; readonly actualVersion: number }
  /** Versions of the events that have their ids, in order. */
  | { readonly kind: 'duplicate'; readonly versions: readonly number[] }
  | Fenced;

export function decideAppend({ head, tail, standing }: AppendState, rules: AppendRules, nowMs: number): AppendVerdict {
  const { ids, expectedVersion, fenced } = rules;
  const replayed = replayedFrom(standing, expectedVersion);
  if (replayed !== undefined) return { kind: 'standing', version: replayed };
  if (fenced) return fenced;
  const versions = standing.filter((version) => version !== undefined);
  if (versions.length > 0 || new Set(ids).size < ids.length) {
    return { kind: 'duplicate', versions: [...new Set(versions)].sort((a, b) => a - b) };
  }
  if (expectedVersion !== undefined && expectedVersion !== head.version) {
    return { kind: 'wrongVersion', actualVersion: head.version };
  }
  const lastPosition = tail.position + ids.length;
  const version = head.version + ids.length;
  assertInvariant(Number.isSafeInteger(lastPosition) && Number.isSafeInteger(version), 'positions below 2^53');
  // Time does not go back in the order of all events.
  const atMs = Math.max(nowMs, tail.atMs);
  const createdAtMs = head.version === 0 ? atMs : head.createdAtMs;
  return {
    kind: 'appended',
    version: head.version + 1,
    position: tail.position + 1,
    atMs,
    head: { ...head, version, createdAtMs, updatedAtMs: atMs },
  };
}

/** The version from which all of the events stand in this order, and in the place where they are wanted. */
function replayedFrom(standing: AppendState['standing'], expectedVersion: number | undefined): number | undefined {
  const [first] = standing;
  if (first === undefined) return undefined;
  if (expectedVersion !== undefined && first !== expectedVersion + 1) return undefined;
  return standing.every((version, index) => version === first + index) ? first : undefined;
}

export type DeleteVerdict =
  | { readonly kind: 'deleted'; readonly head: StreamHead; readonly isNew: boolean }
  | { readonly kind: 'wrongVersion'; readonly actualVersion: number }
  | { readonly kind: 'notFound' };

/** Ends a life of the stream; one that has ended already is answered as it is. */
export function decideDelete(
  head: StreamHead | undefined,
  expectedVersion: number | undefined,
  nowMs: number,
): DeleteVerdict {
  if (!head) return { kind: 'notFound' };
  const { version, deletedThrough } = head;
  if (expectedVersion !== undefined && expectedVersion !== version) {
    return { kind: 'wrongVersion', actualVersion: version };
  }
  if (deletedThrough === version) return { kind: 'deleted', head, isNew: false };
  const updatedAtMs = Math.max(nowMs, head.updatedAtMs);
  return { kind: 'deleted', head: { ...head, deletedThrough: version, updatedAtMs, snapshotVersion: 0 }, isNew: true };
}

export type SnapshotVerdict =
  | { readonly kind: 'saved'; readonly head: StreamHead; readonly takenAtMs: number }
  /** One of this version or a newer one stands. */
  | { readonly kind: 'kept' }
  | { readonly kind: 'notFound' }
  /** The stream has not come so far. */
  | { readonly kind: 'ahead'; readonly actualVersion: number };

/** Only a newer snapshot takes the place of another, and none is of events that are deleted or still to come. */
export function decideSnapshot(head: StreamHead | undefined, version: number, nowMs: number): SnapshotVerdict {
  if (!head || version <= head.deletedThrough) return { kind: 'notFound' };
  if (version > head.version) return { kind: 'ahead', actualVersion: head.version };
  if (version <= head.snapshotVersion) return { kind: 'kept' };
  return { kind: 'saved', head: { ...head, snapshotVersion: version }, takenAtMs: nowMs };
}
