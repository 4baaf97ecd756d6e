/**
 * Low-level key/value: a caller's keys and bytes as they are, with conditions that the store decides in the write's own
 * commit. A put or a transaction costs one round trip; with an idempotency key, and for a delete, a read as well unless the row is
 * known. Writes are never folded together: each shows in `changes` as a change of its own, in commit order, resumable while
 * the store keeps its history. Fails with INVALID_ARGUMENT before anything is sent, IDEMPOTENCY_KEY_REUSED, HISTORY_GONE, and
 * the store's own failures.
 */
import { AppError, invalidArgument, isAppError } from '../core/errors';
import { requireCount, requireInteger, requireText, requireVersion } from '../core/input';
import { familyRange, families, keyspace } from '../core/keyspace';
import { encodeOpaque, requireCursor, tryDecodeOpaque } from '../core/opaque';
import { keyAfter, readUint64, uint64 } from '../core/tuple';
import { limits } from '../../proto/limits';
import type {
  Change,
  ChangeKind,
  Check,
  CommitOutcome,
  Entry,
  ReadConsistency,
  Revision,
  Store,
  Write,
} from '../../proto/store';
import { rememberAsJson } from '../store/remember';
import type { Command, Remembered, Settled, Transact, View } from '../store/transact';

/** A value under its key, as the caller wrote it. */
export interface KvEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly revision: Revision;
  /** Storage milliseconds; 0: never. */
  readonly expiresAtMs: number;
}

export interface KvPage {
  readonly entries: readonly KvEntry[];
  readonly hasMore: boolean;
}

export interface KvConflict {
  readonly kind: 'conflict';
  readonly key: string;
  /** What stands there; undefined where nothing does. */
  readonly current: KvEntry | undefined;
}

export type KvPutOutcome =
  | { readonly kind: 'put'; readonly key: string; readonly revision: Revision; readonly expiresAtMs: number }
  | KvConflict;
export type KvDeleteOutcome =
  | { readonly kind: 'deleted'; readonly key: string; readonly wasPresent: boolean; readonly revision: Revision }
  | KvConflict;
export type KvTransactOutcome = { readonly kind: 'committed'; readonly revision: Revision } | KvConflict;

export interface KvPut {
  readonly key: string;
  readonly value: Buffer;
  readonly ifVersion?: string | undefined;
  readonly ifAbsent: boolean;
  readonly ttlMs?: number | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface KvDelete {
  readonly key: string;
  readonly ifVersion?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface KvTransact {
  readonly checks: readonly { readonly key: string; readonly version?: string | undefined }[];
  readonly puts: readonly { readonly key: string; readonly value: Buffer; readonly ttlMs?: number | undefined }[];
  readonly deletes: readonly string[];
  readonly idempotencyKey?: string | undefined;
}

export interface KvScan {
  readonly prefix: string;
  readonly first: number;
  readonly after?: string | undefined;
  readonly reverse: boolean;
}

/** One change of a caller's key. */
export interface KvChange {
  readonly kind: ChangeKind;
  readonly key: string;
  readonly revision: Revision;
  /** Exact, also within a commit. */
  readonly cursor: string;
  /** Of a put. */
  readonly entry: KvEntry | undefined;
}

const { history } = families.kv;

/** What a decision says of a write, before its commit gives it revision and time. */
type Verdict =
  | { readonly kind: 'done'; readonly wasPresent: boolean }
  | { readonly kind: 'conflict'; readonly key: string; readonly current?: Entry | undefined };

export class Kv {
  readonly #store: Store;
  readonly #transact: Transact;

  constructor(store: Store, transact: Transact) {
    this.#store = store;
    this.#transact = transact;
  }

  /** The key's entry, or undefined where it is absent or expired. */
  async get(key: string, consistency: ReadConsistency): Promise<KvEntry | undefined> {
    const stored = requireKey('key', key);
    const { results } = await this.#store.read([{ start: stored }], { consistency });
    const entry = results[0]!.entries[0];
    return entry && fromStored(entry);
  }

  /** Many keys from one snapshot, in the order asked for; INVALID_ARGUMENT where they come to more than a page's bytes. */
  async getMany(keys: readonly string[], consistency: ReadConsistency): Promise<(KvEntry | undefined)[]> {
    requireCount('keys', keys, { min: 0, max: limits.getManyKeysMax });
    if (keys.length === 0) return [];
    const ranges = keys.map((key, index) => ({ start: requireKey(`keys[${index}]`, key) }));
    const { results } = await this.#store.read(ranges, { consistency });
    const entries = results.map(({ entries: [entry] }) => entry);
    const bytes = entries.reduce((sum, entry) => sum + (entry ? entry.key.length + entry.value.length : 0), 0);
    if (bytes > limits.pageBytesMax) {
      throw invalidArgument('keys', `hold ${bytes} bytes together, at most ${limits.pageBytesMax} fit one answer: ask for fewer`);
    }
    return entries.map((entry) => entry && fromStored(entry));
  }

  /** A page of the keys that begin with `prefix`, in byte order. Ends early at a page's bytes. Stable under writes. */
  async scan({ prefix, first, after, reverse }: KvScan): Promise<KvPage> {
    const range = familyRange('kv', requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.keyBytesMax }));
    requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
    let { start, end } = range;
    if (after !== undefined) {
      const last = keyspace.kv(requireCursor('after', 'kvScan', after));
      if (reverse) end = Buffer.compare(last, end) < 0 ? last : end;
      else start = Buffer.compare(last, start) < 0 ? start : keyAfter(last);
    }
    if (Buffer.compare(start, end) >= 0) return { entries: [], hasMore: false };
    const page = { start, end, limit: first, reverse, bytesMax: limits.pageBytesMax };
    const { results } = await this.#store.read([page]);
    const { entries, more } = results[0]!;
    return { entries: entries.map(fromStored), hasMore: more };
  }

