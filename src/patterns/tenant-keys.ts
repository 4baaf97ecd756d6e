/**
 * API keys of tenants.
 *
 * Promises: a secret is shown once and stored nowhere; what is stored is its SHA-256, which is compared in constant time. A key is of
 * one life of its tenant and ends with it. A secret is the key's id, by which it is found, and 32 bytes: from chance, or where
 * the command has an idempotencyKey from HMAC-SHA-256 of a salt that its mark keeps, under the server's secret, so that a
 * replay shows the same secret. Stores a row a key, a row of the tenant's list, a head that counts them, and the
 * minute of the last use, which is written behind and may miss the last of a crash. Costs a read and a commit to make one.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '../../proto/limits';
import type { Revision, Store } from '../../proto/store';
import { AppError, invalidArgument } from '../core/errors';
import type { Ids } from '../core/ids';
import { requireText } from '../core/input';
import { apiKeysOfTenantRange, families, keyspace } from '../core/keyspace';
import { requireTenantId } from '../store/tenant-id';
import type { Remembered, Transact } from '../store/transact';
import { decideMakeKey, decode, encode, firstGate } from './tenant-decisions';
import type {
  ApiKeyHead,
  ApiKeyRecord,
  ApiKeyUse,
  MakeKeyVerdict,
  TenantGate,
  TenantRecord,
  TenantRole,
} from './tenant-decisions';

/** The secret of the server, the same for every gateway of one store: at least 32 bytes. */
export type ServerSecret = () => Buffer | Promise<Buffer>;

/** A key as it is listed. */
export interface ApiKey {
  /** In hexadecimal. */
  readonly id: string;
  readonly name: string;
  readonly role: TenantRole;
  readonly createdAtMs: number;
  /** A whole minute; undefined: never, as far as was written down. */
  readonly lastUsedAtMs: number | undefined;
}

export interface CreateApiKey {
  readonly tenantId: string;
  readonly name: string;
  readonly role: TenantRole;
  readonly idempotencyKey?: string | undefined;
}

/** Who asks: an operator for any tenant, others for their own. */
export interface KeyManager {
  readonly tenantId: string;
  readonly role: TenantRole;
  readonly isOperator: boolean;
}

/** What a secret opens. */
export interface KnownApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly incarnation: number;
  readonly role: TenantRole;
  /** Of the snapshot in which it was found. */
  readonly asOf: Revision;
}

/** What a mark keeps of a key that was made. */
interface Made {
  readonly id: string;
  readonly salt: string | undefined;
}

interface Use {
  readonly minuteMs: number;
  readonly key: Revision;
  readonly use: Revision;
}

export interface ApiKeysDependencies {
  /** On the reserved scope. */
  readonly store: Store;
  /** On the reserved scope. */
  readonly transact: Transact;
  readonly ids: Ids;
  readonly serverSecret: ServerSecret;
  /** Whether a tenant that was never created is there all the same. */
  readonly unknownExists: boolean;
}

const idBytes = 16;
const secretBytes = 32;
const secretPattern = /^nrg_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/;
const minuteMs = 60_000;
/** Uses that wait to be written down; past it the rest is not noted. */
const usesMax = 100_000;
const usesOfCommit = 100;
const { apiKey, apiKeyHead, apiKeyOfTenant, apiKeyUse } = families;

export class ApiKeys {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #ids: Ids;
  readonly #serverSecret: ServerSecret;
  readonly #unknownExists: boolean;
  readonly #uses = new Map<string, Use>();

  constructor({ store, transact, ids, serverSecret, unknownExists }: ApiKeysDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#ids = ids;
    this.#serverSecret = serverSecret;
    this.#unknownExists = unknownExists;
  }

