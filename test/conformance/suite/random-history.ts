/**
 * Random histories: what a store says, step by step, is held against a tiny model. A seed makes the same history again;
 * a failure names it: `NORIGATE_TEST_SEED=1234 npx jest test/conformance/random-history.test.ts` repeats it alone.
 */
import { storeLimits } from '../../../proto/limits';
import type { Check, KeyRange, Mark, Revision, Transaction, Write } from '../../../proto/store';
import { systemClock } from '../../../src/core/clock';
import { isAppError } from '../../../src/core/errors';
import type { Ids } from '../../../src/core/ids';
import { makeSeededIds } from '../../../src/core/ids';
import type { History } from '../../../src/core/keyspace';
import type { MakeFixture, StoreFixture } from './fixture';
import { Model, same, shown } from './model';
import { WatchReader } from './watch-reader';
import { advanceUntil, bytes, everything, point, put, someTurns, textOf, transaction } from './words';

export interface HistoryOptions {
  readonly seed: number;
  readonly steps: number;
  /** Keeps little history, so that watches from before may find it gone. Default false. */
  readonly isForgetful?: boolean;
  /** Independent transactions of one call may share a revision. Default false. */
  readonly sharesRevisions?: boolean;
}

/** The seeds of a run: from a number of this moment on, or the one that the environment names. */
export function seedsOf(count: number): readonly number[] {
  const given = process.env['NORIGATE_TEST_SEED'];
  if (given !== undefined) return [Number(given)];
  const first = systemClock.nowMs() % 1_000_000;
  return Array.from({ length: count }, (_, index) => first + index);
}

/**
 * Runs one history on a store of its own. Rejects with the seed, the step and what was wrong. Resolves with the number of watches
 * that found their history gone.
 */
export async function runHistory(make: MakeFixture, options: HistoryOptions): Promise<number> {
  const { seed, steps, isForgetful = false, sharesRevisions = false } = options;
  const fixture = await make({
    retention: { markKeepMs, ...(isForgetful && { logKeepMs: 2_000, logBytesMax: 3_000 }) },
  });
  let step = 0;
  try {
    const history = await RandomHistory.begin(fixture, makeSeededIds(seed), { isForgetful, sharesRevisions });
    for (step = 1; step <= steps; step += 1) await history.step();
    await history.finish();
    return history.gone;
  } catch (error) {
    throw new Error(`seed ${seed}, step ${step} of ${steps}: ${(error as Error).message}`, { cause: error });
  } finally {
    await fixture.remove();
  }
}

const markKeepMs = 5_000;
/** Attempts are found again for at least this long. */
const attemptKeepMs = 60_000;

const histories: readonly History[] = ['value', 'value', 'key', 'none'];
const keys = ['\0', 'a', 'a\0', 'a\0\xff', 'ab', 'b', 'b\xff', '\x7f', '\x80', '\xff', '\xff\xff'].map(bytes);
const markKeys = ['m', 'a', 'm\0', '\xff'].map(bytes);
const ttls = [1, 2, 10, 100, 999, 1_000, 5_000, 100_000];
const sentinel = 'sentinel';

/** Something that was sent under an attempt id. */
interface Attempt {
  readonly transaction: Transaction;
  readonly atMs: number;
}

/** A watch that is read now and then. */
interface Follower {
  readonly reader: WatchReader;
  readonly ranges: readonly KeyRange[];
  readonly keysOnly: boolean;
  readonly after: Revision;
}

type Traits = Readonly<Required<Pick<HistoryOptions, 'isForgetful' | 'sharesRevisions'>>>;

class RandomHistory {
  readonly #fixture: StoreFixture;
  readonly #ids: Ids;
  readonly #model: Model;
  readonly #attempts: Attempt[] = [];
  /** Watches that found their history gone. */
  gone = 0;
  #main: WatchReader;
  /** What the main watch gave before the store was opened again. */
  #seen: WatchReader['changes'] = [];
  #followers: Follower[] = [];
  /** When the store last told its time, by the clock that never goes back. */
  #observed = { nowMs: 0, monotonicMs: 0 };

  readonly #isForgetful: boolean;
  readonly #sharesRevisions: boolean;

  private constructor(fixture: StoreFixture, ids: Ids, main: WatchReader, traits: Traits) {
    this.#fixture = fixture;
    this.#isForgetful = traits.isForgetful;
    this.#sharesRevisions = traits.sharesRevisions;
    this.#ids = ids;
    this.#main = main;
    this.#model = new Model(main.through, { markKeepMs, sharesRevisions: traits.sharesRevisions });
  }

