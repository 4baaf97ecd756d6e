/** Subscriptions over WebSocket and server-sent events, against a feed that the test drives. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { SampleFeed } from './support/sample-feed';
import { startSampleGateway } from './support/sample-gateway';
import type { SampleGateway } from './support/sample-gateway';
import { Collector, until } from './support/collector';

let gateway: SampleGateway;
let tenants = 0;
let tenantId: string;
let feed: SampleFeed;
beforeAll(async () => {
  gateway = await startSampleGateway({ slowConsumerMs: 300, bodyBytesMax: 65_536 });
});
beforeEach(() => {
  tenantId = `tenant-${(tenants += 1)}`;
  feed = SampleFeed.of(tenantId);
});
afterAll(() => gateway.stop());

const wsUrl = (): string => `ws://127.0.0.1:${gateway.port}/graphql`;
const query = 'subscription { ticks { count } }';

function client(): Client {
  return createWsClient({
    url: wsUrl(),
    webSocketImpl: WebSocket,
    connectionParams: { 'x-tenant-id': tenantId },
    retryAttempts: 0,
  });
}

/** A socket that speaks the protocol by hand. */
async function openRaw(
  headers: Record<string, string> = {},
  parameters: unknown = { 'x-tenant-id': tenantId },
): Promise<RawSocket> {
  const socket = new WebSocket(wsUrl(), 'graphql-transport-ws', { headers });
  const messages = new Collector<{ type: string; id?: string; payload?: unknown }>();
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  socket.on('message', (data) => messages.add(JSON.parse(String(data)) as never));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: parameters }));
  return { socket, messages, closed };
}

interface RawSocket {
  readonly socket: WebSocket;
  readonly messages: Collector<{ type: string; id?: string; payload?: unknown }>;
  readonly closed: Promise<[number, Buffer]>;
}

const subscribe = (id: string, document = query): string =>
  JSON.stringify({ id, type: 'subscribe', payload: { query: document } });

