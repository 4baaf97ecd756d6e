/** The event store over a store in memory, one and several gateways. */
import { limits } from '../../proto/limits';
import type { AppendOutcome, Event } from '../../src/patterns/event-stream';
import { makeEventId, versionOfMadeId } from '../../src/patterns/event-id';
import type { NewEvent } from '../../src/patterns/event-input';
import { positionCursor, versionCursor } from '../../src/patterns/event-pages';
import { makeSeededIds } from '../../src/core/ids';
import { families } from '../../src/core/keyspace';
import { AppError } from '../../src/core/errors';
import { TenancyWorld } from './support/tenancy-world';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

const event = (eventId?: string, type = 'noted', data: unknown = {}): NewEvent => ({ eventId, type, data });
const named = (...ids: string[]): NewEvent[] => ids.map((id) => event(id));
const append = (
  streamId: string,
  events: readonly NewEvent[],
  more: Partial<Parameters<Gateway['events']['append']>[0]> = {},
  through = gateway,
): Promise<AppendOutcome> => through.events.append({ streamId, events, ...more });
const allOf = async (streamId: string): Promise<readonly Event[]> =>
  (await gateway.events.page(streamId, { afterVersion: 0, first: 1_000 })).events;
const everything = { first: 1_000, streamPrefix: '' };
const idsOf = (events: readonly Event[]): string[] => events.map(({ eventId }) => eventId);
const rowsOf = async (family: keyof typeof families): Promise<number> => {
  const start = Buffer.of(families[family].code);
  const end = Buffer.of(families[family].code + 1);
  return (await gateway.store.read([{ start, end }])).results[0]!.entries.length;
};
const swept = (): Promise<void> =>
  world.until(
    (async () => {
      while ((await rowsOf('eventSweep')) > 0) await turn();
    })(),
  );

