/** What can go wrong around a store on etcd. Each is struck under load, endured, and mended. */
import { systemClock } from '../../../src/core/clock';
import { EtcdChannel } from '../../../storage/etcd/channel';
import type { EtcdFailure } from '../../../storage/etcd/channel';
import { methods, putOp } from '../../../storage/etcd/messages';
import { codeName } from './caller';
import type { Fault, Scene } from './scene';

const memberCount = 3;
/** Writing goes on so soon: what is promised of a leader that is killed, and of one that only deadlines find. */
const killedMsMax = 3_000;
const pausedMsMax = 5_000;
/** For one that answers what it need not ask the others for: it looks well, and is left again and again. */
const isolatedMsMax = 8_000;
/** For a gateway whose own storage process has nothing to do with it. */
const asideMsMax = 2_000;
/** For one that cannot write while the fault lasts: its callers wait for their deadline, and it begins again. */
const endureMsMax = 20_000;
/** Answers that are lost in one fault. */
const lostAnswers = 12;

const leads = (_: Scene, leader: number): number => leader;
const follows = (scene: Scene, leader: number): number => (leader + 1 + scene.chance.below(2)) % memberCount;

interface MemberFault {
  readonly name: string;
  readonly choose: (scene: Scene, leader: number) => number;
  readonly strike: (scene: Scene, member: number) => Promise<void> | void;
  readonly mend: (scene: Scene, member: number) => Promise<void> | void;
  readonly goneMsMax: Fault['goneMsMax'];
}

/** A fault of one member, which is chosen when it strikes: everyone else goes on. */
function ofMember({ name, choose, strike, mend, goneMsMax }: MemberFault): Fault {
  let member = 0;
  return {
    name,
    goneMsMax,
    async strike(scene) {
      member = choose(scene, await scene.bed.cluster.leader());
      await strike(scene, member);
      await scene.allServed();
    },
    mend: async (scene) => mend(scene, member),
  };
}

const killed: Pick<MemberFault, 'strike' | 'mend' | 'goneMsMax'> = {
  strike: ({ bed }, member) => bed.cluster.kill(member),
  mend: ({ bed }, member) => bed.cluster.restart(member),
  goneMsMax: [killedMsMax, killedMsMax],
};

/** On the bed of all. */
export const faults: readonly Fault[] = [
  ofMember({ name: 'the leader is killed', choose: leads, ...killed }),
  ofMember({
    name: 'the leader is paused',
    choose: leads,
    strike: ({ bed }, member) => bed.cluster.signal(member, 'SIGSTOP'),
    mend: ({ bed }, member) => bed.cluster.signal(member, 'SIGCONT'),
    goneMsMax: [pausedMsMax, pausedMsMax],
  }),
  ofMember({ name: 'a follower is killed', choose: follows, ...killed }),
  ofMember({
    name: 'the leader is cut off from the other members',
    choose: leads,
    strike: ({ bed }, member) => bed.isolate(member),
    mend: ({ bed }) => bed.rejoin(),
    goneMsMax: [isolatedMsMax, isolatedMsMax],
  }),
  {
    name: 'a storage process is killed',
    goneMsMax: [asideMsMax, endureMsMax],
    async strike(scene) {
      await killStorage(scene);
      await scene.served(0);
    },
    mend: ({ bed }) => bed.machines[1]!.startStorage(),
  },
  {
    name: 'a storage process is killed, and history is compacted before it begins again',
    goneMsMax: [asideMsMax, endureMsMax],
    async strike(scene) {
      await killStorage(scene);
      await compact(scene);
      await scene.served(0);
    },
    mend: ({ bed }) => bed.machines[1]!.startStorage(),
  },
  {
    name: 'a gateway is killed',
    goneMsMax: [asideMsMax, endureMsMax],
    async strike(scene) {
      const { gateway } = scene.bed.machines[1]!;
      gateway.process.kill('SIGKILL');
      await gateway.ended;
      await Promise.all([scene.failed(1, 'NO_CONNECTION'), scene.served(0)]);
    },
    mend: ({ bed }) => bed.machines[1]!.startGateway(),
  },
  {
    name: 'a storage process is cut off from the leader, and nobody is told',
    goneMsMax: [pausedMsMax, pausedMsMax],
    async strike(scene) {
      const leader = await scene.bed.cluster.leader();
      scene.bed.machines[scene.chance.below(2)]!.networks[leader]!.treat('still');
      await scene.allServed();
    },
    mend: passAgain,
  },
  {
    name: 'a storage process is cut off from all members, and nobody is told',
    goneMsMax: [asideMsMax, endureMsMax],
    async strike(scene) {
      for (const network of scene.bed.machines[1]!.networks) network.treat('still');
      await Promise.all([scene.failed(1, 'UNAVAILABLE'), scene.served(0)]);
    },
    mend: passAgain,
  },
  {
    name: 'a storage process is refused by all members',
    goneMsMax: [endureMsMax, asideMsMax],
    async strike(scene) {
      for (const network of scene.bed.machines[0]!.networks) network.treat('cut');
      await Promise.all([scene.failed(0, 'UNAVAILABLE'), scene.served(1)]);
    },
    mend: passAgain,
  },
  {
    name: 'answers are lost after what they answer was applied',
    goneMsMax: [pausedMsMax, pausedMsMax],
    async strike(scene) {
      for (let times = 0; times < lostAnswers; times += 1) {
        const { networks } = scene.bed.machines[scene.chance.below(2)]!;
        for (const network of networks) network.treat('deaf');
        await Promise.race(networks.map((network) => network.lost()));
        for (const network of networks) network.treat('cut');
        for (const network of networks) network.treat('pass');
        await scene.caller.until(nextAcknowledgement(scene));
      }
    },
    mend: passAgain,
  },
  {
    name: 'history is compacted to the present revision',
    goneMsMax: [killedMsMax, killedMsMax],
    async strike(scene) {
      await compact(scene);
      await scene.allServed();
      await compact(scene);
    },
    mend: () => Promise.resolve(),
  },
  {
    name: 'every member is defragmented',
    goneMsMax: [killedMsMax, killedMsMax],
    async strike(scene) {
      await scene.bed.etcdctl(['defrag']);
      await scene.allServed();
    },
    mend: () => Promise.resolve(),
  },
  {
    name: 'the clock of a storage machine is 400 ms ahead, which is allowed',
    goneMsMax: [killedMsMax, killedMsMax],
    async strike(scene) {
      await scene.bed.machines[1]!.shiftClock(400);
      await scene.allServed(3 * memberCount);
    },
    mend: ({ bed }) => bed.machines[1]!.shiftClock(0),
  },
  {
    name: 'the clock of a storage machine is 5 s behind',
    goneMsMax: [asideMsMax, endureMsMax],
    async strike(scene) {
      await scene.bed.machines[1]!.shiftClock(-5_000);
      await Promise.all([scene.failed(1, 'UNAVAILABLE', 5), scene.served(0)]);
    },
    mend: ({ bed }) => bed.machines[1]!.shiftClock(0),
  },
];

