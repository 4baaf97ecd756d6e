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
import { limits } from '../../proto/limits';
import type { Entry, KeyRange, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { decodeRecord, encodeRecord } from '../core/codec';
import { AppError, invalidArgument, isAppError } from '../core/errors';
import { hashParts } from '../core/ids';
import type { Ids } from '../core/ids';
import { requireInteger, requireText } from '../core/input';
import { counterShardsRange, familyRange, families, keyspace } from '../core/keyspace';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { keyAfter } from '../core/tuple';
import { LatestState } from '../store/latest-state';
import type { StateRead } from '../store/latest-state';
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
export type CreateOutcome = { readonly kind: 'created'; readonly createdAtMs: number } | { readonly kind: 'exists' };
/** The counter as it was made, whatever came since. */
export type CreateCounterOutcome =
  { readonly kind: 'created'; readonly counter: Counter } | Extract<CreateOutcome, { kind: 'exists' }>;

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

/** Which rows a command names, and so which lanes it joins. */
interface Layout {
  readonly shards: number;
  /** All shard rows, not the command's own alone. */
  readonly readsAll: boolean;
}

/** The command needs other rows than it was laid out for: a signal between decision and method. */
class LaidOutOtherwise extends Error {
  constructor(readonly layout: Layout) {
    super(`the counter has ${layout.shards} shards`);
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
  readonly #ids: Ids;
  /** Only of counters of several shards. */
  readonly #knownShards = new Map<string, number>();
  /** This process's own shard of every counter: its writers meet each other in one lane, and nobody else. */
  readonly #ownShard: number;
  readonly #latest: LatestState<Counter>;

  constructor({ store, transact, clock, ids }: CounterDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#ids = ids;
    this.#ownShard = Math.floor(ids.fraction() * limits.counterShardsMax);
    const read = (name: string): Promise<StateRead<Counter>> => this.#read(name);
    this.#latest = new LatestState({ store, clock, everyMs: changedEveryMs, rangesOf, read });
  }

  /** The counter now, or undefined where there is none. */
  async get(name: string): Promise<Counter | undefined> {
    requireName('name', name);
    return (await this.#read(name)).state;
  }

  /** A page of the counters whose name begins with `prefix`, in byte order of their names. */
  async list(prefix: string, first: number, after: string | undefined): Promise<CounterPage> {
    const range = familyRange('counter', requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.nameBytesMax }));
    requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
    let last =
      after === undefined ? undefined : keyspace.counter(requireCursor('after', 'counters', after).toString('utf8'));
    for (;;) {
      const start = last && Buffer.compare(last, range.start) >= 0 ? keyAfter(last) : range.start;
      if (Buffer.compare(start, range.end) >= 0) return { counters: [], hasMore: false };
      const { results } = await this.#store.read([{ start, end: range.end, limit: first }]);
      const { entries, more } = results[0]!;
      const counters = await this.#withShards(entries);
      // A page whose counters were all deleted meanwhile would have no cursor to go on from.
      if (counters.length > 0 || !more) return { counters, hasMore: more };
      last = entries.at(-1)!.key;
    }
  }

  /** Makes a counter; one that exists is left alone. */
  async create(input: CreateCounter): Promise<CreateCounterOutcome> {
    requireCreate(input);
    const { name, initialValue, shards, min, max } = input;
    const key = keyspace.counter(name);
    const generation = this.#newGeneration();
    const { outcome } = await this.#transact.run<CreateOutcome>({
      records: [key],
      decide: (view) => {
        const command = { initialValue, shards, min, max, generation };
        const { outcome, next } = decideCreate(readHead(view, key), command, view.nowMs);
        if (next) putHead(view, key, next);
        return outcome;
      },
      remembered: rememberAsJson({ mutation: 'createCounter', input, defaults: { initialValue: 0, shards: 1 } }),
    });
    if (outcome.kind === 'exists') return outcome;
    this.#rememberShards(name, shards);
    const { createdAtMs } = outcome;
    const counter = { name, value: initialValue, shards, min, max, createdAtMs, updatedAtMs: createdAtMs };
    return { kind: 'created', counter };
  }

  /** Adds `by` exactly once; a missing counter is first made, at 0, with one shard. */
  async increment(input: IncrementCounter): Promise<IncrementOutcome> {
    const { name, by } = input;
    requireName('input.name', name);
    requireInteger('input.by', by, { min: -integerMax, max: integerMax });
    if (by === 0) throw invalidArgument('input.by', 'is 0: an increment changes the counter');
    const remembered = rememberAsJson<IncrementOutcome>({ mutation: 'incrementCounter', input, defaults: { by: 1 } });
    return await this.#laidOut(name, (layout) => this.#incrementIn(layout, input, remembered));
  }

  /** Sets the value, of a sharded counter too; a missing counter is made with one shard. */
  async set(input: SetCounter): Promise<IncrementOutcome> {
    const { name, value } = input;
    requireName('input.name', name);
    requireInteger('input.value', value, { min: -integerMax, max: integerMax });
    const key = keyspace.counter(name);
    const generation = this.#newGeneration();
    const remembered = rememberAsJson<IncrementOutcome>({ mutation: 'setCounter', input });
    return this.#laidOut(name, (layout) =>
      this.#transact.run<IncrementOutcome>({
        records: [key, ...shardKeysOf(name, layout.shards)],
        decide: (view) => {
          const { outcome, next } = decideSet(readHeadIn(view, key, layout), { value, generation }, view.nowMs);
          if (next) putHead(view, key, next);
          return outcome;
        },
        remembered,
      }),
    );
  }

  /** Removes the counter with all its shards; whether there was one. */
  async delete(name: string): Promise<boolean> {
    requireName('name', name);
    const key = keyspace.counter(name);
    const wasPresent = await this.#laidOut(name, (layout) => {
      const shardKeys = shardKeysOf(name, layout.shards);
      return this.#transact.run<boolean>({
        records: [key, ...shardKeys],
        decide: (view) => {
          if (!readHeadIn(view, key, layout)) return false;
          view.delete(key, families.counter.history);
          // Blind: an increment that comes later finds no head, one that came before is removed here.
          for (const row of shardKeys) view.delete(row, families.counterShard.history);
          return true;
        },
      });
    });
    this.#knownShards.delete(name);
    return wasPresent;
  }

  /**
   * The counter now, then the newest value whenever it changed, at most about 20 a second; the last value always comes. Waits
   * where there is no such counter yet. `after`: a value that was given before, behind which it goes on. Throws INVALID_ARGUMENT
   * at once. Ends when `signal` aborts.
   */
  changed(name: string, signal: AbortSignal, after?: Counter): AsyncGenerator<Counter, void, void> {
    requireName('name', name);
    return this.#latest.of(name, signal, after);
  }

  async #read(name: string): Promise<StateRead<Counter>> {
    const { results, revision } = await this.#store.read(rangesOf(name));
    const head = results[0]!.entries[0];
    return { state: head && toCounter(head, results[1]!.entries), revision };
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
    const counters = heads.map((entry) => {
      const name = nameOf(entry.key);
      return summed.has(name) ? summed.get(name) : toCounter(entry, []);
    });
    return counters.filter((counter) => counter !== undefined);
  }

  /** The outcome of a command laid out for what is known of the counter, and again where that turned out to be otherwise. */
  async #laidOut<O>(name: string, run: (layout: Layout) => Promise<Settled<O>>): Promise<O> {
    let layout: Layout = { shards: this.#knownShards.get(name) ?? 1, readsAll: false };
    for (let tries = 1; tries <= layoutTriesMax; tries += 1) {
      try {
        return (await run(layout)).outcome;
      } catch (error) {
        if (!isAppError(error) || !(error.cause instanceof LaidOutOtherwise)) throw error;
        layout = error.cause.layout;
        this.#rememberShards(name, layout.shards);
      }
    }
    throw new AppError('CONTENTION', `counter "${name}" was made anew ${layoutTriesMax} times in a row: try again`);
  }

  #rememberShards(name: string, shards: number): void {
    this.#knownShards.delete(name);
    if (shards > 1) this.#knownShards.set(name, shards);
    if (this.#knownShards.size > knownShardsMax) this.#knownShards.delete(this.#knownShards.keys().next().value!);
  }

  #incrementIn(
    layout: Layout,
    { name, by, idempotencyKey }: IncrementCounter,
    remembered: Remembered<IncrementOutcome> | undefined,
  ): Promise<Settled<IncrementOutcome>> {
    const { shards, readsAll } = layout;
    const headKey = keyspace.counter(name);
    if (shards === 1) {
      return this.#transact.run<IncrementOutcome>({
        records: [headKey],
        decide: (view) => incrementHead(view, { headKey, by, layout }),
        remembered,
      });
    }
    const shard = this.#shardFor(shards, idempotencyKey);
    const shardKey = keyspace.counterShard(name, shard);
    const otherShardKeys = readsAll ? shardKeysOf(name, shards).filter((_, other) => other !== shard) : [];
    return this.#transact.run<IncrementOutcome>({
      records: [shardKey],
      guards: [headKey, ...otherShardKeys],
      decide: (view) => incrementShard(view, { headKey, shardKey, otherShardKeys, by, layout }),
      remembered,
    });
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
    outcome: { kind: 'created', createdAtMs: nowMs },
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

