/** Event streams as their users have them: two gateways on one storage process, over HTTP and WebSocket, with storage and gateways killed. */
import { Collector, until } from './support/collector';
import type { Program } from './support/program';
import { useTier } from './support/tier';

const minute = 60_000;
const tier = useTier();

interface EventNode {
  readonly eventId: string;
  readonly streamId: string;
  readonly version: number;
  readonly position: string;
}
interface Delivery {
  readonly event: EventNode | null;
  readonly cursor: string;
  readonly caughtUp: boolean;
}
interface Answer {
  readonly __typename: string;
  readonly events?: readonly EventNode[];
}

const fields = 'eventId streamId version position';
const appendText = `mutation($input: AppendEventsInput!) { appendEvents(input: $input) { __typename
  ... on AppendEventsSuccess { events { ${fields} } } } }`;
const followAllText = `subscription($after: String) { allEvents(after: $after) { event { ${fields} } cursor caughtUp } }`;
const followText = `subscription($streamId: String!, $afterVersion: SafeInt) {
  events(streamId: $streamId, afterVersion: $afterVersion) { event { ${fields} } cursor caughtUp } }`;
const pageText = `query($after: String) { allEvents(first: 500, after: $after) {
  nodes { ${fields} } pageInfo { hasNextPage endCursor } } }`;
const trySoon = ['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'CONTENTION'];

/** Sends an append, through whichever gateway of the two, until it is answered. */
async function append(gateways: readonly Program[], input: object, turn = 0): Promise<Answer> {
  for (let tries = turn; ; tries += 1) {
    const { data, errors } = await gateways[tries % gateways.length]!.query(appendText, { input });
    if (!errors) return data!['appendEvents'] as Answer;
    if (!trySoon.includes(String(errors[0]!.extensions.code))) throw new Error(JSON.stringify(errors));
  }
}

const eventsOf = (name: string, count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({ eventId: `${name}-${index}`, type: 'noted', data: { index } }));

/** An open subscription: what it was sent, and how it ended. */
class Follower {
  readonly seen = new Collector<Delivery>();
  readonly over: Promise<unknown>;
  leave: () => void = () => undefined;

  constructor(through: Program, query: string, variables: Record<string, unknown>) {
    this.over = new Promise((resolve) => {
      this.leave = through.client().subscribe(
        { query, variables },
        {
          next: ({ data }) => void (data && this.seen.add(Object.values(data)[0] as Delivery)),
          error: resolve,
          complete: () => resolve('complete'),
        },
      );
    });
  }

  get events(): EventNode[] {
    return this.seen.items.flatMap(({ event }) => event ?? []);
  }

  /** Resolves when so many events have come; rejects where it ends before. */
  async hasSeen(count: number): Promise<void> {
    const ended = this.over.then((how) => {
      throw new Error(`it ended with ${JSON.stringify(how)} after ${this.events.length} of ${count} events`);
    });
    ended.catch(() => undefined);
    await Promise.race([until(() => this.events.length >= count), ended]);
  }
}

async function everything(gateway: Program): Promise<EventNode[]> {
  const nodes: EventNode[] = [];
  for (let after: string | null = null; ;) {
    const { data } = await gateway.query(pageText, { after });
    const page = data!['allEvents'] as {
      nodes: EventNode[];
      pageInfo: { hasNextPage: boolean; endCursor: string };
    };
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return nodes;
    after = page.pageInfo.endCursor;
  }
}

/** Positions and versions without a gap, each id once. */
function expectWhole(events: readonly EventNode[]): void {
  expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => String(index + 1)));
  const versions = new Map<string, number>();
  for (const { streamId, version } of events) {
    expect([streamId, version]).toEqual([streamId, (versions.get(streamId) ?? 0) + 1]);
    versions.set(streamId, version);
  }
  expect(new Set(events.map(({ streamId, eventId }) => `${streamId} ${eventId}`)).size).toBe(events.length);
}

