/** Elections as the SDL shows them. */
import { ErrorCode } from '../schema/common';
import type { Election, Leadership, LeadershipHeld, LeadershipLost } from '../schema/election';
import { encodeOpaque } from '../src/core/opaque';
import type { Election as Read, Leadership as Reign } from '../src/patterns/election';

export function toElection({ name, leader }: Read): Election {
  const id = encodeOpaque('electionNode', Buffer.from(name, 'utf8'));
  return { kind: 'Election', id, name, leader: leader ? toLeadership(leader) : null };
}

export function toLeadership({
  election,
  candidateId,
  fencingToken,
  acquiredAtMs,
  leaseExpiresAtMs,
}: Reign): Leadership {
  return {
    kind: 'Leadership',
    election,
    candidateId,
    fencingToken,
    acquiredAt: acquiredAtMs,
    leaseExpiresAt: leaseExpiresAtMs,
  };
}

export function toHeld(leader: Reign): LeadershipHeld {
  const { election, candidateId, fencingToken } = leader;
  return {
    kind: 'LeadershipHeld',
    code: ErrorCode.LEADERSHIP_HELD,
    message: `"${candidateId}" leads election "${election}" with token ${fencingToken}`,
    retryable: true,
    leader: toLeadership(leader),
  };
}

export function toLost(
  { election, candidateId, fencingToken }: Pick<Reign, 'election' | 'candidateId' | 'fencingToken'>,
  leader: Reign | undefined,
): LeadershipLost {
  const now = leader ? `"${leader.candidateId}" leads with token ${leader.fencingToken}` : 'nobody leads';
  return {
    kind: 'LeadershipLost',
    code: ErrorCode.LEADERSHIP_LOST,
    message: `"${candidateId}" does not lead election "${election}" with token ${fencingToken}: ${now}`,
    retryable: false,
    leader: leader ? toLeadership(leader) : null,
  };
}
