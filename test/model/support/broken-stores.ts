/** Stores with the faults that people make by hand, to show that the models find them. Each stands between a gateway and its store. */
import type { CommitOutcome, Entry, Store, Transaction } from '../../../proto/store';
import { isAppError } from '../../../src/core/errors';
import { reservedScope } from '../../../src/core/keyspace';

export type Breakage = (store: Store) => Store;

type Commit = Store['commit'];

function withCommit(store: Store, commit: Commit): Store {
  return {
    read: (ranges, options) => store.read(ranges, options),
    commit,
    watch: (ranges, options) => store.watch(ranges, options),
    search: (request, options) => store.search(request, options),
    status: () => store.status(),
    close: () => store.close(),
  };
}

const changing =
  (change: (transaction: Transaction) => Transaction): Breakage =>
  (store) =>
    withCommit(store, (transactions, options) => store.commit(transactions.map(change), options));

/** Writes what was decided whatever stands there now. */
export const blindWrites = changing((transaction) => ({ ...transaction, checks: [] }));

/** Forgets one of several conditions. */
export const forgottenCheck = changing(({ checks, ...transaction }) => ({
  ...transaction,
  checks: checks.length > 1 ? checks.slice(0, -1) : checks,
}));

/** Remembers no command. */
export const unmarked = changing((transaction) => ({ ...transaction, marks: [] }));

/** Marks a command after its effect, in a commit of its own. */
export const markedLater: Breakage = (store) =>
  withCommit(store, async (transactions) => {
    const outcomes = await store.commit(transactions.map((each) => ({ ...each, marks: [] })));
    const marks = transactions.flatMap(({ marks: each = [] }, index) =>
      outcomes[index]!.kind === 'committed' ? each : [],
    );
    if (marks.length > 0) await store.commit([{ checks: [], writes: [], marks }]);
    return outcomes;
  });

/** Believes a refusal that was decided on a kept state. */
export const unconfirmedRefusals: Breakage = (store) => {
  let last = { revision: 0, nowMs: 0 };
  const answer = async (transaction: Transaction): Promise<CommitOutcome> => {
    const isRefusal = transaction.writes.length === 0 && last.nowMs > 0;
    if (isRefusal && transaction.marks?.length === 0) return { kind: 'committed', ...last };
    const [outcome] = await store.commit([isRefusal ? { ...transaction, checks: [] } : transaction]);
    if (outcome!.kind !== 'failed') last = outcome!;
    return outcome!;
  };
  return withCommit(store, (transactions) => Promise.all(transactions.map(answer)));
};

/** Sends again what was not answered, without any conditions. */
export const resentBlindly: Breakage = (store) =>
  withCommit(store, async (transactions) => {
    try {
      return await store.commit(transactions);
    } catch (error) {
      if (!isAppError(error, 'OUTCOME_UNKNOWN')) throw error;
      return store.commit(transactions.map(({ writes }) => ({ checks: [], writes })));
    }
  });

/** Lets what has expired live for another while. */
export function lateExpiry(lateMs: number): Breakage {
  const mortal = new Map<string, Entry>();
  return (store) => ({
    ...withCommit(store, async (transactions) => {
      const outcomes = await store.commit(transactions);
      for (const [index, { writes }] of transactions.entries()) {
        const outcome = outcomes[index]!;
        if (outcome.kind !== 'committed') continue;
        for (const write of writes) {
          const id = write.key.toString('latin1');
          mortal.delete(id);
          if (write.kind === 'delete' || write.ttlMs === undefined) continue;
          const { key, value, ttlMs } = write;
          mortal.set(id, { key, value, revision: outcome.revision, expiresAtMs: outcome.nowMs + ttlMs });
        }
      }
      return outcomes;
    }),
    read: async (ranges, options) => {
      const read = await store.read(ranges, options);
      const results = read.results.map((result, index) => {
        const late = mortal.get(ranges[index]!.start.toString('latin1'));
        const isLate = late && late.expiresAtMs <= read.nowMs && late.expiresAtMs + lateMs > read.nowMs;
        return isLate && result.entries.length === 0 ? { ...result, entries: [late] } : result;
      });
      return { ...read, results };
    },
  });
}

