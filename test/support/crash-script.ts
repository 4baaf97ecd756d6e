/**
 * A fixed list of operations, each of one or more physical commits, that can be done in one process and gone on with in another:
 * whatever was begun is sent again under the same attempt ids, so that doing an operation twice is doing it once.
 */
import type { Store, Transaction, Write } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';

export interface ScriptContext {
  readonly store: Store;
  readonly clock: ManualClock;
}

interface Operation {
  readonly name: string;
  /** How far the clock moves before it. */
  readonly advanceMs?: number;
  run(context: ScriptContext, attempt: (part: number) => Buffer): Promise<void>;
}

const bytes = (text: string): Buffer => Buffer.from(text);
const everything = { start: Buffer.alloc(0), end: Buffer.of(0xff) };

function put(key: string, value: string | Buffer, ttlMs?: number): Write {
  const content = typeof value === 'string' ? bytes(value) : value;
  return { kind: 'put', key: bytes(key), value: content, history: 'value', ...(ttlMs !== undefined && { ttlMs }) };
}

const remove = (key: string): Write => ({ kind: 'delete', key: bytes(key), history: 'value' });
const mark = (key: string) => ({ key: bytes(key), value: bytes(`${key} was done`) });
const writes = (...all: readonly Write[]): Transaction => ({ checks: [], writes: all });

/** Commits transactions each under an attempt of its own; all must be committed. */
function committing(name: string, ...transactions: readonly Transaction[]): Operation {
  return {
    name,
    run: ({ store }, attempt) =>
      commitAll(
        store,
        transactions.map((each, part) => ({ ...each, attemptId: attempt(part) })),
      ),
  };
}

async function commitAll(store: Store, transactions: readonly Transaction[]): Promise<void> {
  for (const outcome of await store.commit(transactions)) {
    if (outcome.kind !== 'committed') throw new Error(`not committed: ${JSON.stringify(outcome)}`);
  }
}

/** Resolves when the end of a key has been announced. */
async function announced(store: Store, key: string): Promise<void> {
  for await (const { changes } of store.watch([everything], { afterRevision: 0 })) {
    if (changes.some((change) => change.kind === 'expire' && change.key.equals(bytes(key)))) return;
  }
}

export const operations: readonly Operation[] = [
  committing('puts two keys', writes(put('a', '100'), put('b', '0'))),
  committing('puts with a mark', { ...writes(put('c', 'c')), marks: [mark('m1')] }),
  {
    name: 'moves from one key to the other, if both are as they were',
    run: async ({ store }, attempt) => {
      const { results } = await store.read([{ start: bytes('a') }, { start: bytes('b') }]);
      const checks = results.map(({ entries }) => ({ key: entries[0]!.key, revision: entries[0]!.revision }));
      await commitAll(store, [{ checks, writes: [put('a', '70'), put('b', '30')], attemptId: attempt(0) }]);
    },
  },
  committing(
    'writes many keys',
    writes(...Array.from({ length: 200 }, (_, index) => put(`many/${index}`, 'x'.repeat(index)))),
  ),
  committing('deletes what is not there', writes(remove('nothing'))),
  committing('writes a large value', writes(put('large', Buffer.alloc(1_000_000, 7)))),
  committing('puts what expires', writes(put('mortal', 'v', 1_000), put('later', 'v', 1_000_000))),
  {
    name: 'lets it expire',
    advanceMs: 1_000,
    run: async ({ store }) => announced(store, 'mortal'),
  },
  committing(
    'does three things in one call',
    writes(put('d', '1')),
    writes(remove('c')),
    writes(put('d', '2'), put('e', 'e')),
  ),
  committing('makes marks alone', { ...writes(), marks: [mark('m2'), mark('m3')] }),
  committing('deletes many keys', writes(...Array.from({ length: 150 }, (_, index) => remove(`many/${index}`)))),
  committing('puts again what was deleted', writes(put('c', 'again'), put('mortal', 'for ever'))),
];

/** When the clock stands before an operation is done. */
export function clockBefore(index: number): ManualClock {
  const startMs = Date.UTC(2026, 0, 1);
  const passedMs = operations.slice(0, index).reduce((sum, { advanceMs = 0 }) => sum + advanceMs, 0);
  return new ManualClock(startMs + passedMs);
}

/** Does one operation, or does it again. The clock has to stand as `clockBefore` says. */
export async function runOperation(context: ScriptContext, index: number): Promise<void> {
  const operation = operations[index]!;
  if (operation.advanceMs !== undefined) context.clock.advance(operation.advanceMs);
  const attempt = (part: number): Buffer => bytes(`operation ${index}/${part}`.padEnd(16, '.').slice(0, 16));
  await operation.run(context, attempt);
}
