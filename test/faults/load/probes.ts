/** Callers that ask one gateway each, whatever becomes of it, a few at a time: how long it acknowledges nothing is measured by them. */
import type { Increment } from '../history/counters';
import { counterFaults } from '../history/counters';
import type { Part, PartContext } from './part';

export interface Probes extends Part {
  /** When each machine acknowledged one, in monotonic milliseconds. */
  readonly answeredMs: readonly number[][];
}

const probesOfMachine = 4;
const pauseMs = 25;
const increment = `mutation ($name: String!) {
  incrementCounter(input: { name: $name }) { ... on IncrementCounterSuccess { value } } }`;
const read = 'query ($name: String!) { counter(name: $name) { value } }';

export function makeProbes({ caller, clock, count, machines }: PartContext): Probes {
  const answeredMs: number[][] = machines.map(() => []);
  const acknowledged: Increment[][] = machines.map(() => []);
  const unknown: number[][] = machines.map(() => []);
  const nameOf = (machine: number): string => `probe ${machine}`;

  return {
    name: 'probes',
    workers: probesOfMachine * machines.length,
    answeredMs,
    async step({ index }) {
      const machine = index % machines.length;
      const calledAt = count();
      const outcome = await caller.once(machine, increment, { name: nameOf(machine) });
      if (outcome.kind === 'unknown') unknown[machine]!.push(1);
      if (outcome.kind === 'answered') {
        const { value } = outcome.data['incrementCounter'] as { readonly value: number };
        answeredMs[machine]!.push(clock.monotonicMs());
        acknowledged[machine]!.push({ by: 1, value, calledAt, answeredAt: count() });
      }
      await clock.sleep(pauseMs);
    },
    async faults() {
      const faults: string[] = [];
      for (const machine of machines.keys()) {
        const { data } = await caller.insist(machine, read, { name: nameOf(machine) });
        const end = (data['counter'] as { readonly value: number }).value;
        const history = { acknowledged: acknowledged[machine]!, unknown: unknown[machine]!, end };
        faults.push(...counterFaults(history).map((fault) => `probes of ${machine}: ${fault}`));
      }
      return faults;
    },
  };
}