  async put(input: KvPut): Promise<KvPutOutcome> {
    const { key, value, ttlMs } = input;
    const stored = requireKey('input.key', key);
    requireValue('input.value', value);
    requireTtl('input.ttlMs', ttlMs);
    const expected = requireCondition(input);
    const write: Write = { kind: 'put', key: stored, value, history, ...(ttlMs === undefined ? {} : { ttlMs }) };
    const settled = await this.#write({
      checks: expected === undefined ? [] : [{ key: stored, revision: expected }],
      writes: [write],
      remembered: rememberAsJson({ mutation: 'kvPut', input, defaults: { ifAbsent: false }, keep: withoutCurrent }),
    });
    if (settled.outcome.kind === 'conflict') return this.#conflict(settled, settled.outcome);
    const expiresAtMs = ttlMs === undefined ? 0 : settled.nowMs + ttlMs;
    return { kind: 'put', key, revision: settled.revision, expiresAtMs };
  }

  /** Deleting an absent key is no change, and no error; with a condition on its version it is a conflict. */
  async delete(input: KvDelete): Promise<KvDeleteOutcome> {
    const { key, ifVersion } = input;
    const stored = requireKey('input.key', key);
    const expected = ifVersion === undefined ? undefined : requireVersion('input.ifVersion', ifVersion);
    const settled = await this.#transact.run<Verdict>({
      records: [stored],
      isSolo: true,
      decide: (view) => decideDelete(view, stored, expected),
      remembered: rememberAsJson({ mutation: 'kvDelete', input, keep: withoutCurrent }),
    });
    if (settled.outcome.kind === 'conflict') return this.#conflict(settled, settled.outcome);
    return { kind: 'deleted', key, wasPresent: settled.outcome.wasPresent, revision: settled.revision };
  }

  /** Checks, then writes, all or nothing. */
  async transact(input: KvTransact): Promise<KvTransactOutcome> {
    const { checks, writes } = requireTransaction(input);
    const remembered = rememberAsJson({ mutation: 'kvTransact', input, defaults: { checks: [], puts: [], deletes: [] }, keep: withoutCurrent });
    const settled = await this.#write({ checks, writes, remembered });
    if (settled.outcome.kind === 'conflict') return this.#conflict(settled, settled.outcome);
    return { kind: 'committed', revision: settled.revision };
  }

  /**
   * Every change below `prefix` after a cursor or a Version, or from now. Throws HISTORY_GONE where that is no longer kept; a failure
   * while it runs says in `details.resumeFrom` where to go on.
   */
  async *changes(prefix: string, after: string | undefined, signal: AbortSignal): AsyncGenerator<KvChange, void, void> {
    const range = familyRange('kv', requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.keyBytesMax }));
    const from = after === undefined ? undefined : readChangeCursor(after);
    let resumeFrom = after;
    try {
      const afterRevision = from && { afterRevision: from.isWhole ? from.revision : Math.max(from.revision - 1, 0) };
      for await (const batch of this.#store.watch([range], { ...afterRevision, signal })) {
        for (const change of inOrder(batch.changes)) {
          if (from && isBefore(change, from)) continue;
          const shown = toChange(change);
          if (!shown) continue;
          yield shown;
          resumeFrom = shown.cursor;
        }
        if (batch.changes.length === 0) resumeFrom = String(batch.revision);
      }
    } catch (error) {
      if (!isAppError(error) || resumeFrom === undefined || error.code === 'HISTORY_GONE') throw error;
      throw new AppError(error.code, error.message, { cause: error, details: { ...error.details, resumeFrom } });
    }
  }

  /** A write of known conditions: one commit, or, where it must happen once only, through its lanes. */
  async #write(plan: {
    readonly checks: readonly Check[];
    readonly writes: readonly Write[];
    readonly remembered: Remembered<Verdict> | undefined;
  }): Promise<Settled<Verdict>> {
    const { checks, writes, remembered } = plan;
    if (remembered) {
      const keys = new Map([...checks, ...writes].map(({ key }) => [key.toString('latin1'), key]));
      const decide: Command<Verdict>['decide'] = (view) => decideWrite(view, checks, writes);
      return this.#transact.run({ records: [...keys.values()], isSolo: true, decide, remembered });
    }
    const [outcome] = await this.#store.commit([{ checks, writes }]);
    return settledFrom(outcome!, checks);
  }

  async #conflict(settled: Settled<Verdict>, verdict: Extract<Verdict, { kind: 'conflict' }>): Promise<KvConflict> {
    const { key } = verdict;
    // A replay's mark holds no value: what stands there now is shown.
    if (settled.isReplay) return { kind: 'conflict', key, current: await this.get(key, 'linearizable') };
    return { kind: 'conflict', key, current: verdict.current && fromStored(verdict.current) };
  }
}

