/** The near cache: coherent over gateways, with single flight, absence, expiry and bounds. */
import { keyspace, families } from '../../src/core/keyspace';
import { Cache } from '../../src/patterns/cache';
import { CacheBudget } from '../../src/patterns/cache-entries';
import { AppError } from '../../src/core/errors';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
let other: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(() => world.close());

const put = (key: string, text: string, by = gateway, ttlMs?: number) =>
  by.kv.put({ key, value: Buffer.from(text), ifAbsent: false, ...(ttlMs === undefined ? {} : { ttlMs }) });
/** The text, null where there is none, with a + where it came from memory. */
async function cached(key: string, by = gateway, maxAgeMs?: number): Promise<string | null> {
  const { entry, isHit } = await by.cache.get(key, maxAgeMs);
  const text = entry ? entry.value.toString('utf8') : null;
  return isHit ? `+${text}` : text;
}
/** Lets what the feed has to say arrive. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}
/** The cache is not used before its feed has begun. */
async function begin(...gateways: Gateway[]): Promise<void> {
  for (const each of gateways) await each.cache.get('none');
  await settle();
  for (const each of gateways) {
    each.cache.invalidateAll();
    each.store.reset();
  }
}

describe('a read through the cache', () => {
  it('reads once, then answers from memory, whole', async () => {
    await put('a', 'x');
    await begin(gateway);
    expect(await cached('a')).toBe('x');
    world.clock.advance(7);
    const { entry, isHit, ageMs } = await gateway.cache.get('a');
    expect([isHit, ageMs]).toEqual([true, 7]);
    expect({ ...entry }).toEqual(await gateway.kv.get('a', 'linearizable'));
    expect(gateway.store.reads).toHaveLength(2);
  });

  it('remembers absence', async () => {
    await begin(gateway);
    expect([await cached('a'), await cached('a')]).toEqual([null, '+null']);
    await put('a', 'x', other);
    await settle();
    expect(await cached('a')).toBe('x');
  });

  it('reads anew what is as old as maxAgeMs, or as the time to live', async () => {
    await put('a', 'x');
    await begin(gateway);
    await cached('a');
    expect(await cached('a', gateway, 0)).toBe('x');
    world.clock.advance(10);
    expect(await cached('a', gateway, 11)).toBe('+x');
    expect(await cached('a', gateway, 10)).toBe('x');
    const { ttlMs } = gateway.cache.stats();
    for (let passed = 0; passed < ttlMs - 500; passed += 500) {
      world.clock.advance(500);
      await settle();
    }
    world.clock.advance(499);
    expect(await cached('a')).toBe('+x');
    world.clock.advance(1);
    expect(await cached('a')).toBe('x');
  });

  it('of a thousand callers at once is one read, and they count as hits but for the first', async () => {
    await put('a', 'x');
    await begin(gateway);
    const before = gateway.cache.stats();
    const answers = await atOnce(1_000, () => cached('a'));
    expect(answers.filter((answer) => answer === 'x')).toHaveLength(1);
    expect(answers.filter((answer) => answer === '+x')).toHaveLength(999);
    expect(gateway.store.reads).toHaveLength(1);
    const { hits, misses } = gateway.cache.stats();
    expect([hits - before.hits, misses - before.misses]).toEqual([999, 1]);
  });

  it('fails for all who wait where the read fails, and remembers nothing of it', async () => {
    await begin(gateway);
    gateway.store.beforeRead = () => {
      gateway.store.beforeRead = undefined;
      throw new AppError('UNAVAILABLE', 'lost');
    };
    const failures = await Promise.allSettled([cached('a'), cached('a')]);
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await cached('a')).toBeNull();
  });

  it('ends with the entry, to the millisecond', async () => {
    await put('a', 'x', gateway, 100);
    await begin(gateway);
    await cached('a');
    world.clock.advance(99);
    expect(await cached('a')).toBe('+x');
    world.clock.advance(1);
    expect(await cached('a')).toBeNull();
  });

  it('never ends late, however long its read took', async () => {
    await put('a', 'x', gateway, 100);
    await begin(gateway);
    gateway.store.afterRead = () => {
      gateway.store.afterRead = undefined;
      world.clock.advance(60);
    };
    await cached('a');
    world.clock.advance(39);
    expect(await cached('a')).toBe('+x');
    world.clock.advance(1);
    expect(await cached('a')).toBeNull();
  });

  it.each(['', 'x'.repeat(1_025), '\ud800'])('refuses the key %j', async (key) => {
    expect(() => gateway.cache.get(key)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('refuses a negative age', async () => {
    expect(() => gateway.cache.get('a', -1)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('a write', () => {
  it.each([
    ['a put', () => put('a', 'y'), 'y'],
    ['a delete', () => gateway.kv.delete({ key: 'a' }), null],
    [
      'a transaction',
      () => gateway.kv.transact({ checks: [], puts: [{ key: 'a', value: Buffer.from('y') }], deletes: [] }),
      'y',
    ],
  ] as const)(
    'by %s is seen on its own gateway at once, and on others as soon as they hear of it',
    async (_, write, text) => {
      await put('a', 'x');
      await begin(gateway, other);
      expect([await cached('a'), await cached('a', other)]).toEqual(['x', 'x']);
      await write();
      expect(await cached('a')).toBe(text);
      await settle();
      expect(await cached('a', other)).toBe(text);
      expect(await cached('a', other)).toBe(`+${text}`);
    },
  );

  it('is not undone by a read that began before it', async () => {
    await put('a', 'x');
    await begin(gateway, other);
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    gateway.store.afterRead = () => {
      gateway.store.afterRead = undefined;
      return held;
    };
    const early = cached('a');
    await settle();
    await put('a', 'y', other);
    await settle();
    // Whoever comes after the change does not join the early read.
    expect(await cached('a')).toBe('y');
    go();
    expect(await early).toBe('x');
    expect(await cached('a')).toBe('+y');
  });

  it('of its own gateway is not joined to a read from before it', async () => {
    await put('a', 'x');
    await begin(gateway);
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    gateway.store.afterRead = () => {
      gateway.store.afterRead = undefined;
      return held;
    };
    const early = cached('a');
    await settle();
    await put('a', 'y');
    expect(await cached('a')).toBe('y');
    go();
    await early;
    expect(await cached('a')).toBe('+y');
  });
});

describe('a write through the cache', () => {
  const cachePut = (text: string, over: object = {}) =>
    gateway.cachedKv.put({ key: 'a', value: Buffer.from(text), ifAbsent: false, ...over });

  it('leaves what it has put in memory', async () => {
    await begin(gateway);
    const outcome = await cachePut('x');
    expect(await cached('a')).toBe('+x');
    await settle();
    const { entry } = await gateway.cache.get('a');
    expect(entry).toMatchObject({ revision: outcome.kind === 'put' && outcome.revision, expiresAtMs: 0 });
    expect(gateway.store.reads).toEqual([]);
    expect(await gateway.cachedKv.delete({ key: 'a' })).toMatchObject({ wasPresent: true });
    expect(await cached('a')).toBeNull();
  });

  it('has idempotency keys of its own, apart from those of kvPut', async () => {
    await begin(gateway);
    const first = await cachePut('x', { idempotencyKey: 'k' });
    const input = { key: 'b', value: Buffer.from('y'), ifAbsent: false, idempotencyKey: 'k' };
    expect(await gateway.kv.put(input)).toMatchObject({ kind: 'put', key: 'b' });
    expect(await cachePut('x', { idempotencyKey: 'k' })).toEqual(first);
    await expect(cachePut('z', { idempotencyKey: 'k' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it('with a time to live is right to the millisecond', async () => {
    await begin(gateway);
    await cachePut('x', { ttlMs: 50 });
    expect(await cached('a')).toBe('x');
    world.clock.advance(50);
    expect(await cached('a')).toBeNull();
  });

  it('that is refused leaves the cache right', async () => {
    await put('a', 'x');
    await begin(gateway, other);
    await cached('a');
    gateway.store.beforeCommit = async () => {
      gateway.store.beforeCommit = undefined;
      await put('a', 'z', other);
    };
    expect(await cachePut('y', { ifAbsent: true })).toMatchObject({ kind: 'conflict' });
    expect(await cached('a')).toBe('z');
  });

  it('that is a replay does not put its old value into the cache', async () => {
    await begin(gateway);
    await cachePut('x', { idempotencyKey: 'k' });
    await put('a', 'y', other);
    await settle();
    await cachePut('x', { idempotencyKey: 'k' });
    expect(await cached('a')).toBe('y');
  });
});

describe('the feed', () => {
  it('must have begun before anything is remembered', async () => {
    await put('a', 'x');
    const first = gateway.cache.get('a');
    const second = gateway.cache.get('a');
    expect([(await first).isHit, (await second).isHit]).toEqual([false, false]);
    await settle();
    expect([await cached('a'), await cached('a')]).toEqual(['x', '+x']);
  });

  it('silent for 1.5 s is not relied on, and what was remembered before is forgotten', async () => {
    let isSilent = false;
    const { store } = gateway;
    const source = store.watch.bind(store);
    store.watchBatches = (options) => ({
      async *[Symbol.asyncIterator]() {
        store.watchBatches = undefined;
        for await (const batch of source([{ start: keyspace.kv(''), end: Buffer.of(families.kv.code + 1) }], options))
          if (!isSilent) yield batch;
      },
    });
    await put('a', 'x', other);
    await begin(gateway);
    expect([await cached('a'), await cached('a')]).toEqual(['x', '+x']);
    isSilent = true;
    await put('a', 'y', other);
    world.clock.advance(1_500);
    await settle();
    // Not yet cut off: this late a gateway may see the old value.
    expect(await cached('a')).toBe('+x');
    world.clock.advance(1);
    expect([await cached('a'), await cached('a')]).toEqual(['y', 'y']);
    isSilent = false;
    world.clock.advance(500);
    await settle();
    expect([await cached('a'), await cached('a')]).toEqual(['y', '+y']);
  });

  it('that has ended begins anew', async () => {
    await put('a', 'x');
    const { store } = gateway;
    store.watchBatches = () => ({
      async *[Symbol.asyncIterator]() {
        yield { changes: [], revision: 1, nowMs: world.clock.nowMs() };
        store.watchBatches = undefined;
        throw new AppError('HISTORY_GONE', 'other data');
      },
    });
    await cached('a');
    await settle();
    expect([await cached('a'), await cached('a')]).toEqual(['x', 'x']);
    world.clock.advance(500);
    await cached('a');
    await settle();
    expect([await cached('a'), await cached('a')]).toEqual(['x', '+x']);
  });

  it('ends a minute after the last use', async () => {
    await begin(gateway);
    await cached('a');
    expect(gateway.cache.stats().size).toBe(1);
    for (let passed = 0; passed <= 120_000; passed += 500) {
      world.clock.advance(500);
      await turn();
    }
    await settle();
    expect(gateway.cache.stats().size).toBe(0);
  });
});

describe('what is dropped', () => {
  it('on request is counted, and read anew', async () => {
    await put('a', 'x');
    await put('b', 'x');
    await begin(gateway);
    const before = gateway.cache.stats().invalidations;
    await cached('a');
    await cached('b');
    expect(gateway.cache.invalidate(['a', 'c'])).toBe(1);
    expect([await cached('a'), await cached('b')]).toEqual(['x', '+x']);
    expect(gateway.cache.invalidateAll()).toBe(2);
    expect(gateway.cache.stats()).toMatchObject({ size: 0, invalidations: before + 3 });
    expect(await cached('b')).toBe('x');
  });

  it('is said of keys that are none', () => {
    expect(() => gateway.cache.invalidate([''])).toThrow('keys[0]');
  });
});

describe('bounds', () => {
  async function small(entriesMax: number, budget?: CacheBudget): Promise<Cache> {
    const cache = new Cache({
      store: gateway.store,
      clock: world.clock,
      limits: { entriesMax, ttlMs: 60_000 },
      budget,
    });
    await cache.get('none');
    await settle();
    return cache;
  }
  const isHeld = async (cache: Cache, key: string): Promise<boolean> => (await cache.get(key)).isHit;

  it('in entries are kept by forgetting what was used longest ago', async () => {
    const cache = await small(2);
    for (const key of ['a', 'b', 'a', 'c']) await cache.get(key);
    expect(cache.stats()).toMatchObject({ size: 2, maxSize: 2, evictions: 1, hits: 1, misses: 4, hitRatio: 0.2 });
    expect([await isHeld(cache, 'a'), await isHeld(cache, 'c'), await isHeld(cache, 'b')]).toEqual([true, true, false]);
  });

  it('in bytes are shared, and a tenant that floods pushes out its own', async () => {
    for (let index = 0; index < 20; index += 1) await put(`large-${index}`, 'x'.repeat(10_000));
    const budget = new CacheBudget(50_000);
    const [quiet, loud] = [await small(100, budget), await small(100, budget)];
    await quiet.get('a');
    for (let index = 0; index < 20; index += 1) await loud.get(`large-${index}`);
    expect(budget.bytes).toBeLessThanOrEqual(50_000);
    expect(loud.stats()).toMatchObject({ size: 4, evictions: 16 });
    expect(await isHeld(quiet, 'a')).toBe(true);
    expect(quiet.stats().evictions).toBe(0);
    loud.invalidateAll();
    quiet.invalidateAll();
    expect(budget.bytes).toBe(0);
  });

  it('keep a value that alone is too large out of memory', async () => {
    await put('a', 'x'.repeat(10_000));
    const cache = await small(10, new CacheBudget(5_000));
    await cache.get('a');
    expect(cache.stats().size).toBe(0);
    expect(await isHeld(cache, 'a')).toBe(false);
  });
});
