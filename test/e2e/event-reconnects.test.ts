/**
 * The clients that people use, cut off a thousand times while events are appended, each time led to the other gateway: nothing is lost
 * and nothing comes twice. And the places of events, as they go out and come back.
 */
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { until } from './support/collector';
import { RawEventSource } from './support/event-source';
import { post } from './support/sample-gateway';
import type { Program } from './support/program';
import { openAcknowledged } from './support/raw-socket';
import { useTier } from './support/tier';

const minute = 60_000;
const tier = useTier();
const cutsOfEach = 500;

interface Delivery {
  readonly event: { readonly version: number; readonly position: string; readonly data: number } | null;
  readonly cursor: string;
  readonly caughtUp: boolean;
}

const deliveryFields = '{ event { version position data } cursor caughtUp }';
const ofStream = `subscription ($after: SafeInt) { events(streamId: "s", afterVersion: $after) ${deliveryFields} }`;
const ofAll = `subscription ($after: String) { allEvents(after: $after, streamPrefix: "s") ${deliveryFields} }`;
const appending = `mutation ($events: [NewEventInput!]!) { appendEvents(input: { streamId: "s", events: $events }) { __typename } }`;

let appended = 0;
async function append({ origin }: Program, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, at) => ({ type: 'Counted', data: appended + at + 1 }));
  const { body } = await post(origin, { query: appending, variables: { events } });
  expect(body).toEqual({ data: { appendEvents: { __typename: 'AppendEventsSuccess' } } });
  appended += count;
}

/** A client that was cut off is one that got another connection. */
interface Follower {
  readonly seen: number[];
  cuts: number;
  stop(): void;
}

/**
 * graphql-ws sends the same payload again when it reconnects: whoever moves its variable on goes on where it was. Its socket is cut
 * under it: its own `terminate` leaves the old socket open for a while, and takes what still comes there for the new one's.
 */
