/**
 * A write whose conditions are its caller's own: there is nothing to decide on a state, so nothing is read, combined or tried
 * again. One commit; where it is refused and has an idempotency key, one more that marks the refusal. No number of other
 * writers makes it fail with CONTENTION.
 */
import type { Check, Committed, Entry, Mark, MarkEntry, Store, Write } from '../../proto/store';
import { assertInvariant } from '../core/errors';
import type { Settled } from './batch';
import { decodeMark, encodeMark, makeMarkIdentity } from './marks';
import type { MarkIdentity, Remembered } from './marks';

export interface DirectWrite<O> {
  readonly checks: readonly Check[];
  readonly writes: readonly Write[];
  /** The outcome where every check holds. */
  readonly done: O;
  /** The outcome where one does not: pure, from the entries of the checked keys as they stand, by their key as latin1. */
  readonly refuse: (current: ReadonlyMap<string, Entry>) => O;
  readonly remembered?: Remembered<O> | undefined;
}

/** Rejects with IDEMPOTENCY_KEY_REUSED, or the store's failure. */
export async function writeDirectly<O>(store: Store, write: DirectWrite<O>): Promise<Settled<O>> {
  const { checks, writes, done, refuse, remembered } = write;
  if (!remembered) {
    const [outcome] = await store.commit([{ checks, writes }]);
    if (outcome!.kind === 'failed') throw outcome!.error;
    return settled(outcome!.kind === 'committed' ? done : refuse(byKey(outcome!.entries)), outcome!);
  }
  const identity = makeMarkIdentity(remembered.idempotency);
  const [first] = await store.commit([{ checks, writes, marks: [markOf(identity, remembered.encode(done))] }]);
  if (first!.kind === 'failed') throw first!.error;
  if (first!.kind === 'committed') return settled(done, first!);
  if (first!.marks.length > 0) return replayed(remembered, identity, first!.marks[0]!);
  // The refusal was decided on the state that the conflict brought: it needs no check, only its mark.
  const refusal = refuse(byKey(first!.entries));
  const [second] = await store.commit([
    { checks: [], writes: [], marks: [markOf(identity, remembered.encode(refusal))] },
  ]);
  if (second!.kind === 'failed') throw second!.error;
  if (second!.kind === 'committed') return settled(refusal, second!);
  assertInvariant(second!.marks.length > 0, 'a conflict without checks brings a mark');
  return replayed(remembered, identity, second!.marks[0]!);
}

function markOf({ key, inputHash }: MarkIdentity, outcome: Buffer): Mark {
  return { key, value: encodeMark(inputHash, outcome) };
}

function replayed<O>(remembered: Remembered<O>, { inputHash }: MarkIdentity, mark: MarkEntry): Settled<O> {
  const outcome = remembered.decode(decodeMark(mark.value, inputHash), mark);
  return { outcome, revision: mark.revision, nowMs: mark.committedAtMs, isReplay: true };
}

function settled<O>(outcome: O, { revision, nowMs }: Pick<Committed, 'revision' | 'nowMs'>): Settled<O> {
  return { outcome, revision, nowMs, isReplay: false };
}

function byKey(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [entry.key.toString('latin1'), entry]));
}
