/**
 * NoriKV's Kv over the rows of `kv`: what is written here is what `kvGet` shows, and the reverse.
 *
 * Promises: conditions are judged in the write's own commit, once: a command with an idempotency key that is sent again is given its
 * first answer, refusals included, after a restart too. Stores the value, and a mark of its own kind for a command with a key. Costs one
 * trip for a put; one more where a refusal is to be remembered; a delete without a condition reads its key first. Fails with
 * INVALID_ARGUMENT before anything is sent, CONTENTION where other writers won every try, and the store's own failures.
 */
import type { DeleteRequest, GetRequest, PutRequest } from '../../proto/norikv-wire';
import type { CommitOutcome, Conflict, Mark, Revision, Store, Write } from '../../proto/store';
import { decodeRecord, encodeRecord } from '../../src/core/codec';
import { AppError, invalidArgument } from '../../src/core/errors';
import { hashParts } from '../../src/core/ids';
import { families } from '../../src/core/keyspace';
import { uint64 } from '../../src/core/tuple';
import {
  requireCondition,
  requireConsistency,
  requireIdempotencyKey,
  requireKey,
  requireTtl,
  requireValue,
} from './norikv-input';
import type { Condition } from './norikv-input';

const { history } = families.kv;
const markFormat = 1;
const triesMax = 16;

/** How a write ended. */
export type NorikvOutcome =
  | { readonly kind: 'done'; readonly wasPresent: boolean }
  | { readonly kind: 'mismatch'; readonly reason: 'changed' | 'absent' }
  | { readonly kind: 'exists' };

export interface NorikvSettled {
  readonly outcome: NorikvOutcome;
  readonly revision: Revision;
}

interface NorikvMark {
  readonly inputHash: string;
  readonly outcome: NorikvOutcome;
}

interface Remembering {
  readonly markKey: Buffer;
  readonly inputHash: string;
}

interface Command {
  readonly key: Buffer;
  readonly write: Write;
  readonly condition: Condition;
  readonly remembering: Remembering | undefined;
  /** Whether the answer says what was there: then it is read where no condition says it. */
  readonly saysPresence: boolean;
}

export class NorikvKv {
  readonly #store: Store;

  /** `store`: the tenant's. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** An absent key: an empty value without a revision. */
  async get({ key, consistency }: GetRequest): Promise<{ value: Buffer; revision: Revision | undefined }> {
    const start = requireKey(key);
    const { results } = await this.#store.read([{ start }], { consistency: requireConsistency(consistency) });
    const [entry] = results[0]!.entries;
    return { value: entry?.value ?? Buffer.alloc(0), revision: entry?.revision };
  }