describe('appending', () => {
  it('gives versions in the stream and positions in the tenant, and shows what was written without a read', async () => {
    const outcome = await append('account', [event('a', 'opened', { by: 1 }), event('b')]);
    await append('other', named('a'));
    expect(outcome).toMatchObject({
      kind: 'appended',
      version: 1,
      written: {
        stream: { streamId: 'account', version: 2 },
        events: [
          { eventId: 'a', type: 'opened', data: '{"by":1}', metadata: '{}', version: 1, position: 1 },
          { eventId: 'b', version: 2, position: 2 },
        ],
      },
    });
    expect(outcome).toMatchObject({ written: { events: await allOf('account') } });
    const { events, hasMore } = await gateway.events.all(everything);
    expect(events.map(({ streamId, position }) => [streamId, position])).toEqual([
      ['account', 1],
      ['account', 2],
      ['other', 3],
    ]);
    expect(hasMore).toBe(false);
  });

  it('reads head and tail once, and nothing in a hot lane, however many ids are given', async () => {
    await append('hot', named('a'));
    expect(gateway.store.reads).toHaveLength(1);
    gateway.store.reset();
    for (const id of ['b', 'c', 'd']) await append('hot', named(id));
    await append('hot', [event(), event()]);
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 4]);
  });

  it('folds what comes together, to one stream and to many, into one commit', async () => {
    await append('0', [event()]);
    gateway.store.reset();
    await atOnce(30, (index) => append(String(index % 10), [event()]));
    expect(gateway.store.commits).toHaveLength(1);
    const { events } = await gateway.events.all(everything);
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 31 }, (_, index) => index + 1));
    expect(idsOf(await allOf('3'))).toHaveLength(3);
  });

  it('takes 100 events with ids of their own and 1 MB, and longest names of hardest characters', async () => {
    const text = '\0'.repeat(limits.nameBytesMax);
    const id = (index: number): string => `${'\0'.repeat(limits.nameBytesMax - 3)}${100 + index}`;
    const type = (index: number): string => `${'\u0001'.repeat(limits.nameBytesMax - 3)}${100 + index}`;
    const padding = limits.appendBytesMax / 100 - 2 * limits.nameBytesMax - 2 - 2;
    const events = Array.from({ length: 100 }, (_, index) => event(id(index), type(index), 'x'.repeat(padding)));
    const outcome = await append(text, events, { idempotencyKey: 'large' });
    expect(outcome).toMatchObject({ kind: 'appended', written: { stream: { version: 100 } } });
    expect(await append(text, events)).toMatchObject({ kind: 'appended', version: 1, written: undefined });
    const { events: all } = await gateway.events.all(everything);
    expect(all.map(({ type: each }) => each)).toEqual(events.map(({ type: each }) => each));
  });

  it('refuses what breaks a rule, and writes nothing', async () => {
    const refused: [string, Parameters<Gateway['events']['append']>[0]][] = [
      ['input.streamId', { streamId: '', events: [event()] }],
      ['input.streamId', { streamId: 'x'.repeat(257), events: [event()] }],
      ['input.events', { streamId: 's', events: [] }],
      ['input.events', { streamId: 's', events: Array.from({ length: 101 }, () => event()) }],
      ['input.events', { streamId: 's', events: [1, 2].map(() => event(undefined, 't', 'x'.repeat(500_000))) }],
      ['input.events[1].eventId', { streamId: 's', events: [event(), event('')] }],
      ['input.events[0].type', { streamId: 's', events: [event('a', '')] }],
      ['input.events[0].data', { streamId: 's', events: [event('a', 't', { n: Number.NaN })] }],
      ['input.events[0].data', { streamId: 's', events: [event('a', 't', '\ud800')] }],
      ['input.events[0].data', { streamId: 's', events: [event('a', 't', null)] }],
      ['input.events[0].metadata', { streamId: 's', events: [{ ...event(), metadata: [Infinity] }] }],
      ['input.expectedVersion', { streamId: 's', events: [event()], expectedVersion: -1 }],
      ['input.expectedVersion', { streamId: 's', events: [event()], expectedVersion: 1.5 }],
      ['input.idempotencyKey', { streamId: 's', events: [event()], idempotencyKey: '' }],
      ['input.fence.token', { streamId: 's', events: [event()], fence: { election: 'e', token: 1 } }],
    ];
    for (const [field, input] of refused) {
      const error = await gateway.events.append(input).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect((error as AppError).message).toMatch(new RegExp(`^${field.replace(/[.[\]]/g, '\\$&')}`));
    }
    expect(await gateway.events.get('s')).toBeUndefined();
    expect((await gateway.events.all(everything)).events).toEqual([]);
  });

  it('keeps data as it was given, names such as __proto__ and null among it', async () => {
    const data = JSON.parse('{"__proto__":{"x":1},"constructor":null,"n":1e21,"s":"\\u0000é"}') as unknown;
    await append('s', [event('a', 't', data), event('b', 't', false)]);
    const [first, second] = await allOf('s');
    expect([first!.data, second!.data]).toEqual([
      '{"__proto__":{"x":1},"constructor":null,"n":1e+21,"s":"\\u0000é"}',
      'false',
    ]);
  });

  it('expects a version once: of many who build on the same, one wins and the others see what they missed', async () => {
    const other = world.gateway();
    await append('s', named('a'));
    const outcomes = await world.until(
      atOnce(10, (index) => append('s', named(`x${index}`), { expectedVersion: 1 }, index % 2 ? other : gateway)),
    );
    const lost = outcomes.filter((outcome) => outcome.kind === 'wrongVersion');
    expect(lost).toHaveLength(9);
    expect(lost[0]).toMatchObject({ streamId: 's', expectedVersion: 1, actualVersion: 2 });
    expect(await gateway.events.missing(lost[0]!)).toEqual((await allOf('s')).slice(1));
    expect((await gateway.events.all(everything)).events).toHaveLength(2);
  });

  it('shows what was missed, the first 100 of it', async () => {
    for (let at = 0; at < 3; at += 1)
      await append(
        's',
        Array.from({ length: 50 }, () => event()),
      );
    const outcome = await append('s', [event()], { expectedVersion: 10 });
    const missing = await gateway.events.missing(outcome as Extract<AppendOutcome, { kind: 'wrongVersion' }>);
    expect([missing.length, missing[0]!.version, missing.at(-1)!.version]).toEqual([100, 11, 110]);
    const ahead = await append('s', [event()], { expectedVersion: 1_000 });
    expect(await gateway.events.missing(ahead as Extract<AppendOutcome, { kind: 'wrongVersion' }>)).toEqual([]);
  });

  it('answers a replay, of a part too, with what stands', async () => {
    await append('s', named('a', 'b', 'c'));
    await append('s', named('d'));
    for (const [ids, version] of [
      [['a', 'b', 'c'], 1],
      [['b', 'c', 'd'], 2],
      [['d'], 4],
    ] as const) {
      const outcome = await append('s', named(...ids));
      expect(outcome).toMatchObject({ kind: 'appended', version, written: undefined });
      expect(idsOf(await gateway.events.eventsOf(outcome as Extract<AppendOutcome, { kind: 'appended' }>))).toEqual(
        ids,
      );
    }
    expect(await append('s', named('a', 'b'), { expectedVersion: 0 })).toMatchObject({ kind: 'appended', version: 1 });
    expect(await append('s', named('b', 'a'))).toEqual({ kind: 'duplicate', streamId: 's', versions: [1, 2] });
    expect(await append('s', named('d', 'e'))).toEqual({ kind: 'duplicate', streamId: 's', versions: [4] });
    expect(await append('s', named('x', 'x'))).toEqual({ kind: 'duplicate', streamId: 's', versions: [] });
    expect(idsOf(await gateway.events.versions('s', [4, 1, 9]))).toEqual(['d', 'a']);
    expect(await allOf('s')).toHaveLength(4);
  });

  it('finds an id that was made for an event, where no row leads from it, among few ids and many, and sees a replay', async () => {
    await append('s', [event(), event('a'), event()]);
    expect(await rowsOf('eventId')).toBe(1);
    const [first, , third] = idsOf(await allOf('s')) as [string, string, string];
    expect([versionOfMadeId(first), versionOfMadeId(third)]).toEqual([1, 3]);
    const many = Array.from({ length: 97 }, (_, index) => `m${index}`);
    for (const more of [['x'], many]) {
      expect(await append('s', named(...more, third, first))).toMatchObject({ kind: 'duplicate', versions: [1, 3] });
    }
    expect(await append('s', named(first, 'a', third))).toMatchObject({ version: 1, written: undefined });
    expect(await allOf('s')).toHaveLength(3);
  });

  it('is found while the append that makes it is on its way, through the same gateway or another', async () => {
    for (const near of [gateway, world.gateway()]) {
      // The version that comes next, in an id that is not yet anybody's.
      const next = makeEventId((await allOf('s')).length + 1, makeSeededIds(7).uuid());
      const outcomes = await world.until(
        Promise.all([append('s', [event()]), append('s', named(next), {}, near), append('s', named(next), {}, near)]),
      );
      const versions = outcomes.map((outcome) => (outcome as Extract<AppendOutcome, { kind: 'appended' }>).version);
      expect(versions[1]).toBe(versions[2]);
      expect(versions[0]).not.toBe(versions[1]);
    }
    expect(await allOf('s')).toHaveLength(4);
  });

  it('is found where it was made for an event of an earlier life, and is given again', async () => {
    await append('s', [event()]);
    const [{ eventId }] = (await allOf('s')) as [Event];
    // No sweep gets through: the event of the earlier life is still there.
    gateway.store.beforeCommit = ([transaction]) => {
      if (transaction!.writes.every(({ kind }) => kind === 'delete')) throw new AppError('UNAVAILABLE', 'away');
    };
    await gateway.events.delete({ streamId: 's' });
    expect(await append('s', named(eventId))).toMatchObject({
      kind: 'appended',
      version: 2,
      written: expect.anything(),
    });
    expect(await append('s', named(eventId))).toMatchObject({ kind: 'appended', version: 2, written: undefined });
    expect(await append('s', named('x', eventId))).toMatchObject({ kind: 'duplicate', versions: [2] });
  });

  it('is one where it is sent twice at the same time, through one gateway or two, with few ids or many', async () => {
    const other = world.gateway();
    for (const count of [2, 100]) {
      const events = Array.from({ length: count }, (_, index) => event(`${count}-${index}`));
      const outcomes = await world.until(atOnce(6, (index) => append('s', events, {}, index % 2 ? other : gateway)));
      const [{ version }] = outcomes as [Extract<AppendOutcome, { kind: 'appended' }>];
      for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'appended', version });
    }
    expect(await allOf('s')).toHaveLength(102);
    expect((await gateway.events.all(everything)).events).toHaveLength(102);
  });

  it('sees ids that another gateway has written since it last looked, many at once too', async () => {
    const other = world.gateway();
    const many = Array.from({ length: 100 }, (_, index) => event(`m${index}`));
    await append('s', named('a'));
    await append('s', many, {}, other);
    expect(await append('s', many)).toMatchObject({ kind: 'appended', version: 2, written: undefined });
    // It reads the ids, and then finds that another came in between.
    gateway.store.afterRead = async () => {
      gateway.store.afterRead = undefined;
      await append('s', named('n7'), {}, other);
    };
    const next = Array.from({ length: 100 }, (_, index) => event(`n${index}`));
    expect(await world.until(append('s', next))).toMatchObject({ kind: 'duplicate', versions: [102] });
  });

  it('happens once under an idempotency key, with ids that were made then, and its refusals are remembered', async () => {
    const input = { idempotencyKey: 'k', expectedVersion: 0 };
    const first = await append('s', [event(), event()], input);
    const again = await append('s', [event(), event()], input, world.gateway());
    expect(again).toMatchObject({ kind: 'appended', version: 1, count: 2, written: undefined });
    expect(await gateway.events.eventsOf(again as Extract<AppendOutcome, { kind: 'appended' }>)).toEqual(
      (first as Extract<AppendOutcome, { kind: 'appended' }>).written!.events,
    );
    await expect(append('s', [event()], input)).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    const late = { idempotencyKey: 'late', expectedVersion: 1 };
    expect(await append('s', [event()], late)).toMatchObject({ kind: 'wrongVersion', actualVersion: 2 });
    await append('s', [event()]);
    expect(await append('s', [event()], late)).toMatchObject({ kind: 'wrongVersion', actualVersion: 2 });
    expect(await allOf('s')).toHaveLength(3);
  });

  it('is refused by a fence once a later reign has begun, and in the commit itself', async () => {
    const { elections } = gateway;
    const election = 'chair';
    const lead = async (candidateId: string): Promise<number> => {
      const outcome = await elections.campaign({ election, candidateId, leaseMs: 1_000 });
      return outcome.kind === 'leading' ? outcome.leadership.fencingToken : 0;
    };
    const token = await lead('one');
    expect(await append('s', named('a'), { fence: { election, token } })).toMatchObject({ kind: 'appended' });
    world.clock.advance(2_000);
    expect(await world.gateway().elections.campaign({ election, candidateId: 'two', leaseMs: 1_000 })).toMatchObject({
      kind: 'leading',
    });
    const late = await append('s', named('b'), { fence: { election, token } });
    expect(late).toEqual({ kind: 'fenced', election, token, currentToken: 2 });
    expect(await append('s', named('a'), { fence: { election, token } })).toMatchObject({
      kind: 'appended',
      version: 1,
    });
    expect(await allOf('s')).toHaveLength(1);
  });
});