function followByWebSocket(gateways: readonly Program[]): Follower {
  let connections = 0;
  let socket: WebSocket | undefined;
  class CutWebSocket extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      // eslint-disable-next-line @typescript-eslint/no-this-alias
      socket = this;
    }
  }
  const client = createWsClient({
    url: () => `${gateways[(connections += 1) % 2]!.origin.replace('http', 'ws')}/graphql`,
    webSocketImpl: CutWebSocket,
    lazy: true,
    retryAttempts: 100_000,
    retryWait: () => Promise.resolve(),
    shouldRetry: () => true,
  });
  const variables: { after: number } = { after: 0 };
  const follower: Follower = { seen: [], cuts: 0, stop: () => void client.dispose() };
  client.subscribe<{ events: Delivery }>(
    { query: ofStream, variables },
    {
      next({ data }) {
        const { event } = data!.events;
        if (!event) return;
        follower.seen.push(event.data);
        variables.after = event.version;
        // What came with it in one piece is given out after the cut as well.
        if (follower.cuts >= cutsOfEach || socket?.readyState !== WebSocket.OPEN) return;
        follower.cuts += 1;
        socket.terminate();
      },
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return follower;
}

function followByEvents(gateways: readonly Program[]): Follower {
  let connections = 0;
  let last: string | undefined;
  let cut = new AbortController();
  const client = createSseClient({
    url: () => `${gateways[(connections += 1) % 2]!.origin}/graphql`,
    headers: (): Record<string, string> => (last === undefined ? {} : { 'last-event-id': last }),
    retryAttempts: 100_000,
    retry: () => Promise.resolve(),
    fetchFn: (url: string, init: RequestInit) => {
      cut = new AbortController();
      return fetch(url, { ...init, signal: AbortSignal.any([cut.signal, init.signal!]) });
    },
  });
  const follower: Follower = { seen: [], cuts: 0, stop: () => client.dispose() };
  client.subscribe<{ allEvents: Delivery }>(
    { query: ofAll, variables: { after: null } },
    {
      next({ data }) {
        const { event, cursor } = data!.allEvents;
        last = cursor;
        if (!event) return;
        follower.seen.push(event.data);
        if (follower.cuts >= cutsOfEach) return;
        // This client takes a cut for one of the network only while it waits for the next result.
        const current = cut;
        setImmediate(() => {
          if (current.signal.aborted) return;
          follower.cuts += 1;
          current.abort();
        });
      },
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return follower;
}

it(
  'a thousand forced reconnects of graphql-ws and graphql-sse: each event once, in order',
  async () => {
    await tier.startStorage();
    const gateways = await tier.startTwoGateways();
    appended = 0;
    const followers = [followByWebSocket(gateways), followByEvents(gateways)];
    // Those of all events begin now; everybody is there before the first one.
    await until(async () => {
      const texts = await Promise.all(gateways.map(async ({ origin }) => (await fetch(`${origin}/metrics`)).text()));
      return ['events', 'allEvents'].every((field) =>
        texts.some((text) => text.includes(`norigate_subscribers{field="${field}"} 1`)),
      );
    });
    while (followers.some(({ cuts }) => cuts < cutsOfEach)) await append(gateways[appended % 2]!, 3);
    await append(gateways[0], 5);
    await until(() => followers.every(({ seen }) => seen.length >= appended));
    const expected = Array.from({ length: appended }, (_, at) => at + 1);
    for (const { seen, cuts, stop } of followers) {
      expect(cuts).toBe(cutsOfEach);
      expect(seen).toEqual(expected);
      stop();
    }
  },
  2 * minute,
);

it(
  'places of events go out as ids and as resumeFrom, and lead on; those of another field do not',
  async () => {
    await tier.startStorage();
    const [gateway, other] = await tier.startTwoGateways({ NORIGATE_SLOW_CONSUMER_MS: '300' });
    appended = 0;
    await append(gateway, 4);
    const port = (program: Program): number => Number(new URL(program.origin).port);
    const stream = await RawEventSource.open({ port: port(gateway), query: ofStream, variables: { after: 1 } });
    await stream.events.atLeast(4);
    expect(stream.events.items.map(({ id }) => id)).toEqual(['2', '3', '4', '4']);
    stream.close();
    const all = await RawEventSource.open({ port: port(gateway), query: ofAll, method: 'GET' });
    await all.events.atLeast(1);
    await append(other, 2);
    await all.events.atLeast(3);
    const ids = all.events.items.map(({ id }) => id!);
    expect(ids).toEqual(
      all.events.items.map(({ data }) => (data as { data: { allEvents: Delivery } }).data.allEvents.cursor),
    );
    all.close();
    /** What comes first behind a place; more may have come with it. */
    const on = async (lastEventId: string, query: string): Promise<unknown> => {
      const source = await RawEventSource.open({ port: port(other), query, headers: { 'last-event-id': lastEventId } });
      await source.events.atLeast(1);
      source.close();
      return source.events.items[0]!.data;
    };
    expect(await on(ids[1]!, ofAll)).toMatchObject({ data: { allEvents: { event: { data: 6 } } } });
    expect(await on('5', ofStream)).toMatchObject({ data: { events: { event: { data: 6 } } } });
    for (const [id, query] of [
      [ids[0]!, ofStream],
      ['5', ofAll],
      ['-1', ofStream],
      ['9'.repeat(20), ofStream],
      [`${ids[0]}x`, ofAll],
    ] as const)
      expect(await on(id, query)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });

    // One that stops reading is told where to go on, as the argument takes it.
    const { socket, messages, closed, subscribe } = await openAcknowledged(port(gateway), {});
    subscribe('1', ofStream, { after: 6 });
    await messages.atLeast(2);
    socket.pause();
    const large = `mutation { appendEvents(input: { streamId: "s", events: [${'{ type: "L", data: 0 } '.repeat(100)}] }) { __typename } }`;
    let isEnded = false;
    void closed.then(() => (isEnded = true));
    const subscribers = async (): Promise<boolean> =>
      (await (await fetch(`${gateway.origin}/metrics`)).text()).includes('norigate_subscribers{field="events"} 1');
    while (await subscribers())
      await Promise.all(Array.from({ length: 16 }, () => post(other.origin, { query: large })));
    socket.resume();
    await until(() => isEnded);
    const error = messages.items.find(({ type }) => type === 'error')!;
    const [{ extensions }] = error.payload as [{ extensions: { code: string; resumeFrom: number } }];
    const last = messages.items.filter(({ type }) => type === 'next').at(-1)!.payload as { data: { events: Delivery } };
    expect(extensions).toMatchObject({ code: 'SLOW_CONSUMER', resumeFrom: last.data.events.event!.version });
  },
  2 * minute,
);
