/**
 * The nearest rows of those that are looked at: exact distances from the rows themselves, in order, at most k, memory for k. Rows of
 * another number of dimensions, rows that the filter leaves out, and the excepted one are passed over.
 */
import { limits } from '../../proto/limits';
import type { Entry, Revision, SearchHit, SearchRequest } from '../../proto/store';
import { invalidArgument } from '../../src/core/errors';
import { compileFilter, parseMetadata } from '../../src/core/metadata-filter';
import type { MatchMetadata, MetadataFilter } from '../../src/core/metadata-filter';
import { measureFrom } from '../../src/core/vector-distance';
import { metadataOf, readVector, withoutVector } from '../../src/core/vector-row';

interface Ranked {
  readonly distance: number;
  readonly key: Buffer;
  readonly revision: Revision;
  /** What is shown of the row, in memory of its own. */
  readonly shown: Buffer;
}

export type NearestRequest = Pick<SearchRequest, 'distance' | 'near' | 'k' | 'filter' | 'except' | 'withVectors'>;

/** Where a row's numbers are looked at, one row at a time, whoever looks: kept as long as lengths stay the same. */
let desk = new Float32Array(0);

function deskOf(dimensions: number): Float32Array {
  if (desk.length !== dimensions) desk = new Float32Array(dimensions);
  return desk;
}

export class Nearest {
  readonly #request: NearestRequest;
  readonly #matches: MatchMetadata | undefined;
  readonly #measure: (vector: Float32Array) => number;
  readonly #vector: Float32Array;
  readonly #ranked: Ranked[] = [];

  constructor(request: NearestRequest) {
    this.#request = request;
    const { filter } = request;
    this.#matches = filter === undefined ? undefined : compileFilter(JSON.parse(filter) as MetadataFilter);
    this.#measure = measureFrom(request.distance, request.near);
    this.#vector = deskOf(request.near.length);
  }

  get size(): number {
    return this.#ranked.length;
  }

  get isFull(): boolean {
    return this.#ranked.length >= this.#request.k;
  }

  /** Looks at a row, whose value may change afterwards. No row may be offered twice. */
  offer({ key, value, revision }: Entry): void {
    const { except, k, withVectors } = this.#request;
    if (except?.equals(key) || !readVector(value, this.#vector)) return;
    if (this.#matches && !this.#matches(parseMetadata(metadataOf(value)))) return;
    const distance = this.#measure(this.#vector);
    if (this.isFull && !isBefore({ distance, key }, this.#ranked.at(-1)!)) return;
    const shown = withVectors ? Buffer.from(value) : withoutVector(value);
    const ranked = { distance, key, revision, shown };
    this.#ranked.splice(this.#placeOf(ranked), 0, ranked);
    if (this.#ranked.length > k) this.#ranked.pop();
  }

  /** The hits. Throws INVALID_ARGUMENT where they come to more than an answer takes. */
  hits(): SearchHit[] {
    const { k } = this.#request;
    let bytes = 0;
    return this.#ranked.map(({ distance, key, revision, shown }) => {
      bytes += key.length + shown.length;
      if (bytes > limits.pageBytesMax) {
        const rule = `is ${k}, and the matches hold more than ${limits.pageBytesMax} bytes, which is what one answer takes`;
        throw invalidArgument('k', `${rule}: ask for fewer, or without their vectors`);
      }
      return { key, value: shown, revision, distance };
    });
  }

  #placeOf(ranked: Ranked): number {
    let from = 0;
    let to = this.#ranked.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (isBefore(this.#ranked[middle]!, ranked)) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

type Place = Pick<Ranked, 'distance' | 'key'>;

function isBefore(a: Place, b: Place): boolean {
  return a.distance === b.distance ? a.key.compare(b.key) < 0 : a.distance < b.distance;
}
