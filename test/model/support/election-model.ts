/**
 * What must hold of elections under any interleaving. Two runs: `reigns` (campaigns, renewals, resignations and fenced writes by
 * mutations) and `campaigners` (subscriptions that stand for election).
 */
import { decodeRecord } from '../../../src/core/codec';
import { isAppError } from '../../../src/core/errors';
import { keyspace } from '../../../src/core/keyspace';
import type { CampaignOutcome, CampaignStatus } from '../../../src/patterns/election';
import type { HeldUntil } from '../../../src/patterns/election-campaigner';
import type { LeaseRecord } from '../../../src/patterns/election-decisions';
import { decodeFence } from '../../../src/store/fence';
import { Collected } from '../../patterns/support/collected';
import type { Breakage } from './broken-stores';
import { ElectionWorld } from './election-world';
import type { Applied, ElectionGateway } from './election-world';

const election = 'e';
const leaseKey = keyspace.electionLease(election);
const fenceKey = keyspace.electionFence(election);
const kvKey = (token: number, name: string): string => `${token}:${name}`;

/** A write under a fence, and what its caller was told. */
interface FencedWrite {
  readonly key: string;
  readonly token: number;
  readonly told: 'done' | 'fenced' | 'failed' | 'unknown';
}

/** Mutations of several candidates, who write under the tokens that they got, some of them long after. */
export async function runReigns(seed: number, breakage?: Breakage): Promise<string[]> {
  // With a gateway for each, nothing is combined, and every commit is one command.
  const candidates = 5;
  const isCombined = seed % 2 === 0;
  const gateways = isCombined ? 2 : candidates * 3;
  const world = new ElectionWorld(seed, { gateways, breakage, idleChance: 0.15, strideMsMax: 40 });
  const { chance } = world;
  const faults: string[] = [];
  const writes: FencedWrite[] = [];
  const reigns = new Map<string, number>();

  const stand = async (candidateId: string, round: number): Promise<number | undefined> => {
    const command = { election, candidateId, leaseMs: 100 + chance.whole(100) };
    const idempotencyKey = `${candidateId}.${round}`;
    let outcome: CampaignOutcome | undefined;
    if (chance.happens(0.6)) {
      const send = () => world.untilAnswered(({ elections }) => elections.campaign({ ...command, idempotencyKey }));
      const [one, two] = await Promise.all(chance.happens(0.3) ? [send(), send()] : [send()]);
      if (two && two.kind !== one!.kind) faults.push(`${idempotencyKey} had two answers`);
      if (two?.kind === 'leading' && one?.kind === 'leading') {
        if (JSON.stringify(one) !== JSON.stringify(two)) faults.push(`${idempotencyKey} had two reigns`);
      }
      outcome = one;
    } else outcome = (await world.once(({ elections }) => elections.campaign(command))).outcome;
    if (outcome?.kind !== 'leading') return undefined;
    const token = outcome.leadership.fencingToken;
    const owner = [...reigns].find(([, other]) => other === token);
    if (owner) faults.push(`token ${token} was given to ${owner[0]} and to ${idempotencyKey}`);
    reigns.set(idempotencyKey, token);
    return token;
  };

  const write = async (token: number, name: string): Promise<void> => {
    const key = kvKey(token, name);
    const fence = { election, token };
    const way = chance.pick(['put', 'transact', 'delete'] as const);
    if (way === 'delete') await world.near.kv.put({ key, value: Buffer.from('there'), ifAbsent: true });
    const isKeyed = chance.happens(0.5);
    const idempotency = isKeyed ? { idempotencyKey: key } : {};
    const value = Buffer.from('led');
    const send = ({ kv }: ElectionGateway): Promise<{ kind: string }> => {
      if (way === 'put') return kv.put({ key, value, ifAbsent: false, fence, ...idempotency });
      if (way === 'delete') return kv.delete({ key, fence, ...idempotency });
      return kv.transact({ checks: [], puts: [{ key, value }], deletes: [], fence, ...idempotency });
    };
    const call = async (gateway: ElectionGateway): Promise<{ kind: string }> => {
      try {
        return await send(gateway);
      } catch (error) {
        if (!isAppError(error, 'INVALID_ARGUMENT')) throw error;
        faults.push(`token ${token}, which was issued, is not known: ${error.message}`);
        return { kind: 'fenced' };
      }
    };
    const sent = isKeyed
      ? ({ kind: 'answered', outcome: await world.untilAnswered(call) } as const)
      : await world.once(call);
    const told = sent.kind !== 'answered' ? sent.kind : sent.outcome.kind === 'fenced' ? 'fenced' : 'done';
    writes.push({ key, token, told });
  };

  const live = async (candidateId: string): Promise<void> => {
    let last: number | undefined;
    for (let round = 0; round < 4; round += 1) {
      const token = await stand(candidateId, round);
      if (last !== undefined && chance.happens(0.5)) await write(last, `late${round}`);
      if (token === undefined) {
        await world.clock.sleep(chance.whole(120));
        continue;
      }
      last = token;
      for (let step = 0; step < 3; step += 1) {
        const what = chance.pick(['renew', 'renew', 'write', 'write', 'sleep', 'resign'] as const);
        const own = { election, candidateId, fencingToken: token };
        if (what === 'renew') await world.once(({ elections }) => elections.renew({ ...own, leaseMs: 100 }));
        else if (what === 'resign') await world.once(({ elections }) => elections.resign(own));
        else if (what === 'sleep') await world.clock.sleep(chance.whole(150));
        else await write(token, `${round}.${step}`);
      }
    }
  };
  await world.run(Array.from({ length: candidates }, (_, index) => live(`c${index}`)));

  faults.push(...faultsOfCommits(world.applied, isCombined), ...faultsOfWrites(world.applied, writes));
  await world.close();
  return faults;
}

