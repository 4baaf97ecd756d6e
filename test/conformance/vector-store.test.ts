/** The store with indexes, in what a search alone does not show: memory, failures of the thread, indexes that are made anew, snapshots. */
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../proto/store';
import { ManualClock, systemClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { makeSeededIds } from '../../src/core/ids';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { LocalStore } from '../../storage/local-store';
import type { RowViews } from '../../storage/row-views';
import type { IndexPoolOptions, IndexReport } from '../../storage/vectors/index-pool';
import type { Indexes } from '../../storage/vectors/indexes';
import { openSnapshotDirectory } from '../../storage/vectors/snapshot-directory';
import { VectorStore } from '../../storage/vectors/vector-store';
import { LocalIndexes } from '../support/local-indexes';
import { deleting, found, idsOf, inserting, namespace, search } from '../support/vectors';
import type { Asked } from '../support/vectors';
import { bytes, committed, put, transaction } from './suite/words';

/** Notes what is asked of the indexes, and can fail. */
class WatchedIndexes extends LocalIndexes {
  readonly applied: string[] = [];
  opened = 0;
  searches = 0;
  saves = 0;
  beforeApply: (() => Promise<void>) | undefined;
  beforeSave: (() => Promise<void>) | undefined;

  override async open(...given: Parameters<Indexes['open']>): ReturnType<Indexes['open']> {
    this.opened += 1;
    return super.open(...given);
  }

  override async apply(...given: Parameters<Indexes['apply']>): ReturnType<Indexes['apply']> {
    await this.beforeApply?.();
    this.applied.push(...given[1].ids);
    return super.apply(...given);
  }

  override async search(...given: Parameters<Indexes['search']>): ReturnType<Indexes['search']> {
    this.searches += 1;
    return super.search(...given);
  }

  override async save(...given: Parameters<Indexes['save']>): ReturnType<Indexes['save']> {
    await this.beforeSave?.();
    await super.save(...given);
    this.saves += 1;
  }
}

let clock: ManualClock;
let base: LocalStore;
let made: WatchedIndexes[];
let reports: IndexReport[];
let directory: string;
const opened: VectorStore[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  base = new LocalStore({ engine: makeMemoryEngine({ storeId: 'store' }), clock });
  made = [];
  reports = [];
  directory = await mkdtemp(join(tmpdir(), 'norigate-vectors-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  await base.close();
  await rm(directory, { recursive: true, force: true });
});

/** The store under it outlives it. */
const lasting = (store: LocalStore): Store & RowViews => ({
  view: (keys, show) => store.view(keys, show),
  read: (ranges, options) => store.read(ranges, options),
  commit: (transactions, options) => store.commit(transactions, options),
  watch: (ranges, options) => store.watch(ranges, options),
  search: (request, options) => store.search(request, options),
  status: () => store.status(),
  close: () => Promise.resolve(),
});

function open(options: Partial<IndexPoolOptions> = {}): VectorStore {
  const makeIndexes = (): Indexes => {
    made.push(new WatchedIndexes(systemClock));
    return made.at(-1)!;
  };
  const report = (each: IndexReport): void => void reports.push(each);
  const store = new VectorStore({ store: lasting(base), clock, makeIndexes, report, graphFrom: 32, ...options });
  opened.push(store);
  return store;
}

async function openWithSnapshots(options: Partial<IndexPoolOptions> = {}): Promise<VectorStore> {
  return open({ snapshots: await openSnapshotDirectory(directory, base), ...options });
}

const ids = makeSeededIds(4);
const randomVector = (): number[] => Array.from({ length: 6 }, () => ids.fraction() - 0.5);

async function insertMany(count: number, prefix = 'r'): Promise<void> {
  for (let at = 0; at < count; at += 50) {
    const names = Array.from({ length: Math.min(50, count - at) }, (_, each) => `${prefix}${at + each}`);
    const vectors = Object.fromEntries(names.map((name) => [name, randomVector()]));
    const metadata = Object.fromEntries(names.map((name, each) => [name, { each }]));
    await committed(base, inserting(vectors, metadata));
  }
}

/** The index finds what reading all rows finds. */
async function agrees(store: Store, rest: Partial<Asked> = {}): Promise<void> {
  for (let round = 0; round < 8; round += 1) {
    const asked = { near: randomVector(), k: 5, ...rest };
    expect(await idsOf(store, asked)).toEqual(await idsOf(base, asked));
  }
}

/** Counts the reads of the state that searches begin at. */
function counting(store: LocalStore): { readonly store: Store; readonly reads: () => number } {
  let reads = 0;
  const read: Store['read'] = (ranges, options) => {
    if (ranges.some(({ start }) => start.equals(namespace.stamps.start))) reads += 1;
    return store.read(ranges, options);
  };
  return { store: { ...lasting(store), read }, reads: () => reads };
}

const turns = async (count = 50): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('an index', () => {
  it('is made at the first search, and follows from then on', async () => {
    await insertMany(100);
    const store = open();
    expect(made).toHaveLength(0);
    await agrees(store);
    const [indexes] = made;
    expect([indexes!.opened, indexes!.applied.length]).toEqual([1, 100]);
    await committed(base, inserting({ new: randomVector() }));
    await committed(base, deleting('r1', 'r2'));
    await agrees(store);
    expect(indexes!.applied.slice(100)).toEqual(['new']);
    expect(store.indexStates()[0]!.count).toBe(99);
  });

  it('makes a strong search wait until it has what was written before; an eventual one does not', async () => {
    await insertMany(10);
    const store = open();
    await agrees(store);
    let letOn: () => void = () => undefined;
    made[0]!.beforeApply = () => new Promise((resolve) => (letOn = resolve));
    await committed(base, inserting({ exact: [9, 9, 9, 9, 9, 9] }));
    const asked = { near: [9, 9, 9, 9, 9, 9], k: 1 };
    let isAnswered = false;
    const strong = idsOf(store, asked).finally(() => (isAnswered = true));
    expect(await idsOf(store, { ...asked, consistency: 'eventual' })).not.toEqual(['exact']);
    await turns();
    expect(isAnswered).toBe(false);
    letOn();
    expect(await strong).toEqual(['exact']);
  });

  it('makes a strong search wait also where the row has changed once more meanwhile', async () => {
    await insertMany(10);
    const store = open();
    await agrees(store);
    const letOn: (() => void)[] = [];
    made[0]!.beforeApply = () => new Promise((resolve) => letOn.push(resolve));
    await committed(base, inserting({ exact: [9, 9, 9, 9, 9, 9] }));
    await turns();
    const answer = idsOf(store, { near: [9, 9, 9, 9, 9, 9], k: 1 });
    await turns();
    // What the search must see is on its way into the index; its row changes again.
    await committed(base, inserting({ exact: [8, 8, 8, 8, 8, 8], other: randomVector() }));
    await turns();
    made[0]!.beforeApply = undefined;
    for (const go of letOn) go();
    expect(await answer).toEqual(['exact']);
  });

  it('gives no row that is gone, and measures one that has changed as it is now', async () => {
    await insertMany(60);
    const store = open();
    await agrees(store);
    // Nothing of what comes reaches the index.
    made[0]!.beforeApply = () => new Promise(() => undefined);
    const near = randomVector();
    const [first, second, third, fourth] = await idsOf(base, { near, k: 4 });
    await committed(base, deleting(first!));
    await committed(base, inserting({ [second!]: near.map((each) => each + 100) }));
    const { hits } = await found(store, { near, k: 2, consistency: 'eventual' });
    expect(hits.map(({ key }) => key.toString('latin1', 2))).toEqual([third, fourth]);
    made[0]!.beforeApply = undefined;
  });

  it('asks for more where too few are left, in the end for all rows', async () => {
    await insertMany(400);
    const store = open();
    await agrees(store);
    made[0]!.beforeApply = () => new Promise(() => undefined);
    const near = randomVector();
    const all = await idsOf(base, { near, k: 400 });
    for (let at = 0; at < 390; at += 50) await committed(base, deleting(...all.slice(at, Math.min(at + 50, 390))));
    const searches = made[0]!.searches;
    expect(await idsOf(store, { near, k: 3, consistency: 'eventual' })).toEqual(all.slice(390, 393));
    expect(made[0]!.searches - searches).toBeGreaterThan(1);
    made[0]!.beforeApply = undefined;
  });

  it('of a store that shows no rows without copying them reads them', async () => {
    const { view: _, ...plain } = lasting(base);
    await insertMany(60);
    await agrees(open({ store: plain }));
  });

  it('is searched from one state by all searches of a turn that check the same, and each turn from a newer one', async () => {
    const { store: counted, reads } = counting(base);
    const store = open({ store: counted });
    await committed(base, inserting({ a: [1, 0] }));
    await idsOf(store, { near: [1, 0] });
    const before = reads();
    const head = { checks: [{ key: bytes('head'), revision: 0 }] };
    const together = [{}, {}, head, head, {}].map((each) => idsOf(store, { near: [1, 0], ...each }));
    expect(await Promise.all(together)).toEqual(Array.from({ length: 5 }, () => ['a']));
    expect(reads() - before).toBe(2);
    const early = search(store, { near: [1, 0], ...head });
    await committed(base, {
      ...inserting({ b: [1, 1] }),
      writes: [...inserting({ b: [1, 1] }).writes, put('head', 'x')],
    });
    expect(await early).toMatchObject({ kind: 'found' });
    expect(await search(store, { near: [1, 0], ...head })).toMatchObject({ kind: 'conflict' });
    expect(await idsOf(store, { near: [1, 0] })).toEqual(['a', 'b']);
  });

  it('of each namespace, and of each way to measure, is one by itself', async () => {
    await insertMany(50);
    const store = open();
    await agrees(store, { distance: 'cosine' });
    await agrees(store, { distance: 'innerProduct', isExact: true });
    await agrees(store, { distance: 'euclidean' });
    expect(store.indexStates()).toHaveLength(3);
  });
});

describe('memory', () => {
  it('is bounded: the least lately used index goes, and comes back when it is asked for', async () => {
    await insertMany(200);
    const one = open();
    await agrees(one);
    const { bytes } = one.indexStates()[0]!;
    const store = open({ memoryBytesMax: Math.ceil(bytes * 2.5) });
    for (const distance of ['euclidean', 'cosine', 'euclidean', 'innerProduct'] as const)
      await agrees(store, { distance });
    expect(store.indexStates()).toHaveLength(2);
    const { opened: before } = made.at(-1)!;
    await agrees(store, { distance: 'euclidean' });
    expect(made.at(-1)!.opened).toBe(before);
    await agrees(store, { distance: 'cosine' });
    expect(made.at(-1)!.opened).toBe(before + 1);
    expect(store.indexStates().reduce((sum, each) => sum + each.bytes, 0)).toBeLessThanOrEqual(bytes * 2.5);
  });

  it('bounds how many there are', async () => {
    await insertMany(20);
    const store = open({ indexesMax: 2 });
    for (const distance of ['euclidean', 'cosine', 'innerProduct'] as const) await agrees(store, { distance });
    expect(store.indexStates()).toHaveLength(2);
  });

  it('an index that has to go while its rows are still read answers nothing from the part that it has', async () => {
    // Several pages of rows.
    const text = 'x'.repeat(9_000);
    for (let batch = 0; batch < 4; batch += 1) {
      const names = Array.from({ length: 20 }, (_, at) => `wide${batch * 20 + at}`);
      const vectors = Object.fromEntries(names.map((name) => [name, randomVector()]));
      await committed(base, inserting(vectors, Object.fromEntries(names.map((name) => [name, { text }]))));
    }
    const store = open({ indexesMax: 1 });
    await agrees(store, { distance: 'innerProduct' });
    let letOn: () => void = () => undefined;
    made[0]!.beforeApply = () => new Promise((resolve) => (letOn = resolve));
    const near = randomVector();
    const waiting = idsOf(store, { near, k: 80 });
    await turns();
    made[0]!.beforeApply = undefined;
    const other = idsOf(store, { near, k: 80, distance: 'innerProduct' });
    await turns();
    letOn();
    expect(await waiting).toEqual(await idsOf(base, { near, k: 80 }));
    expect(await other).toHaveLength(80);
  });

  it('that is too small for one index: all rows are read, and it is tried again later', async () => {
    await insertMany(200);
    const store = open({ memoryBytesMax: 10_000 });
    await agrees(store);
    expect([made[0]!.opened, store.indexStates().length]).toEqual([1, 0]);
    await agrees(store);
    expect(made[0]!.opened).toBe(1);
    clock.advance(600_001);
    await agrees(store);
    expect(made[0]!.opened).toBe(2);
  });

  it('that an index outgrows later is given back as well', async () => {
    await insertMany(50);
    const store = open({ memoryBytesMax: 60_000 });
    await agrees(store);
    expect(store.indexStates()).toHaveLength(1);
    await insertMany(400, 'more');
    await agrees(store);
    expect(store.indexStates()).toHaveLength(0);
  });
});

describe('failures', () => {
  it('of the thread cost no answer: rows are read until another one is there', async () => {
    await insertMany(60);
    const store = open();
    await agrees(store);
    await made[0]!.stop();
    await agrees(store);
    expect(made).toHaveLength(1);
    clock.advance(1_000);
    await agrees(store);
    expect(made).toHaveLength(2);
    expect(made[1]!.searches).toBe(8);
  });

  it('of the thread while it reads the rows, or while it is asked', async () => {
    await insertMany(60);
    const store = open();
    const near = randomVector();
    const waiting = idsOf(store, { near });
    await turns(2);
    await made[0]!.stop();
    expect(await waiting).toEqual(await idsOf(base, { near }));
  });

  it.each(['ends', 'fails'])('of the watch, which %s while a search is on its way, cost no answer', async (how) => {
    await insertMany(60);
    let breakOff: () => void = () => undefined;
    const isBroken = new Promise<void>((resolve) => (breakOff = resolve));
    const watched: Store = {
      ...lasting(base),
      watch: async function* (ranges, options) {
        for await (const batch of base.watch(ranges, options)) {
          yield batch;
          await isBroken;
          if (how === 'fails') throw new AppError('UNAVAILABLE', 'away');
          return;
        }
      },
    };
    const store = open({ store: watched });
    await agrees(store);
    const indexes = made[0]!;
    let onClosed: () => void = () => undefined;
    const isClosed = new Promise<void>((resolve) => (onClosed = resolve));
    const [search, close] = [indexes.search.bind(indexes), indexes.close.bind(indexes)];
    // As if the search waited for others, and the index went away before its turn; and nobody hears of that before the search ends.
    indexes.search = async (...given) => {
      breakOff();
      await isClosed;
      return search(...given);
    };
    indexes.close = async (index) => {
      await close(index);
      onClosed();
      await asked.catch(() => undefined);
    };
    const near = randomVector();
    const asked = idsOf(store, { near });
    expect(await asked).toEqual(await idsOf(base, { near }));
  });

  it('of the store while it is read are told, and the next search begins anew', async () => {
    await insertMany(60);
    let isAway = false;
    const failing: Store = {
      ...lasting(base),
      read: (ranges, options) => {
        if (isAway && ranges.some(({ bytesMax }) => bytesMax !== undefined))
          return Promise.reject(new AppError('UNAVAILABLE', 'away'));
        return base.read(ranges, options);
      },
    };
    const store = open({ store: failing });
    isAway = true;
    await expect(idsOf(store, { near: randomVector() })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    isAway = false;
    await agrees(store);
  });
});

describe('an index that has become poor', () => {
  it('is made anew, and the old one answers until then', async () => {
    await insertMany(2_500);
    const store = open({ graphFrom: 100 });
    await agrees(store);
    await turns(2_000);
    const gone = Array.from({ length: 2_000 }, (_, at) => `r${at}`);
    for (let at = 0; at < gone.length; at += 100) await committed(base, deleting(...gone.slice(at, at + 100)));
    while (made[0]!.opened === 1) {
      await agrees(store, { isExact: false });
      await turns(20);
    }
    await turns(500);
    await agrees(store);
    expect(store.indexStates()).toMatchObject([{ count: 500, isWorn: false }]);
  });
});

describe('snapshots', () => {
  const files = async (): Promise<string[]> => (await readdir(directory)).sort();

  /** An index of many vectors that was written down at its end. */
  async function written(count = 600): Promise<void> {
    await insertMany(count);
    const store = await openWithSnapshots();
    await agrees(store);
    // Its graph grows between searches.
    await turns(300);
    await store.close();
  }

  it('that are missing are made from the rows, of which it is said how many have been read', async () => {
    const readings = () => reports.flatMap((each) => (each.kind === 'reading' ? [each] : []));
    const names = Array.from({ length: 600 }, (_, index) => `r${index}`);
    for (let at = 0; at < names.length; at += 50) {
      const some = names.slice(at, at + 50);
      const vectors = Object.fromEntries(some.map((name) => [name, randomVector()]));
      // Rows of several pages.
      const metadata = Object.fromEntries(some.map((name) => [name, { padding: 'x'.repeat(2_000) }]));
      await committed(base, inserting(vectors, metadata));
    }
    const said: unknown[] = [];
    const indexes = new WatchedIndexes(systemClock);
    const store = await openWithSnapshots({ makeIndexes: () => indexes });
    indexes.beforeApply = async () => void said.push((await store.status()).indexing);
    await idsOf(store, { near: randomVector() });
    // The first page is on its way before anybody knows how many there are.
    expect(said).toEqual([
      undefined,
      ...readings()
        .slice(0, -1)
        .map(({ rows }) => ({ rows, total: 600 })),
    ]);
    expect(await store.status()).not.toHaveProperty('indexing');
    await agrees(store);
    expect(readings().length).toBeGreaterThan(3);
    expect(readings().map(({ total }) => total)).toEqual(readings().map(() => 600));
    expect(readings().map(({ isDone }) => isDone)).toEqual([
      ...readings()
        .slice(1)
        .map(() => false),
      true,
    ]);
    const rows = readings().map((each) => each.rows);
    expect(rows).toEqual([...rows].sort((x, y) => x - y));
    expect(rows.at(-1)).toBe(600);
  });

  it('spare reading the rows again: only what has changed meanwhile is read', async () => {
    await written();
    expect(await files()).toEqual([
      expect.stringMatching(/^\w{32}-1\.graph$/),
      expect.stringMatching(/^\w{32}\.members$/),
    ]);
    await committed(base, inserting({ r5: randomVector(), new: randomVector() }));
    await committed(base, deleting('r7', 'r8'));
    const store = await openWithSnapshots();
    await agrees(store);
    await agrees(store, { filter: '{"each":[1,2,3]}' });
    expect(made.at(-1)!.applied.sort()).toEqual(['new', 'r5']);
    expect(store.indexStates()[0]!.count).toBe(599);
  });

  it('are renewed now and then where something has changed, and leave one graph', async () => {
    await insertMany(600);
    const store = await openWithSnapshots({ snapshotEveryMs: 1_000 });
    await agrees(store);
    const indexes = made.at(-1)!;
    for (let round = 1; round <= 3; round += 1) {
      clock.advance(1_000);
      while (indexes.saves < round) await turns(1);
      // Nothing has changed.
      await turns();
      clock.advance(1_000);
      await turns();
      expect(indexes.saves).toBe(round);
      await committed(base, inserting({ [`new${round}`]: randomVector() }));
      await agrees(store);
    }
    await store.close();
    expect(await files()).toHaveLength(2);
  });

  it('are not made of small indexes', async () => {
    await insertMany(20);
    const store = await openWithSnapshots();
    await agrees(store);
    await store.close();
    expect(await files()).toEqual([]);
  });

  it('are made of an index that has to go, and read when it comes back', async () => {
    await insertMany(600);
    const store = await openWithSnapshots({ indexesMax: 1 });
    await agrees(store);
    await turns(300);
    await agrees(store, { distance: 'cosine' });
    const applied = made.at(-1)!.applied.length;
    await agrees(store);
    expect(made.at(-1)!.applied).toHaveLength(applied);
  });

  it('that take too long at the end are given up', async () => {
    await insertMany(600);
    const store = await openWithSnapshots();
    await agrees(store);
    made.at(-1)!.beforeSave = () => new Promise(() => undefined);
    const closing = store.close();
    await turns();
    clock.advance(5_000);
    await closing;
  });

  it('that cannot be finished leave nothing, and the one before as it was', async () => {
    await written();
    const before = await files();
    const store = await openWithSnapshots();
    await committed(base, inserting({ new: randomVector() }));
    await agrees(store);
    // The members' new file cannot be made where a folder is.
    await mkdir(join(directory, `${before[1]!}.new`));
    await store.close();
    expect(reports).toContainEqual({ kind: 'fault', error: expect.any(Error) });
    await rm(join(directory, `${before[1]!}.new`), { recursive: true });
    expect(await files()).toEqual(before);
    const next = await openWithSnapshots();
    await agrees(next);
    expect(made.at(-1)!.applied).toEqual(['new']);
  });

  it('that cannot be written are reported, and nothing else', async () => {
    await insertMany(600);
    const store = await openWithSnapshots();
    await agrees(store);
    await turns(300);
    await rm(directory, { recursive: true });
    await store.close();
    expect(reports).toContainEqual({ kind: 'fault', error: expect.any(Error) });
  });

  const change =
    (at: (bytes: Buffer) => number) =>
    async (path: string): Promise<void> => {
      const bytes = await readFile(path);
      const place = at(bytes);
      bytes[place] = bytes[place]! ^ 0x10;
      await writeFile(path, bytes);
    };
  const damages: readonly (readonly [string, (path: string) => Promise<void>])[] = [
    ['is gone', (path) => rm(path)],
    ['is empty', (path) => truncate(path, 0)],
    ['is cut to a few bytes', (path) => truncate(path, 10)],
    ['is cut in the middle', async (path) => truncate(path, Math.floor((await stat(path)).size / 2))],
    ['lacks its last byte', async (path) => truncate(path, (await stat(path)).size - 1)],
    ['has more bytes', async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(64)]))],
    ['has another first byte', change(() => 0)],
    ['has another length in its head', change(() => 9)],
    ['has another byte in its head', change(() => 40)],
    ['has another bit in its middle', change(({ length }) => length >> 1)],
    ['has another last byte', change(({ length }) => length - 1)],
    ['is noise', async (path) => writeFile(path, makeSeededIds(1).bytes((await stat(path)).size))],
    ['is a folder', async (path) => (await rm(path), cp(__dirname, path, { recursive: true }))],
  ];

  describe.each(['.members', '.graph'])('whose file %s', (ending) => {
    it.each(damages)('%s is as good as none', async (_, damage) => {
      await written();
      const file = (await files()).find((each) => each.endsWith(ending))!;
      await damage(join(directory, file));
      const store = await openWithSnapshots();
      await agrees(store);
      expect(made.at(-1)!.applied).toHaveLength(600);
      // And there is a new one afterwards.
      await turns(300);
      await store.close();
      const next = await openWithSnapshots();
      await agrees(next);
      expect(made.at(-1)!.applied).toHaveLength(0);
    });
  });

  it('of another store, or of other settings, are as good as none', async () => {
    await written();
    const kept = await mkdtemp(join(tmpdir(), 'norigate-vectors-'));
    await cp(directory, kept, { recursive: true });
    await base.close();
    base = new LocalStore({ engine: makeMemoryEngine({ storeId: 'another' }), clock });
    await insertMany(600);
    const store = await openWithSnapshots();
    expect(await files()).toEqual([]);
    await cp(kept, directory, { recursive: true });
    await agrees(store);
    expect(made.at(-1)!.applied).toHaveLength(600);
    await rm(kept, { recursive: true });
  });

  it('whose graph is that of another index are as good as none', async () => {
    await written();
    const store = await openWithSnapshots();
    await agrees(store, { distance: 'innerProduct' });
    await turns(300);
    await store.close();
    const [one, other] = (await files()).filter((each) => each.endsWith('.graph'));
    await cp(join(directory, one!), join(directory, other!));
    const next = await openWithSnapshots();
    await agrees(next);
    await agrees(next, { distance: 'innerProduct' });
  });

  it('of namespaces that are gone are removed at the next start, with all that was left half done', async () => {
    await written();
    const name = (await files())[0]!.slice(0, 32);
    await writeFile(join(directory, `${name}.members.new`), 'half');
    await writeFile(join(directory, `${'0'.repeat(32)}-3.graph`), 'orphan');
    await writeFile(join(directory, 'notes.txt'), 'not ours');
    await openSnapshotDirectory(directory, base);
    expect(await files()).toHaveLength(3);
    const { results } = await base.read([{ start: Buffer.from('v:'), end: Buffer.from('v;'), keysOnly: true }]);
    for (let at = 0; at < 600; at += 100) {
      const keys = results[0]!.entries.slice(at, at + 100).map(({ key }) => key);
      await committed(base, transaction(keys.map((key) => ({ kind: 'delete', key, history: 'key' }))));
    }
    await openSnapshotDirectory(directory, base);
    expect(await files()).toEqual(['notes.txt']);
  });
});
