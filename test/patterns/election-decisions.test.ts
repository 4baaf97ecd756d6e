import {
  acquiredAtMsOf,
  decideCampaign,
  decideRenewal,
  decideResignation,
  type Lease,
  type LeaseRecord,
} from '../../src/patterns/election-decisions';
import { encodeFence, judgeFence } from '../../src/store/fence';
import { failure } from './support/world';

const record: LeaseRecord = { candidateId: 'a', token: 4, acquiredAtMs: 100, leaseMs: 500 };
const lease: Lease = { ...record, expiresAtMs: 900 };

describe('a campaign', () => {
  it('begins the first reign with token 1', () => {
    const next = { candidateId: 'b', token: 1, acquiredAtMs: 700, leaseMs: 300, isFirst: true };
    expect(decideCampaign({ lease: undefined, fence: undefined }, { candidateId: 'b', leaseMs: 300 }, 700)).toEqual({
      verdict: { kind: 'leading', lease: next },
      next: { lease: next, fence: { token: 1, issuedAtMs: 700 } },
    });
  });

  it('begins a later reign with the next token, and not before the last one', () => {
    const state = { lease: undefined, fence: { token: 4, issuedAtMs: 710 } };
    const { next } = decideCampaign(state, { candidateId: 'b', leaseMs: 300, claim: 'c' }, 700);
    expect(next).toEqual({
      lease: { candidateId: 'b', token: 5, acquiredAtMs: 710, leaseMs: 300, isFirst: true, claim: 'c' },
      fence: { token: 5, issuedAtMs: 710 },
    });
  });

  it.each(['a', 'b'])('by %s changes nothing while a leads', (candidateId) => {
    const state = { lease, fence: { token: 4, issuedAtMs: 100 } };
    expect(decideCampaign(state, { candidateId, leaseMs: 300 }, 700)).toEqual({ verdict: { kind: 'held', lease } });
  });
});

describe('a renewal', () => {
  const own = { candidateId: 'a', fencingToken: 4, leaseMs: 50 };

  it('keeps the reign, with its claim, and takes the new lease', () => {
    const { verdict, next } = decideRenewal({ ...lease, claim: 'c' }, own);
    expect(next).toEqual({ ...record, leaseMs: 50, claim: 'c' });
    expect(verdict).toEqual({ kind: 'leading', lease: next });
  });

  it('of a first lease keeps the time at which that was committed, which begins the reign', () => {
    const first = { ...lease, isFirst: true };
    expect(decideRenewal(first, own).next).toMatchObject({ acquiredAtMs: lease.expiresAtMs! - lease.leaseMs });
    expect(decideRenewal(first, own).next).not.toHaveProperty('isFirst');
    expect(acquiredAtMsOf(first, 550)).toBe(100);
    expect(acquiredAtMsOf(lease, 900)).toBe(100);
  });

  it('in the commit that begins the reign leaves the time to that commit', () => {
    const first = { ...lease, isFirst: true, expiresAtMs: undefined };
    expect(decideRenewal(first, own).next).toMatchObject({ acquiredAtMs: 100, isFirst: true, leaseMs: 50 });
  });

  it.each([
    ['by another candidate', { ...own, candidateId: 'b' }],
    ['with an older token', { ...own, fencingToken: 3 }],
    ['with a token that was never issued', { ...own, fencingToken: 5 }],
  ])('%s is lost, and changes nothing', (_, renewal) => {
    expect(decideRenewal(lease, renewal)).toEqual({ verdict: { kind: 'lost', lease } });
  });

  it('of what has expired is lost', () => {
    expect(decideRenewal(undefined, own)).toEqual({ verdict: { kind: 'lost', lease: undefined } });
  });
});

describe('a resignation', () => {
  it.each([
    ['with candidate and token', lease, { candidateId: 'a', fencingToken: 4 }, true],
    ['with another token', lease, { candidateId: 'a', fencingToken: 3 }, false],
    ['by another candidate', lease, { candidateId: 'b', fencingToken: 4 }, false],
    ['of what has expired', undefined, { candidateId: 'a', fencingToken: 4 }, false],
  ] as const)('%s', (_, state, resignation, ends) => {
    expect(decideResignation(state, resignation)).toBe(ends);
  });
});

describe('a fence', () => {
  const row = { value: encodeFence({ token: 4, issuedAtMs: 100 }) };

  it('lets the highest token through', () => {
    expect(judgeFence({ election: 'e', token: 4 }, row)).toBeUndefined();
  });

  it('refuses a lower one', () => {
    expect(judgeFence({ election: 'e', token: 3 }, row)).toEqual({ kind: 'fenced', currentToken: 4 });
  });

  it.each([
    [5, row, 'input.fence.token is 5: election "e" has issued none above 4'],
    [1, undefined, 'input.fence.token is 1: election "e" has issued none'],
  ])('does not know token %s that was never issued', (token, stored, message) => {
    expect(() => judgeFence({ election: 'e', token }, stored)).toThrow(failure('INVALID_ARGUMENT') as Error);
    expect(() => judgeFence({ election: 'e', token }, stored)).toThrow(message);
  });
});
