/** Short words for what the tests of the suite say again and again. */
import { storeLimits } from '../../../proto/limits';
import type {
  Check,
  CommitOutcome,
  Committed,
  Conflict,
  DeleteWrite,
  Entry,
  KeyRange,
  PutWrite,
  ReadResult,
  Store,
  Transaction,
} from '../../../proto/store';
import type { AppError } from '../../../src/core/errors';
import type { StoreFixture } from './fixture';

/** Bytes from characters below 256. */
export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function textOf(value: Buffer): string {
  return value.toString('latin1');
}

/** All keys that a store can hold. */
export const everything: KeyRange = {
  start: Buffer.alloc(0),
  end: Buffer.alloc(storeLimits.storedKeyBytesMax + 1, 0xff),
};

/** The longest key that reaches the engine with at most the allowed bytes. */
export function keyBytesMax({ prefixBytes }: StoreFixture): number {
  return storeLimits.storedKeyBytesMax - prefixBytes;
}

/** Checks, writes and marks that a transaction may have, beside the store's own. */
export function operationsMax({ gateBytes }: StoreFixture): number {
  return storeLimits.transactionOperationsMax - (gateBytes === undefined ? 0 : 1);
}

export function point(key: string): KeyRange {
  return { start: bytes(key) };
}

export function span(start: string, end: string): KeyRange {
  return { start: bytes(start), end: bytes(end) };
}

export function put(
  key: string | Buffer,
  value: string | Buffer = 'v',
  options: Partial<Pick<PutWrite, 'ttlMs' | 'history'>> = {},
): PutWrite {
  return { kind: 'put', key: asBytes(key), value: asBytes(value), history: 'value', ...options };
}

export function remove(key: string | Buffer, history: DeleteWrite['history'] = 'value'): DeleteWrite {
  return { kind: 'delete', key: asBytes(key), history };
}

export function check(key: string | Buffer, revision: number): Check {
  return { key: asBytes(key), revision };
}

/** A transaction of these writes, with whatever else it is to have. */
export function transaction(writes: Transaction['writes'], rest: Partial<Transaction> = {}): Transaction {
  return { checks: [], writes, ...rest };
}

/** A transaction that writes nothing. */
export function checksOnly(...checks: readonly Check[]): Transaction {
  return { checks, writes: [] };
}

export async function commitOne(store: Store, one: Transaction): Promise<CommitOutcome> {
  const outcomes = await store.commit([one]);
  expect(outcomes).toHaveLength(1);
  return outcomes[0]!;
}

/** Commits what must be committed. */
export async function committed(store: Store, one: Transaction): Promise<Committed> {
  return asCommitted(await commitOne(store, one));
}

/** Commits what must meet a conflict. */
export async function conflicted(store: Store, one: Transaction): Promise<Conflict> {
  return asConflict(await commitOne(store, one));
}

/** Commits puts of the default value, in one transaction. */
export function putAll(store: Store, ...keys: readonly string[]): Promise<Committed> {
  return committed(store, transaction(keys.map((key) => put(key))));
}

export function asCommitted(outcome: CommitOutcome | undefined): Committed {
  if (outcome?.kind !== 'committed') throw new Error(`not committed: ${shown(outcome)}`);
  return outcome;
}

export function asConflict(outcome: CommitOutcome | undefined): Conflict {
  if (outcome?.kind !== 'conflict') throw new Error(`no conflict: ${shown(outcome)}`);
  return outcome;
}

/** The failure of a transaction that must have failed. */
export function failureOf(outcome: CommitOutcome | undefined): AppError {
  if (outcome?.kind !== 'failed') throw new Error(`not failed: ${shown(outcome)}`);
  return outcome.error;
}

export async function readOne(store: Store, range: KeyRange): Promise<ReadResult['results'][number]> {
  const { results } = await store.read([range]);
  expect(results).toHaveLength(1);
  return results[0]!;
}

/** The entry of a key, or undefined where it is absent. */
export async function entryOf(store: Store, key: string | Buffer): Promise<Entry | undefined> {
  const { entries, more } = await readOne(store, { start: asBytes(key) });
  expect(more).toBe(false);
  return entries[0];
}

/** The keys of a range, as text. */
export async function keysIn(store: Store, range: KeyRange): Promise<string[]> {
  return (await readOne(store, range)).entries.map(({ key }) => textOf(key));
}

/** Every key with its value, as text. */
export async function contents(store: Store, range: KeyRange = everything): Promise<Record<string, string>> {
  const { entries } = await readOne(store, range);
  return Object.fromEntries(entries.map(({ key, value }) => [textOf(key), textOf(value)]));
}

/** Sets the wall clock on without firing timers: what expires by it is not swept yet. */
export function jumpWall({ clock }: StoreFixture, byMs: number): void {
  clock.setWallMs(clock.nowMs() + byMs);
}

/** Lets what was begun go on for some turns of the event loop, and some round trips. */
export async function someTurns(store: Store): Promise<void> {
  for (let round = 0; round < 3; round += 1) await store.status();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export interface AdvanceOptions {
  readonly byMs: number;
  readonly stepMs: number;
}

/**
 * Moves the clock on, step by step, until the promise is settled, at most by `byMs`; then waits for the promise, however long
 * the machine takes for it.
 */
export async function advanceUntil<Value>(
  { store, clock }: StoreFixture,
  promise: Promise<Value>,
  { byMs, stepMs }: AdvanceOptions,
): Promise<Value> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  await someTurns(store);
  for (let passedMs = 0; passedMs < byMs && !isSettled; passedMs += stepMs) {
    clock.advance(Math.min(stepMs, byMs - passedMs));
    await someTurns(store);
  }
  return promise;
}

function asBytes(value: string | Buffer): Buffer {
  return typeof value === 'string' ? bytes(value) : value;
}

function shown(value: unknown): string {
  const message = (value as { error?: Error } | undefined)?.error?.message;
  return `${JSON.stringify(value)}${message === undefined ? '' : ` (${message})`}`;
}
