/**
 * Latencies in buckets whose width grows with the value (32 to a doubling, so that a percentile is at most 3 % off), from
 * a microsecond to about an hour. Recording allocates nothing.
 */
const bucketsPerDoublingBits = 5;
const bucketsPerDoubling = 1 << bucketsPerDoublingBits;
const bucketCount = bucketsPerDoubling * 33;

export class Histogram {
  readonly #counts = new Uint32Array(bucketCount);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(ms: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1_000), 0), 0xffffffff);
    this.#counts[bucketOf(us)]! += 1;
    this.#total += 1;
  }

  /** In milliseconds: the middle of the bucket in which this part (0 to 1) of the values is reached. NaN where there is none. */
  percentile(part: number): number {
    if (this.#total === 0) return Number.NaN;
    const wanted = Math.max(1, Math.ceil(part * this.#total));
    let seen = 0;
    let bucket = 0;
    while ((seen += this.#counts[bucket]!) < wanted) bucket += 1;
    return (startOf(bucket) + startOf(bucket + 1) - 1) / 2 / 1_000;
  }
}

function bucketOf(us: number): number {
  const shift = Math.max(0, 31 - Math.clz32(us) - bucketsPerDoublingBits);
  return shift * bucketsPerDoubling + Math.floor(us / 2 ** shift);
}

/** The least value of a bucket, in microseconds. */
function startOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / bucketsPerDoubling) - 1);
  return (bucket - shift * bucketsPerDoubling) * 2 ** shift;
}
