/**
 * A network that the dice hold: messages wait in it until one is let go, in any order; some get lost, requests before anything
 * was done and answers after it, and some requests arrive long after their sender has given up.
 */
import type {
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../../proto/store';
import { AppError } from '../../../src/core/errors';
import type { Chance } from './seeds';

export class Network {
  readonly #chance: Chance;
  readonly #waiting: (() => void)[] = [];
  /** No message is lost any more. */
  isCalm = false;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Waits until it is let go. */
  pass(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets one message go. */
  release(): void {
    const [next] = this.#waiting.splice(this.#chance.whole(this.#waiting.length), 1);
    next?.();
  }

  loses(probability: number): boolean {
    return !this.isCalm && this.#chance.happens(probability);
  }
}

const unavailable = (): AppError => new AppError('UNAVAILABLE', 'the request was lost');
const unknown = (): AppError => new AppError('OUTCOME_UNKNOWN', 'the answer was lost');

/** A store behind that network, as a client sees it that tries nothing again. */
export class FarStore implements Store {
  readonly #store: Store;
  readonly #network: Network;

  constructor(store: Store, network: Network) {
    this.#store = store;
    this.#network = network;
  }

  async read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    const network = this.#network;
    await network.pass();
    if (network.loses(0.03)) throw unavailable();
    const result = await this.#store.read(ranges, options);
    await network.pass();
    if (network.loses(0.03)) throw new AppError('DEADLINE_EXCEEDED', 'the answer was lost');
    return result;
  }

  async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    const network = this.#network;
    await network.pass();
    if (network.loses(0.04)) throw unavailable();
    if (network.loses(0.03)) throw unknown();
    if (network.loses(0.04)) {
      // It comes after all, when nobody waits for it any more.
      void network.pass().then(() => this.#store.commit(transactions));
      throw unknown();
    }
    const outcomes = await this.#store.commit(transactions);
    await network.pass();
    if (network.loses(0.1)) throw unknown();
    return outcomes;
  }

  async *watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncGenerator<WatchBatch, void, void> {
    for await (const batch of this.#store.watch(ranges, options)) {
      await this.#network.pass();
      yield batch;
      if (this.#network.loses(0.1)) throw unavailable();
    }
  }

  async search(request: SearchRequest): Promise<SearchOutcome> {
    const network = this.#network;
    await network.pass();
    if (network.loses(0.03)) throw unavailable();
    const outcome = await this.#store.search(request);
    await network.pass();
    if (network.loses(0.03)) throw new AppError('DEADLINE_EXCEEDED', 'the answer was lost');
    return outcome;
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
