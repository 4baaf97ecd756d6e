/**
 * Places in the history of changes, exact also within a commit: the changes of one commit stand in key order, and a put over
 * an expired row behind that row's expiry. A cursor of a place is (revision, rank, key), opaque to callers; a Version is the
 * place behind the whole of its commit.
 */
import type { Change, ChangeKind, Revision } from '../../proto/store';
import { invalidArgument } from '../core/errors';
import { requireVersion } from '../core/input';
import { encodeOpaque, tryDecodeOpaque } from '../core/opaque';
import { readUint64, uint64 } from '../core/tuple';

/** A place behind some change, or behind a whole commit. */
export interface ChangePosition {
  readonly revision: Revision;
  /** Undefined: behind the whole commit. */
  readonly within: { readonly key: Buffer; readonly rank: number } | undefined;
}

const headBytes = 9;

const rankOf = (kind: ChangeKind): number => (kind === 'expire' ? 0 : 1);

/** The changes of a batch in the order of their places. */
export function inOrder(changes: readonly Change[]): readonly Change[] {
  if (changes.length < 2) return changes;
  return [...changes].sort(
    (a, b) => a.revision - b.revision || Buffer.compare(a.key, b.key) || rankOf(a.kind) - rankOf(b.kind),
  );
}

/** Whether a change is at or before a place. */
export function isAtOrBefore({ revision, key, kind }: Change, place: ChangePosition): boolean {
  if (!place.within || revision !== place.revision) return revision <= place.revision;
  return (Buffer.compare(key, place.within.key) || rankOf(kind) - place.within.rank) <= 0;
}

/** The revision to watch after, so that everything behind the place is given. */
export function watchFrom({ revision, within }: ChangePosition): Revision {
  return within ? Math.max(revision - 1, 0) : revision;
}

/** The cursor of the place behind a change. */
export function changeCursor({ revision, key, kind }: Change): string {
  return encodeOpaque('kvChange', Buffer.concat([uint64(revision), Buffer.of(rankOf(kind)), key]));
}

/** A cursor or a Version. Throws INVALID_ARGUMENT where the text is neither. */
export function requireChangePosition(field: string, text: string): ChangePosition {
  if (/^\d+$/.test(text)) return { revision: requireVersion(field, text), within: undefined };
  const payload = tryDecodeOpaque('kvChange', text);
  const revision = payload && payload.length > headBytes ? readUint64(payload) : Number.NaN;
  if (!Number.isSafeInteger(revision)) {
    throw invalidArgument(field, `"${text.slice(0, 60)}" is neither a cursor of this field nor a Version`);
  }
  return { revision, within: { rank: payload![headBytes - 1]!, key: payload!.subarray(headBytes) } };
}