  put({ key, value, ttlMs: givenTtlMs, idempotencyKey, ifMatch }: PutRequest): Promise<NorikvSettled> {
    const stored = requireKey(key);
    const ttlMs = requireTtl(givenTtlMs);
    const condition = requireCondition(ifMatch);
    const write: Write = {
      kind: 'put',
      key: stored,
      value: requireValue(value),
      history,
      ...(ttlMs !== undefined && { ttlMs }),
    };
    const input = [key, value, uint64(ttlMs ?? 0), JSON.stringify(condition)];
    return this.#run({
      key: stored,
      write,
      condition,
      remembering: remember('Put', idempotencyKey, input),
      saysPresence: false,
    });
  }

  delete({ key, idempotencyKey, ifMatch }: DeleteRequest): Promise<NorikvSettled> {
    const stored = requireKey(key);
    const condition = requireCondition(ifMatch);
    // Nothing that stands has this version, and what does not stand cannot be deleted on a condition.
    const met: Condition = condition.kind === 'absent' ? { kind: 'version', revision: undefined } : condition;
    const write: Write = { kind: 'delete', key: stored, history };
    const input = [key, JSON.stringify(condition)];
    return this.#run({
      key: stored,
      write,
      condition: met,
      remembering: remember('Delete', idempotencyKey, input),
      saysPresence: true,
    });
  }

  async #run(command: Command): Promise<NorikvSettled> {
    const { key, condition, saysPresence } = command;
    let known = condition.kind !== 'none' || !saysPresence ? undefined : await this.#presentRevision(key);
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const result = await this.#try(command, known);
      if (result.kind === 'settled') return result.settled;
      known = result.present;
    }
    throw new AppError('CONTENTION', 'other writers of the key were faster each time; nothing was written');
  }

  /** One try to write; where it is refused, to remember the refusal. `known`: the revision that a delete without a condition met. */
  async #try(
    command: Command,
    known: Revision | undefined,
  ): Promise<{ kind: 'settled'; settled: NorikvSettled } | { kind: 'again'; present: Revision }> {
    const { key, write, condition, remembering } = command;
    const expected = condition.kind === 'none' ? known : revisionOf(condition);
    const isDeleteOfNothing = condition.kind === 'none' && known === 0;
    const done: NorikvOutcome = { kind: 'done', wasPresent: !isDeleteOfNothing };
    const settle = (outcome: NorikvOutcome, revision: Revision) =>
      ({ kind: 'settled', settled: { outcome, revision } }) as const;
    const first = await this.#commit({
      checks: expected === undefined ? [] : [{ key, revision: expected }],
      writes: isDeleteOfNothing ? [] : [write],
      marks: marksOf(remembering, done),
    });
    if (first.kind === 'committed') return settle(done, first.revision);
    const replay = replayOf(first, remembering);
    if (replay) return { kind: 'settled', settled: replay };
    const present = first.entries.find((entry) => entry.key.equals(key))?.revision ?? 0;
    if (condition.kind === 'none') return { kind: 'again', present };
    const refused = refusalOf(condition, present);
    if (!remembering) return settle(refused, first.revision);
    const second = await this.#commit({
      checks: [{ key, revision: present }],
      writes: [],
      marks: marksOf(remembering, refused),
    });
    if (second.kind === 'committed') return settle(refused, second.revision);
    const late = replayOf(second, remembering);
    return late ? { kind: 'settled', settled: late } : { kind: 'again', present: 0 };
  }

  async #commit(transaction: Parameters<Store['commit']>[0][0]): Promise<Exclude<CommitOutcome, { kind: 'failed' }>> {
    const [outcome] = await this.#store.commit([transaction]);
    if (outcome!.kind === 'failed') throw outcome!.error;
    return outcome!;
  }

  async #presentRevision(key: Buffer): Promise<Revision> {
    const { results } = await this.#store.read([{ start: key, keysOnly: true }]);
    return results[0]!.entries[0]?.revision ?? 0;
  }
}

/** No row ever is at this revision. */
const never = Number.MAX_SAFE_INTEGER;

function revisionOf(condition: Exclude<Condition, { kind: 'none' }>): Revision {
  return condition.kind === 'absent' ? 0 : (condition.revision ?? never);
}

function refusalOf(condition: Condition, present: Revision): NorikvOutcome {
  if (condition.kind === 'absent') return { kind: 'exists' };
  return { kind: 'mismatch', reason: present === 0 ? 'absent' : 'changed' };
}

/** Apart from the marks of GraphQL's mutations. */
function remember(operation: string, given: string, input: readonly (string | Buffer)[]): Remembering | undefined {
  const key = requireIdempotencyKey(given);
  if (key === undefined) return undefined;
  return { markKey: hashParts('norikv', operation, key), inputHash: hashParts(...input).toString('base64') };
}

function marksOf(remembering: Remembering | undefined, outcome: NorikvOutcome): readonly Mark[] {
  if (!remembering) return [];
  const { markKey, inputHash } = remembering;
  return [{ key: markKey, value: encodeRecord(markFormat, { inputHash, outcome } satisfies NorikvMark) }];
}

function replayOf({ marks }: Conflict, remembering: Remembering | undefined): NorikvSettled | undefined {
  const [mark] = marks;
  if (!mark || !remembering) return undefined;
  const { inputHash, outcome } = decodeRecord<NorikvMark>(markFormat, mark.value);
  if (inputHash !== remembering.inputHash)
    throw invalidArgument('idempotency_key', 'was used before with another request: use a new key for a new one');
  return { outcome, revision: mark.revision };
}
