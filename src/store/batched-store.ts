/**
 * A Store that puts the calls of one turn of the event loop together: reads of one consistency become one read, commits
 * one commit, up to the limits of a call. Callers see no difference: each has its own results and outcomes, in order,
 * and where a call is refused because of one member, the others are asked again without it. Nothing is cached.
 */
import DataLoader from 'dataloader';
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

/** What one call's members may weigh together: half of a message, the rest is for what surrounds it. */
const weightMax = storeLimits.messageBytesMax / 2;
/** What a point read is taken to bring; values that are larger only make the answer larger. */
const pointBytes = 1_024;

type Loader<Member, Answer> = DataLoader<readonly Member[], Answer>;
const consistencies: readonly ReadConsistency[] = ['linearizable', 'lease', 'stale'];

/** `store`, with the calls of one turn put together. Closing it closes the store. */
export class BatchedStore implements Store {
  readonly #store: Store;
  readonly #reads: ReadonlyMap<ReadConsistency, Loader<KeyRange, ReadResult>>;
  readonly #commits: Loader<Transaction, readonly CommitOutcome[]>;
  /** Calls that are gathered, or under way. */
  readonly #waiting = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#reads = new Map(
      consistencies.map((consistency) => {
        const read = (ranges: readonly KeyRange[]): Promise<ReadResult> => store.read(ranges, { consistency });
        const limits = { countMax: storeLimits.readRangesMax, weigh: weighRange };
        return [
          consistency,
          makeLoader(limits, read, (result, from, to) => ({ ...result, results: result.results.slice(from, to) })),
        ];
      }),
    );
    this.#commits = makeLoader(
      { countMax: storeLimits.commitTransactionsMax, weigh: weighTransaction },
      (transactions) => store.commit(transactions),
      (outcomes, from, to) => outcomes.slice(from, to),
    );
  }

  async read(ranges: readonly KeyRange[], options: ReadOptions = {}): Promise<ReadResult> {
    this.#refuseIfClosed();
    const { consistency = 'linearizable', signal } = options;
    // Who may give up goes alone: nobody else's read ends with it.
    if (signal) return this.#store.read(ranges, options);
    return this.#wait(this.#reads.get(consistency)!.load(ranges));
  }

  async commit(transactions: readonly Transaction[], options: CommitOptions = {}): Promise<readonly CommitOutcome[]> {
    this.#refuseIfClosed();
    if (options.signal) return this.#store.commit(transactions, options);
    try {
      const outcomes = await this.#wait(this.#commits.load(transactions));
      return outcomes.some(isTooLarge) ? await this.#wait(this.#oneByOne(transactions, outcomes)) : outcomes;
    } catch (error) {
      // Of a commit that changes nothing nothing can be unknown; another one of the same call was.
      if (isAppError(error, 'OUTCOME_UNKNOWN') && !transactions.some(hasEffect)) {
        throw new AppError('UNAVAILABLE', error.message, { cause: error });
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
    await Promise.allSettled(this.#waiting);
    await this.#store.close();
  }

  async #wait<Answer>(answer: Promise<Answer>): Promise<Answer> {
    this.#waiting.add(answer);
    try {
      return await answer;
    } finally {
      this.#waiting.delete(answer);
    }
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the store is closed');
  }
}

interface CallLimits<Member> {
  readonly countMax: number;
  weigh(member: Member): number;
}

type Send<Member, Answer> = (members: readonly Member[]) => Promise<Answer>;
/** The part of an answer that belongs to the members [from, to). */
type Cut<Answer> = (answer: Answer, from: number, to: number) => Answer;

function makeLoader<Member, Answer>(
  limits: CallLimits<Member>,
  send: Send<Member, Answer>,
  cut: Cut<Answer>,
): Loader<Member, Answer> {
  const batch = async (calls: readonly (readonly Member[])[]): Promise<(Answer | Error)[]> => {
    const groups = group(calls, limits);
    const answers = await Promise.all(groups.map((each) => sendGroup(each, send, cut)));
    return answers.flat();
  };
  // After what is ready in this turn has run, so that requests which arrived together are together here.
  return new DataLoader(batch, { cache: false, batchScheduleFn: (run) => setImmediate(run) });
}

/** Cuts the calls of a turn, in order, into groups that keep the limits; a call that breaks one by itself stands alone. */
function group<Member>(calls: readonly (readonly Member[])[], limits: CallLimits<Member>): (readonly Member[])[][] {
  const groups: (readonly Member[])[][] = [];
  let count = Infinity;
  let weight = 0;
  for (const call of calls) {
    let callWeight = 0;
    for (const member of call) callWeight += limits.weigh(member);
    if (count + call.length > limits.countMax || weight + callWeight > weightMax) {
      groups.push([]);
      count = 0;
      weight = 0;
    }
    groups.at(-1)!.push(call);
    count += call.length;
    weight += callWeight;
  }
  return groups;
}

async function sendGroup<Member, Answer>(
  calls: readonly (readonly Member[])[],
  send: Send<Member, Answer>,
  cut: Cut<Answer>,
): Promise<(Answer | Error)[]> {
  const only = calls.length === 1 ? calls[0] : undefined;
  try {
    const answer = await send(only ?? calls.flat());
    if (only) return [answer];
    let to = 0;
    return calls.map((call) => cut(answer, to, (to += call.length)));
  } catch (error) {
    const failure = toAppError(error);
    // A refusal is of one member, and nothing was done for any: each is asked alone. Other failures are of all.
    if (only || failure.code !== 'INVALID_ARGUMENT') return calls.map(() => failure);
    const answers = await Promise.all(calls.map((call) => sendGroup([call], send, cut)));
    return answers.flat();
  }
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