describe('pages of a stream', () => {
  beforeEach(async () => {
    await append(
      's',
      Array.from({ length: 10 }, (_, index) => event(`e${index + 1}`)),
    );
    await append('t', named('x'));
  });
  const versions = async (query: Partial<Parameters<Gateway['events']['page']>[1]>): Promise<unknown[]> => {
    const { events, hasNext, hasPrevious } = await gateway.events.page('s', { afterVersion: 0, ...query });
    return [...events.map(({ version }) => version), hasNext, hasPrevious];
  };

  it('go forwards from a version or a cursor, and backwards from the end', async () => {
    expect(await versions({ first: 3 })).toEqual([1, 2, 3, true, false]);
    expect(await versions({ first: 3, afterVersion: 7 })).toEqual([8, 9, 10, false, false]);
    expect(await versions({ first: 3, after: versionCursor(3) })).toEqual([4, 5, 6, true, true]);
    expect(await versions({ first: 3, after: versionCursor(3), afterVersion: 8 })).toEqual([9, 10, false, true]);
    expect(await versions({ last: 3 })).toEqual([8, 9, 10, false, true]);
    expect(await versions({ last: 3, afterVersion: 8 })).toEqual([9, 10, false, false]);
    expect(await versions({ last: 10 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, false, false]);
    expect(await versions({ afterVersion: 10 })).toEqual([false, false]);
    expect(await gateway.events.page('none', { afterVersion: 0 })).toEqual({
      events: [],
      hasNext: false,
      hasPrevious: false,
    });
  });

  it('cost one trip, wherever they stand', async () => {
    gateway.store.reset();
    await versions({ first: 2, afterVersion: 8 });
    await versions({ last: 2 });
    expect(gateway.store.reads).toHaveLength(2);
  });

  it('end early where events are large', async () => {
    for (let at = 0; at < 5; at += 1) await append('large', [event(undefined, 't', 'x'.repeat(900_000))]);
    const { events, hasNext } = await gateway.events.page('large', { afterVersion: 0, first: 10 });
    expect([events.length, hasNext]).toEqual([3, true]);
    const { events: newest, hasPrevious } = await gateway.events.page('large', { afterVersion: 0, last: 10 });
    expect([newest.map(({ version }) => version), hasPrevious]).toEqual([[3, 4, 5], true]);
    const all = await gateway.events.all({ ...everything, streamPrefix: 'large' });
    expect([all.events.length, all.hasMore]).toEqual([3, true]);
    const rest = await gateway.events.all({ ...everything, after: positionCursor(all.through) });
    expect([rest.events.map(({ version }) => version), rest.hasMore]).toEqual([[4, 5], false]);
    expect(await gateway.events.versions('large', [1, 2, 3, 4, 5])).toHaveLength(5);
  });

  it('refuse what is none', async () => {
    for (const query of [
      { first: 0 },
      { first: 1_001 },
      { last: 0 },
      { first: 1, last: 1 },
      { afterVersion: -1 },
      { after: 'x' },
      { after: positionCursor(1) },
    ])
      await expect(versions(query)).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });
});

describe('all events', () => {
  const page = async (query: Partial<Parameters<Gateway['events']['all']>[0]>): Promise<unknown[]> => {
    const { events, through, hasMore } = await gateway.events.all({ ...everything, ...query });
    return [...events.map(({ eventId }) => eventId), through, hasMore];
  };

  it('come in the order of their positions, through the middle of an append too', async () => {
    await append('a', named('1', '2', '3'));
    await append('b', named('4'));
    await append('a', named('5', '6'));
    expect(await page({})).toEqual(['1', '2', '3', '4', '5', '6', 6, false]);
    expect(await page({ first: 2 })).toEqual(['1', '2', 2, true]);
    expect(await page({ first: 2, after: positionCursor(2) })).toEqual(['3', '4', 4, true]);
    expect(await page({ first: 2, after: positionCursor(4) })).toEqual(['5', '6', 6, false]);
    expect(await page({ after: positionCursor(6) })).toEqual([6, false]);
    expect(await page({ after: positionCursor(100) })).toEqual([100, false]);
  });

  it('are filtered by type and stream, without reading what is left out', async () => {
    await append('order-1', [event('1', 'placed'), event('2', 'paid'), event('3', 'placed')]);
    await append('user-1', [event('4', 'placed')]);
    await append('order-2', [event('5', 'sent')]);
    expect(await page({ types: ['placed'] })).toEqual(['1', '3', '4', 5, false]);
    expect(await page({ types: ['placed', 'sent'], streamPrefix: 'order-' })).toEqual(['1', '3', '5', 5, false]);
    expect(await page({ types: ['placed'], first: 2 })).toEqual(['1', '3', 3, true]);
    gateway.store.reset();
    expect(await page({ types: ['nothing'] })).toEqual([5, false]);
    expect(gateway.store.reads).toHaveLength(1);
    for (const query of [
      { types: [] },
      { types: [''] },
      { first: 0 },
      { streamPrefix: 'x'.repeat(257) },
      { after: versionCursor(1) },
    ])
      await expect(page(query)).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });

  it('end early, with a place to go on from, where a filter matches little', async () => {
    const many = Array.from({ length: 6_000 }, (_, index) => index);
    for (let at = 0; at < 60; at += 1) await Promise.all(many.slice(0, 100).map(() => append('s', [event()])));
    await append('s', [event('found', 'rare')]);
    expect(await page({ types: ['rare'] })).toEqual([5_000, true]);
    expect(await page({ types: ['rare'], after: positionCursor(5_000) })).toEqual(['found', 6_001, false]);
  });

  it('fill a page of 1,000 from as many streams', async () => {
    await Promise.all(Array.from({ length: 1_001 }, (_, index) => append(`s${index}`, [event()])));
    const { events, through, hasMore } = await gateway.events.all(everything);
    expect([new Set(events.map(({ streamId }) => streamId)).size, through, hasMore]).toEqual([1_000, 1_000, true]);
  });

  it('are found by their position', async () => {
    await append('a', named('1', '2'));
    await append('b', named('3'));
    await gateway.events.delete({ streamId: 'a' });
    await swept();
    const found = await Promise.all([1, 2, 3, 4].map((position) => gateway.events.at(position)));
    expect(found.map((each) => each?.eventId)).toEqual([undefined, undefined, '3', undefined]);
  });
});

describe('streams', () => {
  it('are listed by prefix, in byte order', async () => {
    for (const streamId of ['b', 'a-2', 'a-1', 'c']) await append(streamId, [event()]);
    const list = async (prefix: string, first: number, after?: string): Promise<unknown[]> => {
      const { streams, hasMore } = await gateway.events.list(prefix, { first, after });
      return [...streams.map(({ streamId }) => streamId), hasMore];
    };
    expect(await list('', 10)).toEqual(['a-1', 'a-2', 'b', 'c', false]);
    expect(await list('a-', 1)).toEqual(['a-1', true]);
    expect(await list('x', 10)).toEqual([false]);
    await expect(list('', 0)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    await expect(list('', 1, 'x')).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });
});

describe('deleting', () => {
  it('ends a stream in one commit, keeps its version, and frees its ids', async () => {
    await append('s', named('a', 'b', 'c'));
    await append('t', named('x'));
    await gateway.events.saveSnapshot({ streamId: 's', version: 2, state: { sum: 1 } });
    gateway.store.reset();
    expect(await gateway.events.delete({ streamId: 's', expectedVersion: 3 })).toMatchObject({
      kind: 'deleted',
      stream: { streamId: 's', version: 3 },
    });
    expect(gateway.store.commits[0]).toMatchObject({ writes: { length: 3 } });
    expect(await gateway.events.get('s')).toMatchObject({ version: 3 });
    expect(await gateway.events.snapshot('s')).toBeUndefined();
    expect(await allOf('s')).toEqual([]);
    expect(idsOf((await gateway.events.all(everything)).events)).toEqual(['x']);
    expect(await append('s', named('a'), { expectedVersion: 0 })).toMatchObject({
      kind: 'wrongVersion',
      actualVersion: 3,
    });
    expect(await append('s', named('b', 'a'), { expectedVersion: 3 })).toMatchObject({ kind: 'appended', version: 4 });
    await swept();
    expect(idsOf(await allOf('s'))).toEqual(['b', 'a']);
    expect(await append('s', named('b', 'a'))).toMatchObject({ kind: 'appended', version: 4, written: undefined });
    expect([await rowsOf('event'), await rowsOf('eventId'), await rowsOf('eventPlace')]).toEqual([3, 3, 2]);
  });

  it('answers the same again, and is refused by another version or where there is no stream', async () => {
    await append('s', named('a'));
    expect(await gateway.events.delete({ streamId: 's', expectedVersion: 2 })).toMatchObject({
      kind: 'wrongVersion',
      actualVersion: 1,
    });
    const first = await gateway.events.delete({ streamId: 's' });
    expect(await gateway.events.delete({ streamId: 's' })).toEqual(first);
    expect(await gateway.events.delete({ streamId: 'none' })).toEqual({ kind: 'notFound' });
    await expect(gateway.events.delete({ streamId: '' })).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });

  it('leaves nothing out, in pages either, while rows of an earlier life are still there', async () => {
    // No sweep gets through.
    gateway.store.beforeRead = () => undefined;
    await append('s', named('a', 'b', 'c'));
    gateway.store.beforeCommit = ([transaction]) => {
      if (transaction!.writes.every(({ kind }) => kind === 'delete')) throw new AppError('UNAVAILABLE', 'away');
    };
    await gateway.events.delete({ streamId: 's' });
    await append('s', named('d', 'e'));
    const page = async (query: object): Promise<unknown[]> => {
      const { events, hasNext, hasPrevious } = await gateway.events.page('s', { afterVersion: 0, ...query });
      return [...idsOf(events), hasNext, hasPrevious];
    };
    expect(await page({ first: 1 })).toEqual(['d', true, false]);
    expect(await page({ last: 5 })).toEqual(['d', 'e', false, false]);
    expect(await page({ last: 2 })).toEqual(['d', 'e', false, false]);
    expect(await page({ last: 1 })).toEqual(['e', false, true]);
    expect(idsOf((await gateway.events.all(everything)).events)).toEqual(['d', 'e']);
    expect(await rowsOf('event')).toBe(5);
    // Whoever uses the event store next removes what that gateway has left.
    gateway = world.gateway();
    await gateway.events.list('', { first: 1 });
    await swept();
    expect([await rowsOf('event'), await rowsOf('eventId')]).toEqual([2, 2]);
  });

  it('removes a large stream in steps', async () => {
    for (let at = 0; at < 4; at += 1)
      await append(
        's',
        Array.from({ length: 100 }, () => event()),
      );
    await gateway.events.delete({ streamId: 's' });
    await swept();
    expect([await rowsOf('event'), await rowsOf('eventId'), await rowsOf('eventPlace')]).toEqual([0, 0, 0]);
    expect(await gateway.events.get('s')).toMatchObject({ version: 400 });
  });
});

describe('a tenant with a quota', () => {
  it('pays for its events alone, passes it with none, and has room again when a stream is deleted', async () => {
    const tenancies = new TenancyWorld();
    const { tenants, patternsOf } = tenancies.tenancy();
    await tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' });
    const { events } = patternsOf('t');
    const batch = (): NewEvent[] => Array.from({ length: 100 }, () => event());
    for (let at = 0; at < 10; at += 1) await events.append({ streamId: `s${at % 2}`, events: batch() });
    await expect(events.append({ streamId: 's0', events: [event()] })).rejects.toEqual(failure('QUOTA_EXCEEDED'));
    expect(await events.get('s0')).toMatchObject({ version: 500 });
    await events.delete({ streamId: 's0' });
    const appended = (async () => {
      for (;;) {
        try {
          return await events.append({ streamId: 's1', events: batch() });
        } catch (error) {
          expect(error).toEqual(failure('QUOTA_EXCEEDED'));
        }
        await turn();
      }
    })();
    expect(await tenancies.until(appended)).toMatchObject({ kind: 'appended', version: 501 });
    await tenancies.close();
  });
});

describe('snapshots', () => {
  const save = (version: number, state: unknown = { version }) =>
    gateway.events.saveSnapshot({ streamId: 's', version, state });

  it('are kept, the newest, with the stream', async () => {
    await append('s', named('a', 'b', 'c'));
    expect(await save(2)).toMatchObject({
      kind: 'saved',
      snapshot: { streamId: 's', version: 2, state: '{"version":2}' },
    });
    expect(await save(1)).toMatchObject({ kind: 'saved', snapshot: { version: 2 } });
    expect(await save(2, 'other')).toMatchObject({ snapshot: { state: '{"version":2}' } });
    expect(await save(3)).toMatchObject({ snapshot: { version: 3 } });
    expect(await gateway.events.snapshot('s')).toMatchObject({ version: 3, state: '{"version":3}' });
    await expect(save(4)).rejects.toThrow('input.version is 4: the stream is at 3');
    await expect(save(0)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    await expect(save(3, 'x'.repeat(1_000_001))).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });

  it('are not of streams that never were, or of events that were deleted', async () => {
    expect(await save(1)).toEqual({ kind: 'notFound' });
    await append('s', named('a', 'b'));
    await gateway.events.delete({ streamId: 's' });
    expect(await save(2)).toEqual({ kind: 'notFound' });
  });

  it('do not lose to a storm of appends', async () => {
    await append('s', named('a'));
    const [saved] = await Promise.all([save(1), ...Array.from({ length: 50 }, () => append('s', [event()]))]);
    expect(saved).toMatchObject({ kind: 'saved' });
    expect(await gateway.events.get('s')).toMatchObject({ version: 51 });
  });
});
