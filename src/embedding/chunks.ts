/** Long texts in parts that a model can take: it reads so many tokens and silently leaves out the rest. */

export interface ChunkOptions {
  /** Characters (UTF-16 units) of a part at most. */
  readonly charsMax: number;
  /** Parts of a text at most: of a longer text, parts at equal distances. */
  readonly chunksMax: number;
}

/** The parts of a text, at spaces where there are any. At least one. */
export function chunksOf(text: string, { charsMax, chunksMax }: ChunkOptions): string[] {
  const chunks: string[] = [];
  let start = afterSpaces(text, 0);
  while (start < text.length) {
    const end = endOfChunk(text, start, charsMax);
    chunks.push(text.slice(start, end));
    start = afterSpaces(text, end);
  }
  if (chunks.length === 0) return [''];
  if (chunks.length <= chunksMax) return chunks;
  return Array.from({ length: chunksMax }, (_, index) => chunks[Math.floor((index * chunks.length) / chunksMax)]!);
}

function afterSpaces(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ') at += 1;
  return at;
}

function endOfChunk(text: string, start: number, charsMax: number): number {
  const limit = start + charsMax;
  if (limit >= text.length) return text.length;
  const space = text.lastIndexOf(' ', limit);
  if (space > start) return space;
  // One word alone passes the limit: it is cut, and never within a character.
  const isLowSurrogate = (text.charCodeAt(limit) & 0xfc00) === 0xdc00;
  return isLowSurrogate && limit - 1 > start ? limit - 1 : limit;
}