/** The conditions first, then all writes. */
export function decideWrite(view: View, checks: readonly Check[], writes: readonly Write[]): Verdict {
  for (const { key, revision } of checks) {
    const row = view.get(key);
    if ((row?.revision ?? 0) !== revision) return conflictAt(key, row && { key, ...row });
  }
  for (const write of writes) {
    if (write.kind === 'put') view.put(write.key, write.value, { ttlMs: write.ttlMs, history });
    else view.delete(write.key, history);
  }
  return { kind: 'done', wasPresent: true };
}

export function decideDelete(view: View, key: Buffer, expected: Revision | undefined): Verdict {
  const row = view.get(key);
  if (expected !== undefined && (row?.revision ?? 0) !== expected) return conflictAt(key, row && { key, ...row });
  if (row) view.delete(key, history);
  return { kind: 'done', wasPresent: row !== undefined };
}

function conflictAt(key: Buffer, current: Entry | undefined): Verdict {
  return { kind: 'conflict', key: callerKey(key), current };
}

function settledFrom(outcome: CommitOutcome, checks: readonly Check[]): Settled<Verdict> {
  if (outcome.kind === 'failed') throw outcome.error;
  const at = { revision: outcome.revision, nowMs: outcome.nowMs, isReplay: false };
  if (outcome.kind === 'committed') return { outcome: { kind: 'done', wasPresent: true }, ...at };
  const current = new Map(outcome.entries.map((entry) => [entry.key.toString('latin1'), entry]));
  for (const { key, revision } of checks) {
    const entry = current.get(key.toString('latin1'));
    if ((entry?.revision ?? 0) !== revision) return { outcome: conflictAt(key, entry), ...at };
  }
  throw new AppError('INTERNAL', 'a conflict of the store in which every check holds');
}

/** A mark keeps no value: what stands under the key is read when a refusal is replayed. */
const withoutCurrent = (verdict: Verdict): unknown => ({ ...verdict, current: undefined });

function requireKey(field: string, key: string): Buffer {
  return keyspace.kv(requireText(field, key, { bytesMax: limits.keyBytesMax }));
}

function requireValue(field: string, value: Buffer): void {
  if (value.length > limits.valueBytesMax) {
    throw invalidArgument(field, `is ${value.length} bytes long, at most ${limits.valueBytesMax} are allowed`);
  }
}

function requireTtl(field: string, ttlMs: number | undefined): void {
  if (ttlMs !== undefined) requireInteger(field, ttlMs, { min: 1, max: limits.ttlMsMax });
}

function requireCondition({ ifVersion, ifAbsent }: KvPut): Revision | undefined {
  if (ifVersion === undefined) return ifAbsent ? 0 : undefined;
  if (ifAbsent) throw invalidArgument('input.ifVersion', 'cannot go with ifAbsent: a key has a version or is absent');
  const revision = requireVersion('input.ifVersion', ifVersion);
  if (revision === 0) throw invalidArgument('input.ifVersion', 'is 0, which no key has: use ifAbsent');
  return revision;
}

