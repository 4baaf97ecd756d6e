/** What storage processes on one etcd believe of each other's clocks. */
import { ManualClock, systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { EtcdChannel } from '../../storage/etcd/channel';
import { Layout, encodeProcess, processIdBytes } from '../../storage/etcd/layout';
import { Processes } from '../../storage/etcd/processes';
import { SharedTime } from '../../storage/etcd/storage-time';
import { EtcdCluster } from '../support/etcd';

let cluster: EtcdCluster;
let channel: EtcdChannel;
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock });
}, 30_000);
afterAll(async () => {
  channel?.close();
  await cluster?.stop();
});

const clock = new ManualClock();
let eldest: Processes;
let younger: Processes;

beforeEach(async () => {
  const layout = new Layout(`${systemIds.uuid()}/`);
  const begin = async (name: string): Promise<Processes> => {
    const options = { channel, layout, clock, transportClock: systemClock, ids: systemIds, name };
    const processes = new Processes({ ...options, onReplaced: (error) => expect(error).toBeUndefined() });
    await processes.begin();
    processes.useTime(new SharedTime(clock, 0));
    return processes;
  };
  eldest = await begin('eldest');
  younger = await begin('younger');
});

/** The younger hears what the eldest said of its clock. */
const hear = (wallMs: number): void => {
  const value = encodeProcess({ incarnation: Buffer.alloc(processIdBytes), wallMs, storageMs: 0, name: 'eldest' });
  const createRevision = eldest.createRevision();
  younger.note(eldest.row, { key: eldest.row, value, createRevision, modRevision: createRevision, version: 1 }, true);
};

it('agree while what they hear is fresh, and so the eldest is never refused', () => {
  for (let beats = 0; beats < 3; beats += 1) {
    hear(clock.nowMs());
    clock.advance(500);
  }
  expect(younger.skewMs()).toBe(0);
  expect(younger.refusal()).toBeUndefined();
  expect(eldest.refusal()).toBeUndefined();
});

it('do not take what was long on its way for a clock that is wrong', () => {
  hear(clock.nowMs());
  const saidMs = clock.nowMs();
  clock.advance(2_500);
  hear(saidMs + 100);
  expect(younger.skewMs()).toBe(0);
  expect(younger.refusal()).toBeUndefined();
});

it.each([
  ['ahead', 700],
  ['behind', -700],
])(
  'know a clock that is %s, of this machine at once and of the other soon, and when it is right again',
  (word, byMs) => {
    hear(clock.nowMs());
    clock.setWallMs(clock.nowMs() + byMs);
    expect(younger.skewMs()).toBe(byMs);
    expect(younger.refusal()).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining(word) as string });
    clock.setWallMs(clock.nowMs() - byMs);
    expect(younger.refusal()).toBeUndefined();
    for (let beats = 0; beats < 4; beats += 1) {
      clock.advance(500);
      hear(clock.nowMs() - byMs);
    }
    expect(younger.skewMs()).toBe(byMs);
    for (let beats = 0; beats < 4; beats += 1) {
      clock.advance(500);
      hear(clock.nowMs());
    }
    expect(younger.refusal()).toBeUndefined();
  },
);
