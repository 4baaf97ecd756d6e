/** The rules of an election: pure, on the two rows that it has. */
import type { FenceRecord } from '../store/fence';

/** Who leads, as a caller sees it. */
export interface Leadership {
  readonly election: string;
  readonly candidateId: string;
  /** Higher by one at each new reign. */
  readonly fencingToken: number;
  readonly acquiredAtMs: number;
  /** Storage milliseconds: from then on nobody leads. */
  readonly leaseExpiresAtMs: number;
}

/** The record of the lease; the row expires with it. */
export interface LeaseRecord {
  readonly candidateId: string;
  readonly token: number;
  /** Of a lease that `isFirst`: not earlier than this. */
  readonly acquiredAtMs: number;
  readonly leaseMs: number;
  /** Written by the commit that begins the reign: the reign begins at that commit's time, which its decision does not know. */
  readonly isFirst?: boolean | undefined;
  /** Chance by which a campaigner knows a reign as its own, also where the answer was lost. */
  readonly claim?: string | undefined;
}

/** A lease that has not expired. */
export interface Lease extends LeaseRecord {
  /** Undefined: written in the very commit of the decision, which gives it its time. */
  readonly expiresAtMs: number | undefined;
}

export interface Campaign {
  readonly candidateId: string;
  readonly leaseMs: number;
  readonly claim?: string | undefined;
}

export interface Renewal {
  readonly candidateId: string;
  readonly fencingToken: number;
  readonly leaseMs: number;
}

export type CampaignVerdict =
  { readonly kind: 'leading'; readonly lease: LeaseRecord } | { readonly kind: 'held'; readonly lease: Lease };
export type RenewalVerdict =
  | { readonly kind: 'leading'; readonly lease: LeaseRecord }
  | { readonly kind: 'lost'; readonly lease: Lease | undefined };

export interface ElectionState {
  /** Undefined where nobody leads, expiry included. */
  readonly lease: Lease | undefined;
  /** Undefined where nobody ever led. */
  readonly fence: FenceRecord | undefined;
}

/** When a reign began, where this is its lease and that the lease's end. */
export function acquiredAtMsOf({ acquiredAtMs, leaseMs, isFirst }: LeaseRecord, leaseExpiresAtMs: number): number {
  return isFirst === true ? Math.max(acquiredAtMs, leaseExpiresAtMs - leaseMs) : acquiredAtMs;
}

/** A reign begins where nobody leads; the sitting leader, too, is told that the place is taken. */
export function decideCampaign(
  { lease, fence }: ElectionState,
  { candidateId, leaseMs, claim }: Campaign,
  nowMs: number,
): { verdict: CampaignVerdict; next?: { readonly lease: LeaseRecord; readonly fence: FenceRecord } } {
  if (lease) return { verdict: { kind: 'held', lease } };
  const token = (fence?.token ?? 0) + 1;
  // Reigns follow each other, also where this gateway's estimate of the storage clock is a little behind.
  const acquiredAtMs = Math.max(nowMs, fence?.issuedAtMs ?? 0);
  const next = { candidateId, token, acquiredAtMs, leaseMs, isFirst: true, ...(claim === undefined ? {} : { claim }) };
  return {
    verdict: { kind: 'leading', lease: next },
    next: { lease: next, fence: { token, issuedAtMs: acquiredAtMs } },
  };
}

/** A lease runs on from now, for whoever has its token. */
export function decideRenewal(
  lease: Lease | undefined,
  { candidateId, fencingToken, leaseMs }: Renewal,
): { verdict: RenewalVerdict; next?: LeaseRecord } {
  if (!lease || lease.token !== fencingToken || lease.candidateId !== candidateId) {
    return { verdict: { kind: 'lost', lease } };
  }
  const { claim, expiresAtMs, isFirst, acquiredAtMs } = lease;
  // A lease that began in this very commit has the time of it still to come.
  const began =
    expiresAtMs === undefined ? { acquiredAtMs, isFirst } : { acquiredAtMs: acquiredAtMsOf(lease, expiresAtMs) };
  const next = { candidateId, token: fencingToken, leaseMs, ...began, ...(claim === undefined ? {} : { claim }) };
  return { verdict: { kind: 'leading', lease: next }, next };
}

/** Whether the lease is the caller's, and ends. */
export function decideResignation(
  lease: Lease | undefined,
  { candidateId, fencingToken }: Pick<Renewal, 'candidateId' | 'fencingToken'>,
): boolean {
  return lease !== undefined && lease.token === fencingToken && lease.candidateId === candidateId;
}
