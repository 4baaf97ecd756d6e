/** Subscriptions that can be gone on with, over both transports: where they begin, where they end, who is waited for and who is not. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { createClient as createSseClient } from 'graphql-sse';
import { AppError } from '../../src/core/errors';
import { until } from './support/collector';
import { RawEventSource } from './support/event-source';
import { openAcknowledged } from './support/raw-socket';
import type { RawSocket, SocketMessage } from './support/raw-socket';
import { SampleFeed } from './support/sample-feed';
import { startSampleGateway } from './support/sample-gateway';
import type { SampleGateway } from './support/sample-gateway';
import { SampleLog } from './support/sample-log';

const slowConsumerMs = 300;
const heartbeatMs = 100;

let gateway: SampleGateway;
let tenants = 0;
let tenantId: string;
let log: SampleLog;
beforeAll(async () => {
  gateway = await startSampleGateway({ slowConsumerMs, heartbeatMs, subscriptionsOfTenantMax: 60 });
});
beforeEach(() => {
  tenantId = `resuming-${(tenants += 1)}`;
  log = SampleLog.of(tenantId);
});
afterAll(() => gateway.stop());

const query = 'subscription ($after: Int) { log(after: $after) { entry } }';
const padded = 'subscription ($after: Int) { log(after: $after) { entry padding } }';
const tenantHeaders = (more: Record<string, string> = {}): Record<string, string> => ({
  'x-tenant-id': tenantId,
  ...more,
});
const open = (): Promise<RawSocket> => openAcknowledged(gateway.port, { 'x-tenant-id': tenantId });
const append = (count: number, paddingBytes = 0): void => {
  for (let left = count; left > 0; left -= 1) log.append(paddingBytes);
};

const entryOf = (payload: unknown): number => (payload as { data: { log: { entry: number } } }).data.log.entry;
const entries = (items: readonly SocketMessage[], id = '1'): number[] =>
  items.filter((each) => each.id === id && each.type === 'next').map((each) => entryOf(each.payload));
const errorOf = (items: readonly SocketMessage[]): unknown =>
  (items.find((each) => each.type === 'error')?.payload as { extensions: unknown }[])[0]!.extensions;
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('Last-Event-ID', () => {
  it.each(['GET', 'POST'] as const)('by %s goes on exactly there, whatever the argument says', async (method) => {
    append(10);
    const first = await RawEventSource.open({
      port: gateway.port,
      method,
      query,
      variables: { after: 2 },
      headers: tenantHeaders(),
    });
    await first.events.atLeast(8);
    expect(first.events.items.map(({ event, id, data }) => [event, id, entryOf(data)])).toEqual(
      range(3, 10).map((entry) => ['next', String(entry), entry]),
    );
    first.close();
    const headers = tenantHeaders({ 'last-event-id': '6' });
    const second = await RawEventSource.open({ port: gateway.port, method, query, variables: { after: 2 }, headers });
    append(1);
    await second.events.atLeast(5);
    expect(second.events.items.map(({ id }) => id)).toEqual(['7', '8', '9', '10', '11']);
    second.close();
    await until(() => log.readerCount === 0);
  });

  it.each(['x', '-1', '1e3', '99999999999999999999', '11', '0x1', '../..', '"'])(
    'that is no place of the field (%s) is refused',
    async (lastEventId) => {
      append(10);
      const headers = tenantHeaders({ 'last-event-id': lastEventId });
      const source = await RawEventSource.open({ port: gateway.port, query, headers });
      await source.ended;
      const [next, complete] = source.events.items;
      expect(next!.data).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
      expect(JSON.stringify(next!.data)).toContain('Last-Event-ID');
      expect(complete!.event).toBe('complete');
      expect(log.readerCount).toBe(0);
    },
  );

  it('is refused by a field that cannot be gone on with, and of no meaning for a query', async () => {
    const headers = tenantHeaders({ 'last-event-id': '5' });
    const refused = await RawEventSource.open({
      port: gateway.port,
      query: 'subscription { ticks { count } }',
      headers,
    });
    await refused.ended;
    expect(refused.events.items[0]!.data).toMatchObject({
      errors: [{ message: expect.stringContaining('ticks') as string, extensions: { code: 'BAD_USER_INPUT' } }],
    });
    const asked = await RawEventSource.open({ port: gateway.port, query: '{ hello }', headers });
    await asked.ended;
    expect(asked.events.items[0]!.data).toEqual({ data: { hello: `hello ${tenantId}` } });
  });

  it('that is empty counts as none; a field without places gives no ids', async () => {
    append(3);
    const headers = tenantHeaders({ 'last-event-id': '' });
    const source = await RawEventSource.open({ port: gateway.port, query, variables: { after: 1 }, headers });
    await source.events.atLeast(2);
    expect(source.events.items.map(({ id }) => id)).toEqual(['2', '3']);
    source.close();
    const ticks = await RawEventSource.open({
      port: gateway.port,
      query: 'subscription { ticks { cursor } }',
      headers,
    });
    await ticks.events.atLeast(1);
    expect(ticks.events.items[0]!.id).toBeUndefined();
    ticks.close();
  });

  it('from a graphql-sse client that is cut off again and again: nothing lost, nothing doubled', async () => {
    let last = 0;
    let sent = 0;
    const cuts: AbortController[] = [];
    const client = createSseClient({
      url: `${gateway.origin}/graphql`,
      headers: () => tenantHeaders({ 'last-event-id': String(last) }),
      retryAttempts: 1_000,
      retry: () => Promise.resolve(),
      // Each connection can be cut by itself.
      fetchFn: (url: string, init: RequestInit) => {
        const cut = new AbortController();
        cuts.push(cut);
        return fetch(url, { ...init, signal: AbortSignal.any([cut.signal, init.signal!]) });
      },
    });
    const seen: number[] = [];
    append(1);
    for await (const result of client.iterate({ query, variables: { after: 0 } })) {
      last = entryOf(result);
      seen.push(last);
      sent += 1;
      append(1);
      if (sent % 5 === 0) cuts.at(-1)!.abort();
      if (sent === 200) break;
    }
    expect(seen).toEqual(range(1, 200));
    expect(cuts.length).toBeGreaterThanOrEqual(40);
    client.dispose();
    await until(() => log.readerCount === 0);
  });
});

describe('the end of a subscription', () => {
  it('by a failure says where to go on: what it was given last, or where it began', async () => {
    append(7);
    const { socket, messages, subscribe } = await open();
    subscribe('1', query, { after: 4 });
    await messages.atLeast(4);
    log.fail();
    await messages.atLeast(5);
    expect(errorOf(messages.items)).toEqual({ code: 'UNAVAILABLE', retryable: true, resumeFrom: 7 });
    socket.terminate();
    const idle = await RawEventSource.open({
      port: gateway.port,
      query,
      variables: { after: 7 },
      headers: tenantHeaders(),
    });
    await until(() => log.readerCount === 1);
    log.fail();
    await idle.ended;
    expect(idle.events.items[0]!.data).toMatchObject({
      errors: [{ extensions: { code: 'UNAVAILABLE', resumeFrom: 7 } }],
    });
  });

  it('by a stop of the server is no completion: a stream just ends, so that its client comes back', async () => {
    const other = await startSampleGateway();
    const source = await RawEventSource.open({ port: other.port, query, headers: tenantHeaders() });
    await until(() => log.readerCount === 1);
    append(1);
    await source.events.atLeast(1);
    const { messages, closed, subscribe } = await openAcknowledged(other.port, { 'x-tenant-id': tenantId });
    subscribe('1', query, { after: 0 });
    await messages.atLeast(2);
    await other.stop();
    await source.ended;
    expect(source.answer.complete).toBe(true);
    expect(source.events.items.map(({ event }) => event)).toEqual(['next']);
    expect((await closed)[0]).toBe(1001);
    expect(messages.items.map(({ type }) => type)).toEqual(['connection_ack', 'next']);
    await until(() => log.readerCount === 0);
  });
});

describe('equal subscriptions', () => {
  it('of one place have one source, and one execution a change, wherever they began', async () => {
    append(5);
    const sockets = await Promise.all(Array.from({ length: 12 }, open));
    sockets.forEach(({ subscribe }, index) => subscribe('1', query, { after: index % 6 }));
    await until(() => log.openedCount === 12);
    append(1);
    await Promise.all(sockets.map(({ messages }, index) => messages.atLeast(7 - (index % 6))));
    await until(() => log.readerCount === 1);
    const before = SampleFeed.executions;
    append(3);
    await Promise.all(sockets.map(({ messages }, index) => messages.atLeast(10 - (index % 6))));
    expect(SampleFeed.executions - before).toBe(3);
    sockets.forEach(({ messages, socket }, index) => {
      expect(entries(messages.items)).toEqual(range((index % 6) + 1, 9));
      socket.terminate();
    });
    await until(() => log.readerCount === 0);
  });

  it('go on when the one that came first has left, each by itself', async () => {
    const sockets = await Promise.all(Array.from({ length: 3 }, open));
    for (const { subscribe } of sockets) subscribe('1', query);
    await until(() => log.readerCount === 3);
    append(1);
    await Promise.all(sockets.map(({ messages }) => messages.atLeast(2)));
    await until(() => log.readerCount === 1);
    sockets[0]!.socket.terminate();
    sockets[1]!.socket.send(JSON.stringify({ id: '1', type: 'complete' }));
    await until(async () => (await subscribers()) === 1);
    append(1);
    await sockets[2]!.messages.atLeast(3);
    expect(entries(sockets[2]!.messages.items)).toEqual([1, 2]);
    expect(entries(sockets[1]!.messages.items)).toEqual([1]);
    sockets.forEach(({ socket }) => socket.terminate());
    await until(() => log.readerCount === 0);
  });

  it('of other roles share nothing, and each ends with its own credential', async () => {
    const ends = new Map<string, (reason: AppError) => void>();
    const other = await startSampleGateway({
      authentication: {
        authenticate: ({ authorization }) =>
          Promise.resolve({ tenantId, role: authorization === 'Bearer r' ? 'READER' : 'WRITER', isOperator: true }),
        hold: ({ role }, end) => {
          ends.set(role, end);
          return Promise.resolve(() => undefined);
        },
      },
    });
    const [reader, writer] = await Promise.all(
      ['Bearer r', 'Bearer w'].map((authorization) => openAcknowledged(other.port, { authorization })),
    );
    for (const { subscribe } of [reader!, writer!]) subscribe('1', query);
    await until(() => log.readerCount === 2);
    const before = SampleFeed.executions;
    append(2);
    await Promise.all([reader!, writer!].map(({ messages }) => messages.atLeast(3)));
    expect(SampleFeed.executions - before).toBe(4);
    expect(log.readerCount).toBe(2);
    ends.get('READER')!(new AppError('UNAUTHENTICATED', 'the credential was revoked'));
    await reader!.messages.atLeast(4);
    expect(errorOf(reader!.messages.items)).toEqual({ code: 'UNAUTHENTICATED', retryable: false, resumeFrom: 2 });
    append(1);
    await writer!.messages.atLeast(4);
    expect(entries(reader!.messages.items)).toEqual([1, 2]);
    await other.stop();
  });

  it('from now that was given nothing yet is told where to go on, too', async () => {
    append(3);
    let end: (reason: AppError) => void = () => undefined;
    const other = await startSampleGateway({
      authentication: {
        authenticate: () => Promise.resolve({ tenantId, role: 'READER', isOperator: true }),
        hold: (_, told) => {
          end = told;
          return Promise.resolve(() => undefined);
        },
      },
    });
    const { subscribe, messages } = await openAcknowledged(other.port, {});
    subscribe('1', query);
    await until(() => log.readerCount === 1);
    end(new AppError('UNAUTHENTICATED', 'the credential was revoked'));
    await messages.atLeast(2);
    expect(errorOf(messages.items)).toEqual({ code: 'UNAUTHENTICATED', retryable: false, resumeFrom: 3 });
    await other.stop();
  });
});

const subscribers = async (): Promise<number> => {
  const metrics = await (await fetch(`${gateway.origin}/metrics`)).text();
  return Number(/norigate_subscribers\{field="log"\} (\d+)/.exec(metrics)?.[1]);
};

describe('a subscriber that stops reading', () => {
  it('delays nobody, holds no source, and goes on without a gap when it reads again', async () => {
    const patient = await startSampleGateway({ slowConsumerMs: 60_000 });
    const connect = (): Promise<RawSocket> => openAcknowledged(patient.port, { 'x-tenant-id': tenantId });
    const [stalled, healthy] = await Promise.all([connect(), connect()]);
    for (const { subscribe } of [stalled, healthy]) subscribe('1', padded);
    await until(() => log.readerCount === 2);
    stalled.socket.pause();
    for (let at = 1; at <= 200; at += 1) {
      append(1, 100_000);
      await healthy.messages.atLeast(1 + at);
    }
    // One source: of those who read.
    await until(() => log.readerCount === 1);
    expect(stalled.messages.items.length).toBeLessThan(100);
    stalled.socket.resume();
    await stalled.messages.atLeast(201);
    expect(entries(stalled.messages.items)).toEqual(range(1, 200));
    append(1);
    await Promise.all([stalled, healthy].map(({ messages }) => messages.atLeast(202)));
    await until(() => log.readerCount === 1);
    for (const { socket } of [stalled, healthy]) socket.terminate();
    await patient.stop();
  });

  it('does not go on with another life of what it followed: it is complete', async () => {
    const patient = await startSampleGateway({ slowConsumerMs: 60_000, heartbeatMs });
    const connect = (): Promise<RawSocket> => openAcknowledged(patient.port, { 'x-tenant-id': tenantId });
    const [stalled, other] = [await connect(), await connect()];
    for (const { subscribe } of [stalled, other]) subscribe('1', padded);
    await until(() => log.readerCount === 2);
    append(1, 100);
    await Promise.all([stalled, other].map(({ messages }) => messages.atLeast(2)));
    await until(() => log.readerCount === 1);
    stalled.socket.pause();
    // Until it is suspended: the other one's source does not wait for it.
    for (let at = 1; at <= 150; at += 1) {
      append(1, 100_000);
      await other.messages.atLeast(2 + at);
    }
    log.beginAnew();
    append(1);
    await until(() => other.messages.items.at(-1)?.type === 'complete');
    stalled.socket.resume();
    await until(() => stalled.messages.items.at(-1)?.type === 'complete');
    const given = entries(stalled.messages.items);
    expect(given).toEqual(range(1, given.length));
    expect(given.length).toBeLessThan(151);
    for (const { socket } of [stalled, other]) socket.terminate();
    await patient.stop();
  });

  it('over WebSocket is told SLOW_CONSUMER with where to go on, in every subscription of the socket, then closed', async () => {
    const { socket, messages, closed, subscribe } = await open();
    subscribe('1', padded);
    subscribe('idle', 'subscription { log(after: 0) { padding } }');
    await until(() => log.readerCount === 2);
    socket.pause();
    append(300, 100_000);
    await until(() => log.readerCount === 0 && log.openedCount > 0);
    await until(async () => (await subscribers()) === 0);
    socket.resume();
    expect((await closed)[0]).toBe(1013);
    const errors = messages.items.filter(({ type }) => type === 'error');
    expect(errors.map(({ id }) => id).sort()).toEqual(['1', 'idle']);
    const { resumeFrom, ...others } = (
      errors.find(({ id }) => id === '1')!.payload as { extensions: Record<string, unknown> }[]
    )[0]!.extensions;
    expect(others).toEqual({ code: 'SLOW_CONSUMER', retryable: true });
    const given = entries(messages.items);
    expect(given).toEqual(range(1, given.length));
    expect(resumeFrom).toBe(given.length);
    const again = await open();
    again.subscribe('1', padded, { after: resumeFrom });
    await again.messages.atLeast(1 + 300 - given.length);
    expect(entries(again.messages.items)).toEqual(range(given.length + 1, 300));
    again.socket.terminate();
  });

  it('over server-sent events is told so too, then its stream is cut', async () => {
    const source = await RawEventSource.open({
      port: gateway.port,
      query: padded,
      variables: { after: 0 },
      headers: tenantHeaders(),
    });
    source.answer.pause();
    append(300, 100_000);
    await until(() => log.readerCount === 0 && log.openedCount > 0);
    await until(async () => (await subscribers()) === 0);
    source.answer.resume();
    await source.ended;
    const [last, complete] = source.events.items.slice(-2);
    expect(complete!.event).toBe('complete');
    const given = source.events.items.slice(0, -2);
    expect(given.map(({ id }) => Number(id))).toEqual(range(1, given.length));
    expect(last!.data).toMatchObject({
      errors: [{ extensions: { code: 'SLOW_CONSUMER', retryable: true, resumeFrom: given.length } }],
    });
  });

  it('but takes a little now and then is never ended', async () => {
    const { socket, messages, subscribe } = await open();
    subscribe('1', padded, { after: 0 });
    append(120, 200_000);
    let isDone = false;
    const nap = async (): Promise<void> => {
      while (!isDone) {
        socket.pause();
        await until(() => socket.isPaused);
        await fetch(`${gateway.origin}/healthz`);
        socket.resume();
        await fetch(`${gateway.origin}/healthz`);
      }
    };
    const napping = nap();
    await messages.atLeast(121);
    isDone = true;
    await napping;
    expect(entries(messages.items)).toEqual(range(1, 120));
    socket.terminate();
  }, 20_000);
});

describe('signs of life', () => {
  it('are comments on event streams and pings on WebSockets, at the interval that is set', async () => {
    const source = await RawEventSource.open({ port: gateway.port, query, headers: tenantHeaders() });
    await source.comments.atLeast(4);
    source.close();
    const { socket } = await open();
    for (let pings = 0; pings < 3; pings += 1) await once(socket, 'ping');
    socket.terminate();
  });

  it('that a peer does not answer end its subscriptions and its connection', async () => {
    const { socket, messages, closed, subscribe } = await openAcknowledged(
      gateway.port,
      { 'x-tenant-id': tenantId },
      { autoPong: false },
    );
    subscribe('1', query);
    await until(() => log.readerCount === 1);
    expect((await closed)[0]).toBe(1013);
    expect(errorOf(messages.items)).toEqual({ code: 'SLOW_CONSUMER', retryable: true, resumeFrom: 0 });
    await until(() => log.readerCount === 0);
    socket.terminate();
  });

  it('to a peer that is gone without a word end its subscriptions as well', async () => {
    const { readerCount } = log;
    const peer = createConnection(gateway.port, '127.0.0.1');
    await once(peer, 'connect');
    peer.write(
      [
        'GET /graphql HTTP/1.1',
        `host: 127.0.0.1:${gateway.port}`,
        'upgrade: websocket',
        'connection: upgrade',
        'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-version: 13',
        'sec-websocket-protocol: graphql-transport-ws',
        `x-tenant-id: ${tenantId}`,
        '',
        '',
      ].join('\r\n'),
    );
    await once(peer, 'data');
    peer.write(maskedText(JSON.stringify({ type: 'connection_init' })));
    await once(peer, 'data');
    peer.write(maskedText(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } })));
    await until(() => log.readerCount === readerCount + 1);
    // Whatever comes, it stays unread and unanswered.
    peer.pause();
    await until(() => log.readerCount === readerCount);
    const gone = once(peer, 'close');
    peer.resume();
    await gone;
  });
});

describe('limits', () => {
  it('a tenant has so many subscriptions, over all its connections; others go on, and one that ends makes room', async () => {
    const [socket, other] = await Promise.all([open(), open()]);
    for (let at = 1; at <= 30; at += 1) for (const each of [socket!, other!]) each.subscribe(String(at), query);
    await until(() => log.readerCount === 60);
    const refused = await RawEventSource.open({ port: gateway.port, query, headers: tenantHeaders() });
    await refused.ended;
    expect(refused.events.items[0]!.data).toMatchObject({
      errors: [{ extensions: { code: 'OVERLOADED', retryable: true } }],
    });
    const foreign = await RawEventSource.open({
      port: gateway.port,
      query,
      headers: { 'x-tenant-id': `${tenantId}-other` },
    });
    await until(() => SampleLog.of(`${tenantId}-other`).readerCount === 1);
    foreign.close();
    socket!.socket.send(JSON.stringify({ id: '1', type: 'complete' }));
    await until(() => log.readerCount === 59);
    const taken = await RawEventSource.open({ port: gateway.port, query, headers: tenantHeaders() });
    append(1);
    await taken.events.atLeast(1);
    taken.close();
    for (const each of [socket!, other!]) each.socket.terminate();
    await until(() => log.readerCount === 0);
  });

  it('are not used up by subscriptions that are refused', async () => {
    const { socket, messages, subscribe } = await open();
    for (let at = 1; at <= 100; at += 1) subscribe(String(at), query, { after: -1 });
    await messages.atLeast(101);
    subscribe('good', query);
    append(1);
    await until(() => log.readerCount === 1);
    append(1);
    await messages.atLeast(102);
    socket.terminate();
  });
});

/** A text frame as clients send it; the mask is all zeros. */
function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126
      ? Buffer.of(0x81, 0x80 | payload.length)
      : Buffer.of(0x81, 0xfe, payload.length >> 8, payload.length & 255);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
