/**
 * Low-level key/value: a caller's keys and bytes as they are, with conditions that the store decides in the write's own
 * commit. A write costs one round trip, and one more where it is refused under an idempotency key; a delete without a condition
 * reads first (the key alone), since its answer says whether there was something. A fence (`src/store/fence.ts`) is one more check of
 * the write's own commit; its row is read once, and again when a reign has begun. Writes are never folded together: each shows in
 * `changes` as a change of its own, in commit order, resumable while the store keeps its history. Fails with INVALID_ARGUMENT
 * before anything is sent, IDEMPOTENCY_KEY_REUSED, HISTORY_GONE, and the store's own failures.
 */
import { isUtf8 } from 'node:buffer';
import { limits } from '../../proto/limits';
import type {
  Change,
  ChangeKind,
  Check,
  Entry,
  KeyRange,
  ReadConsistency,
  Revision,
  Store,
  Write,
} from '../../proto/store';
import { AppError, assertInvariant, invalidArgument, isAppError } from '../core/errors';
import { requireCount, requireInteger, requireText, requireVersion } from '../core/input';
import { familyRange, families, keyspace } from '../core/keyspace';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { keyAfter } from '../core/tuple';
import { changeCursor, inOrder, isAtOrBefore, requireChangePosition, watchFrom } from '../store/change-position';
import type { ChangePosition } from '../store/change-position';
import { judgeFence, requireFenceKey } from '../store/fence';
import type { Fence, Fenced } from '../store/fence';
import { rememberAsJson } from '../store/remember';
import type { Remembered, Settled, Transact, View } from '../store/transact';

/** The write's token was not the highest that its election has issued. */
export interface KvFenced extends Fenced, Fence {}

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
  | KvConflict
  | KvFenced;
export type KvDeleteOutcome =
  | { readonly kind: 'deleted'; readonly key: string; readonly wasPresent: boolean; readonly revision: Revision }
  | KvConflict
  | KvFenced;
export type KvTransactOutcome = { readonly kind: 'committed'; readonly revision: Revision } | KvConflict | KvFenced;

export interface KvPut {
  readonly key: string;
  readonly value: Buffer;
  readonly ifVersion?: string | undefined;
  readonly ifAbsent: boolean;
  readonly ttlMs?: number | undefined;
  readonly fence?: Fence | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface KvDelete {
  readonly key: string;
  readonly ifVersion?: string | undefined;
  readonly fence?: Fence | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface KvTransact {
  readonly checks: readonly { readonly key: string; readonly version?: string | undefined }[];
  readonly puts: readonly { readonly key: string; readonly value: Buffer; readonly ttlMs?: number | undefined }[];
  readonly deletes: readonly string[];
  readonly fence?: Fence | undefined;
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

/**
 * What is said of a write before its commit gives it revision and time. A refusal names the check that failed by its place: keys are
 * too long for marks.
 */
export type KvVerdict =
  | { readonly kind: 'done'; readonly wasPresent: boolean }
  | { readonly kind: 'conflict'; readonly check: number; readonly current?: Entry | undefined }
  | Fenced;

const done: KvVerdict = { kind: 'done', wasPresent: true };

export class Kv {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #shownChanges = new WeakMap<Change, KvChange>();

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
    const { results } = await this.#store.read(ranges, { consistency }).catch((error: unknown) => {
      // The keys are sound, so that it can only be what they bring: it was refused before it was all read.
      throw isAppError(error, 'INVALID_ARGUMENT') ? tooMuch() : error;
    });
    const entries = results.map(({ entries: [entry] }) => entry);
    const bytes = entries.reduce((sum, entry) => sum + (entry ? entry.key.length + entry.value.length : 0), 0);
    if (bytes > limits.pageBytesMax) throw tooMuch();
    return entries.map((entry) => entry && fromStored(entry));
  }

