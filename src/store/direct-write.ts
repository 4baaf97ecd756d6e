/**
 * A write whose conditions are its caller's own: there is nothing to decide on a state, so nothing is read, combined or tried
 * again. One commit; where it is refused and has an idempotency key, one more that marks the refusal. No number of other
 * writers makes it fail with CONTENTION.
 *
 * A write may have a guard: a row that other callers write now and then, whose value says whether the write may be. What is known of
 * it decides whether the write is sent, and the commit checks that this is still the row. Only then is it tried again:
 * when the row moved. A refusal never rests on what was kept from before, but on a row learnt while the write was under way.
 */
import type { Check, Committed, Entry, Mark, MarkEntry, Revision, Store, Write } from '../../proto/store';
import { AppError, assertInvariant } from '../core/errors';
import type { Settled } from './batch';
import type { KnownState } from './lane-memory';
import { decodeMark, encodeMark, makeMarkIdentity } from './marks';
import type { MarkIdentity, Remembered } from './marks';

export interface DirectWrite<O> {
  readonly checks: readonly Check[];
  readonly writes: readonly Write[];
  /** The outcome where every check holds. */
  readonly done: O;
  /** The outcome where one does not: pure, from the entries of the checked keys as they stand, by their key as latin1. */
  readonly refuse: (current: ReadonlyMap<string, Entry>) => O;
  readonly guard?: Guard<O> | undefined;
  readonly remembered?: Remembered<O> | undefined;
}

/** A row that is neither checked nor written otherwise. */
export interface Guard<O> {
  readonly key: Buffer;
  /** Undefined: the write may be. Else why not; a failure is thrown. Pure. */
  readonly judge: (entry: Entry | undefined) => O | undefined;
}

/** Where rows of guards are kept between writes. */
export interface GuardMemory {
  get(key: Buffer): KnownState | undefined;
  set(key: Buffer, known: KnownState): void;
}

/** What one commit of a write came to. */
type Attempt<O> =
  | { readonly kind: 'settled'; readonly settled: Settled<O> }
  | { readonly kind: 'conflict'; readonly entries: ReadonlyMap<string, Entry>; readonly at: Moment };

interface Moment {
  readonly revision: Revision;
  readonly nowMs: number;
}

/** A guard's row only moves on: it would have to be written anew each time. */
const guardTriesMax = 12;

/** Rejects with IDEMPOTENCY_KEY_REUSED, what the guard throws, or the store's failure. */
export async function writeDirectly<O>(store: Store, write: DirectWrite<O>, memory: GuardMemory): Promise<Settled<O>> {
  const one = new OneWrite(store, write);
  if (write.guard) return writeGuarded(one, { store, memory, guard: write.guard });
  const attempt = await one.attempt(write.checks);
  return attempt.kind === 'settled' ? attempt.settled : one.settle(write.refuse(attempt.entries), attempt.at);
}

interface Guarding<O> {
  readonly store: Store;
  readonly memory: GuardMemory;
  readonly guard: Guard<O>;
}

async function writeGuarded<O>(one: OneWrite<O>, { store, memory, guard }: Guarding<O>): Promise<Settled<O>> {
  const { key } = guard;
  const learn = (entry: Entry | undefined, at: Moment): Learnt => {
    memory.set(key, { entry, asOf: at.revision });
    return { entry, at };
  };
  const read = async (): Promise<Learnt> => {
    const { results, revision, nowMs } = await store.read([{ start: key }]);
    return learn(results[0]!.entries[0], { revision, nowMs });
  };
  const kept = memory.get(key);
  let row: Learnt = kept && mayBe(guard, kept.entry) ? { entry: kept.entry, at: undefined } : await read();
  for (let tries = 1; tries <= guardTriesMax; tries += 1) {
    const refusal = guard.judge(row.entry);
    if (refusal !== undefined) return one.settle(refusal, row.at!);
    const check = { key, revision: row.entry?.revision ?? 0 };
    const attempt = await one.attempt([check, ...one.write.checks]);
    if (attempt.kind === 'settled') return attempt.settled;
    const present = attempt.entries.get(key.toString('latin1'));
    const hasHeld = (present?.revision ?? 0) === check.revision;
    if (hasHeld) return one.settle(one.write.refuse(attempt.entries), attempt.at);
    row = learn(present, attempt.at);
  }
  throw new AppError('CONTENTION', `the guard of a write moved ${guardTriesMax} times in a row: nothing was written`);
}

/** A guard's row; `at` is undefined where it was kept from before: then the write may be, as far as is known. */
interface Learnt {
  readonly entry: Entry | undefined;
  readonly at: Moment | undefined;
}

function mayBe<O>(guard: Guard<O>, entry: Entry | undefined): boolean {
  try {
    return guard.judge(entry) === undefined;
  } catch {
    // Perhaps it is only not known yet.
    return false;
  }
}

/** The commits of one write, under its mark. */
class OneWrite<O> {
  readonly write: DirectWrite<O>;
  readonly #store: Store;
  readonly #identity: MarkIdentity | undefined;

  constructor(store: Store, write: DirectWrite<O>) {
    this.#store = store;
    this.write = write;
    this.#identity = write.remembered && makeMarkIdentity(write.remembered.idempotency);
  }

  /** Commits the writes under these checks, or finds that it did so before. */
  async attempt(checks: readonly Check[]): Promise<Attempt<O>> {
    const { writes, done } = this.write;
    const [outcome] = await this.#store.commit([{ checks, writes, ...this.#marks(done) }]);
    if (outcome!.kind === 'failed') throw outcome!.error;
    if (outcome!.kind === 'committed') return { kind: 'settled', settled: settled(done, outcome!) };
    const { marks, entries, revision, nowMs } = outcome!;
    if (marks.length > 0) return { kind: 'settled', settled: this.#replayed(marks[0]!) };
    return { kind: 'conflict', entries: byKey(entries), at: { revision, nowMs } };
  }

  /** A refusal, decided on the state of that moment: it needs no check, only its mark. */
  async settle(refusal: O, at: Moment): Promise<Settled<O>> {
    if (!this.#identity) return settled(refusal, at);
    const [outcome] = await this.#store.commit([{ checks: [], writes: [], ...this.#marks(refusal) }]);
    if (outcome!.kind === 'failed') throw outcome!.error;
    if (outcome!.kind === 'committed') return settled(refusal, outcome!);
    assertInvariant(outcome!.marks.length > 0, 'a conflict without checks brings a mark');
    return this.#replayed(outcome!.marks[0]!);
  }

  #marks(outcome: O): { readonly marks?: readonly Mark[] } {
    if (!this.#identity) return {};
    const { key, inputHash } = this.#identity;
    return { marks: [{ key, value: encodeMark(inputHash, this.write.remembered!.encode(outcome)) }] };
  }

  #replayed(mark: MarkEntry): Settled<O> {
    const outcome = this.write.remembered!.decode(decodeMark(mark.value, this.#identity!.inputHash), mark);
    return { outcome, revision: mark.revision, nowMs: mark.committedAtMs, isReplay: true };
  }
}

function settled<O>(outcome: O, { revision, nowMs }: Pick<Committed, 'revision' | 'nowMs'>): Settled<O> {
  return { outcome, revision, nowMs, isReplay: false };
}

function byKey(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [entry.key.toString('latin1'), entry]));
}
