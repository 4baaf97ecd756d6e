/**
 * A Store that sees one scope of another and nothing else: the one choke point of tenancy. Every key that goes in gets
 * the scope's prefix, every key that comes out loses it, and a range, however far its end, stays inside, since its
 * end gets the prefix too. Prefixes come from `tenantScope`, none of which begins another, so that no key
 * of one scope can be named from another. A key that comes back without the prefix is a broken invariant. One kind of row is written
 * elsewhere, and cannot be read from here: what is due of all tenants lies side by side (`src/core/holds-due.ts`).
 *
 * A scope may have a gate: a key outside of it that says whether the scope is open. Every commit and every search checks it and every read
 * reads it in its own snapshot, so that a scope which was shut is shut in that very instant, on every gateway. It costs one
 * check a transaction and one point a read, and no trip.
 */
import { setMaxListeners } from 'node:events';
import type {
  Change,
  Check,
  CommitOptions,
  CommitOutcome,
  Conflict,
  Entry,
  Failed,
  KeyRange,
  KeySpan,
  ReadOptions,
  ReadResult,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Revision,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import { AppError, assertInvariant } from '../core/errors';
import { eitherSignal, endable } from '../core/endable';
import { isHoldsDue, storedHoldsDue } from '../core/holds-due';
import { tenantScopeLength } from '../core/keyspace';
import { UnderWay } from '../core/under-way';

/** What decides whether a scope is open. */
export interface ScopeGate {
  /** As the store under the scoped one knows it. */
  readonly key: Buffer;
  /** At which the scope is open; 0: while there is no such key. */
  readonly revision: Revision;
  /** Why a call is refused that found the gate otherwise: it had no effect. */
  readonly refusal: (gate: Entry | undefined) => AppError;
}

/**
 * The view of `store` on the keys that begin with `scope`. Closing it closes the view alone: its watches end, its later calls
 * fail with UNAVAILABLE, and the store under it goes on.
 */
export class ScopedStore implements Store {
  readonly #store: Store;
  readonly #scope: Buffer;
  readonly #gate: ScopeGate | undefined;
  readonly #isTenants: boolean;
  readonly #closing = new AbortController();
  readonly #running = new UnderWay();
  /** One object for one change, however many watches show it: who is given the same can share what is made of it. */
  readonly #shown = new WeakMap<Change, Change>();

  constructor(store: Store, scope: Buffer, gate?: ScopeGate) {
    assertInvariant(scope.length > 0, 'a scope has a prefix');
    this.#store = store;
    this.#scope = scope;
    this.#gate = gate;
    this.#isTenants = tenantScopeLength(scope) === scope.length;
    // Every watch listens to it.
    setMaxListeners(0, this.#closing.signal);
  }

  async read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    const gate = this.#gate;
    const asked = gate ? [...this.#inside(ranges), { start: gate.key }] : this.#inside(ranges);
    this.#refuseIfClosed();
    this.#running.enter();
    try {
      const { results: all, revision, nowMs } = await this.#store.read(asked, options);
      if (gate) refuseIfShut(gate, all.at(-1)!.entries[0]);
      const results = gate ? all.slice(0, -1) : all;
      return {
        results: results.map(({ entries, more }) => ({ entries: entries.map((entry) => this.#outside(entry)), more })),
        revision,
        nowMs,
      };
    } finally {
      this.#running.leave();
    }
  }

  async commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    this.#refuseIfClosed();
    this.#running.enter();
    try {
      const scoped = transactions.map((transaction) => this.#transaction(transaction));
      const outcomes = await this.#store.commit(scoped, options);
      return outcomes.map((outcome) => this.#outcome(outcome));
    } finally {
      this.#running.leave();
    }
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch(ranges, { ...options, signal }, signal), options.signal);
  }

  async search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    const { rows, stamps, checks, except } = request;
    const scoped = {
      ...request,
      rows: this.#span(rows),
      stamps: this.#span(stamps),
      checks: this.#checks(checks),
      ...(except && { except: this.#prefixed(except) }),
    };
    const outcome = await this.#run(() => this.#store.search(scoped, options));
    if (outcome.kind === 'found') return { ...outcome, hits: outcome.hits.map((hit) => this.#outside(hit)) };
    const seen = this.#conflict(outcome);
    if (seen.kind === 'failed') throw seen.error;
    return seen;
  }

  status(): Promise<StoreStatus> {
    return this.#run(() => this.#store.status());
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running.idle();
  }

  async *#watch(
    ranges: readonly KeyRange[],
    options: WatchOptions,
    given: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    this.#refuseIfClosed();
    const { signal, release } = eitherSignal(given, this.#closing.signal);
    try {
      for await (const { changes, revision, nowMs } of this.#store.watch(this.#inside(ranges), {
        ...options,
        signal,
      })) {
        yield { changes: changes.map((change) => this.#change(change)), revision, nowMs };
      }
    } finally {
      release();
    }
  }

  async #run<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#refuseIfClosed();
    return this.#running.run(call);
  }

  #refuseIfClosed(): void {
    if (this.#closing.signal.aborted) throw new AppError('UNAVAILABLE', 'the store is closed');
  }

  #prefixed(key: Buffer): Buffer {
    const scope = this.#scope;
    const prefixed = Buffer.allocUnsafe(scope.length + key.length);
    prefixed.set(scope);
    prefixed.set(key, scope.length);
    return prefixed;
  }

  #inside(ranges: readonly KeyRange[]): readonly KeyRange[] {
    return ranges.map((range) => {
      // The empty key is no key; behind a prefix it would be one.
      if (range.end === undefined && range.start.length === 0)
        throw new AppError('INVALID_ARGUMENT', 'a key has at least 1 byte');
      const start = this.#prefixed(range.start);
      return range.end === undefined ? { ...range, start } : { ...range, start, end: this.#prefixed(range.end) };
    });
  }

  #transaction(transaction: Transaction): Transaction {
    const { checks, writes, marks, scope } = transaction;
    const scopedChecks = this.#checks(checks);
    // What is written is mostly what was checked, in the same order, and then one buffer under this store too.
    const scopedKey = (key: Buffer, index: number): Buffer =>
      checks[index]?.key === key ? scopedChecks[index]!.key : this.#key(key);
    return {
      ...transaction,
      checks: scopedChecks,
      writes: writes.map((write, index) => ({
        ...write,
        key: this.#written(write.key) ?? scopedKey(write.key, index),
      })),
      ...(marks && marks.length > 0 && { marks: marks.map((mark) => ({ ...mark, key: this.#key(mark.key) })) }),
      scope: scope === undefined ? this.#scope : this.#prefixed(scope),
    };
  }

  #checks(checks: readonly Check[]): Check[] {
    const scoped = checks.map(({ key, revision }) => ({ key: this.#key(key), revision }));
    if (this.#gate) scoped.push({ key: this.#gate.key, revision: this.#gate.revision });
    return scoped;
  }

  /** Where a row of the one kind that is written elsewhere stands; undefined: it is of another kind. */
  #written(key: Buffer): Buffer | undefined {
    return this.#isTenants && isHoldsDue(key) ? storedHoldsDue(this.#scope, key) : undefined;
  }

  /** The empty key is no key: it stays empty, so that the store refuses the transaction alone. */
  #key(key: Buffer): Buffer {
    return key.length === 0 ? key : this.#prefixed(key);
  }

  #span({ start, end }: KeySpan): KeySpan {
    return { start: this.#prefixed(start), end: this.#prefixed(end) };
  }

  #outcome(outcome: CommitOutcome): CommitOutcome {
    return outcome.kind === 'conflict' ? this.#conflict(outcome) : outcome;
  }

  /** Without the gate, or the refusal where that is what moved. */
  #conflict(outcome: Conflict): Conflict | Failed {
    let { entries } = outcome;
    const gate = this.#gate;
    if (gate) {
      const found = entries.find(({ key }) => key.equals(gate.key));
      if ((found?.revision ?? 0) !== gate.revision) return { kind: 'failed', error: gate.refusal(found) };
      entries = entries.filter((entry) => entry !== found);
    }
    return {
      ...outcome,
      entries: entries.map((entry) => this.#outside(entry)),
      marks: outcome.marks.map((mark) => this.#outside(mark)),
    };
  }

  #change(change: Change): Change {
    let shown = this.#shown.get(change);
    if (!shown) this.#shown.set(change, (shown = this.#outside(change)));
    return shown;
  }

  #outside<Keyed extends { readonly key: Buffer }>(keyed: Keyed): Keyed {
    const { key } = keyed;
    const isInside =
      key.length > this.#scope.length && key.compare(this.#scope, 0, this.#scope.length, 0, this.#scope.length) === 0;
    assertInvariant(isInside, 'what a scoped store is given lies in its scope');
    return { ...keyed, key: key.subarray(this.#scope.length) };
  }
}

function refuseIfShut(gate: ScopeGate, found: Entry | undefined): void {
  if ((found?.revision ?? 0) !== gate.revision) throw gate.refusal(found);
}