  /** A page of the keys that begin with `prefix`, in byte order. Ends early at a page's bytes. Stable under writes. */
  async scan({ prefix, first, after, reverse }: KvScan): Promise<KvPage> {
    const range = familyRange('kv', requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.keyBytesMax }));
    requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
    let { start, end } = range;
    let last = after === undefined ? undefined : keyspace.kv(requireCursor('after', 'kvScan', after));
    for (;;) {
      if (last && reverse) end = Buffer.compare(last, end) < 0 ? last : end;
      else if (last) start = Buffer.compare(last, start) < 0 ? start : keyAfter(last);
      if (Buffer.compare(start, end) >= 0) return { entries: [], hasMore: false };
      const page = { start, end, limit: first, reverse, bytesMax: limits.pageBytesMax };
      const { results } = await this.#store.read([page]);
      const { entries, more } = results[0]!;
      const named = entries.filter(({ key }) => isUtf8(keyspace.lastPart(key)));
      // A page that only holds keys without a name here would have no cursor to go on from.
      if (named.length > 0 || !more) return { entries: named.map(fromStored), hasMore: more };
      last = entries.at(-1)!.key;
    }
  }

  /** `mutation`: what the caller knows it by, since idempotency keys are those of one mutation. */
  async put(input: KvPut, mutation: 'kvPut' | 'cachePut' = 'kvPut'): Promise<KvPutOutcome> {
    const { key, value, ttlMs, fence } = input;
    const stored = requireKey('input.key', key);
    requireValue('input.value', value);
    requireTtl('input.ttlMs', ttlMs);
    const expected = requireCondition(input);
    const checks = expected === undefined ? [] : [{ key: stored, revision: expected }];
    const settled = await this.#write({
      checks,
      writes: [{ kind: 'put', key: stored, value, history, ...(ttlMs === undefined ? {} : { ttlMs }) }],
      fence,
      remembered: rememberAsJson({ mutation, input, defaults: { ifAbsent: false }, keep: withoutCurrent }),
    });
    if (settled.outcome.kind !== 'done') return this.#refused(input, settled, [key]);
    const expiresAtMs = ttlMs === undefined ? 0 : settled.nowMs + ttlMs;
    return { kind: 'put', key, revision: settled.revision, expiresAtMs };
  }

  /** Deleting an absent key is no change, and no error; with a condition on its version it is a conflict. */
  async delete(input: KvDelete): Promise<KvDeleteOutcome> {
    const { key, ifVersion, fence } = input;
    const stored = requireKey('input.key', key);
    const fenceKey = fence && requireFenceKey(fence);
    const remembered = rememberAsJson<KvVerdict>({ mutation: 'kvDelete', input, keep: withoutCurrent });
    const settled =
      ifVersion === undefined
        ? await this.#transact.run<KvVerdict>({
            records: [stored],
            ...(fenceKey && { guards: [fenceKey] }),
            isSolo: true,
            keysOnly: true,
            decide: (view) => (fenceKey && judgeFence(fence, view.get(fenceKey))) ?? decideDelete(view, stored),
            remembered,
          })
        : await this.#write({
            checks: [{ key: stored, revision: requirePresentVersion('input.ifVersion', ifVersion) }],
            writes: [{ kind: 'delete', key: stored, history }],
            fence,
            remembered,
          });
    if (settled.outcome.kind !== 'done') return this.#refused(input, settled, [key]);
    return { kind: 'deleted', key, wasPresent: settled.outcome.wasPresent, revision: settled.revision };
  }

  /** Checks, then writes, all or nothing. */
  async transact(input: KvTransact): Promise<KvTransactOutcome> {
    const { checks, writes } = requireTransaction(input);
    const defaults = { checks: [], puts: [], deletes: [] };
    const remembered = rememberAsJson({ mutation: 'kvTransact', input, defaults, keep: withoutCurrent });
    const settled = await this.#write({ checks, writes, fence: input.fence, remembered });
    const keys = input.checks.map(({ key }) => key);
    if (settled.outcome.kind !== 'done') return this.#refused(input, settled, keys);
    return { kind: 'committed', revision: settled.revision };
  }

  /**
   * Every change below `prefix` after a cursor or a Version, or from now. Throws INVALID_ARGUMENT at once; the iterator throws HISTORY_GONE
   * where that is no longer kept (`details.oldest`: a Version to begin after), and any other failure with where to go on in
   * `details.resumeFrom`. Until there is a change, `passed` is told where it is: a Version, time and again.
   */
  changes(
    prefix: string,
    after: string | undefined,
    signal: AbortSignal,
    passed?: (version: string) => void,
  ): AsyncGenerator<KvChange, void, void> {
    const range = familyRange('kv', requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.keyBytesMax }));
    const from = after === undefined ? undefined : requireChangePosition('after', after);
    return this.#changes({ range, from, after, signal, passed });
  }

  async *#changes({ range, from, after, signal, passed }: ChangesFrom): AsyncGenerator<KvChange, void, void> {
    let resumeFrom = after;
    let isGiven = false;
    try {
      const options = from ? { afterRevision: watchFrom(from), signal } : { signal };
      for await (const batch of this.#store.watch([range], options)) {
        for (const change of inOrder(batch.changes)) {
          if (from && isAtOrBefore(change, from)) continue;
          const shown = this.#shown(change);
          if (!shown) continue;
          isGiven = true;
          yield shown;
          resumeFrom = shown.cursor;
        }
        // Never behind where it began: the commit of its cursor is given again, and left out.
        if (from && batch.revision < from.revision) continue;
        resumeFrom = String(batch.revision);
        if (!isGiven) passed?.(resumeFrom);
      }
    } catch (error) {
      throw isAppError(error) ? changesFailure(error, resumeFrom) : error;
    }
  }

  /** The same object for the same change, so that what is made of it for one subscriber can serve others. */
  #shown(change: Change): KvChange | undefined {
    let shown = this.#shownChanges.get(change);
    if (!shown) {
      shown = toChange(change);
      if (shown) this.#shownChanges.set(change, shown);
    }
    return shown;
  }

  #write({ checks, writes, fence, remembered }: PlannedWrite): Promise<Settled<KvVerdict>> {
    const refuse = (current: ReadonlyMap<string, Entry>): KvVerdict => decideRefusal(checks, current);
    const judge = (entry: Entry | undefined): Fenced | undefined => fence && judgeFence(fence, entry);
    const guard = fence && { key: requireFenceKey(fence), judge };
    return this.#transact.write(
      { checks, writes, done, refuse, guard, remembered },
      [...checks, ...writes].map(({ key }) => key),
    );
  }

  /** `keys`: of the checks, by their place. */
  async #refused(
    { fence }: { readonly fence?: Fence | undefined },
    { outcome, isReplay }: Settled<KvVerdict>,
    keys: readonly string[],
  ): Promise<KvConflict | KvFenced> {
    assertInvariant(outcome.kind !== 'done', 'what was done is not refused');
    if (outcome.kind === 'fenced') return { ...fence!, ...outcome };
    const key = keys[outcome.check]!;
    const { current } = outcome;
    // A replay's mark holds no value: what stands there now is shown.
    if (isReplay) return { kind: 'conflict', key, current: await this.get(key, 'linearizable') };
    return { kind: 'conflict', key, current: current && fromStored(current) };
  }
}

