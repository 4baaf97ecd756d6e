/** Subscriptions to the newest state of something: equal ones share a source, and one that was full goes on behind what it was given. */
import { parse } from 'graphql';
import { AppError } from '../../src/core/errors';
import { Metrics, makeLogger } from '../../src/core/telemetry';
import { Executor } from '../../src/gateway/executor';
import type { Operation } from '../../src/gateway/executor';
import { makeResumable, resumableFields } from '../../src/gateway/resumable';
import { Subscriptions } from '../../src/gateway/subscriptions';
import type { Subscriber } from '../../src/gateway/subscriptions';
import { builtSchema } from '../contract/support/built-schema';
import { World, turn } from './support/world';
import type { Gateway } from './support/world';

const operations = new Map<string, Operation>();
const schema = builtSchema();
makeResumable(schema, resumableFields);
const ofCounter = 'subscription { counterChanged(name: "a") { value } }';
const ofItem = 'subscription ($skus: [String!]!) { inventoryChanged(skus: $skus) { sku quantity } }';

let world: World;
let gateway: Gateway;
let subscriptions: Subscriptions;
const executor = new Executor(schema);
/** Watches that are open. */
let sources: number;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  sources = 0;
  gateway.store.watchBatches = ({ signal }) => {
    sources += 1;
    signal!.addEventListener('abort', () => (sources -= 1), { once: true });
    return undefined;
  };
  const metrics = new Metrics();
  metrics.registry.clear();
  const { clock } = world;
  subscriptions = new Subscriptions({ executor, resumptions: resumableFields, tenantMax: 100, clock, metrics });
});
afterEach(async () => {
  subscriptions.stopAll();
  await pass(1);
  expect(sources).toBe(0);
  await world.close();
});

/** Full when the test says so. */
class Connection {
  readonly #actions: (() => void)[] = [];
  isFull = false;

  whenDrained(action: () => void): void {
    if (this.isFull) this.#actions.push(action);
    else action();
  }

  drain(): void {
    this.isFull = false;
    for (const action of this.#actions.splice(0)) action();
  }
}

class Client implements Subscriber {
  readonly outlet = new Connection();
  readonly seen: unknown[] = [];
  readonly events: string[] = [];
  ending: Parameters<Subscriber['end']>[0] | undefined;

