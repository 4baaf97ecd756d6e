/**
 * The removal of what a deleted tenant had stored, in the background.
 *
 * Promises: it goes on after any crash, on whichever gateway finds it, until nothing is left, and touches only the life that it
 * is about: a tenant that is made again has another scope. Stores one row a removal, which says how far it has come, and
 * keeps it for a day when it is done. Before anything goes, what callers had made is counted. Gateways that meet at one
 * removal notice each other by that row and step back. Costs a read and a few commits for every 2,000 rows, one after the other.
 */
import type { Entry, KeyRange, Store } from '../../proto/store';
import { storeLimits } from '../../proto/limits';
import type { Clock } from '../core/clock';
import { AppError, isAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { apiKeysOfTenantRange, families, familyRange, isCallersRecord, keyspace, tenantScope } from '../core/keyspace';
import type { FamilyName } from '../core/keyspace';
import { readEscaped } from '../core/tuple';
import { ScopedStore } from '../store/scoped-store';
import { decode, encode } from './tenant-decisions';
import type { TenantRemoval } from './tenant-decisions';

/** What is told of a removal while it runs, and at its end. */
export interface RemovalProgress {
  readonly tenantId: string;
  readonly keysHeld: number;
  readonly rowsRemoved: number;
  readonly isDone: boolean;
}

export interface TenantRemovalsDependencies {
  /** All of it, with every tenant's scope. */
  readonly whole: Store;
  /** On the reserved scope. */
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly report?: ((progress: RemovalProgress) => void) | undefined;
}

interface Job {
  readonly tenantId: string;
  readonly incarnation: number;
  readonly key: Buffer;
  readonly entry: Entry;
  readonly removal: TenantRemoval;
}

const lookEveryMs = 5_000;
/** Whoever deleted a tenant counts and removes what it held; others look after it when that does not go on. */
const othersWaitMs = 10_000;
/** How long a removal that is done is remembered. */
const doneKeepMs = 86_400_000;
const rowsOfStep = 2_000;
const rowsOfTransaction = 200;
const countTriesMax = 10;
const scopeEnd = Buffer.alloc(storeLimits.storedKeyBytesMax, 0xff);
const { history } = families.tenantRemoval;

export class TenantRemovals {
  readonly #whole: Store;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #report: (progress: RemovalProgress) => void;
  /** Removals that this process has begun: it need not wait for anybody. */
  readonly #own = new Set<string>();
  /** Those that others go on with: how they stood when it was seen, and when that was. */
  readonly #seen = new Map<string, { readonly revision: number; readonly atMs: number }>();
  #isPoked = false;
  #wake: () => void = () => undefined;

  constructor({ whole, store, clock, ids, report = () => undefined }: TenantRemovalsDependencies) {
    this.#whole = whole;
    this.#store = store;
    this.#clock = clock;
    this.#ids = ids;
    this.#report = report;
  }

  /** Sees to it that what the life held is counted, and lets its removal begin. How many keys it held; 0: it is forgotten. */
  async begin(tenantId: string, incarnation: number): Promise<number> {
    const key = keyspace.tenantRemoval(tenantId, incarnation);
    for (let tries = 1; tries <= countTriesMax; tries += 1) {
      const { results } = await this.#store.read([{ start: key }]);
      const [entry] = results[0]!.entries;
      if (!entry) return 0;
      const counted = await this.#counted(toJob(entry));
      if (counted?.keysHeld === undefined) continue;
      if (!counted.isDone) {
        this.#own.add(nameOf(key));
        this.#isPoked = true;
        this.#wake();
      }
      return counted.keysHeld;
    }
    throw new AppError('CONTENTION', `the removal of tenant "${tenantId}" went on elsewhere each time: ask again`);
  }

  /** Goes on with every removal that is not done, until the signal aborts. Failures of the store are waited out. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look(signal);
      } catch (error) {
        // Storage is away, or another gateway was faster: it is looked at again.
        if (!isAppError(error)) throw error;
      }
      await this.#pause(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { results } = await this.#store.read([familyRange('tenantRemoval')]);
    for (const entry of results[0]!.entries) {
      const job = toJob(entry);
      if (job.removal.isDone) this.#own.delete(nameOf(job.key));
      else if (this.#isDue(job)) await this.#remove(job, signal);
    }
  }

  /** Whether to go on with it here: it is our own, or nobody has gone on with it for a while. */
  #isDue({ key, entry }: Job): boolean {
    const name = nameOf(key);
    if (this.#own.has(name)) return true;
    const seen = this.#seen.get(name);
    const atMs = this.#clock.monotonicMs();
    if (seen?.revision === entry.revision) return atMs - seen.atMs >= othersWaitMs;
    this.#seen.set(name, { revision: entry.revision, atMs });
    return false;
  }

  async #remove(first: Job, signal: AbortSignal): Promise<void> {
    const name = nameOf(first.key);
    const scoped = this.#scopeOf(first);
    let job = first;
    while (!signal.aborted) {
      const counted = await this.#counted(job);
      const [rows, keys] = counted ? await Promise.all([firstRows(scoped), this.#apiKeyRows(job)]) : [[], []];
      await deleteRows(scoped, rows);
      await deleteRows(this.#store, keys);
      const left = rows.length + keys.length;
      const next = counted && {
        ...counted,
        rowsRemoved: counted.rowsRemoved + left,
        isDone: left === 0,
      };
      const revision = next && (await this.#note(job, next, counted.revision));
      if (revision === undefined) {
        // Another gateway goes on with it.
        this.#own.delete(name);
        return;
      }
      const { rowsRemoved, keysHeld = 0, isDone } = next!;
      this.#report({ tenantId: job.tenantId, keysHeld, rowsRemoved, isDone });
      if (isDone) {
        this.#own.delete(name);
        this.#seen.delete(name);
        return;
      }
      job = { ...job, entry: { ...job.entry, revision }, removal: next! };
      // Callers go first.
      await this.#clock.sleep(1, signal);
    }
  }

  /** The removal with its count, and the revision that it then stands at; undefined: another gateway has changed it. */
  async #counted(job: Job): Promise<(TenantRemoval & { readonly revision: number }) | undefined> {
    const { removal, entry } = job;
    if (removal.keysHeld !== undefined) return { ...removal, revision: entry.revision };
    const next = { ...removal, keysHeld: await countRecords(this.#scopeOf(job)) };
    const revision = await this.#note(job, next, entry.revision);
    return revision === undefined ? undefined : { ...next, revision };
  }

  /** Writes how far it has come over what it was; the new revision, or undefined where it is another by now. */
  async #note({ key }: Job, removal: TenantRemoval, revision: number): Promise<number | undefined> {
    const { startedAtMs, keysHeld, rowsRemoved, isDone } = removal;
    const value = encode({ startedAtMs, keysHeld, rowsRemoved, isDone });
    const put = { kind: 'put' as const, key, value, history, ...(isDone ? { ttlMs: doneKeepMs } : {}) };
    const [outcome] = await this.#store.commit([{ checks: [{ key, revision }], writes: [put] }]);
    if (outcome!.kind === 'failed') throw outcome!.error;
    return outcome!.kind === 'committed' ? outcome!.revision : undefined;
  }

  /** Rows of its API keys in the reserved scope: they are void already, since their life is over. */
  async #apiKeyRows({ tenantId, incarnation }: Job): Promise<Buffer[]> {
    const range = { ...apiKeysOfTenantRange(tenantId, incarnation), limit: rowsOfTransaction, keysOnly: true };
    const head = keyspace.apiKeyHead(tenantId, incarnation);
    const { results } = await this.#store.read([range, { start: head, keysOnly: true }]);
    const listed = results[0]!.entries.map(({ key }) => key);
    const ids = listed.map((key) => key.subarray(-16));
    const heads = results[1]!.entries.map(({ key }) => key);
    return [...ids.flatMap((id) => [keyspace.apiKey(id), keyspace.apiKeyUse(id)]), ...listed, ...heads];
  }

  #scopeOf({ tenantId, incarnation }: Job): Store {
    return new ScopedStore(this.#whole, tenantScope(tenantId, incarnation));
  }

  /** Until there is something to do, or for a while. */
  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#wake = wake;
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted || this.#isPoked) wake();
    // Gateways that start together do not look together.
    await this.#clock.sleep(lookEveryMs * (1 + this.#ids.fraction()), woken.signal);
    signal.removeEventListener('abort', wake);
    this.#isPoked = false;
  }
}

function toJob(entry: Entry): Job {
  const { part, next } = readEscaped(entry.key, 1);
  const incarnation = entry.key.readUInt32BE(next);
  const removal = decode<TenantRemoval>(entry.value);
  return { tenantId: part.toString('utf8'), incarnation, key: entry.key, entry, removal };
}

/** How many records of callers a scope holds. Reads the keys of all of them. */
async function countRecords(store: Store): Promise<number> {
  let count = 0;
  for (const family of Object.keys(families) as FamilyName[]) {
    if (!isCallersRecord[family]) continue;
    let range: KeyRange | undefined = familyRange(family);
    while (range) {
      const { results } = await store.read([{ ...range, keysOnly: true }]);
      const { entries, more } = results[0]!;
      count += entries.length;
      const last = entries.at(-1);
      range =
        more && last && range.end ? { start: Buffer.concat([last.key, Buffer.of(0)]), end: range.end } : undefined;
    }
  }
  return count;
}

async function firstRows(store: Store): Promise<Buffer[]> {
  const all = { start: Buffer.alloc(0), end: scopeEnd, limit: rowsOfStep, keysOnly: true };
  const { results } = await store.read([all]);
  return results[0]!.entries.map(({ key }) => key);
}

/** Deletes them, some a transaction, in one call; again does no harm. */
async function deleteRows(store: Store, keys: readonly Buffer[]): Promise<void> {
  const transactions = [];
  for (let at = 0; at < keys.length; at += rowsOfTransaction) {
    const writes = keys.slice(at, at + rowsOfTransaction).map((key) => {
      // What the log keeps of API keys tells gateways to look; nobody watches the rest any more.
      const kept = key[0] === families.apiKey.code && key.length === 17 ? families.apiKey.history : ('none' as const);
      return { kind: 'delete' as const, key, history: kept };
    });
    transactions.push({ checks: [], writes });
  }
  if (transactions.length === 0) return;
  for (const outcome of await store.commit(transactions)) if (outcome.kind === 'failed') throw outcome.error;
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
