/** The models of the patterns over etcd, one member of it: what holds on the engine in memory holds there. */
import { EtcdCluster } from '../support/etcd';
import { runKeys } from './support/api-key-model';
import { blindWrites, oneLife, unmarked } from './support/broken-stores';
import { runCoherence } from './support/cache-model';
import { runBounds, runResets, runSums } from './support/counter-model';
import { runCampaigners, runReigns } from './support/election-model';
import { runAppends, runReaders } from './support/event-model';
import { etcdStorage } from './support/etcd-storage';
import { runInventory } from './support/inventory-model';
import { runChanges, runRegisters, runTransfers } from './support/kv-model';
import { runDocuments, runDuplicates, runTastes } from './support/meaning-model';
import { useModelStorage } from './support/model-storage';
import { runAlone, runWindows } from './support/rate-limit-model';
import { firstFault, holdsForSeeds } from './support/seeds';
import type { RunModel } from './support/seeds';
import { runCrowd, runLives } from './support/session-model';
import { runLives as runTenantLives } from './support/tenant-model';
import { runVectors } from './support/vector-model';

jest.setTimeout(60_000);

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  useModelStorage((clock) => etcdStorage(cluster.endpoints, clock));
}, 30_000);
afterAll(() => cluster.stop());

/** Of each model so many seeds: enough to see that it holds here too; the engine in memory has the many. */
const seeds = Number(process.env['NORIGATE_TEST_SEEDS'] ?? 2);

const models: Readonly<Record<string, RunModel>> = {
  'counters: every acknowledged increment counts once': runSums,
  'counters: bounds are never passed': runBounds,
  'counters: set, deleted and made anew': runResets,
  'registers are linearizable by version': runRegisters,
  'transactions conserve a sum': runTransfers,
  'changes show their whole history': runChanges,
  'inventory: nothing is sold twice': runInventory,
  'sessions live, change and end as one': runLives,
  'sessions are never more than a user may have': runCrowd,
  'events are appended whole, once and in order': runAppends,
  'readers of events miss nothing': runReaders,
  'rate limits hold in every window': runWindows,
  'rate limits let in who comes when told': runAlone,
  'tenants live apart, one life after the other': (seed) => runTenantLives(seed),
  'API keys are made once, and open nothing once revoked': (seed) => runKeys(seed),
  'elections have one leader at a time': runReigns,
  'campaigners hand over': (seed) => runCampaigners(seed),
  'the cache is coherent': runCoherence,
  'of near duplicates one is stored': runDuplicates,
  'text, metadata and vector of a document stay together': runDocuments,
  'every interaction counts once': runTastes,
  'vectors are found as they stand': (seed) => runVectors(seed),
};

test('the models find what is broken here too', async () => {
  expect(await firstFault(20, (seed) => runSums(seed, unmarked))).toMatch(/increment/);
  expect(await firstFault(20, (seed) => runTransfers(seed, blindWrites))).toMatch(/sum|transfer/);
  expect(await firstFault(20, (seed) => runTenantLives(seed, oneLife))).toMatch(/earlier life|lost|rows of life|held/);
  expect(await firstFault(20, (seed) => runKeys(seed, unmarked))).toMatch(/two keys|secret|keys are left/);
});

test.each(Object.entries(models))('%s', (_name, run) => holdsForSeeds(seeds, run));
