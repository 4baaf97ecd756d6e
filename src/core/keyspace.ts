/**
 * Every key that the product stores, in one table. A stored key is
 *
 *     scope (tenant and incarnation) | family (1 byte) | parts of the family
 *
 * Patterns see keys without the scope: `src/store/scoped-store.ts` alone adds and removes it.
 * What a caller chose comes last and raw where it may be long, so that 1,024 NUL bytes still fit an engine's key.
 */
import { escaped, escapedEnd, keyAfter, prefixEnd, readEscaped, readUint64, uint32, uint48, uint64 } from './tuple';

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
  session: {
    code: 0x30,
    history: 'key',
    holds:
      "A session, with the hash of its token: the family byte, 16 bytes for the user (a keyed hash of the user's id), the session's number in 6 bytes.",
  },
  sessionHead: {
    code: 0x31,
    history: 'none',
    holds:
      "The newest session number of a user, written whenever one of the user's sessions begins or is destroyed: the family byte, the user's 16 bytes.",
  },
  sessionsEnded: {
    code: 0x32,
    history: 'key',
    holds: "The session number through which all of a user's sessions are over: the family byte, the user's 16 bytes.",
  },
  electionFence: {
    code: 0x58,
    history: 'key',
    holds: "The highest token that an election has issued: the family byte, then the election's name, raw.",
  },
  electionLease: {
    code: 0x59,
    history: 'key',
    holds: "Who leads, until when: the family byte, then the election's name, raw.",
  },
  inventoryItem: { code: 0x40, history: 'key', holds: 'An inventory item: the family byte, then its sku, raw.' },
  hold: {
    code: 0x41,
    history: 'none',
    holds:
      "A reservation's hold on one sku that does not stand in its item: the family byte, the sku escaped, the expiry in 8 bytes, the id, raw.",
  },
  reservation: { code: 0x42, history: 'none', holds: 'A reservation: the family byte, then its id, raw.' },
  stockMovement: {
    code: 0x43,
    history: 'none',
    holds:
      'Some movements of stock that came one after the other: the family byte, the sku escaped, 2^53-1 less the number of the last of them within the sku, in 8 bytes.',
  },
  taste: {
    code: 0x90,
    history: 'key',
    holds: "A user's taste, the mean of what they had to do with: the family byte, then the user's id, raw.",
  },
  interaction: {
    code: 0x91,
    history: 'none',
    holds:
      "An interaction of a user with a product: the family byte, the user's id escaped, 2^53-1 less its number in 8 bytes.",
  },
  fingerprintHash: {
    code: 0x92,
    history: 'none',
    holds:
      'Which fingerprint has this text: the family byte, the collection escaped, its generation in 6 bytes, the hash of the canonical text.',
  },
  fingerprintTail: {
    code: 0x93,
    history: 'none',
    holds:
      'What was stored lately among the fingerprints of a collection, written by every store: the family byte, the collection escaped, its generation in 6 bytes.',
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
  vectorIndex: {
    code: 0x70,
    history: 'key',
    holds:
      "A vector index's head: the family byte, whose index it is in one byte, then the namespace, raw. With nobody's byte 0 and an owner's byte: how many there are.",
  },
  vector: {
    code: 0x71,
    history: 'key',
    holds:
      'A vector with its metadata: the family byte, whose index it is in one byte, the namespace escaped, the generation of the index in 6 bytes, the id, raw.',
  },
  vectorStamp: {
    code: 0x72,
    history: 'none',
    holds:
      'How many vectors writers have added, written whenever a vector of the index is: the family byte, whose index it is in one byte, the namespace escaped, the generation in 6 bytes, a number of writers in 1 byte.',
  },
  event: {
    code: 0x80,
    history: 'none',
    holds: "An event: the family byte, the stream's id escaped, the event's version in 8 bytes.",
  },
  eventStream: {
    code: 0x81,
    history: 'key',
    holds:
      "An event stream's head (its version, and through which version it was deleted): the family byte, then the stream's id, raw.",
  },
  eventTail: {
    code: 0x82,
    history: 'key',
    holds: 'The position of the last event of the tenant, written by every append: the family byte.',
  },
  eventPlace: {
    code: 0x83,
    history: 'none',
    holds:
      'Where the events of one append stand (stream, versions, types), for reading all streams in one order: the family byte, the position of the last of them in 8 bytes.',
  },
  eventId: {
    code: 0x84,
    history: 'none',
    holds:
      "The version of the event with an id that a caller gave it: the family byte, the stream's id escaped, the event's id, raw.",
  },
  eventSnapshot: {
    code: 0x85,
    history: 'none',
    holds: "The newest snapshot of a stream: the family byte, then the stream's id, raw.",
  },
  eventSweep: {
    code: 0x86,
    history: 'none',
    holds: "A deleted stream whose rows are still to be removed: the family byte, then the stream's id, raw.",
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
  tenantUsage: {
    code: 0x67,
    history: 'none',
    holds:
      "What is stored for one life of a tenant, written by storage alone, reserved scope: the family byte, the tenant's id escaped, its life in 4 bytes.",
  },
  holdsDue: {
    code: 0xf0,
    history: 'none',
    holds:
      "When a hold of a sku may end, of all tenants in the order of that time, reserved scope: the family byte, the time in 8 bytes, the tenant's id escaped, its life in 4 bytes, the sku, raw.",
  },
  dataImport: {
    code: 0x6f,
    history: 'none',
    holds:
      'An import that has not come to its end, reserved scope: the family byte, then the id of the tenant, raw; of a whole store: nothing.',
  },
} as const satisfies Record<string, FamilySpec>;

export type FamilyName = keyof typeof families;

/** Whether a row of the family is a record that a caller made, which counts as one of the tenant's keys. */
export const isCallersRecord: Readonly<Record<FamilyName, boolean>> = {
  kv: true,
  counter: true,
  counterShard: false,
  session: true,
  sessionHead: false,
  sessionsEnded: false,
  inventoryItem: true,
  hold: false,
  reservation: false,
  stockMovement: false,
  taste: true,
  interaction: false,
  fingerprintHash: false,
  fingerprintTail: false,
  rateLimit: false,
  requestLimit: false,
  electionFence: false,
  electionLease: false,
  vectorIndex: false,
  vector: true,
  vectorStamp: false,
  event: true,
  eventStream: false,
  eventTail: false,
  eventPlace: false,
  eventId: false,
  eventSnapshot: false,
  eventSweep: false,
  tenant: false,
  tenantGate: false,
  apiKey: false,
  apiKeyOfTenant: false,
  apiKeyHead: false,
  apiKeyUse: false,
  tenantRemoval: false,
  tenantUsage: false,
  holdsDue: false,
  dataImport: false,
};

/** The bytes of the families whose rows are callers' records. */
export const billedFamilies: ReadonlySet<number> = new Set(
  (Object.keys(families) as FamilyName[]).filter((name) => isCallersRecord[name]).map((name) => families[name].code),
);
/** Whose vectors these are: indexes of different owners never meet, whatever their names. Numbers are never used again. */
export const vectorOwners = { caller: 1, document: 2, product: 3, fingerprint: 4 } as const;

export type VectorOwner = keyof typeof vectorOwners;

/** One life of a vector index. */
export interface VectorLife {
  readonly owner: VectorOwner;
  readonly namespace: string;
  /** Another one each time that the index is made. */
  readonly generation: number;
}

const tenantScopeCode = 0x54;

/** The prefix of all keys of one life of a tenant. `incarnation` rises when a deleted tenant is made again. */
export function tenantScope(tenantId: string, incarnation: number): Buffer {
  return Buffer.concat([Buffer.of(tenantScopeCode), escaped(tenantId), uint32(incarnation)]);
}

/** How many of a stored key's first bytes are a tenant's scope; 0: it is in none. */
export function tenantScopeLength(key: Buffer): number {
  if (key[0] !== tenantScopeCode) return 0;
  const next = escapedEnd(key, 1);
  return next > 0 && next + 4 <= key.length ? next + 4 : 0;
}

/** The prefix of what is kept about tenants: none of theirs begins with its byte, so that no tenant's id can name it. */
export const reservedScope: Buffer = Buffer.of(0x52);

/** One life of a tenant, as a part of a key. */
function lifeOf(tenantId: string, incarnation: number): Buffer {
  return Buffer.concat([escaped(tenantId), uint32(incarnation)]);
}

function familyKey(family: FamilyName, ...parts: readonly (string | Buffer)[]): Buffer {
  const { code } = families[family];
  const [only] = parts;
  // Nearly all keys of hot records: one string behind a byte that is ASCII.
  if (parts.length === 1 && typeof only === 'string' && code < 0x80)
    return Buffer.from(String.fromCharCode(code) + only);
  let length = 1;
  for (const part of parts) length += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  const key = Buffer.allocUnsafe(length);
  let at = key.writeUInt8(code, 0);
  for (const part of parts) at += typeof part === 'string' ? key.write(part, at) : part.copy(key, at);
  return key;
}

type LifeRange = { readonly start: Buffer; readonly end: Buffer };

/** Of lives that somebody holds: a search asks a dozen times. */
const lifeRanges = {
  vector: new WeakMap<VectorLife, LifeRange>(),
  vectorStamp: new WeakMap<VectorLife, LifeRange>(),
} as const;

/** What the keys of all rows of one life of a vector index begin with. */
function lifeKey(family: 'vector' | 'vectorStamp', life: VectorLife): Buffer {
  return vectorLifeRange(family, life).start;
}

/** The keys of each family, and how to read a caller's part back out of one. */
export const keyspace = {
  kv: (key: string | Buffer): Buffer => familyKey('kv', key),
  counter: (name: string): Buffer => familyKey('counter', name),
  counterShard: (name: string, shard: number): Buffer => familyKey('counterShard', escaped(name), uint32(shard)),
  session: (user: Buffer, number: number): Buffer => familyKey('session', user, uint48(number)),
  sessionHead: (user: Buffer): Buffer => familyKey('sessionHead', user),
  sessionsEnded: (user: Buffer): Buffer => familyKey('sessionsEnded', user),
  /** The number in the key of a session. */
  sessionNumber: (key: Buffer): number => key.readUIntBE(key.length - 6, 6),
  /** Written by a new reign alone, and never deleted: what a fenced write checks. */
  electionFence: (election: string): Buffer => familyKey('electionFence', election),
  /** Written by every campaign, renewal and resignation; expires with the lease. */
  electionLease: (election: string): Buffer => familyKey('electionLease', election),
  inventoryItem: (sku: string): Buffer => familyKey('inventoryItem', sku),
  hold: (sku: string, expiresAtMs: number, reservationId: string): Buffer =>
    familyKey('hold', escaped(sku), uint64(expiresAtMs), reservationId),
  /** As a pattern writes it; `holds-due.ts` says where it is stored. */
  holdsDue: (atMs: number, sku: string): Buffer => familyKey('holdsDue', uint64(atMs), sku),
  reservation: (id: string): Buffer => familyKey('reservation', id),
  /** The newest first. */
  stockMovement: (sku: string, number: number): Buffer =>
    familyKey('stockMovement', escaped(sku), uint64(Number.MAX_SAFE_INTEGER - number)),
  taste: (userId: string): Buffer => familyKey('taste', userId),
  /** The newest first. */
  interaction: (userId: string, number: number): Buffer =>
    familyKey('interaction', escaped(userId), uint64(Number.MAX_SAFE_INTEGER - number)),
  fingerprintHash: ({ namespace, generation }: VectorLife, hash: string): Buffer =>
    familyKey('fingerprintHash', escaped(namespace), uint48(generation), Buffer.from(hash, 'base64url')),
  fingerprintTail: ({ namespace, generation }: VectorLife): Buffer =>
    familyKey('fingerprintTail', escaped(namespace), uint48(generation)),
  rateLimit: (identifier: string): Buffer => familyKey('rateLimit', identifier),
  requestLimit: (what: string): Buffer => familyKey('requestLimit', what),
  vectorIndex: (owner: VectorOwner, namespace: string): Buffer =>
    familyKey('vectorIndex', Buffer.of(vectorOwners[owner]), namespace),
  vectorIndexCount: (owner: VectorOwner): Buffer => familyKey('vectorIndex', Buffer.of(0, vectorOwners[owner])),
  vector: (life: VectorLife, id: string): Buffer => Buffer.concat([lifeKey('vector', life), Buffer.from(id, 'utf8')]),
  vectorStamp: (life: VectorLife, writer: number): Buffer =>
    Buffer.concat([lifeKey('vectorStamp', life), Buffer.of(writer)]),
  event: (streamId: string, version: number): Buffer => familyKey('event', escaped(streamId), uint64(version)),
  /** Written by whatever changes the stream: the check of it guards all else that is kept of the stream. */
  eventStream: (streamId: string): Buffer => familyKey('eventStream', streamId),
  eventTail: (): Buffer => familyKey('eventTail'),
  eventPlace: (lastPosition: number): Buffer => familyKey('eventPlace', uint64(lastPosition)),
  eventId: (streamId: string, eventId: string): Buffer => familyKey('eventId', escaped(streamId), eventId),
  eventSnapshot: (streamId: string): Buffer => familyKey('eventSnapshot', streamId),
  eventSweep: (streamId: string): Buffer => familyKey('eventSweep', streamId),
  tenant: (tenantId: string): Buffer => familyKey('tenant', tenantId),
  tenantGate: (tenantId: string): Buffer => familyKey('tenantGate', tenantId),
  apiKey: (id: Buffer): Buffer => familyKey('apiKey', id),
  apiKeyOfTenant: (tenantId: string, incarnation: number, id: Buffer): Buffer =>
    familyKey('apiKeyOfTenant', lifeOf(tenantId, incarnation), id),
  apiKeyHead: (tenantId: string, incarnation: number): Buffer => familyKey('apiKeyHead', lifeOf(tenantId, incarnation)),
  apiKeyUse: (id: Buffer): Buffer => familyKey('apiKeyUse', id),
  tenantRemoval: (tenantId: string, incarnation: number): Buffer =>
    familyKey('tenantRemoval', lifeOf(tenantId, incarnation)),
  tenantUsage: (tenantId: string, incarnation: number): Buffer =>
    familyKey('tenantUsage', lifeOf(tenantId, incarnation)),
  /** `tenantId` empty: of the whole store. */
  dataImport: (tenantId: string): Buffer => familyKey('dataImport', tenantId),
  /** The caller's part of a key whose last part is raw. */
  lastPart: (key: Buffer): Buffer => key.subarray(1),
  /** The same as text; of bytes that are not UTF-8, some text that stands for them. */
  lastText: (key: Buffer): string => key.toString('utf8', 1),
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

/** All interactions of a user, the newest first. */
export function interactionsRange(userId: string): { start: Buffer; end: Buffer } {
  const start = familyKey('interaction', escaped(userId));
  return { start, end: prefixEnd(start) ?? keyAfter(start) };
}

/** Holds of a sku whose expiry lies in [fromMs, throughMs]; left out: all from there on. */
export function holdsRange(sku: string, fromMs: number, throughMs?: number): { start: Buffer; end: Buffer } {
  const prefix = familyKey('hold', escaped(sku));
  const end = throughMs === undefined ? prefixEnd(prefix) : Buffer.concat([prefix, uint64(throughMs + 1)]);
  return { start: Buffer.concat([prefix, uint64(fromMs)]), end: end ?? keyAfter(prefix) };
}

/** What the key of a hold says. */
export function readHoldKey(key: Buffer): { expiresAtMs: number; reservationId: string } {
  const { next } = readEscaped(key, 1);
  return { expiresAtMs: readUint64(key, next), reservationId: key.toString('utf8', next + 8) };
}

/** Rows of movements of a sku: all, or those whose last movement has a number below this one; the newest first. */
export function stockMovementsRange(sku: string, beforeNumber?: number): { start: Buffer; end: Buffer } {
  const prefix = familyKey('stockMovement', escaped(sku));
  const start = beforeNumber === undefined ? prefix : keyAfter(keyspace.stockMovement(sku, beforeNumber));
  return { start, end: prefixEnd(prefix) ?? keyAfter(prefix) };
}

/** The number of the last movement of a row. */
export function readStockMovementKey(key: Buffer): number {
  return Number.MAX_SAFE_INTEGER - readUint64(key, key.length - 8);
}

/** Events of a stream with afterVersion < version <= throughVersion. */
export function eventsRange(
  streamId: string,
  afterVersion: number,
  throughVersion = Number.MAX_SAFE_INTEGER,
): { start: Buffer; end: Buffer } {
  const end = keyspace.event(streamId, throughVersion);
  return { start: keyAfter(keyspace.event(streamId, afterVersion)), end: keyAfter(end) };
}

/** The version in the key of an event. */
export function readEventKey(key: Buffer): number {
  return readUint64(key, key.length - 8);
}

/** Appends with events behind a position. */
export function eventPlacesRange(afterPosition: number): { start: Buffer; end: Buffer } {
  return { start: keyAfter(keyspace.eventPlace(afterPosition)), end: familyRange('eventPlace').end };
}

/** The position of the last event of an append. */
export function readEventPlaceKey(key: Buffer): number {
  return readUint64(key, 1);
}

/** All API keys of one life of a tenant, of which the last 16 bytes are the id. */
export function apiKeysOfTenantRange(tenantId: string, incarnation: number): { start: Buffer; end: Buffer } {
  const start = familyKey('apiKeyOfTenant', lifeOf(tenantId, incarnation));
  return { start, end: prefixEnd(start) ?? keyAfter(start) };
}

/** Removals of all lives of a tenant. */
export function tenantRemovalsPrefix(tenantId: string): Buffer {
  return familyKey('tenantRemoval', escaped(tenantId));
}

/** What decides who is let in: records, gates and API keys of all tenants. */
export function accessRange(): { start: Buffer; end: Buffer } {
  return { start: familyRange('tenant').start, end: familyRange('apiKey').end };
}

/** The heads of all vector indexes of an owner. */
export function vectorIndexesRange(owner: VectorOwner): { start: Buffer; end: Buffer } {
  return familyRange('vectorIndex', Buffer.of(vectorOwners[owner]));
}

/** All vectors, or all stamps, of one life of an index. */
export function vectorLifeRange(family: 'vector' | 'vectorStamp', life: VectorLife): LifeRange {
  const known = lifeRanges[family].get(life);
  if (known) return known;
  const { owner, namespace, generation } = life;
  const start = familyKey(family, Buffer.of(vectorOwners[owner]), escaped(namespace), uint48(generation));
  const range = { start, end: prefixEnd(start) ?? keyAfter(start) };
  lifeRanges[family].set(life, range);
  return range;
}

/** The namespace in the key of an index's head. */
export function readVectorIndexKey(key: Buffer): string {
  return key.toString('utf8', 2);
}

/** The id in the key of a vector of this life. */
export function readVectorKey(life: VectorLife, key: Buffer): string {
  return key.toString('utf8', lifeKey('vector', life).length);
}
