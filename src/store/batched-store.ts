/**
 * A Store that puts the calls of one turn of the event loop together: reads of one consistency become one read, commits
 * one commit, up to the limits of a call. Callers see no difference: each has its own results and outcomes, in order,
 * and where a call is refused because of one member, the others are asked again without it. Nothing is cached.
 */
import { storeLimits } from '../../proto/limits';
import type {
  CommitOptions,
  CommitOutcome,
  KeyRange,
  ReadConsistency,
  ReadOptions,
  ReadResult,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import { AppError, isAnswerTooLarge, isAppError, toAppError } from '../core/errors';
import { UnderWay } from '../core/under-way';

/** What one call's members may weigh together: half of a message, the rest is for what surrounds it. */
const weightMax = storeLimits.messageBytesMax / 2;
/** What a point read is taken to bring; values that are larger only make the answer larger. */
const pointBytes = 1_024;

/** `store`, with the calls of one turn put together. Closing it closes the store. */
export class BatchedStore implements Store {
  readonly #store: Store;
  readonly #reads: Readonly<Record<ReadConsistency, Gatherer<KeyRange, ReadResult>>>;
  readonly #commits: Gatherer<Transaction, readonly CommitOutcome[]>;
  #closed: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
    const gatherReads = (consistency: ReadConsistency): Gatherer<KeyRange, ReadResult> =>
      new Gatherer({
        countMax: storeLimits.readRangesMax,
        weigh: weighRange,
        send: (ranges) => store.read(ranges, { consistency }),
        cut: ({ results, revision, nowMs }, from, to) => ({ results: results.slice(from, to), revision, nowMs }),
      });
    this.#reads = {
      linearizable: gatherReads('linearizable'),
      lease: gatherReads('lease'),
      stale: gatherReads('stale'),
    };
    this.#commits = new Gatherer({
      countMax: storeLimits.commitTransactionsMax,
      weigh: weighTransaction,
      send: (transactions) => store.commit(transactions),
      cut: (outcomes, from, to) => outcomes.slice(from, to),
    });
  }

  read(ranges: readonly KeyRange[], options: ReadOptions = {}): Promise<ReadResult> {
    if (this.#closed) return Promise.reject(closedError());
    const { consistency = 'linearizable', signal } = options;
    // Who may give up goes alone: nobody else's read ends with it.
    if (signal) return this.#store.read(ranges, options);
    return this.#reads[consistency].ask(ranges);
  }

  async commit(transactions: readonly Transaction[], options: CommitOptions = {}): Promise<readonly CommitOutcome[]> {
    if (this.#closed) throw closedError();
    if (options.signal) return this.#store.commit(transactions, options);
    try {
      const outcomes = await this.#commits.ask(transactions);
      return outcomes.some(isTooLarge) ? await this.#commits.holding(this.#oneByOne(transactions, outcomes)) : outcomes;
    } catch (error) {
      // Of a commit that changes nothing nothing can be unknown; another one of the same call was.
      if (isAppError(error, 'OUTCOME_UNKNOWN') && !transactions.some(hasEffect)) {
        throw new AppError('UNAVAILABLE', 'storage did not answer in time: nothing was written', { cause: error });
      }
      throw error;
    }
  }

  watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#store.watch(ranges, options);
  }

  search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    return this.#store.search(request, options);
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Conflicts that brought more than one answer takes together, each committed again by itself: they wrote nothing. */
  async #oneByOne(
    transactions: readonly Transaction[],
    outcomes: readonly CommitOutcome[],
  ): Promise<readonly CommitOutcome[]> {
    return Promise.all(
      outcomes.map(async (outcome, index) =>
        isTooLarge(outcome) ? (await this.#store.commit([transactions[index]!]))[0]! : outcome,
      ),
    );
  }

  /** Calls of this turn are not on their way yet: they go first. */
  async #close(): Promise<void> {
    await Promise.all([...Object.values(this.#reads), this.#commits].map((each) => each.drained()));
    await this.#store.close();
  }
}

interface GathererOptions<Member, Answer> {
  /** Members of one call at most. */
  readonly countMax: number;
  readonly weigh: (member: Member) => number;
  readonly send: (members: readonly Member[]) => Promise<Answer>;
  /** The part of an answer that belongs to the members [from, to). */
  readonly cut: (answer: Answer, from: number, to: number) => Answer;
}

/** A call that waits for its answer. */
interface Asked<Member, Answer> {
  readonly members: readonly Member[];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: AppError) => void;
}

/** Gathers the calls of one turn. */
class Gatherer<Member, Answer> {
  readonly #options: GathererOptions<Member, Answer>;
  #asked: Asked<Member, Answer>[] = [];
  readonly #sending = new UnderWay();

  constructor(options: GathererOptions<Member, Answer>) {
    this.#options = options;
  }

  ask(members: readonly Member[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      // After what is ready in this turn has run, so that requests which arrived together are together here.
      if (this.#asked.length === 0) setImmediate(() => this.#flush());
      this.#asked.push({ members, resolve, reject });
    });
  }

  /** `running`, which counts as under way until it ends. */
  holding<T>(running: Promise<T>): Promise<T> {
    return this.#sending.run(() => running);
  }

  /** Sends what is gathered; resolves when nothing is under way. */
  async drained(): Promise<void> {
    this.#flush();
    await this.#sending.idle();
  }

  #flush(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (const group of this.#groups(asked)) void this.holding(this.#send(group));
  }

  /** Cuts the calls of a turn, in order, into groups that keep the limits; a call that breaks one by itself stands alone. */
  #groups(asked: readonly Asked<Member, Answer>[]): Asked<Member, Answer>[][] {
    const { countMax, weigh } = this.#options;
    const groups: Asked<Member, Answer>[][] = [];
    let count = Infinity;
    let weight = 0;
    for (const one of asked) {
      let ownWeight = 0;
      for (const member of one.members) ownWeight += weigh(member);
      if (count + one.members.length > countMax || weight + ownWeight > weightMax) {
        groups.push([]);
        count = 0;
        weight = 0;
      }
      groups.at(-1)!.push(one);
      count += one.members.length;
      weight += ownWeight;
    }
    return groups;
  }

  /** Sends a group as one call, and gives each its part. Never rejects. */
  async #send(group: readonly Asked<Member, Answer>[]): Promise<void> {
    const { send, cut } = this.#options;
    const only = group.length === 1 ? group[0] : undefined;
    try {
      if (only) return only.resolve(await send(only.members));
      const answer = await send(group.flatMap(({ members }) => members));
      let to = 0;
      for (const { members, resolve } of group) resolve(cut(answer, to, (to += members.length)));
    } catch (error) {
      const failure = toAppError(error);
      // A refusal is of one member, and nothing was done for any: each is asked alone. Other failures are of all.
      if (only || failure.code !== 'INVALID_ARGUMENT') for (const { reject } of group) reject(failure);
      else await Promise.all(group.map((one) => this.#send([one])));
    }
  }
}

function closedError(): AppError {
  return new AppError('UNAVAILABLE', 'the store is closed');
}

function weighRange(range: KeyRange): number {
  if (range.end === undefined) return pointBytes;
  return Math.min(range.bytesMax ?? storeLimits.rangeBytesMax, storeLimits.rangeBytesMax);
}

function weighTransaction({ checks, writes, marks }: Transaction): number {
  let bytes = 64 * (checks.length + writes.length);
  for (const write of writes) bytes += write.key.length + (write.kind === 'put' ? write.value.length : 0);
  for (const mark of marks ?? []) bytes += mark.key.length + mark.value.length;
  return bytes;
}

function isTooLarge(outcome: CommitOutcome): boolean {
  return outcome.kind === 'failed' && isAnswerTooLarge(outcome.error);
}

function hasEffect({ writes, marks }: Transaction): boolean {
  return writes.length > 0 || (marks?.length ?? 0) > 0;
}