describe('over WebSocket', () => {
  it('gives the present state, then every change in order, and completes', async () => {
    const { socket, messages } = await openRaw();
    await messages.atLeast(1);
    socket.send(subscribe('1'));
    await messages.atLeast(2);
    for (let count = 1; count <= 100; count += 1) feed.publish(count);
    feed.finish();
    await messages.atLeast(103);
    const counts = messages.items
      .slice(1, 102)
      .map((each) => (each.payload as { data: { ticks: { count: number } } }).data.ticks.count);
    expect(counts).toEqual([-1, ...Array.from({ length: 100 }, (_, at) => at + 1)]);
    expect(messages.items[102]).toEqual({ id: '1', type: 'complete' });
    socket.terminate();
  });

  it('runs queries and mutations as well, with masked errors', async () => {
    const { socket, messages } = await openRaw();
    await messages.atLeast(1);
    socket.send(subscribe('q', '{ hello fail(how: "bug") }'));
    await messages.atLeast(3);
    const [, next, complete] = messages.items;
    expect(next).toMatchObject({
      id: 'q',
      type: 'next',
      payload: { data: { hello: `hello ${tenantId}`, fail: null } },
    });
    expect(JSON.stringify(next)).toMatch(/Internal error \(id /);
    expect(complete).toEqual({ id: 'q', type: 'complete' });
    socket.terminate();
  });

  it('refuses with an error: a document that is wrong, an argument that is, an unknown operation', async () => {
    const { socket, messages } = await openRaw();
    await messages.atLeast(1);
    socket.send(subscribe('a', 'subscription { nothing }'));
    socket.send(subscribe('b', 'subscription { ticks(from: -1) { count } }'));
    socket.send(subscribe('c', 'subscription {'));
    await messages.atLeast(4);
    const codes = Object.fromEntries(
      messages.items
        .slice(1)
        .map((each) => [
          each.id,
          [each.type, (each.payload as { extensions: { code: string } }[])[0]!.extensions.code],
        ]),
    );
    expect(codes).toEqual({
      a: ['error', 'GRAPHQL_VALIDATION_FAILED'],
      b: ['error', 'BAD_USER_INPUT'],
      c: ['error', 'GRAPHQL_PARSE_FAILED'],
    });
    socket.terminate();
  });

  it('ends with UNAVAILABLE when the source fails', async () => {
    const { socket, messages } = await openRaw();
    await messages.atLeast(1);
    socket.send(subscribe('1'));
    await messages.atLeast(2);
    feed.publish(7);
    feed.fail();
    await messages.atLeast(4);
    expect(messages.items[3]).toEqual({
      id: '1',
      type: 'error',
      payload: [{ message: 'storage went away', extensions: { code: 'UNAVAILABLE', retryable: true } }],
    });
    socket.terminate();
  });

  it('ends the source when the subscriber leaves, by a message or without a word', async () => {
    const { socket, messages } = await openRaw();
    await messages.atLeast(1);
    socket.send(subscribe('1'));
    socket.send(subscribe('2', 'subscription { ticks(from: 1) { count } }'));
    await messages.atLeast(3);
    expect(feed.readerCount).toBe(2);
    socket.send(JSON.stringify({ id: '1', type: 'complete' }));
    await until(() => feed.readerCount === 1);
    socket.terminate();
    await until(() => feed.readerCount === 0);
  });

  it('executes a change once for equal subscriptions, and once more for other ones', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openRaw()));
    await Promise.all(sockets.map(({ messages }) => messages.atLeast(1)));
    for (const { socket } of sockets) for (const id of ['1', '2', '3']) socket.send(subscribe(id));
    sockets[0]!.socket.send(subscribe('other', 'subscription { ticks { cursor count } }'));
    await Promise.all(sockets.map(({ messages }, at) => messages.atLeast(at === 0 ? 5 : 4)));
    const before = SampleFeed.executions;
    feed.publish(1);
    feed.publish(2);
    await Promise.all(sockets.map(({ messages }, at) => messages.atLeast(at === 0 ? 13 : 10)));
    expect(SampleFeed.executions - before).toBe(4);
    for (const { messages, socket } of sockets) {
      const last = messages.items
        .filter((each) => each.id === '2')
        .map((each) => (each.payload as { data: { ticks: { count: number } } }).data.ticks.count);
      expect(last).toEqual([-1, 1, 2]);
      socket.terminate();
    }
  });

  it('refuses the 201st operation of a connection with OVERLOADED; the others go on', async () => {
    const { socket, messages } = await openRaw();
    await messages.atLeast(1);
    for (let at = 1; at <= 201; at += 1) socket.send(subscribe(String(at)));
    await messages.atLeast(202);
    const error = messages.items.find((each) => each.type === 'error')!;
    expect([error.id, (error.payload as { extensions: object }[])[0]!.extensions]).toEqual([
      '201',
      { code: 'OVERLOADED', retryable: true },
    ]);
    expect(feed.readerCount).toBe(200);
    feed.publish(1);
    await messages.atLeast(402);
    socket.terminate();
    await until(() => feed.readerCount === 0);
  });

  it('stops pulling from a source whose subscriber reads nothing, then ends it with SLOW_CONSUMER', async () => {
    const { socket, messages, closed } = await openRaw();
    await messages.atLeast(1);
    socket.send(subscribe('1', 'subscription { ticks { count padding } }'));
    await messages.atLeast(2);
    const before = feed.pulled;
    socket.pause();
    for (let count = 1; count <= 500; count += 1) feed.publish(count, 100_000);
    await until(() => feed.readerCount === 0);
    expect(feed.pulled - before).toBeLessThan(200);
    socket.resume();
    const [code] = await closed;
    expect(code).toBe(1013);
    const last = messages.items.at(-1)!;
    expect(last).toMatchObject({
      id: '1',
      type: 'error',
      payload: [{ extensions: { code: 'SLOW_CONSUMER', retryable: true } }],
    });
  });

  it('refuses a message that is too large, garbage, and whoever says nothing useful', async () => {
    const large = await openRaw();
    await large.messages.atLeast(1);
    large.socket.send(subscribe('1', `subscription { ticks { count } } #${'x'.repeat(70_000)}`));
    expect((await large.closed)[0]).toBe(1009);
    const garbage = await openRaw();
    garbage.socket.send('{"type":');
    expect((await garbage.closed)[0]).toBe(4400);
    const twice = await openRaw();
    await twice.messages.atLeast(1);
    twice.socket.send(subscribe('1'));
    twice.socket.send(subscribe('1'));
    expect((await twice.closed)[0]).toBe(4409);
  });

  it('knows tenants by header too, refuses credentials and ids that are none', async () => {
    const header = await openRaw({ 'x-tenant-id': tenantId }, {});
    await header.messages.atLeast(1);
    header.socket.send(subscribe('q', '{ hello }'));
    await header.messages.atLeast(2);
    expect(header.messages.items[1]).toMatchObject({ payload: { data: { hello: `hello ${tenantId}` } } });
    header.socket.terminate();
    expect((await (await openRaw({}, { authorization: 'Bearer x' })).closed)[0]).toBe(4401);
    expect((await (await openRaw({}, { 'x-tenant-id': '' })).closed)[0]).toBe(4400);
    expect((await (await openRaw({}, { 'x-tenant-id': 5 })).closed)[0]).toBe(4400);
  });

  it('lets no other origin, host, path or protocol in', async () => {
    const refusal = async (url: string, protocol: string, headers: Record<string, string>): Promise<string> => {
      const socket = new WebSocket(url, protocol, { headers });
      const [error] = (await once(socket, 'error')) as [Error];
      return error.message;
    };
    expect(await refusal(wsUrl(), 'graphql-transport-ws', { origin: 'https://evil.example' })).toContain('403');
    expect(await refusal(wsUrl(), 'graphql-transport-ws', { host: 'evil.example' })).toContain('403');
    expect(await refusal(wsUrl().replace('/graphql', '/other'), 'graphql-transport-ws', {})).toContain('404');
    expect(await refusal(wsUrl(), 'graphql-ws', {})).toContain('subprotocol');
  });

  it('works with the graphql-ws client, which is told when the server stops', async () => {
    const other = await startSampleGateway();
    const closed = new Collector<number>();
    const ws = createWsClient({
      url: wsUrl().replace(String(gateway.port), String(other.port)),
      webSocketImpl: WebSocket,
      connectionParams: { 'x-tenant-id': tenantId },
      retryAttempts: 0,
      on: { closed: (event) => closed.add((event as { code: number }).code) },
    });
    const iterator = ws.iterate({ query });
    expect((await iterator.next()).value).toEqual({ data: { ticks: { count: -1 } } });
    feed.publish(5);
    expect((await iterator.next()).value).toEqual({ data: { ticks: { count: 5 } } });
    await other.stop();
    await closed.atLeast(1);
    expect(closed.items[0]).toBe(1001);
    await until(() => feed.readerCount === 0);
  });

  it('counts connections and subscribers', async () => {
    const ws = client();
    const iterator = ws.iterate({ query });
    await iterator.next();
    const metrics = await (await fetch(`${gateway.origin}/metrics`)).text();
    expect(metrics).toContain('norigate_subscribers{field="ticks"} 1');
    await iterator.return!();
    await ws.dispose();
  });
});

