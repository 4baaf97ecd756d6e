/**
 * Whether one candidate led at a time: every reign has a token of its own, later reigns have higher ones, none begins (on the storage clock) before the one
 * before it is over, and no write was taken with the token of a reign once a caller knew of a later one.
 */
import type { Span } from './span';
import { orderFaults } from './span';

export interface Reign extends Span {
  readonly token: number;
  readonly candidateId: string;
  /** By the storage clock, in milliseconds. */
  readonly acquiredAtMs: number;
  /** As the last answer said. */
  readonly leaseExpiresAtMs: number;
  /** A resignation was sent: it may end earlier. */
  readonly isResigned: boolean;
}

export interface FencedWrite extends Span {
  readonly token: number;
  readonly isTaken: boolean;
  /** The token that stood in its way, where it was refused. */
  readonly currentToken?: number;
}

export interface ReignHistory {
  readonly reigns: readonly Reign[];
  readonly writes: readonly FencedWrite[];
}

/** What is wrong with it; empty: nothing. */
export function reignFaults({ reigns, writes }: ReignHistory): string[] {
  const ordered = [...reigns].sort((a, b) => a.token - b.token);
  const faults = orderFaults(ordered, show);
  ordered.forEach((reign, index) => {
    const before = ordered[index - 1];
    if (!before) return;
    if (before.token === reign.token) faults.push(`${show(before)} and ${show(reign)} have the same token`);
    const endedMs = before.isResigned ? before.acquiredAtMs : before.leaseExpiresAtMs;
    if (reign.acquiredAtMs < endedMs)
      faults.push(`${show(reign)} began ${endedMs - reign.acquiredAtMs} ms before the end of ${show(before)}`);
  });
  for (const write of writes) faults.push(...writeFaults(write, ordered));
  return faults;
}

function writeFaults({ token, isTaken, currentToken, calledAt }: FencedWrite, reigns: readonly Reign[]): string[] {
  const later = reigns.find((reign) => reign.token > token && reign.answeredAt < calledAt);
  if (isTaken && later) return [`a write with token ${token} was taken after ${show(later)} was known`];
  if (!isTaken && (currentToken ?? 0) <= token)
    return [`a write with token ${token} was refused for token ${currentToken}`];
  return [];
}

function show({ candidateId, token }: Reign): string {
  return `the reign ${token} of ${candidateId}`;
}
