/**
 * Which transactions were applied lately, by their attempt ids: a client that lost an answer asks again within a minute. At
 * tens of thousands of commits a second that is a million ids, so they lie in typed arrays outside of the heap: a ring in
 * order of time, and a chained hash table over it. Adding and finding cost some 100 ns; what is too old goes as new ones come.
 */
import type { PastAttempt } from './judge';

const idBytes = 16;
const slotsMin = 1_024;

export class AttemptTable {
  readonly #keepMs: number;
  #slots = 0;
  #ids = Buffer.alloc(0);
  #revisions = new Float64Array(0);
  #times = new Float64Array(0);
  /** Of each bucket the slot added last; of each slot the one added before it in its bucket. -1: none. */
  #buckets = new Int32Array(0);
  #chain = new Int32Array(0);
  #oldest = 0;
  #count = 0;

  /** `keepMs`: how long an attempt is found again. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
    this.#resize(slotsMin);
  }

  find(attemptId: Buffer): PastAttempt | undefined {
    for (let slot = this.#buckets[this.#bucketOf(attemptId, 0)]!; slot >= 0; slot = this.#chain[slot]!) {
      const at = slot * idBytes;
      if (attemptId.compare(this.#ids, at, at + idBytes) === 0) {
        return { revision: this.#revisions[slot]!, nowMs: this.#times[slot]! };
      }
    }
    return undefined;
  }

  /** Adds an attempt; their times never go back. */
  add(attemptId: Buffer, { revision, nowMs }: PastAttempt): void {
    while (this.#count > 0 && this.#times[this.#oldest]! + this.#keepMs < nowMs) this.#dropOldest();
    if (this.#count === this.#slots) this.#resize(this.#slots * 2);
    else if (this.#slots > slotsMin && this.#count < this.#slots / 8) this.#resize(this.#slots / 2);
    this.#put((this.#oldest + this.#count) % this.#slots, attemptId, { revision, nowMs });
    this.#count += 1;
  }

  #put(slot: number, attemptId: Buffer, { revision, nowMs }: PastAttempt): void {
    attemptId.copy(this.#ids, slot * idBytes);
    this.#revisions[slot] = revision;
    this.#times[slot] = nowMs;
    const bucket = this.#bucketOf(attemptId, 0);
    this.#chain[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot;
  }

  #dropOldest(): void {
    const oldest = this.#oldest;
    const bucket = this.#bucketOf(this.#ids, oldest * idBytes);
    // It was added first, so it is the last of its chain.
    let before = -1;
    for (let slot = this.#buckets[bucket]!; slot !== oldest; slot = this.#chain[slot]!) before = slot;
    if (before < 0) this.#buckets[bucket] = -1;
    else this.#chain[before] = -1;
    this.#oldest = (oldest + 1) % this.#slots;
    this.#count -= 1;
  }

  /** A client counts its ids in the last bytes, behind random ones: both parts matter. */
  #bucketOf(bytes: Buffer, at: number): number {
    const mixed = Math.imul(bytes.readUInt32BE(at) ^ bytes.readUInt32BE(at + idBytes - 4), 0x9e3779b1);
    return (mixed >>> 8) & (this.#buckets.length - 1);
  }

  #resize(slots: number): void {
    const { ids, revisions, times, first, count, slotsBefore } = {
      ids: this.#ids,
      revisions: this.#revisions,
      times: this.#times,
      first: this.#oldest,
      count: this.#count,
      slotsBefore: this.#slots,
    };
    this.#slots = slots;
    this.#ids = Buffer.alloc(slots * idBytes);
    this.#revisions = new Float64Array(slots);
    this.#times = new Float64Array(slots);
    this.#chain = new Int32Array(slots);
    this.#buckets = new Int32Array(slots).fill(-1);
    this.#oldest = 0;
    for (let index = 0; index < count; index += 1) {
      const slot = (first + index) % slotsBefore;
      const id = ids.subarray(slot * idBytes, (slot + 1) * idBytes);
      this.#put(index, id, { revision: revisions[slot]!, nowMs: times[slot]! });
    }
  }
}
