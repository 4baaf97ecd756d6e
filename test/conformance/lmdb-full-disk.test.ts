/**
 * A full disk: what cannot be written says so and is not written, reads go on, and writes work again when there is room.
 * On a disk of its own where one can be mounted, and everywhere with a bound on the file.
 */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transaction } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import type { AppError } from '../../src/core/errors';
import { systemIds } from '../../src/core/ids';
import { openLmdbEngine } from '../../storage/engines/lmdb';
import { LocalStore } from '../../storage/local-store';
import { LmdbOpener } from '../support/lmdb-opener';
import { SmallDisk } from '../support/small-disk';
import { WatchReader } from './suite/watch-reader';
import {
  bytes,
  check,
  checksOnly,
  commitOne,
  committed,
  conflicted,
  entryOf,
  everything,
  failureOf,
  put,
  readOne,
  remove,
  textOf,
  transaction,
} from './suite/words';

jest.setTimeout(60_000);

const megabyte = 1_048_576;
const valueBytes = 100_000;

/** A store on little room, with what it has acknowledged. */
class Filling {
  readonly clock = new ManualClock();
  readonly directory: string;
  readonly #dataBytesMax: number | undefined;
  readonly #acknowledged = new Map<string, Buffer>();
  readonly fatal: AppError[] = [];
  store!: LocalStore;
  #next = 0;

  private constructor(directory: string, dataBytesMax: number | undefined) {
    this.directory = directory;
    this.#dataBytesMax = dataBytesMax;
  }

  static async open(directory: string, dataBytesMax?: number): Promise<Filling> {
    const filling = new Filling(directory, dataBytesMax);
    await filling.#open();
    return filling;
  }

  async reopen(): Promise<void> {
    await this.store.close();
    await this.#open();
  }

