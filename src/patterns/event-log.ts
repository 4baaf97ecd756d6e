/**
 * A log that many subscribers of this process follow, each from its own place and at its own pace: a stream's events, or those of
 * all streams that a filter lets through. One watch wakes those that wait at its end; what they then ask for is read once and
 * handed to all of them, the same objects, so that what is made of one for one subscriber can serve the others. There is no hand-over
 * between history and what is live: both are the next page behind a place, read from the store.
 *
 * Promises, to each subscriber: everything behind its place, once, in order. Memory: each subscriber holds one page, of at most
 * `logPageBytesMax` (or one event); pages that others may still ask for are kept within a bound for all logs together. While storage
 * is away it waits for as long as the watch does. Fails as the watch does, and with what reading throws.
 */
import type { KeyRange, Store } from '../../proto/store';
import { BoundedMap } from '../core/bounded-map';
import type { Clock } from '../core/clock';
import { untilAborted } from '../core/endable';
import { AppError, isAppError, toAppError } from '../core/errors';
import type { Event } from './event-record';

/** What a subscriber is given. Objects are shared by subscribers: nobody may change them. */
export interface Delivery {
  /** Undefined where the message says only how far it has come. */
  readonly event: Event | undefined;
  /** Of the place behind it. */
  readonly cursor: string;
  /** History is done: what comes from here on is new. */
  readonly caughtUp: boolean;
  /** Of one stream's events: the version through which all was delivered. Undefined for those of all streams. */
  readonly version: number | undefined;
  /** In which life of what is followed: whoever goes on behind it goes on in that one, or is at its end. */
  readonly life: number;
}

/** What stands behind a place. */
export interface ReadPage {
  readonly deliveries: readonly Delivery[];
  /** The place behind all that this page has looked at; where nothing is there yet, the place itself. */
  readonly next: number;
  /** Nothing more stood behind it. */
  readonly isEnd: boolean;
  /** The place of the last delivery; where there is none, the place itself. */
  readonly told: number;
  /** Another one than before: what was followed has ended. */
  readonly life: number;
  readonly bytes: number;
}

/** What can be followed. */
export interface LogSource {
  /** The same for the same log. */
  readonly name: string;
  /** What changes whenever the log grows. */
  readonly range: KeyRange;
  readonly read: (place: number) => Promise<ReadPage>;
  /** A message without an event, at a place of a life. */
  readonly mark: (place: Pick<Page, 'next' | 'life'>, caughtUp: boolean) => Delivery;
}

interface Page extends ReadPage {
  /** When its reading began. */
  readonly moment: number;
}

export interface Beginning {
  readonly place: number;
  readonly life: number;
}

export interface Follow {
  readonly source: LogSource;
  /** Where to begin, and in which life, as the store stands now. Undefined: in one that is over. */
  readonly begin: () => Promise<Beginning | undefined>;
  readonly signal: AbortSignal;
}

/** Events of one page, and their bytes: small, since a subscriber that takes nothing holds one. */
export const logPageEventsMax = 256;
export const logPageBytesMax = 65_536;
/** Pages that are kept for others, of all logs together. */
const keptBytesMax = 2_097_152;
/** A subscriber whose filter leaves out so many events is told how far it has come. */
const movesEvery = 1_000;
const retryMs = 250;

export interface EventLogsOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, 'sleep'>;
}

export class EventLogs {
  readonly #options: EventLogsOptions;
  readonly #logs = new Map<string, EventLog>();
  readonly #kept = new KeptPages(keptBytesMax);

  constructor(options: EventLogsOptions) {
    this.#options = options;
  }

  /** Everything behind where it begins. Ends when `signal` aborts, or the life that it began in is over. */
  async *follow({ source, begin, signal }: Follow): AsyncGenerator<Delivery, void, void> {
    const log = this.#join(source);
    try {
      const notBefore = log.now();
      const beginning = await begin();
      if (!beginning) return;
      let { place } = beginning;
      let told = place;
      let isCaughtUp = false;
      while (!signal.aborted) {
        const page = await log.after(place, notBefore, signal);
        if (!page || page.life !== beginning.life) return;
        for (const delivery of page.deliveries) yield delivery;
        if (page.deliveries.length > 0) told = page.told;
        place = page.next;
        const isEnd = log.isEnd(page, notBefore);
        if (isEnd && !isCaughtUp) {
          isCaughtUp = true;
          told = place;
          yield log.mark(page, true);
        } else if (place - told >= movesEvery) {
          told = place;
          yield log.mark(page, false);
        }
        if (isEnd) await log.growth(page, signal);
      }
    } finally {
      this.#leave(source.name, log);
    }
  }

  #join(source: LogSource): EventLog {
    let log = this.#logs.get(source.name);
    if (!log || log.isOver) {
      log = new EventLog(source, this.#options, this.#kept);
      this.#logs.set(source.name, log);
    }
    log.subscribers += 1;
    return log;
  }

  #leave(name: string, log: EventLog): void {
    log.subscribers -= 1;
    if (log.subscribers > 0) return;
    log.end();
    if (this.#logs.get(name) === log) this.#logs.delete(name);
  }
}

class EventLog {
  readonly #source: LogSource;
  readonly #options: EventLogsOptions;
  readonly #kept: KeptPages;
  readonly #reading = new Map<number, Promise<Page>>();
  readonly #marks = { moved: new WeakMap<Page, Delivery>(), caughtUp: new WeakMap<Page, Delivery>() };
  readonly #ending = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #started: Promise<void>;
  #onStarted!: () => void;
  #failure: AppError | undefined;
  /** Counts what happened: reads that begin after it see what it was about. */
  #moment = 1;
  /** When the watch last said that the log may have grown. */
  #grownAt = 0;
  subscribers = 0;