interface PlannedWrite {
  readonly checks: readonly Check[];
  readonly writes: readonly Write[];
  readonly fence: Fence | undefined;
  readonly remembered: Remembered<KvVerdict> | undefined;
}

/** Which of the checks failed: the first one, with what stands there. */
export function decideRefusal(checks: readonly Check[], current: ReadonlyMap<string, Entry>): KvVerdict {
  for (const [check, { key, revision }] of checks.entries()) {
    const entry = current.get(key.toString('latin1'));
    if ((entry?.revision ?? 0) !== revision) return { kind: 'conflict', check, current: entry };
  }
  throw new AppError('INTERNAL', 'a conflict of the store in which every check holds');
}

/** Deletes whatever is there, and says whether there was something. */
function tooMuch(): AppError {
  const rule = `hold more than ${limits.pageBytesMax} bytes together, which is what one answer takes: ask for fewer`;
  return invalidArgument('keys', rule);
}

export function decideDelete(view: View, key: Buffer): KvVerdict {
  const wasPresent = view.get(key) !== undefined;
  if (wasPresent) view.delete(key, history);
  return { kind: 'done', wasPresent };
}

/** A mark keeps no value: what stands under the key is read when a refusal is replayed. */
const withoutCurrent = (verdict: KvVerdict): unknown => ({ ...verdict, current: undefined });

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
  return requirePresentVersion('input.ifVersion', ifVersion);
}

