/**
 * What must hold of counters under any interleaving. Three runs: `sums` (who is counted, and when), `bounds` (never passed, and
 * refused by the truth alone), `resets` (set, deleted and made anew with other shards while increments are under way).
 *
 * Increments of `sums` and `resets` add powers of 4, so that a value tells how often each of them is in it.
 */
import type { Counter, IncrementOutcome } from '../../../src/patterns/counter';
import type { Breakage } from './broken-stores';
import { Simulation } from './simulation';
import type { Moment, Sent } from './simulation';

const gateways = 3;
const name = 'c';

/** How often the increment of 4^index is in a value, 0 to 3. */
function countOf(value: number, index: number): number {
  return Math.floor(value / 4 ** index) % 4;
}

interface Increment {
  readonly index: number;
  readonly by: number;
  readonly isKeyed: boolean;
  /** One for each caller that waited for its answer. */
  sent: readonly Sent<IncrementOutcome>[];
}

/** Every increment is counted once where it was acknowledged, at most once where that is unknown, never where it surely failed. */
export async function runSums(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const faults: string[] = [];
  const shards = chance.pick([1, 1, 2, 5]);
  if (shards > 1 || chance.happens(0.5)) await simulation.near.counters.create({ name, initialValue: 0, shards });
  const increments: Increment[] = [];
  const reads: { from: Moment; value: number }[] = [];

  const callers = Array.from({ length: 6 }, async (_, caller) => {
    for (let round = 0; round < 3; round += 1) {
      const index = caller * 3 + round;
      const increment: Increment = { index, by: 4 ** index, isKeyed: chance.happens(0.7), sent: [] };
      increments.push(increment);
      increment.sent = await sendIncrement(simulation, increment);
      if (chance.happens(0.3)) {
        const read = await simulation.once(({ counters }) => counters.get(name));
        if (read.result.kind === 'answered') reads.push({ from: read.from, value: read.result.outcome?.value ?? 0 });
      }
    }
  });
  await simulation.run(callers);

  const final = (await simulation.near.counters.get(name))?.value ?? 0;
  for (const { index, sent } of increments) {
    const count = countOf(final, index);
    const kinds = sent.map(({ result }) => result.kind);
    const expected = kinds.includes('answered') ? [1] : kinds.includes('unknown') ? [0, 1] : [0];
    if (!expected.includes(count))
      faults.push(`increment ${index} (${kinds.join()}) is counted ${count} times in the end`);
  }
  faults.push(...answerFaults(increments, shards), ...readFaults(increments, reads));
  await simulation.close();
  return faults;
}

function sendIncrement(
  simulation: Simulation,
  { index, by, isKeyed }: Pick<Increment, 'index' | 'by' | 'isKeyed'>,
): Promise<readonly Sent<IncrementOutcome>[]> {
  if (isKeyed) {
    return simulation.untilAnswered(({ counters }) => counters.increment({ name, by, idempotencyKey: `k${index}` }));
  }
  return simulation.once(({ counters }) => counters.increment({ name, by })).then((sent) => [sent]);
}

/** The answers of a counter of one shard are a chain of values, each with what came before it and without what came after. */
function answerFaults(increments: readonly Increment[], shards: number): string[] {
  const faults: string[] = [];
  const answers = increments.flatMap(({ index, sent }) =>
    sent.flatMap(({ from, to, result }) =>
      result.kind === 'answered' ? [{ index, from, to, outcome: result.outcome }] : [],
    ),
  );
  for (const { index, outcome, from } of answers) {
    if (outcome.kind !== 'changed') faults.push(`increment ${index} was refused`);
    else if (shards > 1) {
      if (outcome.value !== undefined) faults.push(`increment ${index} of a shard knows the value ${outcome.value}`);
    } else if (countOf(outcome.value!, index) !== 1) faults.push(`increment ${index} is not in its own answer`);
    else {
      for (const earlier of answers) {
        const isBefore = earlier.index !== index && earlier.to.step < from.step;
        if (isBefore && countOf(outcome.value!, earlier.index) !== 1) {
          faults.push(`increment ${earlier.index} was acknowledged before ${index} began, and is not in its answer`);
        }
      }
    }
  }
  if (shards > 1) return faults;
  const byIndex = new Map<number, number>();
  for (const { index, outcome } of answers) {
    const value = outcome.value!;
    if ((byIndex.get(index) ?? value) !== value) faults.push(`increment ${index} had two answers`);
    byIndex.set(index, value);
  }
  if (new Set(byIndex.values()).size !== byIndex.size) faults.push('two increments had the same answer');
  return faults;
}

