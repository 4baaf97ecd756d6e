/**
 * The storage processes of one store. Each has a row; while there are several, each writes its row anew twice a second, so that they hear of each other
 * and of each other's clocks. The one that has been there the longest keeps house (history, old batches and marks, sweeping
 * at once) and its clock is the one that counts. A process that is not heard of for long is given up: its row goes, and with it whatever
 * it may still have on its way. Its place is also taken by the next one of the same name, which is the same process, started again.
 */
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { hashParts } from '../../src/core/ids';
import type { EtcdChannel } from './channel';
import { decodeProcess, encodeProcess, processIdBytes } from './layout';
import type { Layout } from './layout';
import { deleteOp, getOp, isAbsent, isSince, methods, putOp } from './messages';
import type { KeyValue } from './messages';
import { nameOf } from './plan';
import type { SharedTime } from './storage-time';
import { skewMsMax } from './storage-time';

export interface ProcessesOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly clock: Clock;
  /** For pauses. */
  readonly transportClock: Clock;
  readonly ids: Ids;
  /** What this process is called, over its restarts. */
  readonly name: string;
  /** Another process has taken its place. */
  readonly onReplaced: (error: AppError) => void;
}

/** What a process said of its clock, and when that was heard, in monotonic milliseconds. */
interface Saying {
  readonly wallMs: number;
  readonly heardMs: number;
}

interface Other {
  readonly name: string;
  readonly createRevision: number;
  /** The last ones, the newest first. */
  readonly sayings: readonly Saying[];
  /** When it was heard of, in monotonic milliseconds; undefined: only its row was found. */
  readonly heardMs: number | undefined;
  readonly foundMs: number;
}

const heartbeatMs = 500;
/** Without a word for so long it does not count; for longer, it is given up. */
const silentMsMax = 5_000;
const givenUpMs = 30_000;
/** Between two looks at who was heard. */
const lookMs = 50;
/** Sayings of a process that its clock is judged by. */
const sayingsMax = 4;
/** How long a process that begins waits for the others to say what time it is. */
const compareMsMax = 1_200;

export class Processes {
  readonly #options: ProcessesOptions;
  readonly id: Buffer;
  readonly row: Buffer;
  readonly #incarnation: Buffer;
  readonly #others = new Map<string, Other>();
  #createRevision = 0;
  #time: SharedTime | undefined;
  #isBeating = false;
  #isEnded = false;
  #onHeard: (() => void) | undefined;

  constructor(options: ProcessesOptions) {
    this.#options = options;
    this.id = hashParts('process', options.name).subarray(0, processIdBytes);
    this.row = options.layout.process(this.id);
    this.#incarnation = options.ids.bytes(processIdBytes);
  }

  /** Takes the place of this process, and with it what its former life may still have on its way. */
  async begin(): Promise<void> {
    const { channel } = this.#options;
    await channel.ask(methods.txn, { compare: [], success: [deleteOp(this.row)], failure: [] });
    await this.renew();
  }

