/** How members of a batch stand in one transaction of etcd, and when they may share a fate. */
import { Harmony } from '../../storage/etcd/harmony';
import { decodeBatch, encodeBatch } from '../../storage/etcd/layout';
import type { RequestOp, TxnRequest } from '../../storage/etcd/messages';
import { getOp, isAbsent, putOp } from '../../storage/etcd/messages';
import type { Plan } from '../../storage/etcd/plan';
import { guardsOfBatch, operationsMax } from '../../storage/etcd/plan';
import { Sections, sectionAnswers, sectionOp, shapeOf } from '../../storage/etcd/sections';

/** A transaction of so many checks and writes. */
function planOf(name: string, checks: number, writes: number): Plan {
  const keys = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => Buffer.from(`${name}/${at}`));
  const witness = keys(writes)[0];
  return {
    compare: keys(checks).map(isAbsent),
    writes: keys(writes).map((key) => putOp(key, key)),
    reads: undefined,
    witness,
    dues: [],
  };
}

/** As etcd counts: the most operations along any path. */
function depthOf({ compare, success, failure }: TxnRequest): number {
  const inner = (operations: readonly RequestOp[]): number =>
    Math.max(0, ...operations.map(({ requestTxn }) => (requestTxn ? depthOf(requestTxn) : 0)));
  const own = Math.max(compare.length, success.length, failure.length);
  return own + Math.max(inner(success), inner(failure));
}

function requestOf(sections: Sections<Plan>): TxnRequest {
  const guards = Array.from({ length: guardsOfBatch }, (_, at) => isAbsent(Buffer.from(`guard ${at}`)));
  const row = putOp(Buffer.from('batch'), Buffer.alloc(0));
  return {
    compare: guards,
    success: [row, ...sections.all.map((each) => sectionOp(each, each.items))],
    failure: guards.map(({ key }) => getOp(key)),
  };
}

describe('sections', () => {
  test.each([
    [1, 1, false],
    [3, 2, false],
    [17, 30, false],
    [104, 1, false],
    [1, 104, false],
    [1, 1, true],
    [40, 40, true],
  ])(
    'of members with %i checks and %i writes, apart: %s, fit etcd however many are taken',
    (checks, writes, isApart) => {
      const sections = new Sections<Plan>();
      let taken = 0;
      while (taken < 10_000) {
        const plan = planOf(`member ${taken}`, checks, writes);
        if (!sections.add(plan, shapeOf(plan, isApart))) break;
        taken += 1;
      }
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThan(10_000);
      expect(sections.all.flatMap(({ items }) => items)).toHaveLength(taken);
      expect(depthOf(requestOf(sections))).toBeLessThanOrEqual(operationsMax);
    },
  );

  test('of all kinds fit etcd together', () => {
    const sections = new Sections<Plan>();
    let [taken, refused] = [0, 0];
    for (let at = 0; at < 2_000; at += 1) {
      const plan = planOf(`member ${at}`, (at * 7) % 41, 1 + ((at * 11) % 40));
      if (sections.add(plan, shapeOf(plan, at % 3 === 0))) taken += 1;
      else refused += 1;
    }
    expect(refused).toBeGreaterThan(0);
    expect(sections.all.flatMap(({ items }) => items)).toHaveLength(taken);
    expect(depthOf(requestOf(sections))).toBeLessThanOrEqual(operationsMax);
  });

  test('take none that is too large for company', () => {
    const sections = new Sections<Plan>();
    for (const [checks, writes] of [
      [105, 1],
      [1, 105],
    ] as const) {
      const plan = planOf('wide', checks, writes);
      expect(sections.add(plan, shapeOf(plan, false))).toBe(false);
    }
    const plan = planOf('wide', 41, 1);
    expect(sections.add(plan, shapeOf(plan, true))).toBe(false);
    expect(sections.all).toEqual([]);
  });

  test('count the row that a deletion is given for a witness', () => {
    const { witness: _, ...deletion } = planOf('deletion', 0, 1);
    expect(shapeOf({ ...deletion, witness: undefined }, false).writes).toBe(2);
    expect(shapeOf({ ...deletion, writes: [], witness: undefined }, false).writes).toBe(0);
  });

  test('that break say of none why, but one by itself does', () => {
    const broken = { succeeded: false, responses: [] };
    const [one, two] = [planOf('one', 1, 1), planOf('two', 1, 1)];
    expect(sectionAnswers({ isShared: true, items: [one, two] }, broken)).toBeUndefined();
    expect(sectionAnswers({ isShared: true, items: [one] }, broken)).toEqual([broken]);
    expect(sectionOp({ isShared: true, items: [one] }, [one]).requestTxn!.failure).toEqual([
      getOp(one.compare[0]!.key),
    ]);
  });
});

describe('sharing a fate', () => {
  test('is paused after it broke, for longer each time, and then tried again', () => {
    const harmony = new Harmony();
    const pauses = Array.from({ length: 5 }, () => {
      harmony.broke();
      let pause = 0;
      for (; !harmony.mayShare; pause += 1) harmony.wentApart();
      return pause;
    });
    expect(pauses).toEqual([8, 64, 512, 512, 512]);
  });

  test('that holds again and again is paused for less when it breaks', () => {
    const harmony = new Harmony();
    for (let times = 0; times < 3; times += 1) harmony.broke();
    while (!harmony.mayShare) harmony.wentApart();
    for (let times = 0; times < 9; times += 1) harmony.held();
    harmony.broke();
    let pause = 0;
    for (; !harmony.mayShare; pause += 1) harmony.wentApart();
    expect(pause).toBe(8);
  });
});

test('a batch row says a witness once for all attempts that share it', () => {
  const attempt = (name: string, witness: string) => ({
    attemptId: Buffer.from(name.padEnd(16)),
    witness: Buffer.from(witness),
  });
  const attempts = [
    attempt('a', 'long witness'),
    attempt('b', 'long witness'),
    attempt('c', 'another'),
    attempt('d', 'long witness'),
  ];
  const row = { nowMs: 5, nonce: Buffer.from('nonce678'), attempts, tellings: [] };
  const encoded = encodeBatch(row);
  expect(decodeBatch(encoded).attempts).toEqual(attempts);
  expect(encoded.toString('latin1').split('long witness')).toHaveLength(3);
});
