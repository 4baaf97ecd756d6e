/** A value's bytes, seen three ways, and read from the three ways that a caller may give them. */
import { isUtf8 } from 'node:buffer';
import type { KvValue, KvValueInput } from '../schema/kv';
import { invalidArgument } from '../src/core/errors';
import { requireBase64, requireText } from '../src/core/input';
import { limits } from '../proto/limits';

/** Computes only what is asked for. */
export class KvValueView implements KvValue {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get text(): string | null {
    return isUtf8(this.#bytes) ? this.#bytes.toString('utf8') : null;
  }

  get json(): unknown {
    const { text } = this;
    if (text === null) return null;
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
  const text8 = { bytesMin: 0, bytesMax: limits.valueBytesMax };
  if (text !== undefined && text !== null) return requireText(`${field}.text`, text, text8);
  if (base64 !== undefined && base64 !== null) return requireBase64(`${field}.base64`, base64);
  if (json === undefined || json === null) throw invalidArgument(field, 'needs one of text, json and base64');
  return requireText(`${field}.json`, JSON.stringify(json), text8);
}