  /** Writes until it is refused, some at a time; gives the refusal, and how many were written. */
  async fill(rest: Partial<Transaction> = {}): Promise<{ readonly error: AppError; readonly written: number }> {
    for (let written = 0; written < 2_000;) {
      const keys = Array.from({ length: 4 }, () => `fill${(this.#next += 1)}`);
      const value = Buffer.alloc(valueBytes, this.#next);
      const outcomes = await this.store.commit(
        keys.map((key) => transaction([put(key, value, { history: 'none' })], rest)),
      );
      outcomes.forEach((outcome, index) => {
        if (outcome.kind === 'committed') this.#acknowledged.set(keys[index]!, value);
      });
      written += outcomes.filter(({ kind }) => kind === 'committed').length;
      const refused = outcomes.find(({ kind }) => kind === 'failed');
      if (refused) return { error: failureOf(refused), written };
    }
    throw new Error('the room does not end');
  }

  /** Deletes the half of what was filled in. */
  async deleteHalf(): Promise<number> {
    const names = [...this.#acknowledged.keys()].filter((_, index) => index % 2 === 0);
    for (const name of names) {
      await committed(this.store, transaction([remove(name, 'none')]));
      this.#acknowledged.delete(name);
    }
    return names.length;
  }

  /** That exactly what was acknowledged is there. */
  async expectAcknowledged(): Promise<void> {
    const { entries } = await readOne(this.store, { start: bytes('fill'), end: bytes('fillz'), keysOnly: true });
    expect(entries.map(({ key }) => textOf(key)).sort()).toEqual([...this.#acknowledged.keys()].sort());
    for (const [name, value] of this.#acknowledged) {
      if (!(await entryOf(this.store, name))!.value.equals(value)) throw new Error(`${name} has another value`);
    }
  }

  async #open(): Promise<void> {
    const engine = await openLmdbEngine({
      directory: this.directory,
      ids: systemIds,
      ...(this.#dataBytesMax !== undefined && { dataBytesMax: this.#dataBytesMax }),
    });
    this.store = new LocalStore({ engine, clock: this.clock, onFatal: (error) => this.fatal.push(error) });
  }
}

function expectNoRoom({ code, message }: AppError): void {
  expect(code).toBe('UNAVAILABLE');
  expect(message).toMatch(/no (room|space)/i);
}

/** What holds while nothing can be written, and after deletions have made room. */
async function expectBearable(filling: Filling): Promise<void> {
  const { store, clock } = filling;
  const before = await committed(store, transaction([put('a', 'one'), put('mortal', 'v', { ttlMs: 1_000 })]));
  const reader = await WatchReader.begin(store, [everything]);
  const { error, written } = await filling.fill();
  expectNoRoom(error);
  expect(written).toBeGreaterThan(20);

  // It stays so, for all kinds of writes, and says so again.
  const { revision } = await store.status();
  const tries = [
    transaction([put('new', 'x'.repeat(10_000))]),
    transaction([put('a', 'two'.repeat(10_000))], { checks: [check('a', before.revision)] }),
    { ...checksOnly(), marks: [{ key: bytes('m'), value: Buffer.alloc(4_000) }] },
  ];
  for (const outcome of await store.commit(tries)) expectNoRoom(failureOf(outcome));
  expect((await store.status()).revision).toBe(revision);

  // What needs no room goes on: reads, checks, watches, expiry.
  await filling.expectAcknowledged();
  expect(textOf((await entryOf(store, 'a'))!.value)).toBe('one');
  await committed(store, checksOnly(check('a', before.revision)));
  await conflicted(store, checksOnly(check('a', 0)));
  clock.advance(1_000);
  expect(await entryOf(store, 'mortal')).toBeUndefined();

  // Deletions go through, and make room.
  const deleted = await filling.deleteHalf();
  const again = await filling.fill();
  expectNoRoom(again.error);
  expect(again.written).toBeGreaterThan(deleted / 2);
  await filling.expectAcknowledged();
  await filling.deleteHalf();
  const { revision: last } = await committed(
    store,
    transaction([put('a', 'three')], { checks: [check('a', before.revision)] }),
  );
  await reader.until(last);
  expect(reader.words().at(-1)).toBe(`put a @${last}`);
  await reader.end();
  expect(filling.fatal).toEqual([]);
}

/** Nothing that was acknowledged is missing, on a disk that is full when it is opened, too. */
async function expectAllThere(filling: Filling): Promise<void> {
  await filling.fill();
  await filling.reopen();
  await filling.expectAcknowledged();
  expectNoRoom((await filling.fill()).error);
  await filling.deleteHalf();
  await filling.reopen();
  await filling.expectAcknowledged();
  expect((await filling.fill()).written).toBeGreaterThan(0);
  expect(filling.fatal).toEqual([]);
}

describe('a file that may grow no further', () => {
  let directory: string;
  let filling: Filling;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'norigate-'));
    filling = await Filling.open(directory, 24 * megabyte);
  });
  afterEach(async () => {
    await filling.store.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('refuses writes and nothing else, until deletions have made room', () => expectBearable(filling));

  test('has everything that was acknowledged after a restart', () => expectAllThere(filling));

  test('never grows past its bound', async () => {
    await filling.fill();
    await filling.deleteHalf();
    await filling.fill();
    expect(statSync(join(directory, 'data.mdb')).size).toBeLessThanOrEqual(24 * megabyte);
  });
});

const whyNot = SmallDisk.whyNot();
if (whyNot === undefined) describe('a disk that is full', () => describeFullDisk());
else test(`no small disk can be mounted here: ${whyNot}`, () => expect(whyNot).not.toBe(''));

function describeFullDisk(): void {
  let disk: SmallDisk;
  let filling: Filling;
  beforeEach(async () => {
    disk = SmallDisk.mount(24 * megabyte);
    filling = await Filling.open(join(disk.path, 'data'));
  });
  afterEach(async () => {
    await filling.store.close();
    disk.remove();
  });

  test('refuses writes and nothing else, until deletions have made room', () => expectBearable(filling));

  test('has everything that was acknowledged after a restart', () => expectAllThere(filling));

  test('writes work again when the disk has become larger', async () => {
    await filling.fill();
    disk.resize(40 * megabyte);
    const { written, error } = await filling.fill();
    expect(written).toBeGreaterThan(50);
    expectNoRoom(error);
    await filling.reopen();
    await filling.expectAcknowledged();
    expect(filling.fatal).toEqual([]);
  });

  test('what others have filled it with is as bad, and as good when it is gone', async () => {
    const balloon = join(disk.path, 'balloon');
    await filling.store.commit([transaction([put('a')])]);
    try {
      writeFileSync(balloon, Buffer.alloc(24 * megabyte));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
    expectNoRoom((await filling.fill()).error);
    // Sooner or later: nothing is left, whatever the size of what is written.
    for (let size = 1; size < 100_000; size *= 10)
      await commitOne(filling.store, transaction([put('b', Buffer.alloc(size))]));
    await filling.expectAcknowledged();
    rmSync(balloon);
    expect((await filling.fill()).written).toBeGreaterThan(20);
    await filling.reopen();
    await filling.expectAcknowledged();
    expect(filling.fatal).toEqual([]);
  });

  test('data is opened on a disk without any room, and a new directory is refused with the reason', async () => {
    await filling.fill();
    await filling.store.close();
    // In a process of its own: LMDB touches its files through the map, which ends a process that finds no room.
    const opener = new LmdbOpener();
    try {
      try {
        writeFileSync(join(disk.path, 'balloon'), Buffer.alloc(24 * megabyte));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
      expect(await opener.open(filling.directory)).toMatchObject({ kind: 'opened' });
      const fresh = join(disk.path, 'fresh');
      expect(await opener.open(fresh)).toMatchObject({ kind: 'refused', message: expect.stringContaining(fresh) });
      expect(await opener.open(filling.directory)).toMatchObject({ kind: 'opened' });
    } finally {
      await opener.kill();
    }
    rmSync(join(disk.path, 'balloon'));
    await filling.reopen();
    await filling.expectAcknowledged();
  });
}
