/**
 * What must hold of rate limits under any interleaving, judged by the storage time of each commit, which every command's mark
 * tells. Two runs: `windows` (never more than the limit, whatever the gateways believe of the time; nothing is spent by what was
 * refused) and `alone` (with nobody else, refused means refused by the truth, and retryAfterMs is to the millisecond).
 */
import { isAppError } from '../../../src/core/errors';
import { keyspace } from '../../../src/core/keyspace';
import type { Patterns } from '../../../src/patterns/patterns';
import { RateLimits } from '../../../src/patterns/rate-limit';
import type { RateLimitDecision, RateLimitPolicy } from '../../../src/patterns/rate-limit';
import type { Command, Settled, Transact, View } from '../../../src/store/transact';
import type { Breakage } from './broken-stores';
import { Simulation } from './simulation';

const gateways = 3;
const identifier = 'ada';

/** A pattern with a fault: its store, or the way that it sees its rows and the time. */
export interface RateLimitFault {
  readonly store?: Breakage;
  readonly view?: (view: View) => View;
}

interface Call {
  readonly policies: readonly RateLimitPolicy[];
  readonly cost: number;
  readonly idempotencyKey: string;
}

/** A call that stands, with the storage time of its commit. */
interface Standing {
  readonly call: Call;
  readonly allowed: boolean;
  readonly atMs: number;
}

function withView(transact: Transact, change: (view: View) => View): Pick<Transact, 'run'> {
  return {
    run: <O>(command: Command<O>): Promise<Settled<O>> =>
      transact.run({ ...command, decide: (view) => command.decide(change(view)) }),
  };
}

function limitsOf(simulation: Simulation, { view }: RateLimitFault): (gateway: Patterns) => RateLimits {
  const made = new Map<Patterns, RateLimits>();
  for (const gateway of simulation.gateways) {
    const { rateLimits, transact } = gateway;
    const broken = view && new RateLimits({ store: simulation.store, transact: withView(transact, view) });
    made.set(gateway, broken ?? rateLimits);
  }
  return (gateway) => made.get(gateway)!;
}

/** What became of a call, from its mark: undefined where it has none, and so never had an effect. */
async function standingOf({ near }: Simulation, call: Call): Promise<Standing | undefined> {
  const { idempotencyKey: key, ...input } = call;
  const { isReplay, nowMs, outcome } = await near.transact.run<{ allowed: boolean }>({
    records: [keyspace.rateLimit(`mark of ${key}`)],
    decide: () => ({ allowed: false }),
    remembered: {
      idempotency: { mutation: 'checkRateLimit', key, input: { identifier, ...input }, defaults: { cost: 1 } },
      encode: () => Buffer.from('{}'),
      decode: (bytes) => JSON.parse(bytes.toString('utf8')) as { allowed: boolean },
    },
  });
  return isReplay ? { call, allowed: outcome.allowed, atMs: nowMs } : undefined;
}

/** More than a policy allows: in any window, an aligned one, or any time T. */
export function windowFaults(standing: readonly Standing[], { algorithm, limit, windowMs }: RateLimitPolicy): string[] {
  const spends = standing
    .filter(({ allowed, call }) => allowed && call.policies.some((each) => each.algorithm === algorithm))
    .map(({ atMs, call }) => ({ atMs, cost: call.cost }))
    .sort((a, b) => a.atMs - b.atMs);
  const faults: string[] = [];
  const between = (fromMs: number, toMs: number): number =>
    spends.reduce((sum, { atMs, cost }) => sum + (atMs >= fromMs && atMs < toMs ? cost : 0), 0);
  for (const { atMs } of spends) {
    if (algorithm === 'SLIDING_WINDOW_LOG') {
      const spent = between(atMs, atMs + windowMs);
      if (spent > limit) faults.push(`${spent} of ${limit} were spent in the window from ${atMs}`);
    } else if (algorithm === 'SLIDING_WINDOW_COUNTER') {
      const startMs = atMs - (atMs % windowMs);
      const spent = between(startMs, startMs + windowMs);
      if (spent > limit) faults.push(`${spent} of ${limit} were spent in the aligned window from ${startMs}`);
      const sliding = between(atMs, atMs + windowMs);
      if (sliding >= 2 * limit) faults.push(`${sliding}, twice ${limit}, were spent in a window from ${atMs}`);
    } else {
      for (const { atMs: endMs } of spends) {
        if (endMs < atMs) continue;
        const spent = between(atMs, endMs + 1);
        const most = limit + (limit / windowMs) * (endMs - atMs);
        if (spent > most + 1e-9) faults.push(`${spent} were spent in ${endMs - atMs} ms, at most ${most} may be`);
      }
    }
  }
  return faults;
}