describe('over server-sent events', () => {
  it('works with the graphql-sse client: state, changes, end', async () => {
    const sse = createSseClient({
      url: `${gateway.origin}/graphql`,
      headers: () => ({ 'x-tenant-id': tenantId }),
      retryAttempts: 0,
    });
    const iterator = sse.iterate({ query });
    expect((await iterator.next()).value).toEqual({ data: { ticks: { count: -1 } } });
    feed.publish(1);
    feed.publish(2);
    expect((await iterator.next()).value).toEqual({ data: { ticks: { count: 1 } } });
    expect((await iterator.next()).value).toEqual({ data: { ticks: { count: 2 } } });
    feed.finish();
    expect((await iterator.next()).done).toBe(true);
  });

  it('runs a query, and says what is wrong with a subscription, as events', async () => {
    const ask = async (document: string): Promise<string> => {
      const answer = await fetch(`${gateway.origin}/graphql?${new URLSearchParams({ query: document })}`, {
        headers: { accept: 'text/event-stream' },
      });
      expect(answer.headers.get('content-type')).toContain('text/event-stream');
      return answer.text();
    };
    expect(await ask('{ hello }')).toBe(
      ':\n\nevent: next\ndata: {"data":{"hello":"hello default"}}\n\nevent: complete\ndata:\n\n',
    );
    expect(await ask('subscription { ticks(from: -1) { count } }')).toMatch(
      /event: next\ndata: \{"errors".*BAD_USER_INPUT.*\n\nevent: complete/,
    );
  });

  it('takes the last word of a failing source with it', async () => {
    const sse = createSseClient({
      url: `${gateway.origin}/graphql`,
      headers: () => ({ 'x-tenant-id': tenantId }),
      retryAttempts: 0,
    });
    const iterator = sse.iterate({ query });
    await iterator.next();
    feed.fail();
    expect((await iterator.next()).value).toMatchObject({
      errors: [{ extensions: { code: 'UNAVAILABLE' } }],
    });
    expect((await iterator.next()).done).toBe(true);
  });

  it('ends the source when the reader goes, and slows it down when the reader is slow', async () => {
    const body = JSON.stringify({ query: 'subscription { ticks { count padding } }' });
    const sent = httpRequest({
      host: '127.0.0.1',
      port: gateway.port,
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-tenant-id': tenantId },
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.pause();
    await until(() => feed.readerCount === 1);
    for (let count = 1; count <= 500; count += 1) feed.publish(count, 100_000);
    await until(() => feed.readerCount === 0);
    expect(feed.pulled).toBeLessThan(200);
    sent.destroy();
  });
});
