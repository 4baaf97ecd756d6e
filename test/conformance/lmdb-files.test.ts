/** The files of LMDB: whose they are, and what is done with those that are damaged, foreign or of a later program. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { formatByte, metaKeys } from '../../storage/engines/lmdb-format';
import { showPresence } from '../../storage/engines/lmdb-presence';
import { openStore } from '../../storage/open';
import { LmdbOpener } from '../support/lmdb-opener';
import { committed, contents, put, putAll, remove, transaction } from './suite/words';

jest.setTimeout(30_000);

/** Bytes that are nothing, the same in every run. */
const garbage = (size: number): Buffer => {
  const part = makeSeededIds(7).bytes(1_024);
  return Buffer.concat(
    Array.from({ length: Math.ceil(size / part.length) }, () => part),
    size,
  );
};

/** The files of a directory with what is in them. What LMDB keeps of its readers is no data. */
function pictureOf(directory: string): Record<string, string> {
  if (!statSync(directory).isDirectory()) return { '': readFileSync(directory).toString('latin1') };
  const files = readdirSync(directory, { withFileTypes: true }).filter(({ name }) => name !== 'lock.mdb');
  return Object.fromEntries(
    files.map((file) => {
      if (!file.isFile()) return [file.name, 'no file'];
      const bytes = readFileSync(join(directory, file.name));
      return [file.name, `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`];
    }),
  );
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
}

let parent: string;
/** Sound data, closed in order; tests work on copies. */
let sound: string;
let copies = 0;
const opener = new LmdbOpener();

const open = (directory: string): Promise<Store> =>
  openStore({ engine: 'lmdb', directory, clock: systemClock, ids: systemIds });

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'norigate-'));
  sound = join(parent, 'sound');
  const store = await open(sound);
  for (let index = 0; index < 20; index += 1) {
    await committed(store, transaction([put(`k${index}`, Buffer.alloc(20_000, index)), put('counter', String(index))]));
  }
  await committed(store, transaction([remove('k3')]));
  await store.close();
});
afterAll(async () => {
  await opener.kill();
  await rm(parent, { recursive: true, force: true });
});

function copyOfSound(): string {
  const copy = join(parent, `copy${(copies += 1)}`);
  cpSync(sound, copy, { recursive: true });
  return copy;
}

test('sound data is opened, in another place too, again and again', async () => {
  const copy = copyOfSound();
  for (let round = 0; round < 3; round += 1) {
    expect(await opener.open(copy)).toMatchObject({ kind: 'opened', entries: 20 });
  }
});

