/** Search by words, the usual yardstick: BM25 with the usual constants (Robertson and Zaragoza, 2009), over stems. */
import { canonicalText } from '../../src/core/canonical-text';
import { stemOf } from '../../src/embedding/hashed-grams';

const k1 = 1.2;
const b = 0.75;

export class Bm25 {
  readonly #documents: readonly ReadonlyMap<string, number>[];
  readonly #lengths: readonly number[];
  readonly #holders = new Map<string, number>();
  readonly #meanLength: number;

  constructor(texts: readonly string[]) {
    this.#documents = texts.map(countsOf);
    this.#lengths = this.#documents.map((counts) => [...counts.values()].reduce((sum, count) => sum + count, 0));
    this.#meanLength = this.#lengths.reduce((sum, length) => sum + length, 0) / texts.length;
    for (const counts of this.#documents)
      for (const stem of counts.keys()) this.#holders.set(stem, (this.#holders.get(stem) ?? 0) + 1);
  }

  /** One score for each document, in their order. */
  scores(query: string): number[] {
    return this.#documents.map((counts, index) => {
      let score = 0;
      for (const stem of countsOf(query).keys()) {
        const count = counts.get(stem) ?? 0;
        const holders = this.#holders.get(stem) ?? 0;
        const rarity = Math.log(1 + (this.#documents.length - holders + 0.5) / (holders + 0.5));
        const length = 1 - b + (b * this.#lengths[index]!) / this.#meanLength;
        score += (rarity * count * (k1 + 1)) / (count + k1 * length);
      }
      return score;
    });
  }
}

function countsOf(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of canonicalText(text).split(' ')) {
    const stem = stemOf(word);
    counts.set(stem, (counts.get(stem) ?? 0) + 1);
  }
  return counts;
}
