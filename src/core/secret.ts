/** Keyed hashes, and comparing what must not be guessed byte by byte. */
import crypto, { createHash, createHmac } from 'node:crypto';
import { digestOfParts } from './ids';

/** Gives the secret; throws UNAVAILABLE while it is not there yet. */
export type SecretSource = () => Buffer;

/** HMAC-SHA-256 of the parts, each preceded by its length, so that no two lists of parts meet. 32 bytes. */
export function keyedHash(secret: Buffer, ...parts: readonly (string | Buffer)[]): Buffer {
  return digestOfParts(createHmac('sha256', secret), parts);
}

/** In base64. At one go where Node can (from 20.12 on), as text: a buffer for it would take three times as long. */
export const sha256: (bytes: Buffer) => string =
  typeof crypto.hash === 'function'
    ? (bytes) => crypto.hash('sha256', bytes, 'base64')
    : (bytes) => createHash('sha256').update(bytes).digest('base64');

/** Takes as long whether they differ in the first character or in the last. `timingSafeEqual` would want buffers made of them. */
export function isSameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}