const algorithms = ['SLIDING_WINDOW_LOG', 'SLIDING_WINDOW_COUNTER', 'TOKEN_BUCKET'] as const;

/** Many callers of one identifier through gateways that lag, with messages lost and sent again. */
export async function runWindows(seed: number, fault: RateLimitFault = {}): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage: fault.store });
  const { chance } = simulation;
  const limitsAt = limitsOf(simulation, fault);
  const faults: string[] = [];
  const policies = algorithms.map((algorithm) => ({
    algorithm,
    limit: 2 + chance.whole(5),
    windowMs: 10 + chance.whole(120),
  }));
  const calls: Call[] = [];
  const answers = new Map<Call, RateLimitDecision[]>();

  const callers = Array.from({ length: 5 }, async (_, caller) => {
    for (let round = 0; round < 5; round += 1) {
      const count = chance.pick([1, 1, 2, 3]);
      const start = chance.whole(3);
      const own = Array.from({ length: count }, (_each, index) => policies[(start + index) % 3]!);
      const cost = Math.min(chance.pick([1, 1, 1, 2, 3]), ...own.map(({ limit }) => limit));
      const call = { policies: own, cost, idempotencyKey: `k${caller}-${round}` };
      calls.push(call);
      const sent = await simulation.untilAnswered((gateway) => limitsAt(gateway).check({ identifier, ...call }));
      answers.set(
        call,
        sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : [])),
      );
    }
  });
  await simulation.run(callers);

  const standing: Standing[] = [];
  const marks = await Promise.all(calls.map((call) => standingOf(simulation, call)));
  for (const [index, call] of calls.entries()) {
    const found = marks[index];
    if (!found) faults.push(`${call.idempotencyKey} was answered and left no mark`);
    else standing.push(found);
    const given = answers.get(call)!;
    if (new Set(given.map((each) => JSON.stringify(each))).size > 1) faults.push('one call had two answers');
    if (found && given.some(({ allowed }) => allowed !== found.allowed)) faults.push('an answer is not what stands');
  }
  for (const policy of policies) faults.push(...windowFaults(standing, policy));
  faults.push(...(await leftFaults(simulation, standing, policies[0]!)));
  await simulation.close();
  return faults;
}

/** What is left of an exact limit is what was not spent: nothing by a refusal, nothing twice. */
async function leftFaults(
  { near, clock }: Simulation,
  standing: readonly Standing[],
  log: RateLimitPolicy,
): Promise<string[]> {
  const nowMs = clock.nowMs();
  const spent = standing.reduce((sum, { allowed, call, atMs }) => {
    const counts = allowed && call.policies.some(({ algorithm }) => algorithm === log.algorithm);
    return sum + (counts && atMs + log.windowMs > nowMs ? call.cost : 0);
  }, 0);
  const { remaining } = await near.rateLimits.peek(identifier, [log]);
  return remaining === log.limit - spent ? [] : [`${remaining} are left where ${spent} of ${log.limit} are spent`];
}

/**
 * One caller through gateways that lag: whoever is refused would not have fitted at some moment of its call, and whoever comes
 * after retryAfterMs is let in.
 */
