/** Elections against their model, in random interleavings of gateways, lost messages, late answers and time that passes. */
import type { Transaction } from '../../proto/store';
import { keyspace } from '../../src/core/keyspace';
import { blindWrites, unmarked } from './support/broken-stores';
import type { Breakage } from './support/broken-stores';
import { runCampaigners, runReigns } from './support/election-model';
import { firstFault, holdsForSeeds } from './support/seeds';

/** The machine may be busy with other tests. */
const minute = 60_000;
const fenceKey = keyspace.electionFence('e');
const leaseKey = keyspace.electionLease('e');

const committing =
  (commit: (store: Parameters<Breakage>[0], transaction: Transaction) => Promise<Transaction>): Breakage =>
  (store) => ({
    read: (ranges, options) => store.read(ranges, options),
    commit: async (transactions, options) =>
      store.commit(await Promise.all(transactions.map((each) => commit(store, each))), options),
    watch: (ranges, options) => store.watch(ranges, options),
    search: (request, options) => store.search(request, options),
    status: () => store.status(),
    close: () => store.close(),
  });

const writes = ({ writes: all }: Transaction, key: Buffer): boolean => all.some((write) => write.key.equals(key));

/** A renewal writes the lease whatever stands there now, expired or not. */
const lateRenewals = committing(async (_, transaction) => {
  const isRenewal = writes(transaction, leaseKey) && !writes(transaction, fenceKey);
  if (!isRenewal) return transaction;
  const { validUntilMs: _until, ...lasting } = transaction;
  return { ...lasting, checks: [] };
});

/** The token goes with the lease: whoever comes after it begins anew. */
const reusedTokens = committing(async (_, transaction) => ({
  ...transaction,
  checks: transaction.checks.filter(({ key }) => !key.equals(fenceKey)),
  writes: transaction.writes.filter(({ key }) => !key.equals(fenceKey)),
}));

/** The fence is looked at, and the write sent after that. */
const fenceCheckedBefore = committing(async (store, transaction) => {
  const check = transaction.checks.find(({ key }) => key.equals(fenceKey));
  if (!check || writes(transaction, fenceKey)) return transaction;
  const { results } = await store.read([{ start: fenceKey }]);
  if ((results[0]!.entries[0]?.revision ?? 0) !== check.revision) return transaction;
  return { ...transaction, checks: transaction.checks.filter((each) => each !== check) };
});

/** Nothing is checked of the fence at all. */
const unfenced = committing(async (_, transaction) =>
  writes(transaction, fenceKey)
    ? transaction
    : { ...transaction, checks: transaction.checks.filter(({ key }) => !key.equals(fenceKey)) },
);

describe('elections', () => {
  it(
    'have one leader at a time, tokens without a gap, and no write of a reign that is over',
    () => holdsForSeeds(200, runReigns),
    minute,
  );
  it(
    'have no candidate that says it leads without an unexpired lease',
    () => holdsForSeeds(200, runCampaigners),
    minute,
  );
});

describe('the model finds', () => {
  it.each([
    ['renewals after the expiry', lateRenewals, 'when nobody led|went to'],
    ['tokens that are given again', reusedTokens, 'token|lease'],
    ['fences that are checked before the write', fenceCheckedBefore, 'had been issued|told'],
    ['fences that are not checked', unfenced, 'had been issued|told'],
    ['writes that check nothing', blindWrites, 'token|lease|issued'],
    ['campaigns without a mark', unmarked, 'two|times'],
  ] as const)(
    '%s',
    async (_, breakage, expected) => {
      expect(await firstFault(100, (seed) => runReigns(seed, breakage))).toMatch(new RegExp(expected));
    },
    minute,
  );

  it.each([
    ['a lease that is measured from its answer', { heldUntil: fromAnswer }],
    ['a lease that is believed in too long', { heldUntil: forTooLong }],
    ['renewals after the expiry', { store: lateRenewals }],
    ['writes that check nothing', { store: blindWrites }],
  ] as const)(
    'candidates with %s',
    async (_, broken) => {
      expect(await firstFault(60, (seed) => runCampaigners(seed, broken))).toMatch(/says|say|led|went|token/);
    },
    minute,
  );
});

function fromAnswer({ answeredAtMs, leaseMs }: { answeredAtMs: number; leaseMs: number }): number {
  return answeredAtMs + (leaseMs * 2) / 3;
}

function forTooLong({ sentAtMs, leaseMs }: { sentAtMs: number; leaseMs: number }): number {
  return sentAtMs + leaseMs * 1.5;
}