  /** Makes the row anew, after others had given this process up. */
  async renew(): Promise<void> {
    const { channel, name } = this.#options;
    const { header, succeeded, responses } = await channel.ask(methods.txn, {
      compare: [isAbsent(this.row)],
      success: [putOp(this.row, this.#value())],
      failure: [getOp(this.row)],
    });
    if (succeeded) {
      this.#createRevision = header!.revision;
      return;
    }
    const [row] = responses[0]!.responseRange!.kvs;
    // An answer may have been lost.
    if (row && decodeProcess(row.value).incarnation.equals(this.#incarnation))
      this.#createRevision = row.createRevision;
    else if (this.#createRevision === 0) return this.begin();
    else {
      const message = `another storage process has the name ${name}: two processes on one store must have different addresses`;
      const error = new AppError('UNAVAILABLE', message);
      this.#options.onReplaced(error);
      throw error;
    }
  }

  /** From here on the row says the time. */
  useTime(time: SharedTime): void {
    this.#time = time;
  }

  createRevision(): number {
    return this.#createRevision;
  }

  /** A row of a process as it was found, or heard of (`isNews`), or gone. */
  note(key: Buffer, row: KeyValue | undefined, isNews: boolean): void {
    const id = this.#options.layout.processIdOf(key);
    if (id.equals(this.id)) return;
    const name = nameOf(id);
    const nowMs = this.#options.clock.monotonicMs();
    if (!row) this.#others.delete(name);
    else {
      const { wallMs, storageMs, name: called } = decodeProcess(row.value);
      this.#time?.seen(storageMs);
      const before = this.#others.get(name);
      const isSame = before?.createRevision === row.createRevision;
      const sayings = isNews ? [{ wallMs, heardMs: nowMs }, ...(isSame ? before.sayings : [])] : [];
      this.#others.set(name, {
        name: called,
        createRevision: row.createRevision,
        sayings: sayings.slice(0, sayingsMax),
        heardMs: isNews ? nowMs : undefined,
        foundMs: before?.foundMs ?? nowMs,
      });
    }
    this.#onHeard?.();
  }

  /** Waits until every elder has said what time it is, or is silent. */
  async compared(): Promise<void> {
    const { transportClock } = this.#options;
    const deadline = new AbortController();
    const cancel = transportClock.after(compareMsMax, () => deadline.abort());
    while (!deadline.signal.aborted && this.#elders().some(({ heardMs }) => heardMs === undefined)) {
      await new Promise<void>((resolve) => {
        this.#onHeard = resolve;
        deadline.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.#onHeard = undefined;
    cancel();
  }

  /** The names of the others that live; waits until each has said something or is silent for long. */
  async othersAlive(): Promise<readonly string[]> {
    const { transportClock, clock } = this.#options;
    const beganMs = transportClock.monotonicMs();
    const isOpen = ({ heardMs }: Other): boolean => heardMs === undefined;
    while ([...this.#others.values()].some(isOpen) && transportClock.monotonicMs() - beganMs < silentMsMax)
      await transportClock.sleep(lookMs);
    const nowMs = clock.monotonicMs();
    return [...this.#others.values()]
      .filter(({ heardMs }) => heardMs !== undefined && nowMs - heardMs < silentMsMax)
      .map(({ name }) => name);
  }

  /** Whether this is the one that keeps house. */
  get isEldest(): boolean {
    return this.#elders().length === 0;
  }

  /**
   * How far the clock of this machine is from the one that counts, in milliseconds; positive: ahead. Undefined: it is the one, or nobody is heard.
   * A saying that was long on its way (while a leader was elected) makes the other seem behind, never ahead: the freshest of the last ones is believed.
   */
  skewMs(): number | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    const eldest = this.#elders()[0];
    if (eldest?.heardMs === undefined) return undefined;
    const wallMs = Math.max(...eldest.sayings.map((each) => each.wallMs + nowMs - each.heardMs));
    return this.#options.clock.nowMs() - wallMs;
  }

  /** Why this process must not write now. */
  refusal(): AppError | undefined {
    const skewMs = this.skewMs();
    if (skewMs === undefined || Math.abs(skewMs) <= skewMsMax) return undefined;
    const eldest = this.#elders()[0]!;
    const far = `${Math.abs(Math.round(skewMs))} ms ${skewMs > 0 ? 'ahead of' : 'behind'}`;
    return new AppError(
      'UNAVAILABLE',
      `the clock of this storage machine is ${far} that of ${eldest.name}, at most ${skewMsMax} ms are allowed: it writes nothing until its clock is set right`,
    );
  }

  /** Says that this process lives, while there are others. Called now and then. */
  async beat(): Promise<void> {
    if (this.#isBeating || this.#isEnded || this.#others.size === 0) return;
    this.#isBeating = true;
    try {
      await this.touch();
      if (this.isEldest) await this.#giveUpSilent();
    } catch {
      // etcd does not answer; the next one comes soon.
    } finally {
      this.#isBeating = false;
    }
  }

  /** Writes the row anew. Once: a time that is sent again later is an old one. */
  async touch(): Promise<void> {
    await this.#options.channel.once(methods.txn, {
      compare: [isSince(this.row, this.#createRevision)],
      success: [putOp(this.row, this.#value())],
      failure: [],
    });
  }

  /** Leaves, and lets the next one know how late it is. */
  async end(timeValue: Buffer): Promise<void> {
    this.#isEnded = true;
    await this.#options.channel.ask(methods.txn, {
      compare: [isSince(this.row, this.#createRevision)],
      success: [putOp(this.#options.layout.time, timeValue), deleteOp(this.row)],
      failure: [],
    });
  }

  /** Those that came before this one and are not silent, the oldest first. */
  #elders(): readonly Other[] {
    const nowMs = this.#options.clock.monotonicMs();
    const isLive = ({ heardMs, foundMs }: Other): boolean => nowMs - (heardMs ?? foundMs) < silentMsMax;
    return [...this.#others.values()]
      .filter((each) => each.createRevision < this.#createRevision && isLive(each))
      .sort((a, b) => a.createRevision - b.createRevision);
  }

  async #giveUpSilent(): Promise<void> {
    const { channel, layout, clock } = this.#options;
    for (const [id, { heardMs, foundMs, createRevision }] of this.#others) {
      if (clock.monotonicMs() - (heardMs ?? foundMs) < givenUpMs) continue;
      const row = layout.process(Buffer.from(id, 'latin1'));
      await channel.ask(methods.txn, {
        compare: [isSince(row, createRevision)],
        success: [deleteOp(row)],
        failure: [],
      });
    }
  }

  #value(): Buffer {
    const { clock, name } = this.#options;
    const wallMs = Math.floor(clock.nowMs());
    return encodeProcess({ incarnation: this.#incarnation, wallMs, storageMs: this.#time?.nowMs() ?? 0, name });
  }
}

export { heartbeatMs };
