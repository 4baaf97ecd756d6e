/**
 * Measures deliveries: a change counts as delivered when the last subscriber has it. Changes are known by their number, since each
 * subscriber is told of all of them, in order.
 */
import type { Measured, RunSpec } from './measured';
import { Meter } from './meter';

interface Change {
  readonly beganMs: number;
  left: number;
  readonly done: () => void;
}

export class DeliveryMeter {
  readonly #meter: Meter;
  readonly #subscribers: number;
  readonly #open = new Map<number, Change>();
  /** Measured time with a change on its way, for the rate: pauses between changes are nobody's work. */
  #busyMs = 0;
  #busySinceMs = 0;
  #counted = 0;
  /** Changes so far. */
  changes = 0;

  constructor(spec: RunSpec, subscribers: number) {
    this.#meter = new Meter(spec);
    this.#subscribers = subscribers;
  }

  get isOver(): boolean {
    return this.#meter.isOver;
  }

  /** A change is about to be made; resolves when all subscribers have been told of it. */
  begin(): Promise<void> {
    const beganMs = performance.now();
    if (this.#open.size === 0) this.#busySinceMs = beganMs;
    return new Promise((done) => {
      this.#open.set(this.changes, { beganMs, left: this.#subscribers, done });
      this.changes += 1;
    });
  }

  /** One subscriber was told of the change with this number, from 0. */
  delivered(number: number): void {
    const change = this.#open.get(number);
    if (!change) return this.failed(`change ${number} was delivered before it was made, or twice`);
    change.left -= 1;
    if (change.left > 0) return;
    this.#open.delete(number);
    this.#count(change.beganMs);
    change.done();
  }

  failed(why: string): void {
    this.#meter.failed(why);
  }

  /** In deliveries: their rate, and CPU time for 1,000 of them. Latencies are those of whole changes. */
  result(): Measured {
    const changes = this.#meter.result();
    const cpu = Object.entries(changes.cpu).map(([name, ms]) => [name, ms / this.#subscribers]);
    return {
      ...changes,
      perSecond: (this.#counted * this.#subscribers * 1_000) / Math.max(this.#busyMs, 1),
      cpu: Object.fromEntries(cpu),
    };
  }

  /** A change has come to its last subscriber. */
  #count(beganMs: number): void {
    const meter = this.#meter;
    const wasCounting = meter.isCounting;
    meter.answered(beganMs);
    const nowMs = performance.now();
    if (!wasCounting) this.#busySinceMs = nowMs;
    else {
      this.#counted += 1;
      if (this.#open.size === 0 || meter.isOver) this.#busyMs += nowMs - this.#busySinceMs;
    }
  }
}
