/** A value's bytes, seen three ways, and read from the three ways that a caller may give them. */
import { isUtf8 } from 'node:buffer';
import { limits } from '../proto/limits';
import type { KvValue, KvValueInput } from '../schema/kv';
import { invalidArgument } from '../src/core/errors';
import { requireBase64, requireText } from '../src/core/input';

/** Computes only what is asked for. */
export class KvValueView implements KvValue {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get text(): string | null {
    return isUtf8(this.#bytes) ? this.#bytes.toString('utf8') : null;
  }

  /** Throws INVALID_ARGUMENT where it nests deeper than an answer can. */
  get json(): unknown {
    const { text } = this;
    if (text === null) return null;
    if (nestsTooDeep(text))
      throw invalidArgument('json', `nests deeper than ${limits.jsonDepthMax} levels: ask for text`);
    try {
      return JSON.parse(text);
    } catch {
      // Not JSON is an answer, not a failure.
      return null;
    }
  }

  get base64(): string {
    return this.#bytes.toString('base64');
  }

  get size(): number {
    return this.#bytes.length;
  }
}

/** The bytes that a caller gave in one of three ways. Throws INVALID_ARGUMENT naming the member. */
export function valueBytes(field: string, { text, json, base64 }: KvValueInput): Buffer {
  if ([text, json, base64].filter((way) => way !== undefined && way !== null).length !== 1) {
    throw invalidArgument(field, 'needs exactly one of text, json and base64');
  }
  const rule = { bytesMin: 0, bytesMax: limits.valueBytesMax };
  if (typeof text === 'string') return requireText(`${field}.text`, text, rule);
  if (typeof base64 === 'string') return requireBase64(`${field}.base64`, base64);
  return requireText(`${field}.json`, jsonText(`${field}.json`, json), rule);
}

/** JSON as text. What it cannot hold is refused: JSON.stringify would quietly make null of an Infinity. */
function jsonText(field: string, json: unknown): string {
  const refuseUnfaithful = (name: string, value: unknown): unknown => {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw invalidArgument(field, `holds ${value}: not a number of JSON`);
    if (!name.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) {
      throw invalidArgument(field, 'holds an unpaired surrogate: it must be well-formed Unicode');
    }
    return value;
  };
  const tooDeep = invalidArgument(field, `nests deeper than ${limits.jsonDepthMax} levels`);
  try {
    const text = JSON.stringify(json, refuseUnfaithful);
    if (nestsTooDeep(text)) throw tooDeep;
    return text;
  } catch (error) {
    throw error instanceof RangeError ? tooDeep : error;
  }
}

const [quote, backslash] = [0x22, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Counts brackets outside of strings: also right for what is not JSON, where it does not matter. */
function nestsTooDeep(text: string): boolean {
  if (text.length <= 2 * limits.jsonDepthMax) return false;
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isInString && code === backslash) at += 1;
    else if (code === quote) isInString = !isInString;
    else if (isInString) continue;
    else if (code === openList || code === openObject) {
      depth += 1;
      if (depth > limits.jsonDepthMax) return true;
    } else if (code === closeList || code === closeObject) depth -= 1;
  }
  return false;
}