function readFaults(increments: readonly Increment[], reads: readonly { from: Moment; value: number }[]): string[] {
  const faults: string[] = [];
  for (const { from, value } of reads) {
    for (const { index, sent } of increments) {
      const count = countOf(value, index);
      const isDone = sent.some(({ to, result }) => result.kind === 'answered' && to.step < from.step);
      if (count > 1 || (isDone && count !== 1)) faults.push(`a read shows increment ${index} ${count} times`);
    }
  }
  return faults;
}

/** What every increment of `bounds` is about, so that two of one kind fill the counter; what is added to it tells which it is. */
const unit = 3 ** 18;

/** Which increments a value of `bounds` is made of: each is there once, or not. Undefined: of none such. */
function partsOf(value: number, increments: readonly Increment[]): ReadonlySet<number> | undefined {
  const parts = new Set<number>();
  const units = Math.round(value / unit);
  let rest = value - units * unit;
  let signs = 0;
  for (const { index, by } of [...increments].sort((one, other) => other.index - one.index)) {
    // Smaller powers of 3 come to less than half of this one.
    if (Math.abs(rest) * 2 < 3 ** index || Math.sign(rest) !== Math.sign(by)) continue;
    rest -= Math.sign(by) * 3 ** index;
    signs += Math.sign(by);
    parts.add(index);
  }
  return rest === 0 && signs === units ? parts : undefined;
}

/** Bounds are never passed, not for a moment, and whoever is refused is refused by a value that stood while it waited. */
export async function runBounds(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const faults: string[] = [];
  const [min, max] = [0, 2.5 * unit];
  await simulation.near.counters.create({ name, initialValue: 0, shards: 1, min, max: Math.floor(max) });
  const increments: Increment[] = [];
  const callers = Array.from({ length: 5 }, async (_, caller) => {
    for (let round = 0; round < 3; round += 1) {
      const index = caller * 3 + round;
      const by = chance.pick([1, 1, -1]) * (unit + 3 ** index);
      const increment: Increment = { index, by, isKeyed: chance.happens(0.6), sent: [] };
      increments.push(increment);
      increment.sent = await sendIncrement(simulation, increment);
    }
  });
  let final = 0;
  await simulation.run(callers, async () => {
    final = (await simulation.near.counters.get(name))!.value;
    if (final < min || final > max) faults.push(`the value ${final} passes the bounds`);
  });

  const finalParts = partsOf(final, increments);
  for (const increment of increments) {
    const { index, by, sent } = increment;
    const answers = sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : []));
    if (new Set(answers.map((answer) => JSON.stringify(answer))).size > 1)
      faults.push(`increment ${index} had two answers`);
    const [answer] = answers;
    const isIn = finalParts?.has(index);
    if (answer?.kind === 'changed' && !isIn) faults.push(`increment ${index} was acknowledged and is not in ${final}`);
    if (!mayBeIn(increment) && isIn) faults.push(`increment ${index} was refused and is in ${final}`);
    if (!answer) continue;
    const [{ from }] = [sent[0]!];
    const to = sent.reduce((latest, each) => (each.to.step > latest.step ? each.to : latest), sent[0]!.to);
    const parts = partsOf(answer.value!, increments);
    if (!parts) faults.push(`increment ${index} was answered ${answer.value}, which no increments make`);
    if (answer.kind === 'outOfBounds' && answer.value + by >= min && answer.value + by <= max) {
      faults.push(`increment ${index} was refused at ${answer.value}, where it fits`);
    }
    for (const other of increments) {
      if (other === increment || !parts) continue;
      const isDone = other.sent.some(({ to: end, result }) => isChanged(result) && end.step < from.step);
      if (isDone && !parts.has(other.index)) faults.push(`increment ${index} was answered from before ${other.index}`);
      const isLater = (other.sent[0]?.from.step ?? Infinity) > to.step;
      if ((isLater || !mayBeIn(other)) && parts.has(other.index))
        faults.push(`increment ${index} knows of ${other.index}`);
    }
  }
  if (!finalParts) faults.push(`no increments come to ${final}`);
  await simulation.close();
  return faults;
}

