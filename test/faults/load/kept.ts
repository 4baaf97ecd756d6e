/** Keys that are written once, and looked for in the end. */
import type { Kept } from '../history/kept';
import { keptFaults } from '../history/kept';
import type { Part, PartContext } from './part';

const put = `mutation ($key: String!, $id: String) {
  kvPut(input: { key: $key, value: { text: $key }, ifAbsent: true, idempotencyKey: $id }) {
    __typename ... on KvPutSuccess { version } } }`;
const look = 'query ($keys: [String!]!) { kvGetMany(keys: $keys) { key version value { text } } }';

interface Entry {
  readonly key: string;
  readonly version: string;
  readonly value: { readonly text: string };
}

const keysOfLook = 100;

export function makeKept({ caller, machines }: PartContext): Part {
  const acknowledged = new Map<string, Kept>();
  const refused: string[] = [];
  const wrong: string[] = [];

  return {
    name: 'keys',
    workers: 2,
    async step(worker) {
      const key = `key ${worker.fresh()}`;
      const machine = worker.below(machines.length);
      const outcome = worker.isLucky(0.3)
        ? await caller.once(machine, put, { key })
        : { kind: 'answered' as const, ...(await caller.insist(machine, put, { key, id: key })) };
      if (outcome.kind === 'refused') refused.push(key);
      if (outcome.kind !== 'answered') return;
      const { __typename, version } = outcome.data['kvPut'] as {
        readonly __typename: string;
        readonly version: string;
      };
      if (__typename === 'KvPutSuccess') acknowledged.set(key, { version, text: key });
      else wrong.push(`${key} was answered ${__typename}: nobody else writes it`);
    },
    async faults() {
      const stored = new Map<string, Kept>();
      const keys = [...acknowledged.keys(), ...refused];
      for (let at = 0; at < keys.length; at += keysOfLook) {
        const { data } = await caller.insist(at % machines.length, look, { keys: keys.slice(at, at + keysOfLook) });
        for (const entry of data['kvGetMany'] as readonly (Entry | null)[])
          if (entry) stored.set(entry.key, { version: entry.version, text: entry.value.text });
      }
      return [...wrong, ...keptFaults({ acknowledged, refused, stored })];
    },
  };
}
