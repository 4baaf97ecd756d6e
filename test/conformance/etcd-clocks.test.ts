/** Two storage processes of one store, whose machines' clocks the test holds: how far they may be apart, and what is said of it. */
import type { Store } from '../../proto/store';
import { ManualClock, systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { decideClockState } from '../../storage/etcd/clock-word';
import type { ClockState } from '../../storage/etcd/clock-word';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { EtcdCluster } from '../support/etcd';

jest.setTimeout(30_000);

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await EtcdCluster.start();
}, 30_000);
afterAll(() => cluster.stop());

class Machine {
  readonly clock: ManualClock;
  readonly said: ClockState[] = [];
  store!: Store;

  constructor(wallMs: number) {
    this.clock = new ManualClock(wallMs);
  }

  async open(prefix: string, name: string): Promise<void> {
    const { clock } = this;
    this.store = await openEtcdStore({
      etcd: { endpoints: cluster.endpoints, prefix },
      clock,
      transportClock: systemClock,
      ids: systemIds,
      name,
      onClock: (state) => this.said.push(state),
    });
  }

  /** What becomes of a write. */
  async put(key: string): Promise<unknown> {
    const put = { kind: 'put', key: Buffer.from(key), value: Buffer.from('v'), history: 'value' } as const;
    const [outcome] = await this.store.commit([{ checks: [], writes: [put] }]);
    return outcome!.kind === 'failed' ? { code: outcome!.error.code, message: outcome!.error.message } : outcome!.kind;
  }

  async keys(): Promise<string[]> {
    const { results } = await this.store.read([{ start: Buffer.from(''), end: Buffer.of(255) }]);
    return results[0]!.entries.map(({ key }) => key.toString());
  }
}

let first: Machine;
let second: Machine;
const beginMs = Date.UTC(2026, 0, 1);
beforeEach(async () => {
  const prefix = `clocks-${systemIds.uuid()}/`;
  first = new Machine(beginMs);
  second = new Machine(beginMs);
  await first.open(prefix, 'the first');
  const opening = second.open(prefix, 'the second');
  let isOpen = false;
  void opening.then(() => (isOpen = true));
  while (!isOpen) {
    beat();
    await systemClock.sleep(200);
  }
  await opening;
  await setApart(0);
  for (const { said } of [first, second]) said.length = 0;
});
afterEach(() => Promise.all([first, second].map(({ store }) => store.close())));

/** Time goes on for both alike, as far as the next heartbeat. */
function beat(): void {
  for (const { clock } of [first, second]) clock.advance(500);
}

/**
 * Time goes on until the second has heard the first in time. Each heartbeat is given a while to be heard: one that is heard after the next
 * makes the first seem behind, and the freshest of four counts.
 */
async function untilApart(byMs: number): Promise<void> {
  for (let looks = 1; ; looks += 1) {
    if ((await second.store.status()).clockSkewMs === byMs) return;
    if (looks % 200 === 0) beat();
    await systemClock.sleep(10);
  }
}

/** Somebody sets the clock of the second machine. */
async function setApart(byMs: number): Promise<void> {
  second.clock.setWallMs(first.clock.nowMs() + byMs);
  await untilApart(byMs);
  // Its own look at its clock comes with its next heartbeat.
  beat();
}

describe('clocks of two storage machines', () => {
  test.each([300, -300])('%i ms apart: both write, the status says so, and one warning is given', async (byMs) => {
    await setApart(byMs);
    expect(second.said).toEqual(['far']);
    expect([await first.put('a'), await second.put('b')]).toEqual(['committed', 'committed']);
    beat();
    expect(second.said).toEqual(['far']);
    expect((await first.store.status()).clockSkewMs).toBeUndefined();
    expect(first.said).toEqual([]);
  });

  test.each([
    [700, '700 ms ahead of'],
    [-700, '700 ms behind'],
  ])(
    '%i ms apart: the second writes nothing, says why, still reads, and goes on when it is set right',
    async (byMs, far) => {
      expect(await first.put('a')).toBe('committed');
      await setApart(byMs);
      expect(await second.put('b')).toEqual({
        code: 'UNAVAILABLE',
        message: `the clock of this storage machine is ${far} that of the first, at most 500 ms are allowed: it writes nothing until its clock is set right`,
      });
      expect(await second.keys()).toEqual(['a']);
      expect(await first.put('c')).toBe('committed');
      expect(second.said).toEqual(['refusing']);
      await setApart(0);
      expect(await second.put('d')).toBe('committed');
      expect(await first.keys()).toEqual(['a', 'c', 'd']);
      expect(second.said).toEqual(['refusing', 'right']);
    },
  );

  test('what one has called expired no other calls alive again: all take the latest time that was written', async () => {
    await setApart(-400);
    const { nowMs } = await first.store.status();
    const [key, value] = [Buffer.from('short'), Buffer.from('v')];
    await first.store.commit([{ checks: [], writes: [{ kind: 'put', key, value, ttlMs: 200, history: 'value' }] }]);
    first.clock.advance(200);
    expect(await first.put('after')).toBe('committed');
    while ((await second.store.status()).nowMs < nowMs + 200) await systemClock.sleep(5);
    expect(await second.keys()).toEqual(['after']);
  });

  test('when the first has left, the clock of the second is the one that counts', async () => {
    await setApart(700);
    expect(await second.put('b')).toMatchObject({ code: 'UNAVAILABLE' });
    await first.store.close();
    while ((await second.put('b')) !== 'committed') await systemClock.sleep(5);
    expect((await second.store.status()).clockSkewMs).toBeUndefined();
  });
});

describe('a word of a clock', () => {
  test.each<[ClockState, number | undefined, ClockState]>([
    ['right', undefined, 'right'],
    ['right', 250, 'right'],
    ['right', -251, 'far'],
    ['right', 500, 'far'],
    ['right', 501, 'refusing'],
    ['far', 250, 'far'],
    ['far', -101, 'far'],
    ['far', 100, 'right'],
    ['refusing', 500, 'far'],
    ['refusing', 0, 'right'],
    ['refusing', undefined, 'right'],
  ])('%s, then %p ms: %s', (before, skewMs, after) => {
    expect(decideClockState(before, skewMs)).toBe(after);
  });
});
