/**
 * Leader election with fencing tokens.
 *
 * Promises: at most one unexpired leadership per election, at every instant of the storage clock; every new reign has a token
 * one higher than any before it, through resignation, expiry, restart and fail-over; a wrong or late renewal or resignation changes
 * nothing. Stores two rows: the highest token (`electionFence`), written by a new reign alone and never deleted, which is what a
 * fenced write checks; and the lease (`electionLease`), which expires by itself and is all that renewal and resignation write.
 * Costs one commit an operation, shared by all that wait for the same election, and a read before where the rows are not
 * known; a refusal is a commit of checks. Fails with INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Entry, KeyRange, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { decodeRecord, encodeRecord } from '../core/codec';
import type { Ids } from '../core/ids';
import { requireInteger, requireText } from '../core/input';
import { families, keyspace } from '../core/keyspace';
import { decodeFence, encodeFence } from '../store/fence';
import { LatestState } from '../store/latest-state';
import { rememberAsJson } from '../store/remember';
import type { Remembered, Row, Settled, Transact, View } from '../store/transact';
import { Campaigner } from './election-campaigner';
import type { CampaignStatus, HeldUntil } from './election-campaigner';
import { acquiredAtMsOf, decideCampaign, decideRenewal, decideResignation } from './election-decisions';
import type {
  Campaign,
  CampaignVerdict,
  Lease,
  LeaseRecord,
  Leadership,
  Renewal,
  RenewalVerdict,
} from './election-decisions';

export type { CampaignStatus } from './election-campaigner';
export type { Leadership } from './election-decisions';

/** Any valid name is an election; `leader` is undefined where nobody leads. */
export interface Election {
  readonly name: string;
  readonly leader: Leadership | undefined;
}

export type CampaignOutcome =
  | { readonly kind: 'leading'; readonly leadership: Leadership }
  | { readonly kind: 'held'; readonly leader: Leadership };
export type RenewOutcome =
  | { readonly kind: 'leading'; readonly leadership: Leadership }
  | { readonly kind: 'lost'; readonly leader: Leadership | undefined };

export interface CampaignInput extends Omit<Campaign, 'claim'> {
  readonly election: string;
  readonly idempotencyKey?: string | undefined;
}
export interface RenewInput extends Renewal {
  readonly election: string;
}
export type ResignInput = Omit<RenewInput, 'leaseMs'>;

export interface ElectionDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Until when a campaigner believes its lease; default: two thirds of it, from when it was asked for. */
  readonly heldUntil?: HeldUntil;
}

const format = 1;
const { history: leaseHistory } = families.electionLease;
/** Subscribers are sent at most one new leader in this time. */
const changedEveryMs = 50;

export class Elections {
  readonly #dependencies: ElectionDependencies;
  readonly #latest: LatestState<Election>;

