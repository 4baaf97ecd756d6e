/**
 * Every key that the product stores, in one table. A stored key is
 *
 *     scope (tenant and incarnation) | family (1 byte) | parts of the family
 *
 * Patterns see keys without the scope: `src/store/scoped-store.ts` alone adds and removes it.
 * What a caller chose comes last and raw where it may be long, so that 1,024 NUL bytes still fit an engine's key.
 */
import { escaped, keyAfter, prefixEnd, uint32 } from './tuple';

/** What the change log keeps of a write: the value too, the key alone, or nothing. */
export type History = 'value' | 'key' | 'none';

export interface FamilySpec {
  /** The family's byte in a key. */
  readonly code: number;
  readonly history: History;
  /** What stands in its rows, in a sentence for the docs. */
  readonly holds: string;
}

/** All families. `docs/storage.md` lists them; a test holds the two together. */
export const families = {
  kv: { code: 0x10, history: 'value', holds: "A caller's value: the family byte, then the caller's key, raw." },
  counter: { code: 0x20, history: 'key', holds: "A counter's head: the family byte, then its name, raw." },
  counterShard: {
    code: 0x21,
    history: 'key',
    holds: "One shard of a counter: the family byte, the counter's name escaped, the shard's number in 4 bytes.",
  },
  rateLimit: {
    code: 0x50,
    history: 'none',
    holds: "An identifier's limits: the family byte, then the identifier, raw.",
  },
  requestLimit: {
    code: 0x51,
    history: 'none',
    holds: "The gateway's own limit of the tenant's requests: the family byte, then what is limited, raw.",
  },
} as const satisfies Record<string, FamilySpec>;

export type FamilyName = keyof typeof families;

const tenantScopeCode = 0x54;

/** The prefix of all keys of one life of a tenant. `incarnation` rises when a deleted tenant is made again. */
export function tenantScope(tenantId: string, incarnation: number): Buffer {
  return Buffer.concat([Buffer.of(tenantScopeCode), escaped(tenantId), uint32(incarnation)]);
}

function familyKey(family: FamilyName, ...parts: readonly (string | Buffer)[]): Buffer {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part));
  return Buffer.concat([Buffer.of(families[family].code), ...bytes]);
}

/** The keys of each family, and how to read a caller's part back out of one. */
export const keyspace = {
  kv: (key: string | Buffer): Buffer => familyKey('kv', key),
  counter: (name: string): Buffer => familyKey('counter', name),
  counterShard: (name: string, shard: number): Buffer => familyKey('counterShard', escaped(name), uint32(shard)),
  rateLimit: (identifier: string): Buffer => familyKey('rateLimit', identifier),
  requestLimit: (what: string): Buffer => familyKey('requestLimit', what),
  /** The caller's part of a key whose last part is raw. */
  lastPart: (key: Buffer): Buffer => key.subarray(1),
};

/** All keys of a family whose (raw, last) caller part begins with `prefix`. */
export function familyRange(family: FamilyName, prefix: string | Buffer = ''): { start: Buffer; end: Buffer } {
  const start = familyKey(family, prefix);
  // A family's byte is never FF, so there always is a key behind the last one.
  return { start, end: prefixEnd(start) ?? keyAfter(start) };
}

/** All shard rows of one counter. */
export function counterShardsRange(name: string): { start: Buffer; end: Buffer } {
  const start = familyKey('counterShard', escaped(name));
  return { start, end: prefixEnd(start) ?? keyAfter(start) };
}