export async function runAlone(seed: number, fault: RateLimitFault = {}): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage: fault.store });
  simulation.network.isCalm = true;
  const { chance, clock } = simulation;
  const limitsAt = limitsOf(simulation, fault);
  const faults: string[] = [];
  const policy = {
    algorithm: chance.pick(algorithms),
    limit: 1 + chance.whole(4),
    windowMs: 5 + chance.whole(40),
  };
  let freeAtMs = 0;
  const caller = async (): Promise<void> => {
    for (let round = 0; round < 12; round += 1) {
      const cost = 1 + chance.whole(policy.limit);
      const isDue = freeAtMs > 0 && chance.happens(0.6);
      const fromMs = freeAtMs;
      if (isDue) while (clock.nowMs() < freeAtMs) await simulation.network.pass();
      const use = isDue ? lastCost : cost;
      const { result } = await simulation.once((gateway) =>
        limitsAt(gateway).check({ identifier, policies: [policy], cost: use }),
      );
      if (result.kind !== 'answered') continue;
      const { allowed, retryAfterMs } = result.outcome;
      if (isDue && !allowed)
        faults.push(`a ${policy.algorithm} refused at ${clock.nowMs()} what was free at ${fromMs}`);
      freeAtMs = allowed ? 0 : clock.nowMs() + retryAfterMs;
      lastCost = use;
    }
  };
  let lastCost = 1;
  // Others of other identifiers: their answers set the gateways' clocks, lagging ones too.
  const others = Array.from({ length: 3 }, async (_, index) => {
    for (let round = 0; round < 8; round += 1)
      await simulation.once((gateway) =>
        gateway.rateLimits.check({ identifier: `other-${index}`, policies: [policy], cost: 1 }).catch(onlyFailures),
      );
  });
  await simulation.run([caller(), ...others]);
  await simulation.close();
  return faults;
}

function onlyFailures(error: unknown): void {
  if (!isAppError(error)) throw error;
}

// --- faults that people make by hand --------------------------------------------------------------------------------

const changed = (view: View, over: Partial<View>): View => ({
  nowMs: view.nowMs,
  get: (key) => view.get(key),
  put: (key, value, options) => view.put(key, value, options),
  delete: (key, history) => view.delete(key, history),
  putSideRow: (key, value, options) => view.putSideRow(key, value, options),
  deleteSideRow: (key, history) => view.deleteSideRow(key, history),
  relyUntil: (atMs) => view.relyUntil(atMs),
  refuseUntil: (atMs) => view.refuseUntil(atMs),
  ...over,
});

/** Counts from the time at which the gateway decided, not from the commit. */
export function countedFromDecision(): RateLimitFault {
  const decidedEnds = new Map<string, number>();
  return {
    view: (view) =>
      changed(view, {
        get: (key) => {
          const row = view.get(key);
          const expiresAtMs = row && decidedEnds.get(row.value.toString('latin1'));
          return row && expiresAtMs !== undefined ? { ...row, expiresAtMs } : row;
        },
        put: (key, value, options) => {
          decidedEnds.set(value.toString('latin1'), view.nowMs + options.ttlMs!);
          view.put(key, value, options);
        },
      }),
  };
}

/** Believes that it is later than it is. */
export const aheadOfTime: RateLimitFault = { view: (view) => changed(view, { nowMs: view.nowMs + 5 }) };

/** Refuses by a clock that lags, and does not ask whether it does. */
export const hastyRefusals: RateLimitFault = { view: (view) => changed(view, { refuseUntil: () => undefined }) };

/** Keeps a record half as long as it counts. */
export const forgottenEarly: RateLimitFault = {
  view: (view) =>
    changed(view, {
      put: (key, value, options) => view.put(key, value, { ...options, ttlMs: Math.ceil(options.ttlMs! / 2) }),
    }),
};