/** What etcd may store on the bed where it gets full, in bytes. */
export const smallQuotaBytes = 24_000_000;
const fillerBytes = 1_000_000;
const filler = Buffer.from('filler/');

/** On a bed of its own, whose members store little. */
export const full: Fault = {
  name: 'etcd is full',
  goneMsMax: [endureMsMax, endureMsMax],
  async strike(scene) {
    await fill(scene);
    for (const [machine] of scene.bed.machines.entries()) {
      await scene.failed(machine, 'UNAVAILABLE', 5);
      const words = scene.caller.words.get(codeName(machine, 'UNAVAILABLE'));
      if (!words?.includes('no room')) throw new Error(`a full etcd is not what it says: ${words}`);
      const read = await scene.caller.once(machine, '{ counter(name: "single") { value } }');
      if (read.kind !== 'answered') throw new Error('a full etcd does not keep from reading');
    }
  },
  async mend({ bed }) {
    await bed.etcdctl(['del', '--prefix', filler.toString()]);
    await bed.etcdctl(['compact', await revisionOf(bed.cluster.endpoints)]);
    await bed.etcdctl(['defrag']);
    await bed.etcdctl(['alarm', 'disarm']);
  },
};

async function killStorage({ bed }: Scene): Promise<void> {
  const { storage } = bed.machines[1]!;
  storage.process.kill('SIGKILL');
  await storage.ended;
}

function passAgain({ bed }: Scene): Promise<void> {
  for (const { networks } of bed.machines) for (const network of networks) network.treat('pass');
  return Promise.resolve();
}

/** Holds when something more was acknowledged. */
function nextAcknowledgement({ caller }: Scene): () => boolean {
  const count = (): number => caller.acknowledgedMs.flat().length;
  const before = count();
  return () => count() > before;
}

async function compact({ bed }: Scene): Promise<void> {
  await bed.etcdctl(['compact', await revisionOf(bed.cluster.endpoints)]);
}

async function revisionOf(endpoints: readonly string[]): Promise<string> {
  const channel = new EtcdChannel({ endpoints, clock: systemClock });
  const { header } = await channel.ask(methods.range, { key: filler });
  channel.close();
  return String(header!.revision);
}

/** Writes until etcd takes nothing more. */
async function fill({ bed }: Scene): Promise<void> {
  const channel = new EtcdChannel({ endpoints: bed.cluster.endpoints, clock: systemClock, callMs: 5_000 });
  const value = Buffer.alloc(fillerBytes, 1);
  for (let number = 0; ; number += 1) {
    const key = Buffer.concat([filler, Buffer.from(String(number))]);
    const failure = await channel
      .once(methods.txn, { compare: [], success: [putOp(key, value)], failure: [] })
      .then(() => undefined)
      .catch((error: EtcdFailure) => error);
    if (failure && !failure.isAmbiguous) break;
  }
  channel.close();
}
