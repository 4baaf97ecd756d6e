/**
 * Who is let in at this moment, as far as one process knows it.
 *
 * Promises: what it says of a key or of a tenant was true within the last half second; a key that was revoked and a tenant
 * that was deleted lose what they hold open (`hold`) as soon as the change feed brings it, normally some milliseconds later.
 * Stores nothing. Costs one read for each key or tenant in half a second while it is used, and one watch of the
 * rows that all this rests on. Cut off from storage it lets nobody in, as storage itself would.
 */
import type { Change, Revision, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { AppError, isAppError } from '../core/errors';
import { accessRange, families, keyspace, reservedScope, tenantScope } from '../core/keyspace';
import type { Quota } from '../core/usage';
import type { ScopedLife } from '../store/tenant-store';
import { decode, firstGate, quotaOfPlan } from './tenant-decisions';
import type { TenantGate, TenantRecord } from './tenant-decisions';
import type { ApiKeys, KnownApiKey } from './tenant-keys';

/** A tenant's present life. */
export interface TenantLife {
  readonly incarnation: number;
  readonly isOpen: boolean;
  /** It was created, and not deleted since. */
  readonly isCreated: boolean;
  /** What its plan lets it store; undefined: any amount. */
  readonly quota: Quota | undefined;
  /** Of its gate; 0: it has none. */
  readonly gateRevision: Revision;
  /** Of the snapshot in which it was read. */
  readonly asOf: Revision;
}

/** What something that stays open rests on. */
export interface Claim {
  readonly tenantId: string;
  /** The snapshot in which the tenant was found open. */
  readonly asOf: Revision;
  /** The id in hexadecimal, and the snapshot in which the key was found. */
  readonly apiKey?: { readonly id: string; readonly asOf: Revision } | undefined;
}

interface Kept<T> {
  readonly value: Promise<T>;
  /** Undefined: it is still being read. */
  settled: T | undefined;
  readonly sinceMs: number;
}

interface Hold {
  /** What it rests on: rows by their names, each with the snapshot that it was judged on. */
  readonly rows: ReadonlyMap<string, Revision>;
  readonly end: () => void;
}

export interface TenantAccessDependencies {
  /** On the reserved scope. */
  readonly store: Store;
  readonly apiKeys: Pick<ApiKeys, 'find'>;
  readonly clock: Clock;
}

/** Half of what is promised, so that there is time to answer. */
const keepMs = 500;
const keptMax = 20_000;
const changesKeptMax = 10_000;
const retryMs = 250;
/** Rows that are looked at together. */
const namesOfRead = 1_000;

export class TenantAccess {
  readonly #store: Store;
  readonly #apiKeys: Pick<ApiKeys, 'find'>;
  readonly #clock: Clock;
  readonly #keys = new Map<string, Kept<KnownApiKey | undefined>>();
  readonly #lives = new Map<string, Kept<TenantLife>>();
  /** What is held open, by the rows that it rests on. */
  readonly #holds = new Map<string, Set<Hold>>();
  /** When those rows changed last, as far as the feed has brought it: a read may be older. */
  readonly #changedAt = new Map<string, Revision>();
  /** Every change after it is heard of; 0: the feed has not begun. */
  #beganAt: Revision = 0;

  constructor({ store, apiKeys, clock }: TenantAccessDependencies) {
    this.#store = store;
    this.#apiKeys = apiKeys;
    this.#clock = clock;
  }

  /** The key that a secret opens, or undefined. `name`: the same for the same secret, and not the secret itself. */
  apiKey(secret: string, name: string): Promise<KnownApiKey | undefined> {
    return this.#kept(this.#keys, name, () => this.#apiKeys.find(secret));
  }

  /** The tenant as it is. */
  life(tenantId: string): Promise<TenantLife> {
    return this.#kept(this.#lives, tenantId, () => this.#readLife(tenantId));
  }

  /** Where the present life is stored. Rejects with FORBIDDEN where the tenant is shut. */
  async scopeOf(tenantId: string): Promise<ScopedLife & { readonly asOf: Revision }> {
    if (tenantId === '') throw new AppError('FORBIDDEN', 'an operator is of no tenant: use a credential of the tenant');
    // Not from memory: whoever asks keeps it for long.
    const { isOpen, incarnation, gateRevision, asOf } = await this.#readLife(tenantId);
    if (!isOpen) throw shut(tenantId);
    return {
      asOf,
      scope: tenantScope(tenantId, incarnation),
      gate: {
        key: Buffer.concat([reservedScope, keyspace.tenantGate(tenantId)]),
        revision: gateRevision,
        refusal: (found) => {
          this.forget(tenantId);
          return found && !decode<TenantGate>(found.value).isOpen ? shut(tenantId) : madeAnew(tenantId);
        },
      },
    };
  }

  /** What the tenant may store; undefined: any amount. At once where that is known. */
  quotaOf(tenantId: string): Quota | undefined | Promise<Quota | undefined> {
    const kept = this.#lives.get(tenantId);
    if (kept?.settled && this.#isFresh(kept)) return kept.settled.quota;
    return this.life(tenantId).then(({ quota }) => quota);
  }

  /** What was known of a tenant is not true any more. */
  forget(tenantId: string): void {
    this.#lives.delete(tenantId);
  }

  /**
   * Calls `end`, once, when what the claim rests on has changed: the key is revoked, or the tenant deleted. Perhaps at once.
   * The answer lets go of it.
   */
  hold(claim: Claim, end: () => void): () => void {
    const hold: Hold = { rows: rowsOf(claim), end };
    for (const name of hold.rows.keys()) {
      const holds = this.#holds.get(name) ?? new Set();
      this.#holds.set(name, holds.add(hold));
    }
    const release = (): void => this.#release(hold);
    if ([...hold.rows].some(([name, asOf]) => (this.#changedAt.get(name) ?? 0) > asOf)) {
      release();
      end();
      // Between what it was judged on and the beginning of the feed nothing was heard.
    } else if (isOlderThan(hold, this.#beganAt)) this.#judge([hold]).catch(() => this.#end(hold));
    return release;
  }

  /** Follows the change feed until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    let after: Revision | undefined;
    while (!signal.aborted) {
      try {
        const from = after === undefined ? {} : { afterRevision: after };
        for await (const batch of this.#store.watch([accessRange()], { ...from, keysOnly: true, signal })) {
          // From now: what was judged on older snapshots may have changed unseen.
          if (after === undefined) await this.#beginAt(batch.revision);
          after = batch.revision;
          for (const change of batch.changes) this.#onChange(change);
        }
      } catch (error) {
        if (!isAppError(error)) throw error;
        if (error.code === 'HISTORY_GONE') after = undefined;
      }
      await this.#clock.sleep(retryMs, signal);
    }
  }

  /** Other data than before: nothing is known, and nothing stays open. */
  reset(): void {
    this.#changedAt.clear();
    this.#keys.clear();
    this.#lives.clear();
    for (const hold of this.#heldBefore(Infinity)) this.#end(hold);
  }

  #onChange({ key, revision }: Change): void {
    const name = nameOf(key);
    this.#changedAt.delete(name);
    this.#changedAt.set(name, revision);
    if (this.#changedAt.size > changesKeptMax) this.#changedAt.delete(this.#changedAt.keys().next().value!);
    if (key[0] === families.apiKey.code) this.#keys.clear();
    else this.#lives.delete(keyspace.lastText(key));
    // Who was let in by a newer state than this change is not concerned: it is the one that let them in.
    for (const hold of [...(this.#holds.get(name) ?? [])]) if (hold.rows.get(name)! < revision) this.#end(hold);
  }

  /** The feed begins: what is held rests on older states, whose rows may have changed since. */
  async #beginAt(revision: Revision): Promise<void> {
    this.#keys.clear();
    this.#lives.clear();
    // Those that come while these are judged are judged as they come.
    this.#beganAt = revision;
    await this.#judge(this.#heldBefore(revision));
  }

  #heldBefore(revision: Revision): readonly Hold[] {
    const held = new Set([...this.#holds.values()].flatMap((holds) => [...holds]));
    return [...held].filter((hold) => isOlderThan(hold, revision));
  }

  /** Ends those whose rows have changed since they were judged. Rejects with the store's failures. */
  async #judge(held: readonly Hold[]): Promise<void> {
    const names = [...new Set(held.flatMap(({ rows }) => [...rows.keys()]))];
    const present = new Map<string, Revision>();
    for (let at = 0; at < names.length; at += namesOfRead) {
      const some = names.slice(at, at + namesOfRead).map((name) => ({ start: Buffer.from(name, 'latin1') }));
      const { results } = await this.#store.read(some.map((range) => ({ ...range, keysOnly: true })));
      for (const { entries } of results) for (const { key, revision } of entries) present.set(nameOf(key), revision);
    }
    for (const hold of held) if ([...hold.rows].some(([name, asOf]) => isOver(name, asOf, present))) this.#end(hold);
  }

  #end(hold: Hold): void {
    this.#release(hold);
    hold.end();
  }

  #release(hold: Hold): void {
    for (const name of hold.rows.keys()) {
      const holds = this.#holds.get(name);
      if (holds?.delete(hold) && holds.size === 0) this.#holds.delete(name);
    }
  }

  /** Of one moment at most `keepMs` ago; callers that come meanwhile share one read. A failure is nobody's to keep. */
  #kept<T>(known: Map<string, Kept<T>>, name: string, read: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    const kept = known.get(name);
    if (kept && this.#isFresh(kept)) return kept.value;
    const value = read();
    const fresh: Kept<T> = { value, sinceMs: nowMs, settled: undefined };
    known.delete(name);
    known.set(name, fresh);
    if (known.size > keptMax) known.delete(known.keys().next().value!);
    value.then(
      (settled) => (fresh.settled = settled),
      () => {
        if (known.get(name) === fresh) known.delete(name);
      },
    );
    return value;
  }

  #isFresh({ sinceMs }: Kept<unknown>): boolean {
    return this.#clock.monotonicMs() - sinceMs < keepMs;
  }

  async #readLife(tenantId: string): Promise<TenantLife> {
    const { results, revision } = await this.#store.read([
      { start: keyspace.tenant(tenantId) },
      { start: keyspace.tenantGate(tenantId) },
    ]);
    const [record, gate] = results.map(({ entries: [entry] }) => entry);
    const { incarnation, isOpen } = gate ? decode<TenantGate>(gate.value) : firstGate;
    const gateRevision = gate?.revision ?? 0;
    const quota = record && quotaOfPlan[decode<TenantRecord>(record.value).plan];
    return { incarnation, isOpen, isCreated: record !== undefined, quota, gateRevision, asOf: revision };
  }
}

/** The rows that a claim rests on, by the names that the feed has for them. */
function rowsOf({ tenantId, asOf, apiKey }: Claim): Map<string, Revision> {
  const rows = new Map([[nameOf(keyspace.tenantGate(tenantId)), asOf]]);
  if (apiKey) rows.set(nameOf(keyspace.apiKey(Buffer.from(apiKey.id, 'hex'))), apiKey.asOf);
  return rows;
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

function isOlderThan({ rows }: Hold, revision: Revision): boolean {
  return Math.min(...rows.values()) < revision;
}

/** Whether a row is another one than it was judged as. A tenant that was never created has no gate; a key that is in use has its row. */
function isOver(name: string, asOf: Revision, present: ReadonlyMap<string, Revision>): boolean {
  const revision = present.get(name);
  return revision === undefined ? name.charCodeAt(0) === families.apiKey.code : revision > asOf;
}

function shut(tenantId: string): AppError {
  return new AppError('FORBIDDEN', `tenant "${tenantId}" was deleted`);
}

function madeAnew(tenantId: string): AppError {
  return new AppError('UNAVAILABLE', `tenant "${tenantId}" was made anew a moment ago, nothing was done: try again`);
}
