/**
 * The process dies at any one of its physical commits: before it, within it, or when it stands and nobody has been told. What is
 * found afterwards is what some whole number of operations leaves; everything that was acknowledged is among them, and going on
 * from there, with what was begun sent again, ends as if nothing had happened.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change, Store } from '../../proto/store';
import { systemIds } from '../../src/core/ids';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { LocalStore } from '../../storage/local-store';
import { openStore } from '../../storage/open';
import { WatchReader } from '../conformance/suite/watch-reader';
import { everything, readOne, textOf } from '../conformance/suite/words';
import type { CrashMoment, CrashOptions } from '../support/crash-child';
import { clockBefore, operations, runOperation } from '../support/crash-script';

jest.setTimeout(60_000);

const moments: readonly CrashMoment[] = ['before', 'within', 'after'];

/** What a store holds and has changed, without revisions. */
interface Picture {
  readonly contents: readonly string[];
  readonly changes: readonly string[];
}

async function pictureOf(store: Store): Promise<Picture> {
  const { entries } = await readOne(store, everything);
  const reader = await WatchReader.begin(store, [everything], { afterRevision: 0 });
  await reader.until((await store.status()).revision);
  await reader.end();
  return {
    contents: entries.map(
      ({ key, value, expiresAtMs }) => `${textOf(key)} ${textOf(value).slice(0, 20)} ${expiresAtMs}`,
    ),
    changes: reader.changes.map(({ kind, key, value }: Change) => `${kind} ${textOf(key)} ${value?.length}`),
  };
}

/** What the operations leave, one after the other, on the memory engine: the first is what is there before all of them. */
async function expectedPictures(): Promise<readonly Picture[]> {
  const clock = clockBefore(0);
  const store = new LocalStore({ engine: makeMemoryEngine({}), clock });
  const pictures = [await pictureOf(store)];
  for (let index = 0; index < operations.length; index += 1) {
    await runOperation({ store, clock }, index);
    pictures.push(await pictureOf(store));
  }
  await store.close();
  return pictures;
}

/** Runs the script until it dies; gives how many operations it was told of. */
async function crash(options: CrashOptions): Promise<number> {
  const child = fork(join(__dirname, '..', 'support', 'crash-child.ts'), [JSON.stringify(options)], {
    execArgv: ['-r', join(__dirname, '..', 'support', 'register-ts.cjs')],
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  return readFileSync(options.acknowledgedFile, 'utf8').length;
}

let pictures: readonly Picture[];
let directory: string;
beforeAll(async () => {
  pictures = await expectedPictures();
});
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'norigate-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

// Every operation is one physical commit: so they have the same numbers.
describe.each(moments)('killed %s a commit', (moment) => {
  test.each(operations.map(({ name }, index) => [index + 1, name] as const))('number %i: %s', async (at) => {
    const data = join(directory, 'data');
    const told = await crash({ directory: data, acknowledgedFile: join(directory, 'told'), at, moment });
    expect(told).toBe(at - 1);
    const clock = clockBefore(told);
    const store = await openStore({ engine: 'lmdb', directory: data, clock, ids: systemIds });
    try {
      const found = await pictureOf(store);
      const isWhole = [pictures[told], pictures[told + 1]].some(
        (each) => JSON.stringify(each) === JSON.stringify(found),
      );
      // Shown as a difference where it is neither.
      if (!isWhole || moment === 'before') expect(found).toEqual(pictures[told]);
      if (moment === 'after') expect(found).toEqual(pictures[told + 1]);
      for (let index = told; index < operations.length; index += 1) await runOperation({ store, clock }, index);
      expect(await pictureOf(store)).toEqual(pictures.at(-1));
    } finally {
      await store.close();
    }
  });
});