function isChanged(result: Sent<IncrementOutcome>['result']): boolean {
  return result.kind === 'answered' && result.outcome.kind === 'changed';
}

/** Whether an increment can have taken effect, as far as its callers know. */
function mayBeIn({ sent }: Increment): boolean {
  const isRefused = sent.some(({ result }) => result.kind === 'answered' && result.outcome.kind === 'outOfBounds');
  return !isRefused && sent.some(({ result }) => result.kind !== 'failed');
}

/** Above all increments together; each set and each creation has a base of its own. */
const base = 4 ** 18;

interface Reset {
  readonly base: number;
  readonly from: Moment;
  to: Moment | undefined;
}

/**
 * Increments that race with resets: whatever the number of shards at each try, none is counted twice; where no reset
 * was under way while it waited, it is counted once. What was set is set once.
 */
export async function runResets(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const faults: string[] = [];
  const timeline: (Counter | undefined)[] = [undefined];
  const increments: Increment[] = [];
  const resets: Reset[] = [];

  const reset = async (number: number): Promise<void> => {
    const key = `r${number}`;
    const begun: Reset = { base: number * base, from: simulation.now(), to: undefined };
    resets.push(begun);
    const kind = chance.pick(['set', 'delete', 'create', 'create'] as const);
    if (kind === 'set') {
      await simulation.untilAnswered(({ counters }) => counters.set({ name, value: begun.base, idempotencyKey: key }));
    } else if (kind === 'delete') {
      // It has no key: until it is known, it is sent again.
      while ((await simulation.once(({ counters }) => counters.delete(name))).result.kind !== 'answered');
    } else {
      await simulation.once(({ counters }) => counters.delete(name));
      const shards = chance.pick([1, 2, 3]);
      await simulation.untilAnswered(({ counters }) =>
        counters.create({ name, initialValue: begun.base, shards, idempotencyKey: key }),
      );
    }
    begun.to = simulation.now();
  };
  const callers = Array.from({ length: 5 }, async (_, caller) => {
    for (let round = 0; round < 3; round += 1) {
      if (caller === 0) await reset(round + 1);
      else {
        const index = (caller - 1) * 3 + round;
        const increment: Increment = { index, by: 4 ** index, isKeyed: chance.happens(0.8), sent: [] };
        increments.push(increment);
        increment.sent = await sendIncrement(simulation, increment);
      }
    }
  });
  await simulation.run(callers, async () => void timeline.push(await simulation.near.counters.get(name)));

  for (const { index, sent } of increments) {
    const added = timesAdded(timeline, index);
    const [{ from, to }] = [sent[0]!];
    const kinds = sent.map(({ result }) => result.kind);
    const wasReset = resets.some((each) => each.from.step <= to.step && (each.to?.step ?? Infinity) >= from.step);
    // What was wiped in the commit in which it was counted is never seen; what a delayed request does comes later still.
    const least = kinds.includes('answered') && !wasReset ? 1 : 0;
    const most = kinds.every((kind) => kind === 'failed') ? 0 : 1;
    if (added < least || added > most) faults.push(`increment ${index} (${kinds.join()}) was counted ${added} times`);
  }
  for (const { base: own } of resets) {
    const begins = timeline.filter((each, step) => baseOf(each) === own && baseOf(timeline[step - 1]) !== own).length;
    if (begins > 1) faults.push(`the counter was set to ${own} ${begins} times`);
  }
  await simulation.close();
  return faults;
}

function baseOf(counter: Counter | undefined): number {
  return Math.floor((counter?.value ?? 0) / base) * base;
}

/** How often an increment came into the value: also together with a new base. */
function timesAdded(timeline: readonly (Counter | undefined)[], index: number): number {
  let added = 0;
  for (const [step, counter] of timeline.entries()) {
    const before = timeline[step - 1];
    const [was, is] = [before, counter].map((each) => countOf(each?.value ?? 0, index));
    const isAnew = baseOf(before) !== baseOf(counter) || before?.createdAtMs !== counter?.createdAtMs;
    added += isAnew ? is! : Math.max(0, is! - was!);
  }
  return added;
}