/** The store's own history against the rules. */
function faultsOfCommits(applied: readonly Applied[], isCombined: boolean): string[] {
  const faults: string[] = [];
  let highest = 0;
  let lease: (LeaseRecord & { readonly endsAtMs: number }) | undefined;
  for (const { nowMs, writes } of applied) {
    const of = (key: Buffer) => writes.find((write) => write.key.equals(key));
    const [fenceWrite, leaseWrite] = [of(fenceKey), of(leaseKey)];
    const isLed = lease !== undefined && lease.endsAtMs > nowMs;
    if (fenceWrite) {
      const token = fenceWrite.kind === 'put' ? decodeFence(fenceWrite.value).token : 0;
      // A batch may hold a resignation and the next campaign: then the commit does not show the end of the reign before. Now and then
      // two commands meet on one gateway of many, too: a campaign alone writes the fence first, and the lease behind it.
      const isBehindResignation = leaseWrite !== undefined && writes.indexOf(leaseWrite) < writes.indexOf(fenceWrite);
      if (isLed && !isCombined && !isBehindResignation)
        faults.push(`token ${token} was given while ${lease!.token} led`);
      if (isCombined ? token <= highest : token !== highest + 1) faults.push(`token ${token} came after ${highest}`);
      highest = Math.max(highest, token);
    }
    if (leaseWrite?.kind === 'put') {
      const next = decodeRecord<LeaseRecord>(1, leaseWrite.value);
      if (!fenceWrite) {
        if (!isLed) faults.push(`the lease of ${next.token} was written when nobody led`);
        else if (next.token !== lease!.token) faults.push(`the lease of ${lease!.token} went to ${next.token}`);
      } else if (next.token !== highest) faults.push(`the lease of ${next.token} has not the token ${highest}`);
      lease = { ...next, endsAtMs: nowMs + leaseWrite.ttlMs! };
    } else if (leaseWrite) lease = undefined;
    for (const { key } of writes) {
      const written = /^(\d+):/.exec(keyspace.lastPart(key).toString())?.[1];
      const isFenced = key[0] === 0x10 && !writes.some((each) => each.kind === 'put' && each.value.equals(there));
      if (written !== undefined && isFenced && Number(written) !== highest) {
        faults.push(`a write under token ${written} was applied when ${highest} had been issued`);
      }
    }
  }
  return faults;
}

