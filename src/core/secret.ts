/** Keyed hashes, and comparing what must not be guessed byte by byte. */
import crypto, { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { digestOfParts } from './ids';

/** Gives the secret; throws UNAVAILABLE while it is not there yet. */
export type SecretSource = () => Buffer;

/** HMAC-SHA-256 of the parts, each preceded by its length, so that no two lists of parts meet. 32 bytes. */
export function keyedHash(secret: Buffer, ...parts: readonly (string | Buffer)[]): Buffer {
  return digestOfParts(createHmac('sha256', secret), parts);
}

/** At one go where Node can (from 20.12 on), which takes half as long. */
export const sha256: (bytes: Buffer) => Buffer =
  typeof crypto.hash === 'function'
    ? (bytes) => crypto.hash('sha256', bytes, 'buffer')
    : (bytes) => createHash('sha256').update(bytes).digest();

/** Takes as long whether they differ in the first byte or in the last. */
export function isSameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