describe('data that another process has open', () => {
  test('is refused, with the directory and who has it, and nothing changes', async () => {
    const directory = copyOfSound();
    const store = await open(directory);
    await putAll(store, 'mine');
    const before = pictureOf(directory);
    const answer = await opener.open(directory);
    expect(answer).toMatchObject({ kind: 'refused', code: 'UNAVAILABLE' });
    for (const part of [directory, 'in use', `process ${process.pid}`]) {
      expect(answer).toMatchObject({ message: expect.stringContaining(part) });
    }
    expect(pictureOf(directory)).toEqual(before);
    // The owner has noticed nothing.
    await putAll(store, 'mine too');
    expect(Object.keys(await contents(store))).toHaveLength(22);
    await store.close();
    expect(await opener.open(directory)).toMatchObject({ kind: 'opened', entries: 22 });
  });

  test('is refused in the same process too', async () => {
    const directory = copyOfSound();
    const store = await open(directory);
    await expect(open(directory)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(directory),
    });
    await expect(open(join(directory, '..', directory.split('/').at(-1)!))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await putAll(store, 'mine');
    await store.close();
    const again = await open(directory);
    expect(Object.keys(await contents(again))).toHaveLength(21);
    await again.close();
  });

  test('is refused where numbers of processes do not tell, as between containers, and while it stands still', async () => {
    const directory = copyOfSound();
    expect(await opener.open(directory, { isKept: true })).toMatchObject({ kind: 'opened' });
    // As another container sees it: the owner's number is nobody's here.
    const inside = openLmdb({ path: directory, noSubdir: false, maxDbs: 12 });
    const meta = inside.openDB<Buffer, Buffer>({ name: 'meta', keyEncoding: 'binary', encoding: 'binary' });
    const nobody = Buffer.concat([Buffer.of(formatByte), Buffer.from('{"pid":0,"epoch":7}')]);
    meta.putSync(metaKeys.owner, nobody);
    await inside.close();
    const before = pictureOf(directory);
    const refused = { code: 'UNAVAILABLE', message: expect.stringContaining(`in use by process ${opener.pid}`) };
    await expect(open(directory)).rejects.toMatchObject(refused);
    process.kill(opener.pid, 'SIGSTOP');
    await expect(open(directory)).rejects.toMatchObject(refused);
    process.kill(opener.pid, 'SIGCONT');
    expect(pictureOf(directory)).toEqual(before);
    await opener.kill();
    const store = await open(directory);
    await store.close();
    // What the dead one and we have shown is gone.
    expect(readdirSync(directory).filter((name) => name.endsWith('.sock'))).toEqual([]);
  });

  test('has one owner at most, however many come at the same moment', async () => {
    const directory = join(parent, 'wanted');
    mkdirSync(directory);
    for (let round = 0; round < 20; round += 1) {
      const came = await Promise.allSettled(Array.from({ length: 5 }, () => showPresence(directory, systemIds)));
      const owners = came.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(owners.length).toBeLessThanOrEqual(1);
      const [owner = await showPresence(directory, systemIds)] = owners;
      await expect(showPresence(directory, systemIds)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await owner.leave();
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  test('is free when that process has closed it, or was killed', async () => {
    const directory = copyOfSound();
    expect(await opener.open(directory, { isKept: true })).toMatchObject({ kind: 'opened' });
    await expect(open(directory)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(String(opener.pid)),
    });
    await opener.kill();
    const store = await open(directory);
    await putAll(store, 'mine');
    await store.close();
    expect(await opener.open(directory)).toMatchObject({ kind: 'opened', entries: 21 });
  });
});

describe('what is not sound is refused, with the file and the reason, and left as it is', () => {
  const data = (directory: string): string => join(directory, 'data.mdb');
  const mark = (directory: string): string => join(directory, 'norigate.json');
  const sizeOf = (directory: string): number => statSync(data(directory)).size;

  test.each<[string, (directory: string) => void, readonly string[]]>([
    ['a header that was written over', (at) => overwrite(data(at), 0, garbage(4_096)), ['data.mdb', 'header']],
    [
      'a second header that was written over',
      (at) => overwrite(data(at), 4_096, garbage(4_096)),
      ['data.mdb', 'header'],
    ],
    ['headers of nothing but zeros', (at) => overwrite(data(at), 0, Buffer.alloc(8_192)), ['data.mdb', 'header']],
    ['a file that was cut off', (at) => truncateSync(data(at), 200_000), ['data.mdb', 'cut off', '200000']],
    ['a file that was cut off in its header', (at) => truncateSync(data(at), 100), ['data.mdb', 'short']],
    ['an empty file', (at) => truncateSync(data(at), 0), ['data.mdb', 'short']],
    ['a file of something else', (at) => writeFileSync(data(at), garbage(sizeOf(at))), ['data.mdb', 'header']],
    ['a file that is missing', (at) => rmSync(data(at)), ['data.mdb', 'missing']],
    ['a mark that is no JSON', (at) => writeFileSync(mark(at), '{"format":'), ['norigate.json', 'read']],
    ['a mark that is empty', (at) => writeFileSync(mark(at), ''), ['norigate.json', 'read']],
    ['a mark that says nothing', (at) => writeFileSync(mark(at), '{}'), ['norigate.json', 'format']],
    ['data without its mark', (at) => rmSync(mark(at)), ['data.mdb', 'norigate.json']],
    [
      'the directory of another program',
      (at) => {
        rmSync(at, { recursive: true });
        mkdirSync(at);
        writeFileSync(join(at, 'PG_VERSION'), '17\n');
      },
      ['PG_VERSION', 'another program'],
    ],
    [
      'a file in place of the directory',
      (at) => {
        rmSync(at, { recursive: true });
        writeFileSync(at, 'precious');
      },
      ['cannot be made'],
    ],
  ])('%s', async (_what, damage, named) => {
    const directory = copyOfSound();
    damage(directory);
    const before = pictureOf(directory);
    for (let round = 0; round < 2; round += 1) {
      const answer = await opener.open(directory);
      expect(answer).toMatchObject({ kind: 'refused', code: 'INTERNAL' });
      for (const part of [directory, ...named])
        expect(answer).toMatchObject({ message: expect.stringContaining(part) });
      expect(pictureOf(directory)).toEqual(before);
    }
  });

  test('data of a later format, saying which one is known', async () => {
    const directory = copyOfSound();
    const later = JSON.parse(readFileSync(mark(directory), 'utf8')) as { format: number };
    writeFileSync(mark(directory), JSON.stringify({ ...later, format: later.format + 1, news: true }));
    const before = pictureOf(directory);
    const answer = await opener.open(directory);
    expect(answer).toMatchObject({ kind: 'refused', code: 'INTERNAL' });
    for (const part of [directory, `format ${later.format + 1}`, `up to ${later.format}`]) {
      expect(answer).toMatchObject({ message: expect.stringContaining(part) });
    }
    expect(pictureOf(directory)).toEqual(before);
    writeFileSync(mark(directory), JSON.stringify(later));
    expect(await opener.open(directory)).toMatchObject({ kind: 'opened', entries: 20 });
  });
});

describe('a directory that is new', () => {
  test('is made with all that is above it, for its owner alone', async () => {
    const directory = join(parent, 'deep', 'er', 'data');
    expect(await opener.open(directory)).toMatchObject({ kind: 'opened', entries: 0, revision: 0 });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o007).toBe(0);
  });

  test('may hold what is no data: a socket is allowed for, hidden files too', async () => {
    const directory = join(parent, 'hidden');
    mkdirSync(directory);
    writeFileSync(join(directory, '.keep'), '');
    expect(await opener.open(directory)).toMatchObject({ kind: 'opened', entries: 0 });
    expect(readFileSync(join(directory, '.keep'), 'utf8')).toBe('');
  });
});