function requireTransaction(input: KvTransact): { checks: Check[]; writes: Write[] } {
  const { checks, puts, deletes } = input;
  requireCount('input.checks', checks, { min: 0, max: limits.transactChecksMax });
  if (puts.length + deletes.length > limits.transactWritesMax) {
    const count = puts.length + deletes.length;
    throw invalidArgument('input.puts', `and deletes come to ${count}, at most ${limits.transactWritesMax} writes are allowed`);
  }
  if (checks.length + puts.length + deletes.length === 0) {
    throw invalidArgument('input', 'is empty: a transaction has at least one check, put or delete');
  }
  const parsedChecks = checks.map(({ key, version }, index) => ({
    key: requireKey(`input.checks[${index}].key`, key),
    revision: version === undefined ? 0 : requireVersion(`input.checks[${index}].version`, version),
  }));
  const writes: Write[] = [
    ...puts.map(({ key, value, ttlMs }, index): Write => {
      const field = `input.puts[${index}]`;
      requireValue(`${field}.value`, value);
      requireTtl(`${field}.ttlMs`, ttlMs);
      const stored = requireKey(`${field}.key`, key);
      return { kind: 'put', key: stored, value, history, ...(ttlMs === undefined ? {} : { ttlMs }) };
    }),
    ...deletes.map((key, index): Write => ({ kind: 'delete', key: requireKey(`input.deletes[${index}]`, key), history })),
  ];
  requireDistinct('input.checks', parsedChecks);
  requireDistinct('input.puts and deletes', writes);
  const bytes = writes.reduce((sum, write) => sum + (write.kind === 'put' ? write.value.length : 0), 0);
  if (bytes > limits.valueBytesMax) {
    throw invalidArgument('input.puts', `hold ${bytes} bytes together, at most ${limits.valueBytesMax} fit one transaction`);
  }
  return { checks: parsedChecks, writes };
}

function requireDistinct(field: string, members: readonly { readonly key: Buffer }[]): void {
  const seen = new Set<string>();
  for (const { key } of members) {
    const id = key.toString('latin1');
    if (seen.has(id)) throw invalidArgument(field, `name the key "${callerKey(key).slice(0, 60)}" twice`);
    seen.add(id);
  }
}

function callerKey(stored: Buffer): string {
  return keyspace.lastPart(stored).toString('utf8');
}

function fromStored(entry: Entry): KvEntry {
  return { key: callerKey(entry.key), value: entry.value, revision: entry.revision, expiresAtMs: entry.expiresAtMs };
}

/** The cursor of a scan behind an entry. */
export function scanCursor(key: string): string {
  return encodeOpaque('kvScan', Buffer.from(key, 'utf8'));
}

interface ChangePosition {
  readonly revision: Revision;
  /** After the whole commit: key and rank do not matter. */
  readonly isWhole: boolean;
  readonly key: Buffer;
  readonly rank: number;
}

/** Changes of one commit are in key order; a put over an expired row comes behind that row's expiry. */
const rankOf = (kind: ChangeKind): number => (kind === 'expire' ? 0 : 1);

function inOrder(changes: readonly Change[]): Change[] {
  return [...changes].sort(
    (a, b) => a.revision - b.revision || Buffer.compare(a.key, b.key) || rankOf(a.kind) - rankOf(b.kind),
  );
}

function isBefore(change: Change, from: ChangePosition): boolean {
  if (from.isWhole || change.revision !== from.revision) return change.revision <= from.revision;
  return (Buffer.compare(keyspace.lastPart(change.key), from.key) || rankOf(change.kind) - from.rank) <= 0;
}

function toChange(change: Change): KvChange | undefined {
  const { kind, revision, expiresAtMs } = change;
  const raw = keyspace.lastPart(change.key);
  const key = raw.toString('utf8');
  // A key that is not UTF-8 was written by another face of the store; GraphQL has no name for it.
  if (!Buffer.from(key, 'utf8').equals(raw)) return undefined;
  const entry = kind === 'put' ? { key, value: change.value ?? Buffer.alloc(0), revision, expiresAtMs } : undefined;
  return { kind, key, revision, cursor: changeCursor(revision, raw, kind), entry };
}

function changeCursor(revision: Revision, key: Buffer, kind: ChangeKind): string {
  return encodeOpaque('kvChange', Buffer.concat([uint64(revision), Buffer.of(rankOf(kind)), key]));
}

function readChangeCursor(after: string): ChangePosition {
  if (/^\d+$/.test(after)) {
    return { revision: requireVersion('after', after), isWhole: true, key: Buffer.alloc(0), rank: 0 };
  }
  const payload = tryDecodeOpaque('kvChange', after);
  if (!payload || payload.length < 9) throw invalidArgument('after', `"${after.slice(0, 60)}" is neither a cursor of kvChanges nor a Version`);
  return { revision: readUint64(payload), isWhole: false, key: payload.subarray(9), rank: payload[8]! };
}
