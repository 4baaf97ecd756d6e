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
  // Of the reserved scope; the first three lie side by side, so that one range watches them.
  tenant: {
    code: 0x60,
    history: 'key',
    holds: "A tenant's record, reserved scope: the family byte, then its id, raw.",
  },
  tenantGate: {
    code: 0x61,
    history: 'key',
    holds:
      'Which life of a tenant is open, reserved scope: the family byte, then its id, raw; absent while it was never deleted.',
  },
  apiKey: { code: 0x62, history: 'key', holds: 'An API key, reserved scope: the family byte, then its id, 16 bytes.' },
  apiKeyOfTenant: {
    code: 0x63,
    history: 'none',
    holds:
      "The API keys of a tenant, reserved scope: the family byte, the tenant's id escaped, its life in 4 bytes, the key's id.",
  },
  apiKeyHead: {
    code: 0x64,
    history: 'none',
    holds:
      "How many API keys a tenant has, reserved scope: the family byte, the tenant's id escaped, its life in 4 bytes.",
  },
  apiKeyUse: {
    code: 0x65,
    history: 'none',
    holds: 'The minute in which an API key was last used, reserved scope: the family byte, then its id.',
  },
  tenantRemoval: {
    code: 0x66,
    history: 'none',
    holds:
      "A removal of a deleted tenant's data, reserved scope: the family byte, the tenant's id escaped, its life in 4 bytes.",
  },
} as const satisfies Record<string, FamilySpec>;

export type FamilyName = keyof typeof families;

/** Whether a row of the family is a record that a caller made, which counts as one of the tenant's keys. */
export const isCallersRecord: Readonly<Record<FamilyName, boolean>> = {
  kv: true,
  counter: true,
  counterShard: false,
  tenant: false,
  tenantGate: false,
  apiKey: false,
  apiKeyOfTenant: false,
  apiKeyHead: false,
  apiKeyUse: false,
  tenantRemoval: false,
};

const tenantScopeCode = 0x54;

/** The prefix of all keys of one life of a tenant. `incarnation` rises when a deleted tenant is made again. */
export function tenantScope(tenantId: string, incarnation: number): Buffer {
  return Buffer.concat([Buffer.of(tenantScopeCode), escaped(tenantId), uint32(incarnation)]);
}

/** The prefix of what is kept about tenants: none of theirs begins with its byte, so that no tenant's id can name it. */
export const reservedScope: Buffer = Buffer.of(0x52);

/** One life of a tenant, as a part of a key. */
function lifeOf(tenantId: string, incarnation: number): Buffer {
  return Buffer.concat([escaped(tenantId), uint32(incarnation)]);
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
  tenant: (tenantId: string): Buffer => familyKey('tenant', tenantId),
  tenantGate: (tenantId: string): Buffer => familyKey('tenantGate', tenantId),
  apiKey: (id: Buffer): Buffer => familyKey('apiKey', id),
  apiKeyOfTenant: (tenantId: string, incarnation: number, id: Buffer): Buffer =>
    familyKey('apiKeyOfTenant', lifeOf(tenantId, incarnation), id),
  apiKeyHead: (tenantId: string, incarnation: number): Buffer => familyKey('apiKeyHead', lifeOf(tenantId, incarnation)),
  apiKeyUse: (id: Buffer): Buffer => familyKey('apiKeyUse', id),
  tenantRemoval: (tenantId: string, incarnation: number): Buffer =>
    familyKey('tenantRemoval', lifeOf(tenantId, incarnation)),
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

/** All API keys of one life of a tenant, of which the last 16 bytes are the id. */
export function apiKeysOfTenantRange(tenantId: string, incarnation: number): { start: Buffer; end: Buffer } {
  const start = familyKey('apiKeyOfTenant', lifeOf(tenantId, incarnation));
  return { start, end: prefixEnd(start) ?? keyAfter(start) };
}

/** What decides who is let in: records, gates and API keys of all tenants. */
export function accessRange(): { start: Buffer; end: Buffer } {
  return { start: familyRange('tenant').start, end: familyRange('apiKey').end };
}

/** The family of a key; undefined: none that is known. */
export function familyOf(key: Buffer): FamilyName | undefined {
  return familyNames.get(key[0] ?? -1);
}

const familyNames: ReadonlyMap<number, FamilyName> = new Map(
  (Object.keys(families) as FamilyName[]).map((name) => [families[name].code, name]),
);