/** Adds to one shard, within its part of what the sum can hold. `total`: what the counter stands at, asked for where it is refused. */
export function decideShardIncrement(
  { head, shard, by, total }: ShardIncrement,
  nowMs: number,
): { outcome: IncrementOutcome; next?: CounterShard } {
  const isCurrent = shard?.generation === head.generation;
  const sum = (isCurrent ? shard.sum : 0) + by;
  if (Math.abs(sum) > Math.floor((integerMax - Math.abs(head.value)) / head.shards)) {
    return { outcome: { kind: 'outOfBounds', value: total(), min: undefined, max: undefined } };
  }
  const updatedAtMs = Math.max(nowMs, isCurrent ? shard.updatedAtMs : 0);
  return { outcome: { kind: 'changed', value: undefined }, next: { generation: head.generation, sum, updatedAtMs } };
}

export interface ShardIncrement {
  readonly head: CounterHead;
  readonly shard: CounterShard | undefined;
  readonly by: number;
  readonly total: () => number;
}

function incrementHead(
  view: View,
  { headKey, by, layout }: { readonly headKey: Buffer; readonly by: number; readonly layout: Layout },
): IncrementOutcome {
  const { outcome, next } = decideIncrement(readHeadIn(view, headKey, layout), by, view.nowMs);
  if (next) putHead(view, headKey, next);
  return outcome;
}

