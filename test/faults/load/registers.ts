/** Registers that are read, written blindly and exchanged by version, half of it sent once only. */
import type { RegisterCall } from '../history/registers';
import { registerFaults } from '../history/registers';
import type { Outcome } from '../support/caller';
import type { Part, PartContext, Worker } from './part';

const get = 'query ($key: String!) { kvGet(key: $key) { version value { text } } }';
const put = `mutation ($input: KvPutInput!) { kvPut(input: $input) {
  __typename ... on KvPutSuccess { version } ... on VersionConflict { current { version value { text } } } } }`;

interface Entry {
  readonly version: string;
  readonly value: { readonly text: string };
}
interface PutAnswer {
  readonly __typename: string;
  readonly version: string;
  readonly current: Entry | null;
}
/** What a worker knows of a register. */
interface Known {
  readonly version: string;
  readonly text: string;
}

const registers = ['x', 'y'];

export function makeRegisters({ caller, count, machines }: PartContext): Part {
  const histories = new Map(registers.map((key) => [key, { calls: [] as RegisterCall[], refused: [] as string[] }]));
  const known = new Map<string, Known>();

  const read = async (worker: Worker, key: string): Promise<void> => {
    const calledAt = count();
    const outcome = await caller.once(worker.below(machines.length), get, { key });
    if (outcome.kind !== 'answered') return;
    const entry = outcome.data['kvGet'] as Entry | null;
    histories.get(key)!.calls.push({ finds: entry?.value.text ?? null, calledAt, answeredAt: count() });
    if (entry) known.set(key, { version: entry.version, text: entry.value.text });
  };

  const write = async (worker: Worker, key: string, from: Known | undefined): Promise<void> => {
    const { calls, refused } = histories.get(key)!;
    const leaves = worker.fresh();
    const input = { key, value: { text: leaves }, ...(from && { ifVersion: from.version }) };
    const machine = worker.below(machines.length);
    const calledAt = count();
    const isSentOnce = worker.isLucky(0.5);
    const outcome: Outcome = isSentOnce
      ? await caller.once(machine, put, { input })
      : { kind: 'answered', ...(await caller.insist(machine, put, { input: { ...input, idempotencyKey: leaves } })) };
    const answeredAt = count();
    const needs = from && { finds: from.text };
    if (outcome.kind === 'refused') refused.push(leaves);
    else if (outcome.kind === 'unknown') calls.push({ ...needs, leaves, calledAt, answeredAt: Infinity });
    else {
      const { __typename, version, current } = outcome.data['kvPut'] as PutAnswer;
      if (__typename === 'KvPutSuccess') {
        calls.push({ ...needs, leaves, calledAt, answeredAt });
        known.set(key, { version, text: leaves });
      } else {
        refused.push(leaves);
        calls.push({ finds: current?.value.text ?? null, calledAt, answeredAt });
        if (current) known.set(key, { version: current.version, text: current.value.text });
      }
    }
  };

  return {
    name: 'registers',
    workers: 4,
    async step(worker) {
      const key = registers[worker.below(registers.length)]!;
      if (worker.isLucky(0.4)) await read(worker, key);
      else await write(worker, key, worker.isLucky(0.5) ? known.get(key) : undefined);
    },
    faults: () =>
      Promise.resolve(
        [...histories].flatMap(([key, history]) => registerFaults(history).map((fault) => `register ${key}: ${fault}`)),
      ),
  };
}
