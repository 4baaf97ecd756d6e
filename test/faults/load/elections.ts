/** Candidates that stand, write under the token of their reign, renew, resign or let it lapse, and write on with the old one. */
import type { Reign } from '../history/reigns';
import { reignFaults } from '../history/reigns';
import { fencedWrites } from './fenced-writes';
import type { Part, PartContext, Worker } from './part';

const reignFields = 'fencingToken acquiredAt leaseExpiresAt';
const campaign = `mutation ($candidate: String!, $key: String!) {
  campaign(input: { election: "chair", candidateId: $candidate, leaseMs: 400, idempotencyKey: $key }) {
    __typename ... on Leadership { ${reignFields} } } }`;
const renew = `mutation ($input: RenewLeadershipInput!) {
  renewLeadership(input: $input) { __typename ... on Leadership { ${reignFields} } } }`;
const resign = 'mutation ($input: ResignLeadershipInput!) { resignLeadership(input: $input) }';

interface Leadership {
  readonly __typename: string;
  readonly fencingToken: number;
  readonly acquiredAt: string;
  readonly leaseExpiresAt: string;
}

/** Between two tries of a candidate. */
const pauseMs = 30;

export function makeElections(context: PartContext): Part {
  const { caller, clock, machines } = context;
  const reigns: { -readonly [Member in keyof Reign]: Reign[Member] }[] = [];
  const { write, writes } = fencedWrites(context, { key: 'minutes', election: 'chair' });

  const reignOn = async (worker: Worker, reign: (typeof reigns)[number]): Promise<void> => {
    const input = { election: 'chair', candidateId: reign.candidateId, fencingToken: reign.token };
    for (let rounds = worker.below(4); rounds > 0; rounds -= 1) {
      await write(worker, reign.token);
      const outcome = await caller.once(worker.below(machines.length), renew, { input: { ...input, leaseMs: 400 } });
      const answer = outcome.kind === 'answered' ? (outcome.data['renewLeadership'] as Leadership) : undefined;
      if (answer?.__typename === 'LeadershipLost') return;
      if (answer) reign.leaseExpiresAtMs = Math.max(reign.leaseExpiresAtMs, Date.parse(answer.leaseExpiresAt));
    }
    if (worker.isLucky(0.4)) return;
    reign.isResigned = true;
    await caller.once(worker.below(machines.length), resign, { input });
  };

  return {
    name: 'elections',
    workers: 3,
    async step(worker) {
      const machine = worker.below(machines.length);
      const candidate = `candidate of ${worker.name}`;
      const answer = await caller.insist(machine, campaign, { candidate, key: worker.fresh() });
      const won = answer.data['campaign'] as Leadership;
      if (won.__typename !== 'Leadership') {
        const old = reigns[worker.below(reigns.length)];
        if (old) await write(worker, old.token);
        return clock.sleep(pauseMs);
      }
      const { calledAt, answeredAt } = answer;
      const reign = {
        token: won.fencingToken,
        candidateId: candidate,
        acquiredAtMs: Date.parse(won.acquiredAt),
        leaseExpiresAtMs: Date.parse(won.leaseExpiresAt),
        isResigned: false,
        calledAt,
        answeredAt,
      };
      reigns.push(reign);
      await reignOn(worker, reign);
    },
    faults: () => Promise.resolve(reignFaults({ reigns, writes }).map((fault) => `election: ${fault}`)),
  };
}
