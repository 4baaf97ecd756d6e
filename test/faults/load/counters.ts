/** Counters: one record, several shards, and one whose increments are sent once only. */
import type { Increment } from '../history/counters';
import { counterFaults } from '../history/counters';
import type { Part, PartContext } from './part';

const create = `mutation ($name: String!, $shards: Int!) {
  createCounter(input: { name: $name, shards: $shards, idempotencyKey: $name }) { __typename } }`;
const increment = `mutation ($name: String!, $by: SafeInt!, $key: String) {
  incrementCounter(input: { name: $name, by: $by, idempotencyKey: $key }) { ... on IncrementCounterSuccess { value } } }`;
const read = 'query ($name: String!) { counter(name: $name) { value } }';

const shardsOf = { single: 1, sharded: 4, once: 1 } as const;
type Name = keyof typeof shardsOf;
const names = Object.keys(shardsOf) as Name[];

export function makeCounters({ caller, count, machines }: PartContext): Part {
  const acknowledged = new Map<Name, Increment[]>(names.map((name) => [name, []]));
  const unknown = new Map<Name, number[]>(names.map((name) => [name, []]));
  const twice: string[] = [];
  const valueOf = (data: unknown): number | null =>
    (data as { readonly incrementCounter: { readonly value: number | null } }).incrementCounter.value;

  return {
    name: 'counters',
    workers: 4,
    async begin() {
      for (const name of names) await caller.insist(0, create, { name, shards: shardsOf[name] });
    },
    async step(worker) {
      const name = names[worker.below(names.length)]!;
      const by = 1 + worker.below(3);
      const machine = worker.below(machines.length);
      if (name === 'once') {
        const calledAt = count();
        const outcome = await caller.once(machine, increment, { name, by });
        if (outcome.kind === 'answered')
          acknowledged.get(name)!.push({ by, value: valueOf(outcome.data), calledAt, answeredAt: count() });
        else if (outcome.kind === 'unknown') unknown.get(name)!.push(by);
        return;
      }
      const variables = { name, by, key: worker.fresh() };
      const sent = worker.isLucky(0.2) ? [machine, (machine + 1) % machines.length] : [machine];
      const [answer, again] = await Promise.all(sent.map((at) => caller.insist(at, increment, variables)));
      const value = valueOf(answer!.data);
      if (again && valueOf(again.data) !== value)
        twice.push(`${name}: ${variables.key} was answered ${value} and ${valueOf(again.data)}`);
      const { calledAt, answeredAt } = answer!;
      acknowledged.get(name)!.push({ by, value, calledAt, answeredAt });
    },
    async faults() {
      const faults = [...twice];
      for (const name of names)
        for (const machine of machines.keys()) {
          const { data } = await caller.insist(machine, read, { name });
          const end = (data['counter'] as { readonly value: number }).value;
          const history = { acknowledged: acknowledged.get(name)!, unknown: unknown.get(name)!, end };
          faults.push(...counterFaults(history).map((fault) => `counter ${name}: ${fault}`));
        }
      return faults;
    },
  };
}
