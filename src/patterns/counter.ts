/**
 * Counters that never lose or double an increment.
 *
 * Promises: value = what it was created or set with + the sum of acknowledged increments, under any interleaving, crash and
 * retry; min and max are never passed. Stores a head { base value, shards, bounds, generation }; a counter of one shard lives
 * in its head alone, one of several adds one row a shard, so that writers on different gateways do not meet. An increment of a sharded
 * counter checks the head and never writes it; setCounter and deleteCounter change the head's generation, which turns the shard rows
 * of an earlier life into nothing. Costs one commit an increment, shared by all that wait for the same record; a read is
 * one round trip. Fails with INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED and the store's own failures.
 */
import type { Clock } from '../core/clock';
import { decodeRecord, encodeRecord } from '../core/codec';
import { AppError, invalidArgument, isAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { hashParts } from '../core/ids';
import { requireInteger, requireText } from '../core/input';
import { counterShardsRange, familyRange, families, keyspace } from '../core/keyspace';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { keyAfter } from '../core/tuple';
import { limits } from '../../proto/limits';
import type { Entry, KeyRange, Revision, Store } from '../../proto/store';
import { rememberAsJson } from '../store/remember';
import type { Remembered, Settled, Transact, View } from '../store/transact';

/** A counter as it is read: all shards summed, from one snapshot. */
export interface Counter {
  readonly name: string;
  readonly value: number;
  readonly shards: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface CounterPage {
  readonly counters: readonly Counter[];
  readonly hasMore: boolean;
}

/** The head's record. */
export interface CounterHead {
  readonly value: number;
  readonly shards: number;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Which shard rows count: chance, new whenever the counter is made or set. */
  readonly generation: number;
}

/** A shard's record. */
export interface CounterShard {
  readonly generation: number;
  readonly sum: number;
  readonly updatedAtMs: number;
}

/** The change was refused: it would pass a bound, or what an integer can hold. */
export interface OutOfBounds {
  readonly kind: 'outOfBounds';
  readonly value: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** `value` is undefined for a counter of several shards. */
export type IncrementOutcome = { readonly kind: 'changed'; readonly value: number | undefined } | OutOfBounds;
export type CreateOutcome = { readonly kind: 'created' } | { readonly kind: 'exists' };

export interface CreateCounter {
  readonly name: string;
  readonly initialValue: number;
  readonly shards: number;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface IncrementCounter {
  readonly name: string;
  readonly by: number;
  readonly idempotencyKey?: string | undefined;
}

export interface SetCounter {
  readonly name: string;
  readonly value: number;
  readonly idempotencyKey?: string | undefined;
}

/** The counter has another number of shards than the command was laid out for: a signal between decision and method. */
class ShardsChanged extends Error {
  constructor(readonly shards: number) {
    super(`the counter has ${shards} shards`);
  }
}

const format = 1;
const integerMax = Number.MAX_SAFE_INTEGER;
/** A subscriber is sent at most one value in this time: about 20 a second. */
const changedEveryMs = 50;
/** Counters whose number of shards is remembered, so that an increment knows its rows without a read. */
const knownShardsMax = 100_000;
const layoutTriesMax = 5;

export interface CounterDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly ids: Ids;
}

export class Counters {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #clock: Clock;
  readonly #ids: Ids;
  /** Only of counters of several shards. */
  readonly #knownShards = new Map<string, number>();
  /** This process's own shard of every counter: its writers meet each other in one lane, and nobody else. */
  readonly #ownShard: number;

  constructor({ store, transact, clock, ids }: CounterDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#clock = clock;
    this.#ids = ids;
    this.#ownShard = Math.floor(ids.fraction() * limits.counterShardsMax);
  }

  /** The counter now, or undefined where there is none. */
  async get(name: string): Promise<Counter | undefined> {
    requireName('name', name);
    return (await this.#read(name)).counter;
  }

  /** A page of the counters whose name begins with `prefix`, in byte order of their names. */
  async list(prefix: string, first: number, after: string | undefined): Promise<CounterPage> {
    const range = familyRange('counter', requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.nameBytesMax }));
    requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
    const last = after === undefined ? undefined : keyspace.counter(requireCursor('after', 'counters', after).toString('utf8'));
    const start = last && Buffer.compare(last, range.start) >= 0 ? keyAfter(last) : range.start;
    if (Buffer.compare(start, range.end) >= 0) return { counters: [], hasMore: false };
    const { results } = await this.#store.read([{ start, end: range.end, limit: first }]);
    const { entries, more } = results[0]!;
    return { counters: await this.#withShards(entries), hasMore: more };
  }

  /** Makes a counter; one that exists is left alone. */
  async create(input: CreateCounter): Promise<{ outcome: CreateOutcome; counter: Counter | undefined }> {
    requireCreate(input);
    const { name, initialValue, shards, min, max } = input;
    const key = keyspace.counter(name);
    const generation = this.#newGeneration();
    const settled = await this.#transact.run<CreateOutcome>({
      records: [key],
      decide: (view) => {
        const { outcome, next } = decideCreate(readHead(view, key), { initialValue, shards, min, max, generation }, view.nowMs);
        if (next) putHead(view, key, next);
        return outcome;
      },
      remembered: rememberAsJson({ mutation: 'createCounter', input, defaults: { initialValue: 0, shards: 1 } }),
    });
    return { outcome: settled.outcome, counter: await this.get(name) };
  }

  /** Adds `by` exactly once; a missing counter is first made, at 0, with one shard. */
  async increment(input: IncrementCounter): Promise<IncrementOutcome> {
    const { name, by } = input;
    requireName('input.name', name);
    requireInteger('input.by', by, { min: -integerMax, max: integerMax });
    if (by === 0) throw invalidArgument('input.by', 'is 0: an increment changes the counter');
    const remembered = rememberAsJson<IncrementOutcome>({ mutation: 'incrementCounter', input, defaults: { by: 1 } });
    return this.#laidOut(name, (shards) => this.#incrementAs(shards, input, remembered));
  }

  /** Sets the value, of a sharded counter too; a missing counter is made with one shard. */
  async set(input: SetCounter): Promise<IncrementOutcome> {
    const { name, value } = input;
    requireName('input.name', name);
    requireInteger('input.value', value, { min: -integerMax, max: integerMax });
    const key = keyspace.counter(name);
    const generation = this.#newGeneration();
    const settled = await this.#transact.run<IncrementOutcome>({
      records: [key],
      decide: (view) => {
        const { outcome, next } = decideSet(readHead(view, key), { value, generation }, view.nowMs);
        if (next) putHead(view, key, next);
        return outcome;
      },
      remembered: rememberAsJson({ mutation: 'setCounter', input }),
    });
    return settled.outcome;
  }

  /** Removes the counter with all its shards; whether there was one. */
  async delete(name: string): Promise<boolean> {
    requireName('name', name);
    const key = keyspace.counter(name);
    const shardRows = Array.from({ length: limits.counterShardsMax }, (_, shard) => keyspace.counterShard(name, shard));
    const { outcome } = await this.#transact.run<boolean>({
      records: [key],
      rows: shardRows,
      decide: (view) => {
        const head = readHead(view, key);
        if (!head) return false;
        view.delete(key, families.counter.history);
        // Blind: an increment that comes later finds no head, one that came before is removed here.
        if (head.shards > 1) for (const row of shardRows.slice(0, head.shards)) view.delete(row, families.counterShard.history);
        return true;
      },
    });
    this.#knownShards.delete(name);
    return outcome;
  }

  /**
   * The counter now, then the newest value whenever it changed, at most about 20 a second; the last value always comes. Waits
   * where there is no such counter yet. Ends when `signal` aborts.
   */
  async *changed(name: string, signal: AbortSignal): AsyncGenerator<Counter, void, void> {
    requireName('name', name);
    const ranges: KeyRange[] = [{ start: keyspace.counter(name) }, counterShardsRange(name)];
    let { counter, revision } = await this.#read(name);
    if (counter) yield counter;
    for await (const batch of this.#store.watch(ranges, { afterRevision: revision, keysOnly: true, signal })) {
      if (batch.changes.length === 0 || batch.revision <= revision) continue;
      ({ counter, revision } = await this.#read(name));
      if (!counter) continue;
      yield counter;
      await this.#clock.sleep(changedEveryMs, signal);
    }
  }

  async #read(name: string): Promise<{ counter: Counter | undefined; revision: Revision }> {
    const { results, revision } = await this.#store.read([{ start: keyspace.counter(name) }, counterShardsRange(name)]);
    const head = results[0]!.entries[0];
    return { counter: head && toCounter(head, results[1]!.entries), revision };
  }

  async #withShards(heads: readonly Entry[]): Promise<Counter[]> {
    const sharded = heads.filter((entry) => decodeHead(entry.value).shards > 1);
    if (sharded.length === 0) return heads.map((entry) => toCounter(entry, []));
    // Heads once more, with their shards: both from one snapshot.
    const ranges = sharded.flatMap(({ key }) => [{ start: key }, counterShardsRange(nameOf(key))]);
    const { results } = await this.#store.read(ranges);
    const summed = new Map<string, Counter | undefined>();
    for (const [index, { key }] of sharded.entries()) {
      const head = results[2 * index]!.entries[0];
      summed.set(nameOf(key), head && toCounter(head, results[2 * index + 1]!.entries));
    }
    const counters = heads.map((entry) => (summed.has(nameOf(entry.key)) ? summed.get(nameOf(entry.key)) : toCounter(entry, [])));
    return counters.filter((counter) => counter !== undefined);
  }

  /** Runs a command laid out for the counter's number of shards, and again where that turned out to be another one. */
  async #laidOut<O>(name: string, run: (shards: number) => Promise<O>): Promise<O> {
    for (let tries = 1; tries <= layoutTriesMax; tries += 1) {
      try {
        return await run(this.#knownShards.get(name) ?? 1);
      } catch (error) {
        if (!isAppError(error) || !(error.cause instanceof ShardsChanged)) throw error;
        this.#rememberShards(name, error.cause.shards);
      }
    }
    throw new AppError('CONTENTION', `counter "${name}" was made anew with other shards ${layoutTriesMax} times in a row: try again`);
  }

  #rememberShards(name: string, shards: number): void {
    this.#knownShards.delete(name);
    if (shards > 1) this.#knownShards.set(name, shards);
    if (this.#knownShards.size > knownShardsMax) this.#knownShards.delete(this.#knownShards.keys().next().value!);
  }

  async #incrementAs(
    shards: number,
    { name, by, idempotencyKey }: IncrementCounter,
    remembered: Remembered<IncrementOutcome> | undefined,
  ): Promise<IncrementOutcome> {
    const headKey = keyspace.counter(name);
    if (shards === 1) {
      const { outcome } = await this.#transact.run<IncrementOutcome>({
        records: [headKey],
        decide: (view) => incrementHead(view, headKey, by),
        remembered,
      });
      return outcome;
    }
    const shardKey = keyspace.counterShard(name, this.#shardFor(shards, idempotencyKey));
    const settled: Settled<IncrementOutcome> = await this.#transact.run<IncrementOutcome>({
      records: [shardKey],
      guards: [headKey],
      decide: (view) => incrementShard(view, { headKey, shardKey, shards, by }),
      remembered,
    });
    if (settled.outcome.kind === 'changed') return settled.outcome;
    // The refusal came from one shard; what is shown is the sum.
    const counter = await this.get(name);
    return { ...settled.outcome, value: counter?.value ?? settled.outcome.value };
  }

  #shardFor(shards: number, idempotencyKey: string | undefined): number {
    if (idempotencyKey === undefined) return this.#ownShard % shards;
    return hashParts(idempotencyKey).readUInt32BE(0) % shards;
  }

  #newGeneration(): number {
    return this.#ids.bytes(6).readUIntBE(0, 6);
  }
}

