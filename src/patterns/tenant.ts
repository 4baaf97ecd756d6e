/**
 * Tenants: who there is, and the end of one.
 *
 * Promises: a tenant is shut in the commit that deletes it, for every commit and read of every gateway, and a tenant that is made
 * again is another life of it, which never sees, and never loses anything to, the data of the one before. Stores a
 * record and, from the first deletion on, a gate that says which life is open; a deletion also stores a removal, by which
 * the data goes in the background (`tenant-removal.ts`). Costs a commit a change, a read before it; a deletion also
 * counts what the tenant held, which reads all its keys. Fails with INVALID_ARGUMENT and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import { AppError } from '../core/errors';
import { requireInteger, requireText } from '../core/input';
import { families, familyRange, keyspace } from '../core/keyspace';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { keyAfter } from '../core/tuple';
import { decodeUsage, noUsage } from '../core/usage';
import type { Usage } from '../core/usage';
import { requireTenantId } from '../store/tenant-id';
import type { Transact, View } from '../store/transact';
import { decideCreate, decideDelete, decideUpdate, decode, encode, firstGate } from './tenant-decisions';
import type { CreateOutcome, DeleteOutcome, TenantGate, TenantPlan, TenantRecord } from './tenant-decisions';
import type { TenantRemovals } from './tenant-removal';

/** A tenant as it is read. */
export interface Tenant {
  readonly tenantId: string;
  readonly name: string;
  readonly plan: TenantPlan;
  /** 0: it was never created, and simply exists. */
  readonly createdAtMs: number;
}

export interface TenantPage {
  readonly tenants: readonly Tenant[];
  readonly hasMore: boolean;
}

export interface CreateTenant {
  readonly tenantId: string;
  readonly name: string;
  readonly plan: TenantPlan;
}

export interface UpdateTenant {
  readonly tenantId: string;
  readonly name?: string | undefined;
  readonly plan?: TenantPlan | undefined;
}

export interface TenantsDependencies {
  /** On the reserved scope. */
  readonly store: Store;
  /** On the reserved scope. */
  readonly transact: Transact;
  readonly removals: TenantRemovals;
  /** Whether a tenant that was never created is there all the same: in development mode. */
  readonly unknownExists: boolean;
}

export class Tenants {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #removals: TenantRemovals;
  readonly #unknownExists: boolean;

  constructor({ store, transact, removals, unknownExists }: TenantsDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#removals = removals;
    this.#unknownExists = unknownExists;
  }

  /** The tenant that was created under this id, or undefined. */
  async get(tenantId: string): Promise<Tenant | undefined> {
    const { record } = await this.#read(requireTenantId('id', tenantId));
    return record && { tenantId, ...record };
  }