describe('two gateways on one storage process', () => {
  it(
    'give all events one order, which subscribers on both see while many append, each event once',
    async () => {
      await tier.startStorage();
      const gateways = await tier.startTwoGateways();
      const [one, two] = gateways;
      const now = [new Follower(one, followAllText, {}), new Follower(two, followAllText, {})];
      await Promise.all(now.map(({ seen }) => seen.atLeast(1)));
      expect(now.map(({ seen }) => seen.items[0])).toEqual(
        [1, 2].map(() => expect.objectContaining({ caughtUp: true })),
      );
      const inputs = Array.from({ length: 240 }, (_, index) => ({
        streamId: index % 2 === 0 ? 'hot' : `s${index % 20}`,
        events: eventsOf(`e${index}`, 1 + (index % 3)),
      }));
      const appending = Promise.all(
        inputs.flatMap((input, index) =>
          // Some are sent twice at the same time, once through each.
          Array.from({ length: index % 4 === 0 ? 2 : 1 }, (_, turn) => append(gateways, input, index + turn)),
        ),
      );
      const joined = [new Follower(two, followText, { streamId: 'hot', afterVersion: 0 })];
      const answers = await appending;
      expect(new Set(answers.map(({ __typename }) => __typename))).toEqual(new Set(['AppendEventsSuccess']));
      const count = inputs.reduce((sum, { events }) => sum + events.length, 0);
      const all = await everything(two);
      expect(all).toHaveLength(count);
      expectWhole(all);
      const later = new Follower(one, followAllText, { after: now[1]!.seen.items[100]!.cursor });
      await Promise.all([...now.map((each) => each.hasSeen(count)), later.hasSeen(count - 100)]);
      for (const { events } of now) expect(events).toEqual(all);
      expect(later.events).toEqual(all.slice(100));
      const ofHot = all.filter(({ streamId }) => streamId === 'hot');
      await joined[0]!.hasSeen(ofHot.length);
      expect(joined[0]!.events).toEqual(ofHot);
      for (const { seen } of [...now, ...joined, later]) {
        await until(() => seen.items.some(({ caughtUp }) => caughtUp));
        expect(seen.items.filter(({ caughtUp }) => caughtUp)).toHaveLength(1);
      }
    },
    minute,
  );

  it(
    'lose and double nothing when storage is killed with -9 under load, and subscribers stay',
    async () => {
      let storage = await tier.startStorage();
      const gateways = await tier.startTwoGateways({ NORIGATE_STORE_DEADLINE_MS: '2000' });
      const [one, two] = gateways;
      const stays = new Follower(one, followAllText, {});
      const ofStream = new Follower(two, followText, { streamId: 's0', afterVersion: 0 });
      await Promise.all([stays.seen.atLeast(1), ofStream.seen.atLeast(1)]);
      // One that leaves all the time, and goes on through the other gateway.
      const hops: EventNode[] = [];
      let isOver = false;
      let after: string | undefined = stays.seen.items[0]!.cursor;
      const hopping = (async () => {
        for (let turn = 0; !isOver; turn += 1) {
          const follower: Follower = new Follower(gateways[turn % 2]!, followAllText, { after });
          await Promise.race([until(() => isOver || follower.events.length >= 20), follower.over]);
          follower.leave();
          hops.push(...follower.events);
          after = follower.seen.items.at(-1)?.cursor ?? after;
        }
      })();
      let acknowledged = 0;
      const expected: string[] = [];
      const appender = async (number: number): Promise<void> => {
        for (let round = 0; !isOver; round += 1) {
          const name = `${number}-${round}`;
          const events = eventsOf(name, 1 + (round % 2));
          const streamId = `s${(number + round) % 3}`;
          const input = round % 2 === 0 ? { streamId, events } : { streamId, events, idempotencyKey: name };
          const sent = await Promise.all(
            Array.from({ length: round % 3 === 0 ? 2 : 1 }, (_, turn) => append(gateways, input, number + turn)),
          );
          for (const answer of sent) expect(answer.events).toEqual(sent[0]!.events);
          expected.push(...events.map((_, index) => `${streamId} ${name}-${index}`));
          acknowledged += 1;
        }
      };
      const appenders = Promise.all(Array.from({ length: 10 }, (_, number) => appender(number)));
      for (let kills = 1; kills <= 3; kills += 1) {
        await until(() => acknowledged >= kills * 80);
        storage.process.kill('SIGKILL');
        await storage.ended;
        storage = await tier.startStorage();
      }
      await until(() => acknowledged >= 320);
      isOver = true;
      await Promise.all([appenders, hopping]);
      const all = await everything(one);
      expectWhole(all);
      expect(all.map(({ streamId, eventId }) => `${streamId} ${eventId}`).sort()).toEqual(expected.sort());
      await stays.hasSeen(all.length);
      expect(stays.events).toEqual(all);
      const ofS0 = all.filter(({ streamId }) => streamId === 's0');
      await ofStream.hasSeen(ofS0.length);
      expect(ofStream.events).toEqual(ofS0);
      const rest = new Follower(two, followAllText, { after });
      await rest.hasSeen(all.length - hops.length);
      expect([...hops, ...rest.events]).toEqual(all);
    },
    minute,
  );

  it(
    'serve those whose gateway was killed, from the version that they had',
    async () => {
      await tier.startStorage();
      const [one, two] = await tier.startTwoGateways();
      const first = new Follower(one, followText, { streamId: 's', afterVersion: 0 });
      await append([two], { streamId: 's', events: eventsOf('a', 50) });
      await first.hasSeen(50);
      one.process.kill('SIGKILL');
      await first.over;
      await append([two], { streamId: 's', events: eventsOf('b', 50) });
      const second = new Follower(two, followText, { streamId: 's', afterVersion: 50 });
      await second.hasSeen(50);
      expect([...first.events, ...second.events].map(({ version }) => version)).toEqual(
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    },
    minute,
  );

  it(
    'end a deleted stream for those who follow it, through whichever it was deleted, and remove its rows',
    async () => {
      await tier.startStorage();
      const [one, two] = await tier.startTwoGateways();
      for (const name of ['a', 'b', 'c']) await append([one], { streamId: 's', events: eventsOf(name, 100) });
      await append([one], { streamId: 't', events: eventsOf('t', 1) });
      const follower = new Follower(one, followText, { streamId: 's', afterVersion: 290 });
      await follower.hasSeen(10);
      const { data } = await two.query(
        `mutation { deleteEventStream(input: { streamId: "s", expectedVersion: 300 }) { ... on EventStream { version } } }`,
      );
      expect(data).toEqual({ deleteEventStream: { version: 300 } });
      expect(await follower.over).toBe('complete');
      expect((await everything(one)).map(({ streamId }) => streamId)).toEqual(['t']);
      expect(await append([one], { streamId: 's', events: eventsOf('a', 1), expectedVersion: 0 })).toMatchObject({
        __typename: 'WrongExpectedVersion',
      });
      const again = await append([one], { streamId: 's', events: eventsOf('a', 1), expectedVersion: 300 });
      expect(again).toMatchObject({ events: [{ eventId: 'a-0', version: 301, position: '302' }] });
    },
    minute,
  );
});
