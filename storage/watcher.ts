/** One reader of changes: its ranges, its position, and a bounded buffer between commits, which never wait, and somebody who pulls. */
import { storeLimits } from '../proto/limits';
import type { Change, KeyRange, Revision } from '../proto/store';
import type { AppError } from '../src/core/errors';
import type { CommitChanges } from './engine';

export interface WatcherOptions {
  readonly ranges: readonly KeyRange[];
  readonly keysOnly: boolean;
  readonly position: Revision;
  readonly isBehind: boolean;
}

const changeOverheadBytes = 64;

export class Watcher {
  readonly #points: ReadonlySet<string>;
  readonly #spans: readonly { readonly start: Buffer; readonly end: Buffer }[];
  readonly #keysOnly: boolean;
  #buffer: Change[] = [];
  #bufferBytes = 0;
  /** Everything through it was given, or is in the buffer. */
  #buffered: Revision;
  #position: Revision;
  #isBehind: boolean;
  #isMarkDue = false;
  #wasQuiet = false;
  #isEnded = false;
  #failure: AppError | undefined;
  #wake: (() => void) | undefined;

  constructor({ ranges, keysOnly, position, isBehind }: WatcherOptions) {
    this.#points = new Set(ranges.filter(({ end }) => end === undefined).map(({ start }) => nameOf(start)));
    this.#spans = ranges.flatMap(({ start, end }) => (end === undefined ? [] : [{ start, end }]));
    this.#keysOnly = keysOnly;
    this.#position = this.#buffered = position;
    this.#isBehind = isBehind;
  }

  /** Everything through it was given. */
  get position(): Revision {
    return this.#position;
  }

  /** It has to read the log before it can go on. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Takes what concerns it of commits that now stand. Past its bound the buffer is dropped: the log has it all. */
  offer(commits: readonly CommitChanges[], revision: Revision): void {
    if (this.#isBehind || this.#isEnded) return;
    for (const commit of commits) {
      if (commit.revision <= this.#buffered) continue;
      for (const change of this.matching(commit)) {
        this.#buffer.push(change);
        this.#bufferBytes += changeOverheadBytes + change.key.length + (change.value?.length ?? 0);
      }
    }
    this.#buffered = Math.max(this.#buffered, revision);
    if (this.#bufferBytes > storeLimits.watchBufferBytesMax) {
      this.#isBehind = true;
      this.#drop();
    }
    if (this.#buffer.length > 0 || this.#isBehind) this.#wake?.();
  }

  /** The changes of a commit in its ranges, each once, in order. */
  matching({ changes }: CommitChanges): readonly Change[] {
    const found: Change[] = [];
    for (const change of changes) {
      if (!this.#matches(change.key)) continue;
      found.push(this.#keysOnly && change.value !== undefined ? { ...change, value: undefined } : change);
    }
    return found;
  }

  /** Called at a fixed distance; a watcher that was given nothing since the last call is due a mark. */
  tick(published: Revision): void {
    if (!this.#isBehind) this.#buffered = Math.max(this.#buffered, published);
    if (this.#wasQuiet) {
      this.#isMarkDue = true;
      this.#wake?.();
    }
    this.#wasQuiet = true;
  }

  /** Resolves when there is something to take, or nothing will come any more. */
  ready(): Promise<void> {
    if (this.#buffer.length > 0 || this.#isMarkDue || this.#isBehind || this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = (): void => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** All that is buffered, or a mark; undefined where it has ended. Throws what ended it. */
  take(): { readonly changes: readonly Change[]; readonly revision: Revision } | undefined {
    if (this.#isEnded && this.#failure) throw this.#failure;
    if (this.#isEnded || this.#isBehind) return undefined;
    const changes = this.#buffer;
    this.#drop();
    this.#position = this.#buffered;
    this.#given();
    return { changes, revision: this.#position };
  }

  /** The log was read through `revision`. */
  caughtUp(revision: Revision, isLive: boolean): void {
    this.#position = this.#buffered = revision;
    this.#isBehind = !isLive;
    this.#given();
  }

  end(failure: AppError | undefined): void {
    this.#isEnded = true;
    this.#failure = failure;
    this.#wake?.();
  }

  #given(): void {
    this.#isMarkDue = false;
    this.#wasQuiet = false;
  }

  #drop(): void {
    this.#buffer = [];
    this.#bufferBytes = 0;
  }

  #matches(key: Buffer): boolean {
    for (const { start, end } of this.#spans) if (key.compare(start) >= 0 && key.compare(end) < 0) return true;
    return this.#points.size > 0 && this.#points.has(nameOf(key));
  }
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