/** Creates at the initial value, or leaves alone what is there. */
export function decideCreate(
  head: CounterHead | undefined,
  command: Pick<CreateCounter, 'initialValue' | 'shards' | 'min' | 'max'> & { generation: number },
  nowMs: number,
): { outcome: CreateOutcome; next?: CounterHead } {
  if (head) return { outcome: { kind: 'exists' } };
  const { initialValue, shards, min, max, generation } = command;
  return {
    outcome: { kind: 'created' },
    next: { value: initialValue, shards, min, max, createdAtMs: nowMs, updatedAtMs: nowMs, generation },
  };
}

/** Adds to a counter of one shard; a missing one begins at 0. */
export function decideIncrement(
  head: CounterHead | undefined,
  by: number,
  nowMs: number,
): { outcome: IncrementOutcome; next?: CounterHead } {
  // A counter of one shard has no shard rows, so its generation says nothing.
  return decideSet(head, { value: (head?.value ?? 0) + by, generation: head?.generation ?? 0 }, nowMs);
}

/** Sets the base value within the bounds; a missing counter is made with one shard. */
export function decideSet(
  head: CounterHead | undefined,
  command: { readonly value: number; readonly generation: number },
  nowMs: number,
): { outcome: IncrementOutcome; next?: CounterHead } {
  const { value, generation } = command;
  const { min, max } = head ?? {};
  if (!Number.isSafeInteger(value) || value < (min ?? -integerMax) || value > (max ?? integerMax)) {
    return { outcome: { kind: 'outOfBounds', value: head?.value ?? 0, min, max } };
  }
  const updatedAtMs = Math.max(nowMs, head?.updatedAtMs ?? 0);
  const kept = head ?? { shards: 1, createdAtMs: nowMs };
  return {
    outcome: { kind: 'changed', value: kept.shards === 1 ? value : undefined },
    next: { ...kept, value, updatedAtMs, generation },
  };
}

