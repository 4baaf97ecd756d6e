/**
 * Candidates that stand by subscription, at either gateway: they write under their token while they are told that they lead, close after a
 * word or two, and begin again wherever they are cut off. A reign whose subscription is open lasts as long as its last word says.
 */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Reign } from '../history/reigns';
import { reignFaults } from '../history/reigns';
import { fencedWrites } from './fenced-writes';
import type { Part, PartContext, Worker } from './part';

const leaseMs = 400;
const campaign = `subscription ($candidate: String!) {
  campaign(election: "seat", candidateId: $candidate, leaseMs: ${leaseMs}) {
    isLeader leadership { fencingToken acquiredAt leaseExpiresAt } } }`;

interface Word {
  readonly campaign: {
    readonly isLeader: boolean;
    readonly leadership: {
      readonly fencingToken: number;
      readonly acquiredAt: string;
      readonly leaseExpiresAt: string;
    } | null;
  };
}

type OpenReign = { -readonly [Member in keyof Reign]: Reign[Member] };

/** One that does not lead in this time gives up, for now. */
const patienceMs = 500;

export function makeCampaigns(context: PartContext): Part {
  const { count, clock, machines, tenantId } = context;
  const reigns: OpenReign[] = [];
  const { write, writes } = fencedWrites(context, { key: 'acts', election: 'seat' });
  const wrong: string[] = [];

  /** Resolves when it has led for so many words, has lost its patience, or is cut off. Gives the tokens of its reigns. */
  const stand = async (worker: Worker, wordsMax: number): Promise<readonly number[]> => {
    const candidateId = `candidate ${worker.fresh()}`;
    const { gateway } = machines[worker.below(machines.length)]!;
    const client = createClient({
      url: `${gateway.origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { 'x-tenant-id': tenantId },
      retryAttempts: 0,
    });
    const own = new Map<number, OpenReign>();
    const giving = new AbortController();
    const calledAt = count();
    let words = 0;
    let isClosing = false;
    const note = ({ isLeader, leadership }: Word['campaign']): void => {
      if (isLeader !== (leadership !== null)) wrong.push(`${candidateId} leads: ${isLeader}, and has no such reign`);
      if (!leadership) return;
      const { fencingToken: token } = leadership;
      const [acquiredAtMs, leaseExpiresAtMs] = [
        Date.parse(leadership.acquiredAt),
        Date.parse(leadership.leaseExpiresAt),
      ];
      const known = own.get(token);
      if (known) known.leaseExpiresAtMs = Math.max(known.leaseExpiresAtMs, leaseExpiresAtMs);
      else {
        const answeredAt = count();
        const span = { calledAt, answeredAt, isResigned: isClosing };
        const reign = { token, candidateId, acquiredAtMs, leaseExpiresAtMs, ...span };
        own.set(token, reign);
        reigns.push(reign);
      }
      words += 1;
    };
    await new Promise<void>((resolve) => {
      void clock.sleep(patienceMs, giving.signal).then(() => words === 0 && resolve());
      client.subscribe<Word>(
        { query: campaign, variables: { candidate: candidateId } },
        {
          next: ({ data }) => {
            if (!data) return;
            note(data.campaign);
            if (words >= wordsMax) resolve();
          },
          error: () => resolve(),
          complete: () => resolve(),
        },
      );
    });
    giving.abort();
    const token = [...own.keys()].at(-1);
    const acts = token === undefined ? Promise.resolve() : write(worker, token);
    if (worker.isLucky(0.5)) await acts;
    // From here on the last one, whichever it is by now, may end before its lease does.
    isClosing = true;
    const last = [...own.values()].at(-1);
    if (last) last.isResigned = true;
    await client.dispose();
    await acts;
    return [...own.keys()];
  };

  return {
    name: 'campaigns',
    workers: 2,
    async step(worker) {
      const tokens = await stand(worker, 1 + worker.below(3));
      const old = tokens.length > 0 && worker.isLucky(0.5) ? tokens.at(-1) : reigns[worker.below(reigns.length)]?.token;
      if (old !== undefined) await write(worker, old);
    },
    faults: () => Promise.resolve([...wrong, ...reignFaults({ reigns, writes }).map((fault) => `campaign: ${fault}`)]),
  };
}