const there = Buffer.from('there');

/** What was said to be done was done, once; what was fenced was not. */
function faultsOfWrites(applied: readonly Applied[], writes: readonly FencedWrite[]): string[] {
  const counts = new Map<string, number>();
  for (const { writes: all } of applied) {
    for (const write of all) {
      if (write.kind === 'put' && write.value.equals(there)) continue;
      const key = keyspace.lastPart(write.key).toString();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return writes.flatMap(({ key, told }) => {
    const count = counts.get(key) ?? 0;
    const isRight = told === 'done' ? count === 1 : told === 'unknown' ? count <= 1 : count === 0;
    return isRight ? [] : [`the write ${key} was applied ${count} times, its caller was told: ${told}`];
  });
}

export interface CampaignerBreakage {
  readonly store?: Breakage;
  readonly heldUntil?: HeldUntil;
}

/** Candidates that come and go on several gateways, while answers are late or lost. */
export async function runCampaigners(seed: number, broken: CampaignerBreakage = {}): Promise<string[]> {
  const { store: breakage, heldUntil } = broken;
  const world = new ElectionWorld(seed, {
    gateways: 3,
    breakage,
    ...(heldUntil ? { heldUntil } : {}),
    idleChance: 0.6,
    strideMsMax: 20,
  });
  const { chance } = world;
  const faults: string[] = [];
  const open = new Set<Collected<CampaignStatus>>();
  const openOne = (): void => {
    const candidateId = `c${chance.whole(3)}`;
    const leaseMs = chance.pick([100, 150, 200]);
    const { elections } = chance.pick(world.gateways);
    open.add(new Collected((signal) => elections.stand({ election, candidateId, leaseMs }, signal)));
  };
  /** Nobody says that it leads without an unexpired lease of its own. */
  const look = async (): Promise<void> => {
    const { leader } = await world.near.elections.get(election);
    const leading = [...open].flatMap(({ items }) => items.at(-1)?.leadership ?? []);
    for (const { candidateId, fencingToken } of leading) {
      if (leader?.fencingToken === fencingToken && leader.candidateId === candidateId) continue;
      faults.push(
        `${candidateId} says that it leads with ${fencingToken}, but ${leader?.fencingToken ?? 'nobody'} does`,
      );
    }
    if (leading.length > 1) faults.push(`${leading.length} candidates say that they lead`);
  };
  for (let count = 0; count < 4; count += 1) openOne();
  for (let step = 0; step < 250 && faults.length === 0; step += 1) {
    if (chance.happens(0.02)) openOne();
    if (open.size > 1 && chance.happens(0.02)) {
      const leaving = chance.pick([...open]);
      open.delete(leaving);
      void leaving.end();
    }
    await world.step();
    await look();
  }
  // When nothing is lost or late any more, somebody leads, soon.
  world.network.isCalm = true;
  world.idleChance = 0.15;
  const calmSinceMs = world.clock.monotonicMs();
  const leads = (): boolean => [...open].some(({ items }) => items.at(-1)?.leadership);
  for (let step = 0; faults.length === 0 && !(leads() && step > 30); step += 1) {
    if (world.clock.monotonicMs() - calmSinceMs > 5_000) faults.push('nobody leads, though nothing is in the way');
    await world.step();
    await look();
  }
  faults.push(...faultsOfCommits(world.applied, true));
  for (const { failure } of open) if (failure !== undefined) faults.push(`a candidate failed: ${String(failure)}`);
  const ends = [...open].map((each) => each.end());
  await world.run(ends);
  await world.close();
  return faults;
}