/** The store takes 0 for "absent", which callers say in other words. */
function requirePresentVersion(field: string, version: string): Revision {
  const revision = requireVersion(field, version);
  if (revision === 0) throw invalidArgument(field, 'is 0, a version that no key ever has');
  return revision;
}

function requireTransaction(input: KvTransact): { checks: Check[]; writes: Write[] } {
  const { checks, puts, deletes } = input;
  requireCount('input.checks', checks, { min: 0, max: limits.transactChecksMax });
  if (puts.length + deletes.length > limits.transactWritesMax) {
    const count = puts.length + deletes.length;
    throw invalidArgument(
      'input.puts',
      `and deletes come to ${count}, at most ${limits.transactWritesMax} writes are allowed`,
    );
  }
  if (checks.length + puts.length + deletes.length === 0) {
    throw invalidArgument('input', 'is empty: a transaction has at least one check, put or delete');
  }
  const parsedChecks = checks.map(({ key, version }, index) => ({
    key: requireKey(`input.checks[${index}].key`, key),
    revision: version === undefined ? 0 : requirePresentVersion(`input.checks[${index}].version`, version),
  }));
  const writes: Write[] = [
    ...puts.map(({ key, value, ttlMs }, index): Write => {
      const field = `input.puts[${index}]`;
      requireValue(`${field}.value`, value);
      requireTtl(`${field}.ttlMs`, ttlMs);
      const stored = requireKey(`${field}.key`, key);
      return { kind: 'put', key: stored, value, history, ...(ttlMs === undefined ? {} : { ttlMs }) };
    }),
    ...deletes.map((key, index): Write => ({
      kind: 'delete',
      key: requireKey(`input.deletes[${index}]`, key),
      history,
    })),
  ];
  requireDistinct('input.checks', parsedChecks);
  requireDistinct('input.puts and deletes', writes);
  const bytes = writes.reduce((sum, write) => sum + (write.kind === 'put' ? write.value.length : 0), 0);
  if (bytes > limits.valueBytesMax) {
    throw invalidArgument(
      'input.puts',
      `hold ${bytes} bytes together, at most ${limits.valueBytesMax} fit one transaction`,
    );
  }
  return { checks: parsedChecks, writes };
}

function requireDistinct(field: string, members: readonly { readonly key: Buffer }[]): void {
  const seen = new Set<string>();
  for (const { key } of members) {
    const id = key.toString('latin1');
    if (seen.has(id)) throw invalidArgument(field, `name the key "${keyspace.lastText(key).slice(0, 60)}" twice`);
    seen.add(id);
  }
}

function fromStored(entry: Entry): KvEntry {
  return {
    key: keyspace.lastText(entry.key),
    value: entry.value,
    revision: entry.revision,
    expiresAtMs: entry.expiresAtMs,
  };
}

/** The cursor of a scan behind an entry. */
export function scanCursor(key: string): string {
  return encodeOpaque('kvScan', Buffer.from(key, 'utf8'));
}

interface ChangesFrom {
  readonly range: KeyRange;
  readonly from: ChangePosition | undefined;
  readonly after: string | undefined;
  readonly signal: AbortSignal;
  readonly passed: ((version: string) => void) | undefined;
}

function toChange(change: Change): KvChange | undefined {
  const { kind, revision, expiresAtMs } = change;
  const raw = keyspace.lastPart(change.key);
  // A key that is not UTF-8 was written by another face of the store; GraphQL has no name for it.
  if (!isUtf8(raw)) return undefined;
  const key = raw.toString('utf8');
  const entry = kind === 'put' ? { key, value: change.value ?? Buffer.alloc(0), revision, expiresAtMs } : undefined;
  return { kind, key, revision, cursor: changeCursor(change), entry };
}

/** A failure in the words of callers, whose places are cursors and Versions. */
function changesFailure(error: AppError, resumeFrom: string | undefined): AppError {
  const { code, message } = error;
  const { oldest, ...others } = error.details;
  const isGone = code === 'HISTORY_GONE';
  const details = {
    ...others,
    ...(isGone && oldest !== undefined ? { oldest: String(oldest) } : {}),
    ...(!isGone && resumeFrom !== undefined ? { resumeFrom } : {}),
  };
  return new AppError(code, message, { cause: error, details });
}