  /** Makes a key of a tenant. Throws NOT_FOUND where there is no such tenant, or it is another's than the caller's. */
  async create(input: CreateApiKey, manager: KeyManager): Promise<{ readonly id: string; readonly secret: string }> {
    const { tenantId, name, role } = input;
    requireTenantId('input.tenantId', tenantId);
    requireText('input.name', name, { bytesMax: limits.nameBytesMax });
    if (!manager.isOperator && manager.tenantId !== tenantId) throw noTenant(tenantId);
    const { incarnation } = await this.#gate(tenantId);
    const id = this.#ids.bytes(idBytes);
    const isDerived = input.idempotencyKey !== undefined;
    const salt = isDerived ? this.#ids.bytes(secretBytes) : undefined;
    const secret = salt ? await this.#derive(salt) : this.#ids.bytes(secretBytes);
    const head = keyspace.apiKeyHead(tenantId, incarnation);
    const rows = [keyspace.apiKey(id), keyspace.apiKeyOfTenant(tenantId, incarnation, id)] as const;
    const guards = [keyspace.tenant(tenantId), keyspace.tenantGate(tenantId)] as const;
    const { outcome, isReplay } = await this.#transact.run<Made>({
      records: [head],
      guards,
      rows,
      decide: (view) => {
        const [record, gate] = guards.map((key) => view.get(key));
        const state = {
          record: record && decode<TenantRecord>(record.value),
          gate: gate && decode<TenantGate>(gate.value),
        };
        const count = decodeCount(view.get(head)?.value);
        // A refusal is a failure here, and leaves no mark.
        refuse(tenantId, decideMakeKey(state, { incarnation, count, unknownExists: this.#unknownExists }));
        const stored = { tenantId, incarnation, name, role, createdAtMs: view.nowMs, secretHash: hashOf(secret) };
        view.put(rows[0], encode(stored), { history: apiKey.history });
        view.put(rows[1], Buffer.alloc(0), { history: apiKeyOfTenant.history });
        view.put(head, encode({ count: count + 1 }), { history: apiKeyHead.history });
        return { id: id.toString('hex'), salt: salt?.toString('base64') };
      },
      remembered: remember(input, incarnation),
    });
    if (!isReplay) return shown(outcome.id, secret);
    return shown(outcome.id, await this.#deriveAgain(outcome.id, outcome.salt));
  }

  /** Ends a key; whether there was one that the caller may end. */
  async revoke(idText: string, manager: KeyManager): Promise<boolean> {
    const id = parseId(idText);
    if (!id) return false;
    const key = keyspace.apiKey(id);
    const { results } = await this.#store.read([{ start: key }]);
    const [entry] = results[0]!.entries;
    if (!entry) return false;
    const { tenantId, incarnation } = decode<ApiKeyRecord>(entry.value);
    if (!manager.isOperator && manager.tenantId !== tenantId) return false;
    const head = keyspace.apiKeyHead(tenantId, incarnation);
    const listed = keyspace.apiKeyOfTenant(tenantId, incarnation, id);
    const use = keyspace.apiKeyUse(id);
    const { outcome } = await this.#transact.run<boolean>({
      records: [head],
      rows: [key, listed, use],
      decide: (view) => {
        if (!view.get(key)) return false;
        view.delete(key, apiKey.history);
        view.delete(listed, apiKeyOfTenant.history);
        view.delete(use, apiKeyUse.history);
        const count = Math.max(0, decodeCount(view.get(head)?.value) - 1);
        view.put(head, encode({ count }), { history: apiKeyHead.history });
        return true;
      },
    });
    return outcome;
  }