  deliver({ json, event }: Parameters<Subscriber['deliver']>[0]): void {
    const { data } = JSON.parse(json) as { data: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
    this.seen.push(...Object.values(data).flatMap((state) => Object.values(state)));
    this.events.push(event.toString('utf8'));
  }

  end(how: Parameters<Subscriber['end']>[0]): void {
    this.ending = how;
  }
}

/** One for each document, as the gateway keeps them. */
function operationOf(query: string): Operation {
  let operation = operations.get(query);
  if (!operation) operations.set(query, (operation = executor.prepare(parse(query), undefined)));
  return operation;
}

function request(client: Client, query: string, inputs: Record<string, unknown> = {}, lastEventId?: string) {
  return subscriptions.open({
    operation: operationOf(query),
    operationName: undefined,
    inputs,
    caller: { tenantId: 'tenant', role: 'READER', isOperator: false },
    subscriber: client,
    lastEventId,
    onClose: () => undefined,
    contextValue: { patterns: gateway },
    scene: { requestId: 'r', logger: makeLogger({ level: 'silent', format: 'json', name: 'test' }) },
  });
}

async function subscribe(query: string, inputs?: Record<string, unknown>): Promise<Client> {
  const client = new Client();
  expect(await request(client, query, inputs)).not.toHaveProperty('errors');
  await pass(1);
  return client;
}

/** Lets time pass, with all that happens in it. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    await turn();
    await turn();
    world.clock.advance(1);
  }
  await turn();
}

const add = (): Promise<unknown> => gateway.counters.increment({ name: 'a', by: 1 });

describe('counterChanged', () => {
  it('has one source for all who were given the same value', async () => {
    await add();
    const clients: Client[] = [];
    for (let count = 0; count < 20; count += 1) clients.push(await subscribe(ofCounter));
    expect(sources).toBe(20);
    await add();
    await pass(120);
    expect(sources).toBe(1);
    await add();
    await pass(120);
    const late = await subscribe(ofCounter);
    await pass(60);
    await add();
    await pass(120);
    expect(sources).toBe(1);
    expect(clients.map(({ seen }) => seen)).toEqual(clients.map(() => [1, 2, 3, 4]));
    expect(late.seen).toEqual([3, 4]);
  });

  it('lets go of one who takes nothing, and gives it the newest value when it takes more, once', async () => {
    await add();
    const clients = [await subscribe(ofCounter), await subscribe(ofCounter)];
    const [slow, quick] = clients as [Client, Client];
    await add();
    await pass(60);
    slow.outlet.isFull = true;
    for (let count = 0; count < 3; count += 1) {
      await add();
      await pass(60);
    }
    expect(sources).toBe(1);
    expect(slow.seen).toEqual([1, 2, 3]);
    slow.outlet.drain();
    await pass(60);
    expect(slow.seen).toEqual([1, 2, 3, 5]);
    await add();
    await pass(120);
    expect(slow.seen).toEqual([1, 2, 3, 5, 6]);
    expect(quick.seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sources).toBe(1);
  });

  it('gives one who was full nothing again where nothing has changed', async () => {
    await add();
    const client = await subscribe(ofCounter);
    await add();
    await pass(60);
    client.outlet.isFull = true;
    await add();
    await pass(1_200);
    expect([client.seen, sources]).toEqual([[1, 2, 3], 0]);
    client.outlet.drain();
    await pass(60);
    expect([client.seen, sources]).toEqual([[1, 2, 3], 1]);
    await add();
    await pass(60);
    expect(client.seen).toEqual([1, 2, 3, 4]);
  });

  it('goes on where the history is gone meanwhile', async () => {
    const { watchBatches } = gateway.store;
    await add();
    const client = await subscribe(ofCounter);
    client.outlet.isFull = true;
    await add();
    await pass(1_200);
    gateway.store.watchBatches = () => {
      gateway.store.watchBatches = watchBatches;
      return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new AppError('HISTORY_GONE', 'gone')) }) };
    };
    await add();
    client.outlet.drain();
    await pass(120);
    expect(client.seen).toEqual([1, 2, 3]);
  });

  it('shows nobody a place, and takes none', async () => {
    await add();
    const client = await subscribe(ofCounter);
    expect(client.events).toEqual([expect.not.stringContaining('id:')]);
    expect(await request(new Client(), ofCounter, {}, '1')).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    });
    const opened = await request(client, ofCounter);
    if ('errors' in opened) throw new Error('refused');
    opened.end(new AppError('UNAUTHENTICATED', 'revoked'));
    expect(client.ending).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    expect(JSON.stringify(client.ending)).not.toContain('resumeFrom');
  });
});

describe('inventoryChanged', () => {
  const put = (sku: string, delta: number): Promise<unknown> => gateway.inventory.adjust({ sku, delta });
  beforeEach(async () => {
    for (const sku of ['x', 'y']) await gateway.inventory.create({ sku, quantity: 1 });
  });

  it('of one sku has one source for all who were given the same state', async () => {
    const clients = [
      await subscribe(ofItem, { skus: ['x'] }),
      await subscribe(ofItem, { skus: ['x'] }),
      await subscribe(ofItem, { skus: ['x', 'x'] }),
    ];
    await put('x', 1);
    await pass(120);
    await put('x', 1);
    await pass(120);
    expect(clients.map(({ seen }) => seen)).toEqual(clients.map(() => ['x', 1, 'x', 2, 'x', 3]));
    // The third one has other variables.
    expect(sources).toBe(2);
  });

  it('of several skus keeps its own: the same state of one says nothing about the other', async () => {
    const clients = [await subscribe(ofItem, { skus: ['x', 'y'] }), await subscribe(ofItem, { skus: ['x', 'y'] })];
    for (const sku of ['x', 'y', 'x']) {
      await put(sku, 1);
      await pass(120);
    }
    expect(sources).toBe(4);
    for (const { seen } of clients) expect(seen).toEqual(['x', 1, 'y', 1, 'x', 2, 'y', 2, 'x', 3]);
  });
});