/** Adds to one shard, within its part of what the sum can hold. */
export function decideShardIncrement(
  head: CounterHead,
  shard: CounterShard | undefined,
  by: number,
  nowMs: number,
): { outcome: IncrementOutcome; next?: CounterShard } {
  const isCurrent = shard?.generation === head.generation;
  const sum = (isCurrent ? shard.sum : 0) + by;
  if (Math.abs(sum) > Math.floor((integerMax - Math.abs(head.value)) / head.shards)) {
    return { outcome: { kind: 'outOfBounds', value: head.value, min: undefined, max: undefined } };
  }
  const updatedAtMs = Math.max(nowMs, isCurrent ? shard.updatedAtMs : 0);
  return { outcome: { kind: 'changed', value: undefined }, next: { generation: head.generation, sum, updatedAtMs } };
}

function incrementHead(view: View, key: Buffer, by: number): IncrementOutcome {
  const head = readHead(view, key);
  if (head && head.shards > 1) throw new ShardsChanged(head.shards);
  const { outcome, next } = decideIncrement(head, by, view.nowMs);
  if (next) putHead(view, key, next);
  return outcome;
}

function incrementShard(
  view: View,
  { headKey, shardKey, shards, by }: { headKey: Buffer; shardKey: Buffer; shards: number; by: number },
): IncrementOutcome {
  const head = readHead(view, headKey);
  if (!head || head.shards !== shards) throw new ShardsChanged(head?.shards ?? 1);
  const row = view.get(shardKey);
  const shard = row && decodeRecord<CounterShard>(format, row.value);
  const { outcome, next } = decideShardIncrement(head, shard, by, view.nowMs);
  if (next) view.put(shardKey, encodeRecord(format, next), { history: families.counterShard.history });
  return outcome;
}