  constructor(dependencies: ElectionDependencies) {
    const { store, clock } = dependencies;
    this.#dependencies = dependencies;
    this.#latest = new LatestState({
      store,
      clock,
      everyMs: changedEveryMs,
      rangesOf,
      read: async (name) => {
        const { results, revision } = await store.read(rangesOf(name));
        return { state: toElection(name, results[0]!.entries[0]), revision };
      },
    });
  }

  /** Who leads now. */
  async get(name: string): Promise<Election> {
    requireName('name', name);
    const { results } = await this.#dependencies.store.read(rangesOf(name));
    return toElection(name, results[0]!.entries[0]);
  }

  /** Begins a reign where nobody leads. */
  async campaign(input: CampaignInput): Promise<CampaignOutcome> {
    const { election, candidateId, leaseMs } = input;
    requireCandidate(input);
    requireLease('input.leaseMs', leaseMs);
    const remembered = rememberAsJson<CampaignVerdict>({ mutation: 'campaign', input, defaults: { leaseMs: 10_000 } });
    const settled = await this.#campaign(election, { candidateId, leaseMs }, remembered);
    const { outcome, isReplay } = settled;
    const leadership = toLeadership(election, outcome.lease, settled);
    if (outcome.kind === 'leading') return { kind: 'leading', leadership };
    // Who led at the first answer may be gone; where somebody leads now, that one is in the way.
    const present = isReplay ? (await this.get(election)).leader : undefined;
    return { kind: 'held', leader: present ?? leadership };
  }

  /** Lets the caller's own reign run on; lost is what has expired, too, though nobody came since. */
  async renew(input: RenewInput): Promise<RenewOutcome> {
    const { election, leaseMs } = input;
    requireReign(input);
    requireLease('input.leaseMs', leaseMs);
    const settled = await this.#renew(election, input);
    const { outcome } = settled;
    if (outcome.kind === 'leading') {
      return { kind: 'leading', leadership: toLeadership(election, outcome.lease, settled) };
    }
    return { kind: 'lost', leader: outcome.lease && toLeadership(election, outcome.lease, settled) };
  }

  /** Ends the caller's own reign at once; whether it was one. */
  async resign(input: ResignInput): Promise<boolean> {
    requireReign(input);
    return this.#resign(input.election, (lease) => decideResignation(lease, input));
  }

  /**
   * Who leads now, then every change of reign, a lapse included; between two reigns always one in which nobody leads. Reigns that
   * follow each other within a few milliseconds may be merged into the last. Throws INVALID_ARGUMENT at once. Ends when
   * `signal` aborts.
   */
  changed(name: string, signal: AbortSignal): AsyncGenerator<Election, void, void> {
    requireName('election', name);
    return this.#changed(name, signal);
  }

  /**
   * Stands for election until `signal` aborts or the iteration ends, then resigns. What it says first is the state that its first
   * try found. It says that it leads only while it surely does: see `election-campaigner.ts`. Throws INVALID_ARGUMENT at once.
   */
  stand(input: Omit<CampaignInput, 'idempotencyKey'>, signal: AbortSignal): AsyncGenerator<CampaignStatus, void, void> {
    const { election, candidateId, leaseMs } = input;
    requireText('election', election, { bytesMax: limits.nameBytesMax });
    requireText('candidateId', candidateId, { bytesMax: limits.nameBytesMax });
    requireLease('leaseMs', leaseMs);
    const { store, clock, ids, heldUntil } = this.#dependencies;
    const claim = ids.bytes(12).toString('base64url');
    const leadershipOf = (lease: Lease | LeaseRecord, settled: Settled<unknown>): Leadership =>
      toLeadership(election, lease, settled);
    return new Campaigner({
      leaseMs,
      claim,
      clock,
      ids,
      ...(heldUntil ? { heldUntil } : {}),
      campaign: () => this.#campaign(election, { candidateId, leaseMs, claim }),
      renew: (fencingToken) => this.#renew(election, { candidateId, fencingToken, leaseMs }),
      resign: () => this.#resign(election, (lease) => lease?.claim === claim),
      leadershipOf,
      watch: (afterRevision, watching) =>
        store.watch(rangesOf(election), {
          ...(afterRevision === undefined ? {} : { afterRevision }),
          keysOnly: true,
          signal: watching,
        }),
    }).statuses(signal);
  }

  async *#changed(name: string, signal: AbortSignal): AsyncGenerator<Election, void, void> {
    let shown: Election | undefined;
    for await (const election of this.#latest.of(name, signal)) {
      if (shown && shown.leader?.fencingToken === election.leader?.fencingToken) continue;
      // A reign never follows another without an end between them.
      if (shown?.leader && election.leader) yield { name, leader: undefined };
      yield election;
      shown = election;
    }
  }

  #campaign(
    election: string,
    campaign: Campaign,
    remembered?: Remembered<CampaignVerdict>,
  ): Promise<Settled<CampaignVerdict>> {
    const leaseKey = keyspace.electionLease(election);
    const fenceKey = keyspace.electionFence(election);
    return this.#dependencies.transact.run<CampaignVerdict>({
      records: [leaseKey, fenceKey],
      decide: (view) => {
        const fenceRow = view.get(fenceKey);
        const state = { lease: readLease(view, leaseKey), fence: fenceRow && decodeFence(fenceRow.value) };
        const { verdict, next } = decideCampaign(state, campaign, view.nowMs);
        if (next) {
          view.put(fenceKey, encodeFence(next.fence), { history: families.electionFence.history });
          putLease(view, leaseKey, next.lease);
        }
        return verdict;
      },
      remembered,
    });
  }

  #renew(election: string, renewal: Renewal): Promise<Settled<RenewalVerdict>> {
    const key = keyspace.electionLease(election);
    return this.#dependencies.transact.run<RenewalVerdict>({
      records: [key],
      decide: (view) => {
        const { verdict, next } = decideRenewal(readLease(view, key), renewal);
        if (next) putLease(view, key, next);
        return verdict;
      },
    });
  }

  async #resign(election: string, isOwn: (lease: Lease | undefined) => boolean): Promise<boolean> {
    const key = keyspace.electionLease(election);
    const { outcome } = await this.#dependencies.transact.run<boolean>({
      records: [key],
      decide: (view) => {
        if (!isOwn(readLease(view, key))) return false;
        view.delete(key, leaseHistory);
        return true;
      },
    });
    return outcome;
  }
}

function rangesOf(name: string): KeyRange[] {
  return [{ start: keyspace.electionLease(name) }];
}

function requireName(field: string, name: string): void {
  requireText(field, name, { bytesMax: limits.nameBytesMax });
}

function requireCandidate({ election, candidateId }: Pick<CampaignInput, 'election' | 'candidateId'>): void {
  requireName('input.election', election);
  requireName('input.candidateId', candidateId);
}

function requireReign(input: ResignInput): void {
  requireCandidate(input);
  requireInteger('input.fencingToken', input.fencingToken, { min: 1, max: Number.MAX_SAFE_INTEGER });
}

function requireLease(field: string, leaseMs: number): void {
  requireInteger(field, leaseMs, { min: limits.leaseMsMin, max: limits.leaseMsMax });
}

function readLease(view: View, key: Buffer): Lease | undefined {
  const row = view.get(key);
  return row && leaseOf(row);
}

function leaseOf({ value, revision, expiresAtMs }: Row): Lease {
  // What an earlier command of the same batch wrote gets its time with the commit.
  return { ...decodeRecord<LeaseRecord>(format, value), expiresAtMs: revision === 0 ? undefined : expiresAtMs };
}

function putLease(view: View, key: Buffer, lease: LeaseRecord): void {
  view.put(key, encodeRecord(format, lease), { ttlMs: lease.leaseMs, history: leaseHistory });
}

function toElection(name: string, entry: Entry | undefined): Election {
  return { name, leader: entry && toLeadership(name, leaseOf(entry), { nowMs: 0 }) };
}

/** `at`: the commit that wrote the lease, where it was written in that. */
function toLeadership(election: string, lease: Lease | LeaseRecord, at: Pick<Settled<unknown>, 'nowMs'>): Leadership {
  const { candidateId, token, leaseMs } = lease;
  const expiresAtMs = 'expiresAtMs' in lease ? lease.expiresAtMs : undefined;
  const leaseExpiresAtMs = expiresAtMs ?? at.nowMs + leaseMs;
  return {
    election,
    candidateId,
    fencingToken: token,
    acquiredAtMs: acquiredAtMsOf(lease, leaseExpiresAtMs),
    leaseExpiresAtMs,
  };
}