function withWatch(store: Store, watch: Store['watch']): Store {
  return { ...withCommit(store, (transactions, options) => store.commit(transactions, options)), watch };
}

/** Goes on one revision too late. */
export const resumesLate: Breakage = (store) =>
  withWatch(store, async function* (ranges, options = {}) {
    const { revision } = await store.status();
    const { afterRevision = revision } = options;
    const late = afterRevision === 0 ? 0 : Math.min(afterRevision + 1, revision);
    yield* store.watch(ranges, { ...options, afterRevision: late });
  });

/** Takes the changes of one commit for one change. */
export const oneChangeACommit: Breakage = (store) =>
  withWatch(store, async function* (ranges, options) {
    for await (const batch of store.watch(ranges, options)) {
      const changes = batch.changes.filter(({ revision }, index, all) => revision !== all[index - 1]?.revision);
      yield { ...batch, changes };
    }
  });

/** Forgets that a tenant has a gate where it writes. */
export const uncheckedGate = changing((transaction) => ({
  ...transaction,
  checks: transaction.checks.filter(({ key }) => key[0] !== reservedScope[0] || isReserved(transaction)),
}));

/** Forgets that a tenant has a gate where it reads: answers as if it stood as it was first seen. */
export const unreadGate: Breakage = (store) => {
  const seen = new Map<string, Entry | undefined>();
  return {
    ...withCommit(store, (transactions, options) => store.commit(transactions, options)),
    read: async (ranges, options) => {
      const read = await store.read(ranges, options);
      const isOfTenant = ranges.some(({ start }) => start[0] !== reservedScope[0]);
      const results = read.results.map((result, index) => {
        const { start } = ranges[index]!;
        if (!isOfTenant || start[0] !== reservedScope[0]) return result;
        const name = start.toString('latin1');
        if (!seen.has(name)) seen.set(name, result.entries[0]);
        const first = seen.get(name);
        return { ...result, entries: first ? [first] : [] };
      });
      return { ...read, results };
    },
  };
};

/** Keeps all lives of a tenant in one place. */
export const oneLife: Breakage = (store) => {
  // The scope of a tenant: its byte, its id, two bytes that end it, the life in four.
  const merged = (key: Buffer): Buffer => {
    const end = key[0] === reservedScope[0] ? -1 : key.indexOf(Buffer.of(0, 1));
    if (end < 0 || key.length < end + 6) return key;
    return Buffer.concat([key.subarray(0, end + 2), Buffer.of(0, 0, 0, 1), key.subarray(end + 6)]);
  };
  const apart = <Keyed extends { readonly key: Buffer }>(keyed: Keyed, like: Buffer): Keyed => {
    const end = like[0] === reservedScope[0] ? -1 : like.indexOf(Buffer.of(0, 1));
    if (end < 0 || keyed.key[0] === reservedScope[0]) return keyed;
    return { ...keyed, key: Buffer.concat([like.subarray(0, end + 6), keyed.key.subarray(end + 6)]) };
  };
  return {
    ...withCommit(store, async (transactions) => {
      const outcomes = await store.commit(
        transactions.map((transaction) => ({
          ...transaction,
          checks: transaction.checks.map((check) => ({ ...check, key: merged(check.key) })),
          writes: transaction.writes.map((write) => ({ ...write, key: merged(write.key) })),
        })),
      );
      return outcomes.map((outcome, index) => {
        const like = transactions[index]!.checks[0]?.key;
        if (outcome.kind !== 'conflict' || !like) return outcome;
        return { ...outcome, entries: outcome.entries.map((entry) => apart(entry, like)) };
      });
    }),
    read: async (ranges, options) => {
      const inOne = ranges.map(({ start, end, ...range }) => ({
        ...range,
        start: merged(start),
        ...(end ? { end: merged(end) } : {}),
      }));
      const read = await store.read(inOne, options);
      const results = read.results.map((result, index) => ({
        ...result,
        entries: result.entries.map((entry) => apart(entry, ranges[index]!.start)),
      }));
      return { ...read, results };
    },
  };
};

function isReserved({ writes }: Transaction): boolean {
  return writes.some(({ key }) => key[0] === reservedScope[0]);
}
