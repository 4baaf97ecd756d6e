/** A log that is kept from its first entry on, and that a test appends to: what a subscription field that can be gone on with stands on. */
import { subscribeTo } from '../../../resolvers/subscription';
import { AppError } from '../../../src/core/errors';
import type { Resumptions } from '../../../src/gateway/resumable';

/** Entries count from 1. */
export interface LogEntry {
  readonly entry: number;
  readonly padding: string;
  /** Of the log, when it came. */
  readonly life: number;
}

export class SampleLog {
  static readonly #logs = new Map<string, SampleLog>();
  readonly #entries: LogEntry[] = [];
  readonly #wakes = new Set<() => void>();
  #failure: AppError | undefined;
  #life = 1;
  /** Sources that are open. */
  readerCount = 0;
  /** Sources that were ever opened. */
  openedCount = 0;

  static of(tenantId: string): SampleLog {
    let log = SampleLog.#logs.get(tenantId);
    if (!log) SampleLog.#logs.set(tenantId, (log = new SampleLog()));
    return log;
  }

  get length(): number {
    return this.#entries.length;
  }

  append(paddingBytes = 0): void {
    this.#entries.push({ entry: this.#entries.length + 1, padding: 'x'.repeat(paddingBytes), life: this.#life });
    this.#wakeAll();
  }

  /** Its present life is over, with every source of it; what comes is of the next one. */
  beginAnew(): void {
    this.#life += 1;
    this.#wakeAll();
  }

  /** Ends every source that is open, once it has given what there is. */
  fail(): void {
    this.#failure = new AppError('UNAVAILABLE', 'storage stayed away');
    this.#wakeAll();
    this.#failure = undefined;
  }

  /** Every entry of a life behind `after`, or behind what there is now. The same object for the same entry. */
  subscribe(
    after: number | null | undefined,
    life = this.#life,
    passed: (place: number) => void = () => undefined,
  ): AsyncIterable<LogEntry> {
    const from = after ?? this.#entries.length;
    if (from < 0 || from > this.#entries.length)
      throw new AppError('INVALID_ARGUMENT', `after is ${from}, the log has ${this.#entries.length} entries`);
    return subscribeTo((signal) => this.#read({ from, life, passed }, signal));
  }

  async *#read(
    { from, life, passed }: { readonly from: number; readonly life: number; readonly passed: (place: number) => void },
    signal: AbortSignal,
  ): AsyncGenerator<LogEntry, void, void> {
    let at = from;
    let failure: AppError | undefined;
    let wake = (): void => undefined;
    const onWake = (): void => {
      failure ??= this.#failure;
      wake();
    };
    this.#wakes.add(onWake);
    signal.addEventListener('abort', () => wake(), { once: true });
    this.readerCount += 1;
    this.openedCount += 1;
    passed(from);
    try {
      while (!signal.aborted && life === this.#life) {
        if (at < this.#entries.length) yield this.#entries[at++]!;
        else if (failure) throw failure;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.readerCount -= 1;
      this.#wakes.delete(onWake);
    }
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}

/** What the gateway is told of the field. */
export const sampleResumptions: Resumptions = {
  log: {
    argument: 'after',
    placeOf: ({ entry }) => (typeof entry === 'number' ? entry : undefined),
    lifeOf: ({ life }) => life as number,
    read(lastEventId) {
      if (!/^\d{1,9}$/.test(lastEventId))
        throw new AppError('INVALID_ARGUMENT', `Last-Event-ID "${lastEventId}" is no number`);
      return Number(lastEventId);
    },
  },
};
