/**
 * Three members of etcd, two storage processes, two gateways, under load of registers, counters, transfers, carts, elections, streams and single keys,
 * while each kind of fault strikes. All that callers saw is judged by the checkers of `history/`. Choices come from a seed, which is
 * printed; the moments do not, so a run that failed is repeated with NORIGATE_TEST_SEED until it fails again.
 * Longer: `npm run test:faults` (docs/replicated.md).
 */
import { systemClock } from '../../src/core/clock';
import { Bed } from './support/bed';
import { faults, full, smallQuotaBytes } from './support/faults';
import { Scene } from './support/scene';
import type { Fault, Report } from './support/scene';

const { NORIGATE_TEST_SEED, NORIGATE_TEST_FAULT_SECONDS, NORIGATE_TEST_FAULT_ROUNDS } = process.env;
const seed = Number(NORIGATE_TEST_SEED ?? systemClock.nowMs() % 1_000_000);
const holdMs = 1_000 * Number(NORIGATE_TEST_FAULT_SECONDS ?? 0);
const rounds = Array.from({ length: Number(NORIGATE_TEST_FAULT_ROUNDS ?? 1) }, (_, round) => round);
const minuteMs = 60_000;

jest.setTimeout(minuteMs + 3 * holdMs);

const reports: string[] = [];
afterAll(() => void process.stdout.write(`${reports.join('\n')}\n`));

async function play(bed: Bed, fault: Fault, tenantId: string): Promise<void> {
  const scene = new Scene({ bed, clock: systemClock, seed, tenantId, holdMs });
  const report = await scene.play(fault);
  reports.push(lineOf(fault, report));
  expect(report.faults).toEqual([]);
  report.goneMs.forEach((goneMs, machine) => expect(goneMs).toBeLessThan(fault.goneMsMax[machine]!));
}

function lineOf({ name }: Fault, { acknowledged, codes, words, goneMs }: Report): string {
  const gone = goneMs.map((ms) => Math.round(ms)).join(' and ');
  const failures = [...codes].map(([code, count]) => `\n  ${count} ${code}: ${words.get(code) ?? 'the socket broke'}`);
  return `${name}: ${acknowledged} writes acknowledged, none for ${gone} ms${failures.join('')}`;
}

describe(`of a cluster (seed ${seed})`, () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await Bed.start();
  }, minuteMs);
  afterAll(() => bed?.stop());

  const cases = rounds.flatMap((round) => faults.map((fault, index) => [round, fault.name, index] as const));
  test.each(cases)('round %d: %s', async (round, _, index) => {
    await play(bed, faults[index]!, `round-${round}-fault-${index}`);
  });
});

describe(`of members that store little (seed ${seed})`, () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await Bed.start({ memberArgs: ['--quota-backend-bytes', String(smallQuotaBytes)] });
  }, minuteMs);
  afterAll(() => bed?.stop());

  test.each(rounds)('round %d: etcd is full', async (round) => {
    await play(bed, full, `round-${round}-full`);
  });
});
