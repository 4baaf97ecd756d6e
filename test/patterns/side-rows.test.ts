/** Rows that a command writes without naming them, and rows that it makes under a key of its own. */
import { turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

const key = (name: string): Buffer => Buffer.from(`\x10${name}`);
const value = Buffer.from('v');
const history = 'none' as const;
const standing = async (name: string): Promise<string | undefined> => {
  const { results } = await gateway.store.read([{ start: key(name) }]);
  return results[0]!.entries[0]?.value.toString();
};

it('are written and deleted with the rest, all or nothing', async () => {
  await gateway.transact.run({
    records: [key('r')],
    decide: (view) => {
      view.get(key('r'));
      view.put(key('r'), value, { history });
      view.putSideRow(key('side'), value, { history });
    },
  });
  expect([await standing('r'), await standing('side')]).toEqual(['v', 'v']);
  const refused = gateway.transact.run({
    records: [key('r')],
    decide: (view) => {
      view.deleteSideRow(key('side'), history);
      throw new Error('no');
    },
  });
  await expect(refused).rejects.toThrow('no');
  expect(await standing('side')).toBe('v');
  await gateway.transact.run({ records: [key('r')], decide: (view) => view.deleteSideRow(key('side'), history) });
  expect(await standing('side')).toBeUndefined();
});

it('of a command that loses a race are not written: it decides again', async () => {
  const other = world.gateway();
  const add = (by: Gateway, name: string) =>
    by.transact.run({
      records: [key('count')],
      decide: (view) => {
        const count = Number(view.get(key('count'))?.value.toString() ?? 0) + 1;
        view.put(key('count'), Buffer.from(String(count)), { history });
        view.putSideRow(key(`side-${count}`), Buffer.from(name), { history });
        return count;
      },
    });
  await add(gateway, 'a');
  await add(other, 'b');
  // Its kept state is of before that.
  expect((await add(gateway, 'c')).outcome).toBe(3);
  expect(await Promise.all([1, 2, 3, 4].map((count) => standing(`side-${count}`)))).toEqual(['a', 'b', 'c', undefined]);
});

it('cannot be read, and other rows cannot be written without a name', async () => {
  const run = (decide: Parameters<typeof gateway.transact.run>[0]['decide']) =>
    gateway.transact.run({ records: [key('r')], decide });
  await expect(run((view) => view.get(key('side')))).rejects.toThrow('named');
  await expect(run((view) => view.put(key('side'), value, { history }))).rejects.toThrow('named');
  await expect(run((view) => view.delete(key('side'), history))).rejects.toThrow('named');
});

it('that are made under a key of their own are not read, and are known afterwards', async () => {
  await gateway.transact.run({ records: [key('r')], decide: (view) => view.put(key('r'), value, { history }) });
  gateway.store.reset();
  await gateway.transact.run({
    records: [key('r')],
    fresh: [key('fresh')],
    decide: (view) => {
      expect(view.get(key('fresh'))).toBeUndefined();
      view.put(key('fresh'), value, { history });
    },
  });
  expect(gateway.store.reads).toEqual([]);
  await turn();
  const { outcome } = await gateway.transact.run({
    records: [key('r')],
    rows: [key('fresh')],
    decide: (view) => view.get(key('fresh'))?.value.toString(),
  });
  expect([outcome, gateway.store.reads.length]).toEqual(['v', 0]);
});

describe('rows that the check of another row stands for', () => {
  const head = key('head');
  /** Adds a name to a set of which the head counts the members; whether it was new. */
  const add = (name: string, by = gateway) =>
    by.transact.run({
      records: [head],
      covered: { by: head, rows: [key(`of-${name}`)] },
      decide: (view) => {
        const count = Number(view.get(head)?.value.toString() ?? 0) + 1;
        if (view.get(key(`of-${name}`))) return 'taken';
        view.put(head, Buffer.from(String(count)), { history });
        view.put(key(`of-${name}`), value, { history });
        return count;
      },
    });

  it('are read and not checked', async () => {
    expect((await add('a')).outcome).toBe(1);
    gateway.store.reset();
    expect((await add('a')).outcome).toBe('taken');
    expect((await add('b')).outcome).toBe(2);
    expect(gateway.store.reads).toHaveLength(2);
    for (const { checks } of gateway.store.commits) expect(checks.map((check) => check.key)).toEqual([head]);
  });

  it('are seen as earlier commands of the same batch leave them', async () => {
    const outcomes = await Promise.all(['a', 'a', 'b'].map((name) => add(name)));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([1, 'taken', 2]);
  });

  it('are read again where the other row has moved since', async () => {
    const other = world.gateway();
    await add('a');
    gateway.store.beforeCommit = async () => {
      gateway.store.beforeCommit = undefined;
      await add('b', other);
    };
    expect((await add('b')).outcome).toBe('taken');
    gateway.store.reset();
    expect((await add('c')).outcome).toBe(3);
    expect(gateway.store.reads).toHaveLength(1);
  });
});