  /** A caller's own tenant; one that was never created is shown with its id for a name, on the plan without limits. */
  async own(tenantId: string): Promise<Tenant> {
    if (tenantId === '') throw new AppError('NOT_FOUND', 'an operator is of no tenant: ask for tenantById');
    const { record, gate } = await this.#read(tenantId);
    if (record) return { tenantId, ...record };
    if (!(gate ?? firstGate).isOpen || !this.#unknownExists)
      throw new AppError('FORBIDDEN', `there is no tenant "${tenantId}"`);
    return { tenantId, name: tenantId, plan: 'ENTERPRISE', createdAtMs: 0 };
  }

  /** What is stored for the tenant now, in its present life. */
  async usage(tenantId: string): Promise<Usage> {
    const { gate = firstGate } = await this.#read(tenantId);
    const { results } = await this.#store.read([{ start: keyspace.tenantUsage(tenantId, gate.incarnation) }]);
    const [entry] = results[0]!.entries;
    return entry ? decodeUsage(entry.value) : noUsage;
  }

  /** What a caller sees under an id that may be another's: operators any tenant that was created, others their own. */
  async seenBy(
    { isOperator, tenantId: own }: { readonly isOperator: boolean; readonly tenantId: string },
    tenantId: string,
  ): Promise<Tenant | undefined> {
    if (tenantId === own) return this.own(own);
    const { record } = isOperator ? await this.#read(tenantId) : { record: undefined };
    return record && { tenantId, ...record };
  }

  /** A page of the tenants that were created, in byte order of their ids. */
  async list(first: number, after: string | undefined): Promise<TenantPage> {
    requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
    const range = familyRange('tenant');
    const start =
      after === undefined
        ? range.start
        : keyAfter(keyspace.tenant(requireCursor('after', 'tenants', after).toString('utf8')));
    const { results } = await this.#store.read([{ start, end: range.end, limit: first }]);
    const { entries, more } = results[0]!;
    const tenants = entries.map(({ key, value }) => ({
      tenantId: keyspace.lastText(key),
      ...decode<TenantRecord>(value),
    }));
    return { tenants, hasMore: more };
  }

  /** Makes a tenant; one that exists is left alone, undefined. What an unknown tenant had stored stays its own. */
  async create({ tenantId, name, plan }: CreateTenant): Promise<Tenant | undefined> {
    requireTenantId('input.tenantId', tenantId);
    requireText('input.name', name, { bytesMax: limits.nameBytesMax });
    const { outcome } = await this.#transact.run<CreateOutcome>({
      records: recordsOf(tenantId),
      decide: (view) => {
        const { outcome, next, nextGate } = decideCreate(stateIn(view, tenantId), { name, plan }, view.nowMs);
        if (next) putRecord(view, tenantId, next);
        if (nextGate) putGate(view, tenantId, nextGate);
        return outcome;
      },
    });
    return outcome.kind === 'created' ? { tenantId, name, plan, createdAtMs: outcome.createdAtMs } : undefined;
  }

  /** Changes what is given; undefined where there is no such tenant. */
  async update({ tenantId, name, plan }: UpdateTenant): Promise<Tenant | undefined> {
    requireTenantId('input.tenantId', tenantId);
    if (name !== undefined) requireText('input.name', name, { bytesMax: limits.nameBytesMax });
    const { outcome } = await this.#transact.run<TenantRecord | undefined>({
      records: recordsOf(tenantId),
      decide: (view) => {
        const next = decideUpdate(stateIn(view, tenantId).record, { name, plan });
        if (next) putRecord(view, tenantId, next);
        return next;
      },
    });
    return outcome && { tenantId, ...outcome };
  }

  /**
   * Shuts the tenant; when it answers, nothing of it can be read or written any more, and its removal has begun. How many keys
   * it held; asked again, the same as long as the removal is remembered, then 0.
   */
  async delete(tenantId: string): Promise<number> {
    requireTenantId('id', tenantId);
    const { gate = firstGate } = await this.#read(tenantId);
    const removalKey = keyspace.tenantRemoval(tenantId, gate.incarnation);
    const { outcome } = await this.#transact.run<DeleteOutcome>({
      records: recordsOf(tenantId),
      rows: [removalKey],
      decide: (view) => {
        const state = stateIn(view, tenantId);
        if ((state.gate ?? firstGate).incarnation !== gate.incarnation)
          throw new AppError('CONTENTION', `tenant "${tenantId}" was made anew meanwhile: try again`);
        const { outcome, nextGate } = decideDelete(state, this.#unknownExists);
        if (!nextGate) return outcome;
        view.delete(keyspace.tenant(tenantId), families.tenant.history);
        putGate(view, tenantId, nextGate);
        const removal = { startedAtMs: view.nowMs, rowsRemoved: 0, isDone: false };
        view.put(removalKey, encode(removal), { history: families.tenantRemoval.history });
        return outcome;
      },
    });
    if (outcome.kind === 'unknown') return 0;
    return this.#removals.begin(tenantId, outcome.incarnation);
  }

  async #read(tenantId: string): Promise<{ record: TenantRecord | undefined; gate: TenantGate | undefined }> {
    const { results } = await this.#store.read(recordsOf(tenantId).map((start) => ({ start })));
    const [record, gate] = results.map(({ entries: [entry] }) => entry);
    return {
      record: record && decode<TenantRecord>(record.value),
      gate: gate && decode<TenantGate>(gate.value),
    };
  }
}

function recordsOf(tenantId: string): [Buffer, Buffer] {
  return [keyspace.tenant(tenantId), keyspace.tenantGate(tenantId)];
}

function stateIn(view: View, tenantId: string) {
  const record = view.get(keyspace.tenant(tenantId));
  const gate = view.get(keyspace.tenantGate(tenantId));
  return {
    record: record && decode<TenantRecord>(record.value),
    gate: gate && decode<TenantGate>(gate.value),
  };
}

function putRecord(view: View, tenantId: string, record: TenantRecord): void {
  view.put(keyspace.tenant(tenantId), encode(record), { history: families.tenant.history });
}

function putGate(view: View, tenantId: string, gate: TenantGate): void {
  view.put(keyspace.tenantGate(tenantId), encode(gate), { history: families.tenantGate.history });
}

/** The cursor of a list behind a tenant. */
export function tenantCursor(tenantId: string): string {
  return encodeOpaque('tenants', Buffer.from(tenantId, 'utf8'));
}