  constructor(source: LogSource, options: EventLogsOptions, kept: KeptPages) {
    this.#source = source;
    this.#options = options;
    this.#kept = kept;
    this.#started = new Promise((resolve) => (this.#onStarted = resolve));
    void this.#watch();
  }

  /** It gives nothing any more to those who come now. */
  get isOver(): boolean {
    return this.#failure !== undefined || this.#ending.signal.aborted;
  }

  /** A moment: what begins to be read after it is not older. */
  now(): number {
    return (this.#moment += 1);
  }

  /** The page behind a place; one with nothing on it is no older than `notBefore`, and than the last growth. Undefined: aborted. */
  async after(place: number, notBefore: number, signal: AbortSignal): Promise<Page | undefined> {
    const kept = this.#kept.get(this, place);
    if (kept) return kept;
    // Whatever comes after its first batch, the watch tells; whatever came before, a read sees that begins then.
    await untilAborted(this.#started, signal);
    while (!signal.aborted) {
      if (this.#failure) throw this.#failure;
      const needed = Math.max(notBefore, this.#grownAt);
      const page = await this.#unlessCutOff(this.#reading.get(place) ?? this.#read(place), signal);
      if (page && (page.next > place || page.moment >= needed)) return page;
    }
    return undefined;
  }

  /** Whether nothing is known to stand behind the page, as of `notBefore` or later. */
  isEnd({ isEnd, moment }: Page, notBefore: number): boolean {
    return isEnd && moment >= Math.max(notBefore, this.#grownAt);
  }

  /** Resolves when the log may have grown since the page was read, when it has failed, or when the signal aborts. */
  growth({ moment }: Page, signal: AbortSignal): Promise<void> {
    if (this.#grownAt > moment || this.#failure || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** The message without an event behind a page: the same for all who are there. */
  mark(page: Page, caughtUp: boolean): Delivery {
    const marks = caughtUp ? this.#marks.caughtUp : this.#marks.moved;
    let mark = marks.get(page);
    if (!mark) marks.set(page, (mark = this.#source.mark(page, caughtUp)));
    return mark;
  }

  end(): void {
    this.#ending.abort();
    this.#kept.forget(this);
  }

  #read(place: number): Promise<Page> {
    const moment = this.now();
    const reading = this.#source
      .read(place)
      .then((read): Page => ({ ...read, moment }))
      .finally(() => this.#reading.delete(place));
    this.#reading.set(place, reading);
    reading.then(
      (page) => {
        // What stands behind a place stays there, so that a page of it is true for as long as the log's life.
        if (page.next > place && !this.isOver) this.#kept.set(this, place, page);
      },
      () => undefined,
    );
    return reading;
  }

  /** Undefined where storage cannot be reached for a moment. */
  async #unlessCutOff(reading: Promise<Page>, signal: AbortSignal): Promise<Page | undefined> {
    try {
      return await reading;
    } catch (error) {
      if (!isAppError(error, 'UNAVAILABLE') && !isAppError(error, 'DEADLINE_EXCEEDED')) throw error;
      // It is tried again until the watch has given up.
      await this.#options.clock.sleep(retryMs, signal);
      return undefined;
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        let isFirst = true;
        for await (const batch of this.#options.store.watch([this.#source.range], { keysOnly: true, signal })) {
          if (isFirst || batch.changes.length > 0) this.#grow();
          isFirst = false;
          this.#onStarted();
        }
        break;
      } catch (error) {
        if (!isAppError(error, 'HISTORY_GONE')) return this.#fail(toAppError(error));
      }
      // The events are still there: only what wakes begins anew.
      await this.#options.clock.sleep(retryMs, signal);
    }
    if (!signal.aborted) this.#fail(new AppError('UNAVAILABLE', 'the watch on storage has ended'));
    this.#onStarted();
  }

  #grow(): void {
    this.#grownAt = this.now();
    for (const wake of [...this.#waiting]) wake();
  }

  #fail(error: AppError): void {
    this.#failure = error;
    this.#onStarted();
    for (const wake of [...this.#waiting]) wake();
  }
}

/** Pages by log and place, what was not used for long out first. */
class KeptPages {
  readonly #pages: BoundedMap<string, Page>;
  readonly #ids = new WeakMap<EventLog, number>();
  #logs = 0;

  constructor(bytesMax: number) {
    this.#pages = new BoundedMap({ weightMax: bytesMax, weigh: sizeOf });
  }

  get(log: EventLog, place: number): Page | undefined {
    return this.#pages.get(this.#idOf(log, place));
  }

  set(log: EventLog, place: number, page: Page): void {
    this.#pages.set(this.#idOf(log, place), page);
  }

  forget(log: EventLog): void {
    const prefix = this.#idOf(log, '');
    for (const id of [...this.#pages.keys()]) if (id.startsWith(prefix)) this.#pages.delete(id);
  }

  #idOf(log: EventLog, place: number | ''): string {
    let id = this.#ids.get(log);
    if (id === undefined) this.#ids.set(log, (id = this.#logs += 1));
    return `${id}:${place}`;
  }
}

/** A page has a slot and objects beside its texts. */
const pageOverheadBytes = 512;
const deliveryOverheadBytes = 256;

function sizeOf({ bytes, deliveries }: Page): number {
  return pageOverheadBytes + deliveryOverheadBytes * deliveries.length + bytes;
}