  static async begin(fixture: StoreFixture, ids: Ids, traits: Traits): Promise<RandomHistory> {
    const main = await WatchReader.begin(fixture.store, [everything]);
    const history = new RandomHistory(fixture, ids, main, traits);
    await history.#observe();
    return history;
  }

  async step(): Promise<void> {
    const act = this.#whole(100);
    if (act < 45) await this.#commit();
    else if (act < 55) await this.#sendAgain();
    else if (act < 72) await this.#read();
    else if (act < 88) await this.#moveClock();
    else if (act < 93) await this.#follow();
    else if (act < 98) await this.#pull();
    else if (this.#fixture.reopen) await this.#reopen();
  }

  /** Lets everything that has a ttl end, and compares all that was watched with all that was done. */
  async finish(): Promise<void> {
    await this.#catchUp();
    this.#model.judgeHistory(this.#allSeen(), false);
    const last = Math.max(0, ...this.#model.expiries());
    if (last > 0) this.#fixture.clock.advance(last - this.#model.nowMs);
    await this.#observe();
    const missing = this.#model.unannounced(this.#allSeen());
    if (missing > 0) {
      const count = this.#main.changes.length + missing;
      await advanceUntil(this.#fixture, this.#main.untilChanges(count), { byMs: 1_000, stepMs: 50 });
      await this.#observe();
    }
    await this.#catchUp();
    this.#model.judgeHistory(this.#allSeen(), true);
    await this.#readRanges([everything, { ...everything, reverse: true }]);
    await this.#endFollowers();
    await this.#main.end();
  }

  // --- steps -------------------------------------------------------------------------------------------------------

  async #commit(): Promise<void> {
    const transactions = Array.from({ length: 1 + this.#whole(4) }, () => this.#transaction());
    await this.#send(transactions);
  }

  async #sendAgain(): Promise<void> {
    const recent = this.#attempts.filter(({ atMs }) => this.#model.nowMs <= atMs + attemptKeepMs);
    if (recent.length === 0) return;
    const again = Array.from({ length: 1 + this.#whole(3) }, () => this.#any(recent).transaction);
    await this.#send([...again, ...(this.#chance(0.3) ? [this.#transaction()] : [])]);
  }

  async #send(transactions: readonly Transaction[]): Promise<void> {
    const outcomes = await this.#fixture.store.commit(transactions);
    this.#model.beginCall();
    same('the number of outcomes', outcomes.length, transactions.length);
    transactions.forEach((each, index) => {
      try {
        this.#model.take(each, outcomes[index]!);
      } catch (error) {
        throw new Error(`${describe(each)}: ${(error as Error).message}`, { cause: error });
      }
      const outcome = outcomes[index]!;
      // Of one that is answered again it is the first time that counts.
      const atMs = outcome.kind === 'committed' ? outcome.nowMs : this.#model.nowMs;
      if (each.attemptId) this.#attempts.push({ transaction: each, atMs });
    });
  }

  #read(): Promise<void> {
    return this.#readRanges(Array.from({ length: this.#whole(4) }, () => this.#range()));
  }

  async #readRanges(ranges: readonly KeyRange[]): Promise<void> {
    const { results, revision, nowMs } = await this.#fixture.store.read(ranges);
    same('the storage time of a read', nowMs, this.#model.nowMs);
    if (revision < this.#model.revision) throw new Error(`a read at ${revision} after ${this.#model.revision}`);
    this.#model.revision = revision;
    same('the number of results', results.length, ranges.length);
    ranges.forEach((range, index) => {
      const expected = this.#model.read(range, this.#fixture.prefixBytes);
      const what = `a read of ${JSON.stringify(range)}`;
      same(what, results[index]!.entries.map(shown), expected.entries.map(shown));
      same(`more of ${what}`, results[index]!.more, expected.more);
    });
  }

  async #moveClock(): Promise<void> {
    const { clock, store } = this.#fixture;
    const expiries = this.#model.expiries();
    const toNext = expiries.length > 0 ? this.#any(expiries) - this.#model.nowMs + this.#whole(3) - 1 : 1;
    const byMs = this.#any([
      1,
      toNext,
      toNext,
      toNext,
      250,
      1_000,
      this.#isForgetful ? 40_000 : 1 + this.#whole(3_000),
    ]);
    const way = this.#whole(10);
    // Timers fire; or time has passed and none has fired yet; or somebody sets the machine's clock back.
    if (way < 5) clock.advance(byMs);
    else if (way < 9) clock.setWallMs(Math.max(clock.nowMs(), this.#model.nowMs) + byMs);
    else clock.setWallMs(clock.nowMs() - this.#whole(5_000));
    if (this.#chance(0.3)) await someTurns(store);
    await this.#observe();
  }

  /** Begins a watch of something, from now or from some moment of before. */
  async #follow(): Promise<void> {
    if (this.#followers.length >= 4) await this.#endFollowers();
    const isFromNow = this.#chance(0.3);
    const known = this.#allSeen().map(({ revision }) => revision);
    const from = isFromNow || known.length === 0 ? this.#model.revision : this.#any(known) - this.#whole(2);
    const ranges = [...Array.from({ length: this.#whole(4) }, () => this.#range()), point(sentinel)];
    const keysOnly = this.#chance(0.3);
    const { store } = this.#fixture;
    if (isFromNow) {
      const reader = await WatchReader.begin(store, ranges, { keysOnly });
      const [first] = reader.changes;
      // A sweeper of its own time may come right behind now; nothing else may, and nothing that was seen before.
      const early = this.#sharesRevisions
        ? reader.changes.filter(({ kind, revision }) => kind !== 'expire' || revision <= from)
        : reader.changes;
      same('what a watch from now begins with', early.map(shown), []);
      this.#followers.push({ reader, ranges, keysOnly, after: first ? first.revision - 1 : reader.through });
    } else {
      const reader = new WatchReader(store, ranges, { keysOnly, afterRevision: from });
      this.#followers.push({ reader, ranges, keysOnly, after: from });
    }
  }

  /** Reads some watches a little, where there is something to read. */
  async #pull(): Promise<void> {
    for (const follower of [...this.#followers]) {
      const { reader, ranges } = follower;
      const isWaiting = this.#model.changes.some(
        ({ key, revision }) => revision > reader.through && ranges.some((range) => isIn(range, key)),
      );
      if (isWaiting && this.#chance(0.5)) await this.#unlessGone(follower, reader.next());
    }
    if (this.#chance(0.5)) await this.#catchUp();
  }

  async #reopen(): Promise<void> {
    await this.#endFollowers();
    await this.#catchUp();
    await this.#main.end();
    this.#seen = this.#allSeen();
    const afterRevision = this.#main.through;
    await this.#fixture.reopen!();
    // Its time goes on from where it was.
    this.#observed = { nowMs: this.#model.nowMs, monotonicMs: this.#fixture.clock.monotonicMs() };
    // Begun at once: history may not be kept for long.
    this.#main = await WatchReader.begin(this.#fixture.store, [everything], { afterRevision });
    await this.#observe();
  }

  // --- what steps have in common -----------------------------------------------------------------------------------

  /** Learns the storage time, which must be the one that it should be. */
  async #observe(): Promise<void> {
    const { clock, store } = this.#fixture;
    const monotonicMs = clock.monotonicMs();
    const carriedMs = this.#observed.nowMs + monotonicMs - this.#observed.monotonicMs;
    const nowMs = Math.max(clock.nowMs(), carriedMs);
    const status = await store.status();
    same('the storage time', status.nowMs, nowMs);
    if (status.revision < this.#model.revision) {
      throw new Error(`a status at ${status.revision} after ${this.#model.revision}`);
    }
    this.#observed = { nowMs, monotonicMs };
    this.#model.nowMs = nowMs;
  }

  #allSeen(): WatchReader['changes'] {
    return [...this.#seen, ...this.#main.changes];
  }

  /** Reads the main watch up to now. */
  async #catchUp(): Promise<void> {
    await this.#send([transaction([put(sentinel, String(this.#whole(100)))])]);
    await this.#main.until(this.#model.changes.at(-1)!.revision);
  }

  /** Reads every other watch up to now, and compares it with the main one. */
  async #endFollowers(): Promise<void> {
    if (this.#followers.length === 0) return;
    await this.#catchUp();
    const through = this.#model.changes.at(-1)!.revision;
    for (const follower of [...this.#followers]) {
      const { reader, ranges, keysOnly, after } = follower;
      if (!(await this.#unlessGone(follower, reader.until(through)))) continue;
      const expected = this.#allSeen().filter(
        ({ key, revision }) => revision > after && revision <= through && ranges.some((range) => isIn(range, key)),
      );
      const bare = keysOnly ? expected.map((change) => ({ ...change, value: undefined })) : expected;
      const given = reader.changes.filter(({ revision }) => revision <= through);
      same(`a watch of ${JSON.stringify(ranges)} after ${after}`, given.map(shown), bare.map(shown));
      await reader.end();
    }
    this.#followers = [];
  }

  /** Whether a watch has what it was pulled for; it may have been too slow for the history that is kept, and is then dropped. */
  async #unlessGone(follower: Follower, pulled: Promise<unknown>): Promise<boolean> {
    try {
      await pulled;
      return true;
    } catch (error) {
      if (!this.#isForgetful || !isAppError(error, 'HISTORY_GONE')) throw error;
      const { through } = follower.reader;
      const oldest = Number(error.details['oldest']);
      if (!(oldest > through)) throw new Error(`history after ${through} is gone, though ${oldest} is kept`);
      // What the error names has been cut off when a later commit stands.
      await this.#send([transaction([put(sentinel, 'later')])]);
      const { oldestRevision } = await this.#fixture.store.status();
      if (oldestRevision < oldest) throw new Error(`${oldestRevision} is the oldest revision after ${oldest} was`);
      this.#followers = this.#followers.filter((each) => each !== follower);
      this.gone += 1;
      return false;
    }
  }

  // --- chance ------------------------------------------------------------------------------------------------------

  #transaction(): Transaction {
    const writes = this.#some(4, () => this.#write());
    const marks = this.#chance(0.2) ? this.#some(2, () => this.#mark()) : [];
    const hasEffect = writes.length + marks.length > 0;
    return {
      checks: this.#some(3, () => this.#check()),
      // Mostly each key once, as it must be.
      writes: this.#chance(0.95) ? unique(writes) : writes,
      ...(marks.length > 0 && { marks: this.#chance(0.95) ? unique(marks) : marks }),
      ...(this.#chance(0.1) && { validUntilMs: this.#model.nowMs + this.#whole(3) - 1 }),
      ...(hasEffect && this.#chance(0.4) && { attemptId: this.#ids.bytes(16) }),
    };
  }

  #check(): Check {
    const key = this.#any(keys);
    const right = this.#model.revisionOf(key);
    const revision = this.#any([right, right, right, right, 0, Math.max(0, right - 1), this.#model.revision]);
    return { key, revision };
  }

  #write(): Write {
    const index = this.#whole(keys.length);
    const [key, history] = [keys[index]!, histories[index % histories.length]!];
    if (this.#chance(0.25)) return { kind: 'delete', key, history };
    const value = this.#ids.bytes(this.#any([0, 1, 3, 30]));
    return { kind: 'put', key, value, history, ...(this.#chance(0.6) && { ttlMs: this.#any(ttls) }) };
  }

  #mark(): Mark {
    return { key: this.#any(markKeys), value: this.#ids.bytes(this.#whole(4)) };
  }

  #range(): KeyRange {
    const start = this.#any(keys);
    if (this.#chance(0.3)) return { start };
    return {
      start: this.#chance(0.2) ? everything.start : start,
      end: this.#chance(0.4) ? everything.end! : this.#any(keys),
      ...(this.#chance(0.3) && { limit: 1 + this.#whole(5) }),
      ...(this.#chance(0.3) && { reverse: true }),
      ...(this.#chance(0.3) && { keysOnly: true }),
      ...(this.#chance(0.3) && { bytesMax: this.#any([1, 30, 100, storeLimits.rangeBytesMax]) }),
    };
  }

  #whole(below: number): number {
    return Math.floor(this.#ids.fraction() * below);
  }

  #chance(of: number): boolean {
    return this.#ids.fraction() < of;
  }

  #any<Item>(items: readonly Item[]): Item {
    return items[this.#whole(items.length)]!;
  }

  #some<Item>(most: number, make: () => Item): Item[] {
    return Array.from({ length: this.#whole(most + 1) }, make);
  }
}

function unique<Keyed extends { readonly key: Buffer }>(items: readonly Keyed[]): Keyed[] {
  return [...new Map(items.map((item) => [textOf(item.key), item])).values()];
}

function isIn({ start, end }: KeyRange, key: Buffer): boolean {
  return end === undefined ? key.equals(start) : key.compare(start) >= 0 && key.compare(end) < 0;
}

function describe({ checks, writes, marks = [], validUntilMs, attemptId }: Transaction): string {
  const parts = [
    ...checks.map(({ key, revision }) => `check ${JSON.stringify(textOf(key))} @${revision}`),
    ...writes.map(
      (write) =>
        `${write.kind} ${JSON.stringify(textOf(write.key))}${write.kind === 'put' ? ` ttl ${write.ttlMs}` : ''}`,
    ),
    ...marks.map(({ key }) => `mark ${JSON.stringify(textOf(key))}`),
  ];
  if (validUntilMs !== undefined) parts.push(`valid until ${validUntilMs}`);
  if (attemptId) parts.push(`attempt ${attemptId.toString('hex').slice(0, 6)}`);
  return parts.join(', ');
}