function requireName(field: string, name: string): void {
  requireText(field, name, { bytesMax: limits.nameBytesMax });
}

function requireCreate({ name, initialValue, shards, min, max }: CreateCounter): void {
  requireName('input.name', name);
  requireInteger('input.shards', shards, { min: 1, max: limits.counterShardsMax });
  const anyInteger = { min: -integerMax, max: integerMax };
  requireInteger('input.initialValue', initialValue, anyInteger);
  if (min !== undefined) requireInteger('input.min', min, anyInteger);
  if (max !== undefined) requireInteger('input.max', max, anyInteger);
  if (shards > 1 && (min !== undefined || max !== undefined)) {
    throw invalidArgument('input.shards', `is ${shards}: min and max are for counters of one shard`);
  }
  if (min !== undefined && max !== undefined && min > max) throw invalidArgument('input.min', `is ${min}, above max ${max}`);
  if (initialValue < (min ?? initialValue) || initialValue > (max ?? initialValue)) {
    throw invalidArgument('input.initialValue', `is ${initialValue}, outside min ${min ?? 'none'} and max ${max ?? 'none'}`);
  }
}

function decodeHead(value: Buffer): CounterHead {
  return decodeRecord<CounterHead>(format, value);
}

function readHead(view: View, key: Buffer): CounterHead | undefined {
  const row = view.get(key);
  return row && decodeHead(row.value);
}

function putHead(view: View, key: Buffer, head: CounterHead): void {
  view.put(key, encodeRecord(format, head), { history: families.counter.history });
}

function nameOf(headKey: Buffer): string {
  return keyspace.lastPart(headKey).toString('utf8');
}

function toCounter(headEntry: Entry, shardEntries: readonly Entry[]): Counter {
  const head = decodeHead(headEntry.value);
  let { value, updatedAtMs } = head;
  for (const entry of shardEntries) {
    const shard = decodeRecord<CounterShard>(format, entry.value);
    if (shard.generation !== head.generation) continue;
    value += shard.sum;
    updatedAtMs = Math.max(updatedAtMs, shard.updatedAtMs);
  }
  const { shards, min, max, createdAtMs } = head;
  return { name: nameOf(headEntry.key), value, shards, min, max, createdAtMs, updatedAtMs };
}

/** The cursor of a list behind a counter. */
export function counterCursor(name: string): string {
  return encodeOpaque('counters', Buffer.from(name, 'utf8'));
}
