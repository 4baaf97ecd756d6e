/** Anything with a global id. An id of no kind that is known, or of another tenant's thing, is answered like a missing one. */
import { isUtf8 } from 'node:buffer';
import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { limits } from '../proto/limits';
import { Node } from '../schema/common';
import { requireCount } from '../src/core/input';
import { tryDecodeOpaque } from '../src/core/opaque';
import { documentNodeBytesMax } from '../src/patterns/semantic-search';
import type { RequestContext } from './context';
import { toCounter } from './counter';
import { toSession } from './session-shapes';
import { toDocument } from './semantic-search';
import { toElection } from './election-shapes';
import { toEvent, toStream } from './event-shapes';
import { toItem, toReservation } from './inventory-shapes';
import { toProduct } from './recommendation';
import { toTenant } from './tenant';

type Find = (payload: string, context: RequestContext) => Promise<Node | null>;

/** How each kind of Node is found; a new kind is one line here. */
const finders = {
  counterNode: async (name, { patterns }) => {
    const counter = await patterns.counters.get(name);
    return counter ? toCounter(counter) : null;
  },
  sessionNode: async (place, { patterns }) => {
    const session = await patterns.sessions.byId(place);
    return session ? toSession(session) : null;
  },
  electionNode: async (name, { patterns }) => toElection(await patterns.elections.get(name)),
  eventNode: async (position, { patterns }) => {
    const event = /^[1-9]\d{0,14}$/.test(position) ? await patterns.events.at(Number(position)) : undefined;
    return event ? toEvent(event) : null;
  },
  eventStreamNode: async (streamId, { patterns }) => {
    const stream = await patterns.events.get(streamId);
    return stream ? toStream(stream) : null;
  },
  inventoryItemNode: async (sku, { patterns }) => {
    const item = await patterns.inventory.get(sku);
    return item ? toItem(item) : null;
  },
  documentNode: async (place, { patterns }) => {
    const document = await patterns.semanticSearch.byNodeId(place);
    return document ? toDocument(document) : null;
  },
  productNode: async (id, { patterns }) => {
    const product = await patterns.recommendations.product(id);
    return product ? toProduct(product) : null;
  },
  reservationNode: async (id, { patterns }) => {
    const reservation = await patterns.reservations.get(id);
    return reservation ? toReservation(reservation) : null;
  },
  tenantNode: async (tenantId, { tenancy, caller }) => {
    const tenant = await tenancy.tenants.seenBy(caller, tenantId);
    return tenant ? toTenant(tenant) : null;
  },
} as const satisfies Partial<Record<Parameters<typeof tryDecodeOpaque>[0], Find>>;

async function find(id: string, context: RequestContext): Promise<Node | null> {
  for (const kind of Object.keys(finders) as (keyof typeof finders)[]) {
    const payload = tryDecodeOpaque(kind, id);
    // An id that we never gave names nothing.
    if (payload && isName(payload, kind)) return finders[kind](payload.toString('utf8'), context);
  }
  return null;
}

function isName(payload: Buffer, kind: keyof typeof finders): boolean {
  const bytesMax = kind === 'documentNode' ? documentNodeBytesMax : limits.nameBytesMax;
  return payload.length > 0 && payload.length <= bytesMax && isUtf8(payload);
}

@Resolver()
export class NodeResolver {
  @Query(() => Node, { nullable: true })
  node(@Arg('id', () => ID) id: string, @Ctx() context: RequestContext): Promise<Node | null> {
    return find(id, context);
  }

  @Query(() => [Node], { nullable: 'items' })
  nodes(@Arg('ids', () => [ID]) ids: string[], @Ctx() context: RequestContext): Promise<(Node | null)[]> {
    requireCount('ids', ids, { min: 0, max: limits.nodesIdsMax });
    return Promise.all(ids.map((id) => find(id, context)));
  }
}