  /** The keys of a tenant's present life, oldest first. Throws FORBIDDEN where the caller may not see them. */
  async list(tenantId: string, manager: KeyManager): Promise<ApiKey[]> {
    const isOwn = manager.role === 'ADMIN' && manager.tenantId === tenantId;
    if (!manager.isOperator && !isOwn)
      throw new AppError('FORBIDDEN', 'the keys of a tenant are shown to its ADMIN and to operators');
    const { incarnation } = await this.#gate(tenantId);
    const range = { ...apiKeysOfTenantRange(tenantId, incarnation), limit: limits.apiKeysOfTenantMax, keysOnly: true };
    const listed = await this.#store.read([range]);
    const ids = listed.results[0]!.entries.map(({ key }) => key.subarray(-idBytes));
    if (ids.length === 0) return [];
    const { results } = await this.#store.read(
      ids.flatMap((id) => [{ start: keyspace.apiKey(id) }, { start: keyspace.apiKeyUse(id) }]),
    );
    const keys = ids.flatMap((id, index): ApiKey[] => {
      const [stored, use] = [2 * index, 2 * index + 1].map((at) => results[at]!.entries[0]);
      if (!stored) return [];
      const { name, role, createdAtMs } = decode<ApiKeyRecord>(stored.value);
      const lastUsedAtMs = use && decode<ApiKeyUse>(use.value).minuteMs;
      return [{ id: id.toString('hex'), name, role, createdAtMs, lastUsedAtMs }];
    });
    return keys.sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  }

  /** The key that a secret opens, or undefined. Whether its tenant is open is another question. Notes that it was used. */
  async find(secretText: string): Promise<KnownApiKey | undefined> {
    const [, idText, given] = secretPattern.exec(secretText) ?? [];
    const id = parseId(idText ?? '');
    if (!id || given === undefined) return undefined;
    const { results, revision, nowMs } = await this.#store.read([
      { start: keyspace.apiKey(id) },
      { start: keyspace.apiKeyUse(id) },
    ]);
    const [stored, use] = results.map(({ entries: [entry] }) => entry);
    if (!stored) return undefined;
    const { tenantId, incarnation, role, secretHash } = decode<ApiKeyRecord>(stored.value);
    const givenHash = Buffer.from(hashOf(Buffer.from(given, 'base64url')), 'base64');
    if (!timingSafeEqual(givenHash, Buffer.from(secretHash, 'base64'))) return undefined;
    const minute = nowMs - (nowMs % minuteMs);
    const noted = use ? decode<ApiKeyUse>(use.value).minuteMs : -1;
    if (minute > noted && (this.#uses.size < usesMax || this.#uses.has(id.toString('hex'))))
      this.#uses.set(id.toString('hex'), { minuteMs: minute, key: stored.revision, use: use?.revision ?? 0 });
    return { id: id.toString('hex'), tenantId, incarnation, role, asOf: revision };
  }

  /** Writes down the uses that were noted since. A key that was revoked, or noted elsewhere meanwhile, is passed over. */
  async flushUses(): Promise<void> {
    const uses = [...this.#uses];
    this.#uses.clear();
    for (let at = 0; at < uses.length; at += usesOfCommit) {
      await this.#store.commit(
        uses.slice(at, at + usesOfCommit).map(([idText, { minuteMs: minute, key, use }]) => {
          const id = Buffer.from(idText, 'hex');
          const useKey = keyspace.apiKeyUse(id);
          const value = encode({ minuteMs: minute });
          return {
            checks: [
              { key: keyspace.apiKey(id), revision: key },
              { key: useKey, revision: use },
            ],
            writes: [{ kind: 'put', key: useKey, value, history: apiKeyUse.history }],
          };
        }),
      );
    }
  }

  async #gate(tenantId: string): Promise<TenantGate> {
    const { results } = await this.#store.read([{ start: keyspace.tenantGate(tenantId) }]);
    const [entry] = results[0]!.entries;
    return entry ? decode<TenantGate>(entry.value) : firstGate;
  }

  async #derive(salt: Buffer): Promise<Buffer> {
    const key = await this.#serverSecret();
    return createHmac('sha256', key).update('norigate API key\0').update(salt).digest();
  }

  /** The secret of a key that was made before. A server secret that was changed since would make another one: then none is shown. */
  async #deriveAgain(idText: string, salt: string | undefined): Promise<Buffer> {
    const secret = await this.#derive(Buffer.from(salt ?? '', 'base64'));
    const { results } = await this.#store.read([{ start: keyspace.apiKey(Buffer.from(idText, 'hex')) }]);
    const [stored] = results[0]!.entries;
    if (stored && decode<ApiKeyRecord>(stored.value).secretHash !== hashOf(secret))
      throw new AppError('INTERNAL', 'the secret of the server is another one than when this API key was made');
    return secret;
  }
}

function remember(input: CreateApiKey, incarnation: number): Remembered<Made> | undefined {
  const { idempotencyKey, ...others } = input;
  if (idempotencyKey === undefined) return undefined;
  requireText('input.idempotencyKey', idempotencyKey, { bytesMax: limits.idempotencyKeyBytesMax });
  // Marks of all tenants lie in one scope here: the key is the tenant's, and of its life.
  const key = JSON.stringify([input.tenantId, incarnation, idempotencyKey]);
  return {
    idempotency: { mutation: 'createApiKey', key, input: others, defaults: { role: 'WRITER' } },
    encode: (outcome) => Buffer.from(JSON.stringify(outcome), 'utf8'),
    decode: (bytes) => JSON.parse(bytes.toString('utf8')) as Made,
  };
}

function refuse(tenantId: string, verdict: MakeKeyVerdict): void {
  if (verdict === 'noTenant') throw noTenant(tenantId);
  if (verdict === 'otherLife')
    throw new AppError('CONTENTION', `tenant "${tenantId}" was made anew meanwhile: try again`);
  if (verdict === 'full')
    throw invalidArgument('input.tenantId', `has ${limits.apiKeysOfTenantMax} API keys already, which is the limit`);
}

function decodeCount(value: Buffer | undefined): number {
  return value ? decode<ApiKeyHead>(value).count : 0;
}

function parseId(text: string): Buffer | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}

function hashOf(secret: Buffer): string {
  return createHash('sha256').update(secret).digest('base64');
}

function shown(id: string, secret: Buffer): { readonly id: string; readonly secret: string } {
  return { id, secret: `nrg_${id}_${secret.toString('base64url')}` };
}

function noTenant(tenantId: string): AppError {
  return new AppError('NOT_FOUND', `there is no tenant "${tenantId}"`);
}
