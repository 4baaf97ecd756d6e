/** Streams that are appended to with and without an expected version, and followed at both gateways by subscriptions that go on after each break. */
import type { PlacedEvent } from '../history/streams';
import { streamFaults } from '../history/streams';
import { Follower } from '../support/follower';
import type { Part, PartContext, Worker } from './part';

const fields = 'streamId eventId version position';
const append = `mutation ($input: AppendEventsInput!) { appendEvents(input: $input) {
  __typename ... on AppendEventsSuccess { events { ${fields} } } } }`;
const page = `query ($after: String) { allEvents(first: 1000, after: $after) {
  edges { cursor node { ${fields} } } } }`;

interface WireEvent {
  readonly streamId: string;
  readonly eventId: string;
  readonly version: number;
  readonly position: string;
}

const streamIds = ['orders', 'visits'];

export function makeStreams({ caller, machines, tenantId, clock }: PartContext): Part {
  const acknowledged: PlacedEvent[] = [];
  const refused: string[] = [];
  const wrong: string[] = [];
  const versions = new Map<string, number>();
  const placed = (event: WireEvent): PlacedEvent => ({ ...event, position: Number(event.position) });
  const followers = machines.map((_, index) => {
    const onEvent = (): void => caller.changed();
    return new Follower<WireEvent>({ machines, first: index, tenantId, clock, fields, onEvent });
  });

  const note = (
    streamId: string,
    ids: readonly string[],
    answer: { __typename: string; events: WireEvent[] },
  ): void => {
    if (answer.__typename === 'WrongExpectedVersion') refused.push(...ids);
    else if (answer.__typename !== 'AppendEventsSuccess') wrong.push(`${ids.join()}: ${answer.__typename}`);
    else {
      const events = answer.events.map(placed);
      if (events.map(({ eventId }) => eventId).join() !== ids.join())
        wrong.push(`${ids.join()}: other events answered`);
      acknowledged.push(...events);
      versions.set(streamId, Math.max(versions.get(streamId) ?? 0, events.at(-1)?.version ?? 0));
    }
  };

  const step = async (worker: Worker): Promise<void> => {
    const streamId = streamIds[worker.below(streamIds.length)]!;
    const ids = Array.from({ length: 1 + worker.below(3) }, () => worker.fresh());
    const events = ids.map((eventId) => ({ eventId, type: 'noted', data: {} }));
    const expectedVersion = worker.isLucky(0.5) ? (versions.get(streamId) ?? 0) : undefined;
    const idempotencyKey = worker.isLucky(0.5) ? ids[0] : undefined;
    const input = { streamId, events, expectedVersion, idempotencyKey };
    const { data } = await caller.insist(worker.below(machines.length), append, { input });
    note(streamId, ids, data['appendEvents'] as { __typename: string; events: WireEvent[] });
  };

  const readAll = async (): Promise<PlacedEvent[]> => {
    const stored: PlacedEvent[] = [];
    for (let after: string | undefined; ;) {
      const data: unknown = (await caller.insist(0, page, { after })).data;
      const { edges } = (data as { allEvents: { edges: readonly { cursor: string; node: WireEvent }[] } }).allEvents;
      stored.push(...edges.map(({ node }) => placed(node)));
      if (edges.length === 0) return stored;
      after = edges.at(-1)!.cursor;
    }
  };

  return {
    name: 'streams',
    workers: 3,
    async begin() {
      await Promise.all(followers.map((each) => each.begin()));
    },
    step,
    async faults() {
      const stored = await readAll();
      const last = stored.at(-1)?.eventId;
      await Promise.race([
        caller.until(() => followers.every(({ events }) => events.at(-1)?.eventId === last)),
        clock.sleep(followMsMax),
      ]);
      const readers = Object.fromEntries(
        followers.map(({ events }, index) => [`gateway ${index + 1}`, events.map(placed)]),
      );
      return [...wrong, ...streamFaults({ acknowledged, refused, readers, stored })];
    },
    async end() {
      await Promise.all(followers.map((each) => each.end()));
    },
  };
}

/** How long a follower may be behind what is stored, before it is called cut short. */
const followMsMax = 10_000;