interface ShardRows {
  readonly headKey: Buffer;
  readonly shardKey: Buffer;
  /** Only where the layout reads them all. */
  readonly otherShardKeys: readonly Buffer[];
  readonly by: number;
  readonly layout: Layout;
}

function incrementShard(view: View, rows: ShardRows): IncrementOutcome {
  const { headKey, shardKey, otherShardKeys, by, layout } = rows;
  const head = readHeadIn(view, headKey, layout);
  // Without a head the layout is of one shard.
  if (!head) throw new LaidOutOtherwise({ shards: 1, readsAll: false });
  const shard = readShard(view, shardKey);
  const total = (): number => {
    if (!layout.readsAll) throw new LaidOutOtherwise({ ...layout, readsAll: true });
    const others = otherShardKeys.map((key) => readShard(view, key));
    return sumUp(head, [shard, ...others]).value;
  };
  const { outcome, next } = decideShardIncrement({ head, shard, by, total }, view.nowMs);
  if (next) view.put(shardKey, encodeRecord(format, next), { history: families.counterShard.history });
  return outcome;
}

/** The keys of a counter's shard rows; one of one shard lives in its head alone. */
function shardKeysOf(name: string, shards: number): Buffer[] {
  return shards === 1 ? [] : Array.from({ length: shards }, (_, shard) => keyspace.counterShard(name, shard));
}

/** A counter's head, and all its shards. */
function rangesOf(name: string): KeyRange[] {
  return [{ start: keyspace.counter(name) }, counterShardsRange(name)];
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
  if (min !== undefined && max !== undefined && min > max)
    throw invalidArgument('input.min', `is ${min}, above max ${max}`);
  if (initialValue < (min ?? initialValue) || initialValue > (max ?? initialValue)) {
    throw invalidArgument(
      'input.initialValue',
      `is ${initialValue}, outside min ${min ?? 'none'} and max ${max ?? 'none'}`,
    );
  }
}

function decodeHead(value: Buffer): CounterHead {
  return decodeRecord<CounterHead>(format, value);
}

function readHead(view: View, key: Buffer): CounterHead | undefined {
  const row = view.get(key);
  return row && decodeHead(row.value);
}

/** The head, where the command was laid out for what it says. */
function readHeadIn(view: View, key: Buffer, layout: Layout): CounterHead | undefined {
  const head = readHead(view, key);
  const shards = head?.shards ?? 1;
  if (shards !== layout.shards) throw new LaidOutOtherwise({ shards, readsAll: false });
  return head;
}

function putHead(view: View, key: Buffer, head: CounterHead): void {
  view.put(key, encodeRecord(format, head), { history: families.counter.history });
}

function readShard(view: View, key: Buffer): CounterShard | undefined {
  const row = view.get(key);
  return row && decodeShard(row.value);
}

function decodeShard(value: Buffer): CounterShard {
  return decodeRecord<CounterShard>(format, value);
}

function nameOf(headKey: Buffer): string {
  return keyspace.lastText(headKey);
}

/** The head with the shards of its generation. */
function sumUp(
  head: CounterHead,
  shards: readonly (CounterShard | undefined)[],
): Pick<Counter, 'value' | 'updatedAtMs'> {
  let { value, updatedAtMs } = head;
  for (const shard of shards) {
    if (shard?.generation !== head.generation) continue;
    value += shard.sum;
    updatedAtMs = Math.max(updatedAtMs, shard.updatedAtMs);
  }
  return { value, updatedAtMs };
}

function toCounter(headEntry: Entry, shardEntries: readonly Entry[]): Counter {
  const head = decodeHead(headEntry.value);
  const { shards, min, max, createdAtMs } = head;
  const sum = sumUp(
    head,
    shardEntries.map(({ value }) => decodeShard(value)),
  );
  return { name: nameOf(headEntry.key), shards, min, max, createdAtMs, ...sum };
}

/** The cursor of a list behind a counter. */
export function counterCursor(name: string): string {
  return encodeOpaque('counters', Buffer.from(name, 'utf8'));
}
