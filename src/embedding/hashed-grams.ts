/**
 * A text as a vector of its words and their letters: words, pairs of neighbours and groups of letters are hashed into a fixed number of
 * dimensions, each with a sign, so that what falls together cancels out on average (Weinberger et al., "Feature Hashing for
 * Large Scale Multitask Learning", 2009). It knows no meaning; it keeps numbers, names and models apart, which a language model
 * blurs. The vectors are stored: a change here is another model, with another id.
 */
import { toUnit } from './unit-vector';

export const gramDimensions = 512;

const wordWeight = 1;
const pairWeight = 0.5;
const gramsWeight = 0.8;
const gramLetters = 3;
/** Words of grammar say little about what a text is about. */
const commonWeight = 0.25;
const commonWords: ReadonlySet<string> = new Set(
  (
    'a an the and or but if of in on at to from by for with without into over under about as than then that this these those ' +
    'it its is are was were be been being am do does did have has had will would can could should may might must not no ' +
    'i you he she we they me him her us them my your his our their what which who whom when where why how there here so very'
  ).split(' '),
);

/** The vector of a canonical text, of length 1. */
export function hashedGrams(text: string): Float32Array {
  const weights = new Map<number, number>();
  const add = (feature: string, weight: number): void => {
    const hash = hashOf(feature);
    weights.set(hash, (weights.get(hash) ?? 0) + weight);
  };
  let previous: string | undefined;
  for (const word of text.split(' ')) {
    if (word === '') continue;
    const stem = stemOf(word);
    const weight = commonWords.has(word) ? commonWeight : 1;
    add(`w ${stem}`, wordWeight * weight);
    if (previous !== undefined) add(`p ${previous} ${stem}`, pairWeight * weight);
    const padded = ` ${stem} `;
    const count = Math.max(1, padded.length - gramLetters + 1);
    for (let at = 0; at < count; at += 1)
      add(`g ${padded.slice(at, at + gramLetters)}`, (gramsWeight * weight) / Math.sqrt(count));
    previous = stem;
  }
  return toUnit(folded(weights));
}

/** What comes often counts more, though not as often as it comes. */
function folded(weights: ReadonlyMap<number, number>): Float32Array {
  const vector = new Float32Array(gramDimensions);
  for (const [hash, weight] of weights) {
    const damped = weight > 1 ? 1 + Math.log(weight) : weight;
    vector[hash % gramDimensions]! += hash >= 0x80000000 ? damped : -damped;
  }
  return vector;
}

/** English endings taken off, so that `jumps` and `jumped` meet: the same for all forms, not always a word. */
export function stemOf(word: string): string {
  if (word.length < 4 || !/^[a-z']+$/.test(word)) return word;
  const base = word.replace(/'s?$/, '');
  if (/ies$/.test(base) && base.length > 4) return `${base.slice(0, -3)}y`;
  if (/(ss|sh|ch|x|z)es$/.test(base)) return base.slice(0, -2);
  if (/[^sui]s$/.test(base)) return unended(base.slice(0, -1));
  return unended(base);
}

function unended(word: string): string {
  const base = word.replace(/(?<=[a-z]{3})(ing|ed)$/, '');
  if (base === word) return word.replace(/(?<=[a-z]{3})e$/, '');
  return base.replace(/([bdfgmnprt])\1$/, '$1').replace(/(?<=[a-z]{3})e$/, '');
}

/** FNV-1a over the UTF-16 units, mixed at the end so that all bits depend on all units (Austin Appleby's finaliser, public domain). */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < feature.length; at += 1) {
    hash ^= feature.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
