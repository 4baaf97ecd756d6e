/**
 * Texts as they are compared: without what two writers of the same sentence do differently (case, punctuation, white space,
 * the way a letter is encoded), and with what makes a difference (numbers, signs, `c++` and `c#`). Hashes of canonical
 * texts are stored: a change here is a change of a format on disk.
 */

/** Punctuation that says something: c#, don't, 1.5, 50%, -3. All other punctuation is white space. */
const ignored =
  /(?<!\p{L})#|(?<!\p{L})'|'(?!\p{L})|(?<!\p{N})[.,]|[.,](?!\p{N})|(?<!\p{N})%|(?<![\s]|^)-|-(?!\p{N})|(?![#'.,%-])\p{P}|[\p{Z}\p{Cc}]/gu;

/** The canonical form; applied to a canonical text it changes nothing. Empty only where the text is white space. */
export function canonicalText(text: string): string {
  const folded = foldedText(text);
  const bare = collapsed(folded.replace(ignored, ' '));
  // Of a text of nothing but punctuation the punctuation is all there is to compare.
  return bare === '' ? collapsed(folded) : bare;
}

function foldedText(text: string): string {
  // What cannot be seen (soft hyphens, joiners, marks of direction) joins what is beside it.
  const seen = text.replace(/\p{Cf}/gu, '');
  // Lower case can undo the normal form, so it is made once more.
  return seen.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/[‘’]/g, "'");
}

function collapsed(text: string): string {
  return text.replace(/[\s\p{Z}\p{Cc}]+/gu, ' ').trim();
}
