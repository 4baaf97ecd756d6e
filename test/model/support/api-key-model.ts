/**
 * What must hold of API keys under any interleaving: a command makes one key however often it is sent, and always shows the same
 * secret; a key that was revoked opens nothing from that answer on, on any gateway; one that was not opens its tenant with its role.
 */
import { ManualClock } from '../../../src/core/clock';
import { AppError } from '../../../src/core/errors';
import { makeTenancy } from '../../../src/patterns/patterns';
import type { Tenancy } from '../../../src/patterns/patterns';
import { LaneMemory } from '../../../src/store/lane-memory';
import type { Store } from '../../../proto/store';
import type { Breakage } from './broken-stores';
import { makeModelStorage } from './model-storage';
import { FarStore, Network } from './network';
import { makeChance } from './seeds';

const tenantId = 't';
const operator = { tenantId: '', role: 'ADMIN', isOperator: true } as const;
const stepsMax = 30_000;

/** Plays one run; what was wrong, in sentences. */
export async function runKeys(seed: number, breakage?: Breakage): Promise<string[]> {
  const chance = makeChance(seed);
  const network = new Network(chance);
  const clock = new ManualClock();
  const storage = makeModelStorage(clock);
  const { store } = storage;
  const gateway = (over: Store): Tenancy =>
    makeTenancy({
      store: over,
      memory: new LaneMemory(),
      clock,
      ids: chance.ids,
      serverSecret: () => Buffer.from('secret'),
      unknownExists: false,
    });
  const near = gateway(store);
  await near.tenants.create({ tenantId, name: 'n', plan: 'FREE' });
  const gateways = Array.from({ length: 3 }, () => {
    const far = new FarStore(store, network);
    return gateway(breakage ? breakage(far) : far);
  });
  const turn = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    await storage.settled();
  };
  const faults: string[] = [];
  const untilAnswered = async <T>(send: (tenancy: Tenancy) => Promise<T>): Promise<T> => {
    for (;;) {
      await network.pass();
      try {
        return await send(chance.pick(gateways));
      } catch (error) {
        if (!(error instanceof AppError) || error.code === 'INTERNAL') throw error;
      }
    }
  };
  const commands = 4;
  let revoked = 0;
  const callers = Array.from({ length: commands }, async (_, command) => {
    const input = { tenantId, name: `${command}`, role: 'WRITER', idempotencyKey: `k${command}` } as const;
    const twice = [0, 1].map(() => untilAnswered(({ apiKeys }) => apiKeys.create(input, operator)));
    const [one, other] = await Promise.all(twice);
    if (one!.secret !== other!.secret || one!.id !== other!.id) faults.push(`command ${command} made two keys`);
    const found = await untilAnswered(({ apiKeys }) => apiKeys.find(one!.secret));
    if (found?.id !== one!.id || found.role !== 'WRITER') faults.push(`key ${command} does not open its tenant`);
    if (command % 2 === 0) return;
    const ended = await Promise.all(
      [0, 1].map(() => untilAnswered(({ apiKeys }) => apiKeys.revoke(one!.id, operator))),
    );
    revoked += 1;
    // An answer that was lost may have been the one that says so.
    if (ended.filter(Boolean).length > 1) faults.push(`key ${command} was revoked twice`);
    for (let round = 0; round < 3; round += 1) {
      const again = await untilAnswered(({ apiKeys }) => apiKeys.find(one!.secret));
      if (again) faults.push(`key ${command} opens its tenant after it was revoked`);
      await untilAnswered(({ apiKeys }) => apiKeys.flushUses());
    }
    const replay = await untilAnswered(({ apiKeys }) => apiKeys.create(input, operator));
    if (replay.secret !== one!.secret) faults.push(`command ${command} shows another secret when it is sent again`);
  });
  let isOver = false;
  const all = Promise.all(callers).finally(() => (isOver = true));
  all.catch(() => undefined);
  for (let step = 0; !isOver; step += 1) {
    if (step > stepsMax) throw new Error(`not over after ${stepsMax} steps`);
    if (step > 1_000) network.isCalm = true;
    if (network.size > 0 && !chance.happens(0.05)) network.release();
    else clock.advance(1 + chance.whole(20_000));
    await turn();
  }
  await all;
  while (network.size > 0) {
    network.release();
    await turn();
  }
  const left = await near.apiKeys.list(tenantId, operator);
  if (left.length !== commands - revoked) faults.push(`${left.length} keys are left, not ${commands - revoked}`);
  if (new Set(left.map(({ name }) => name)).size !== left.length) faults.push('a command made two keys');
  await store.close();
  return faults;
}
