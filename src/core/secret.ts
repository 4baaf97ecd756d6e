/** Keyed hashes, and comparing what must not be guessed byte by byte. */
import crypto, { createHash, createHmac, timingSafeEqual } from 'node:crypto';
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

/** Of ASCII texts. Takes as long whether they differ in the first character or in the last. */
export function isSameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
}
