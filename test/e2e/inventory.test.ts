/** Inventory as shops have it: two gateways on one storage process, over HTTP and WebSocket, with storage killed under load. */
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import { decodeItem, recentMovements } from '../../src/patterns/inventory-records';
import { GrpcStore } from '../../src/store/grpc-store';
import { ScopedStore } from '../../src/store/scoped-store';
import { Collector, until } from './support/collector';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const minute = 60_000;

interface Answer {
  readonly __typename: string;
  readonly reservationId: string;
  readonly status: string;
  readonly expiresAt: string;
  readonly shortages: readonly { readonly sku: string; readonly requested: number; readonly available: number }[];
  readonly reservation: { readonly status: string };
}
interface Item {
  readonly quantity: number;
  readonly reserved: number;
  readonly available: number;
}
interface MovementNode {
  readonly type: string;
  readonly quantity: number;
  readonly reservationId: string | null;
  readonly at: string;
}

const reserveText = `mutation($input: ReserveInventoryInput!) { reserveInventory(input: $input) { __typename
  ... on Reservation { reservationId status expiresAt }
  ... on InsufficientStock { shortages { sku requested available } } } }`;
const settleText = (
  field: string,
): string => `mutation($input: SettleReservationInput!) { ${field}(input: $input) { __typename
  ... on Reservation { reservationId status } ... on ReservationNotHeld { reservation { status } } } }`;
const itemText = '{ inventoryItem(sku: $sku) { quantity reserved available } }';
const movementsText = `query($sku: String!, $after: String) { inventoryItem(sku: $sku) { quantity reserved
  movements(first: 1000, after: $after) { nodes { type quantity reservationId at } pageInfo { hasNextPage endCursor } } } }`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let storage: Program;
let one: Program;
let two: Program;
const programs: Program[] = [];

const start = (args: string[]): Program => {
  const program = startProgram(directory.path, { NORIGATE_STORE_DEADLINE_MS: '2000' }, args);
  programs.push(program);
  return program;
};
const startStorage = async (): Promise<void> => {
  storage = start(['storage']);
  await storage.logged('storage listens');
};

beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  await startStorage();
  [one, two] = await Promise.all([start(['gateway']).ready(), start(['gateway']).ready()]);
}, 5 * minute);
afterAll(async () => {
  await Promise.all(programs.map((each) => each.destroy()));
  await directory?.remove();
});

/** One command, sent again through either gateway, always with its key, until it is answered; sometimes twice at once. */
async function send(
  query: string,
  field: string,
  input: Readonly<Record<string, unknown>>,
  number: number,
): Promise<Answer> {
  const attempt = async (turn: number): Promise<Answer> => {
    for (let tries = turn; ; tries += 1) {
      const { data, errors } = await (tries % 2 === 0 ? one : two).query(query, { input });
      if (!errors) return data![field] as Answer;
      const { code } = errors[0]!.extensions;
      if (!['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'CONTENTION'].includes(String(code)))
        throw new Error(JSON.stringify(errors));
    }
  };
  const answers = await Promise.all(
    Array.from({ length: number % 4 === 0 ? 2 : 1 }, (_, turn) => attempt(number + turn)),
  );
  for (const other of answers) expect(other).toEqual(answers[0]);
  return answers[0]!;
}

const reserve = (lines: Record<string, number>, holdMs: number, key: string, number = 0): Promise<Answer> =>
  send(
    reserveText,
    'reserveInventory',
    { lines: Object.entries(lines).map(([sku, quantity]) => ({ sku, quantity })), holdMs, idempotencyKey: key },
    number,
  );
const settle = (
  field: 'commitReservation' | 'releaseReservation',
  id: string,
  key: string,
  number = 0,
): Promise<Answer> => send(settleText(field), field, { reservationId: id, idempotencyKey: key }, number);
const create = (sku: string, quantity: number): Promise<unknown> =>
  one.query(`mutation { createInventoryItem(input: { sku: "${sku}", quantity: ${quantity} }) { __typename } }`);
const itemOf = async (sku: string, through = one): Promise<Item> =>
  (await through.query(`query($sku: String!) ${itemText}`, { sku })).data!['inventoryItem'] as Item;

async function movementsOf(sku: string, through = two): Promise<MovementNode[]> {
  const nodes: MovementNode[] = [];
  for (let after: string | null = null; ;) {
    const { data } = await through.query(movementsText, { sku, after });
    const { movements } = data!['inventoryItem'] as {
      movements: { nodes: MovementNode[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    };
    nodes.push(...movements.nodes);
    if (!movements.pageInfo.hasNextPage) return nodes;
    after = movements.pageInfo.endCursor;
  }
}

/** That movements and item agree, and that each reservation has one beginning and at most one end. */
async function expectLedger(sku: string): Promise<MovementNode[]> {
  const nodes = await movementsOf(sku);
  const { quantity, reserved, available } = await itemOf(sku);
  const sum = (...types: string[]): number =>
    nodes.filter(({ type }) => types.includes(type)).reduce((total, each) => total + each.quantity, 0);
  expect(sum('CREATED', 'ADJUSTED') - sum('COMMITTED')).toBe(quantity);
  expect(sum('RESERVED') - sum('COMMITTED', 'RELEASED', 'EXPIRED')).toBe(reserved);
  expect([available, available >= 0, reserved >= 0]).toEqual([quantity - reserved, true, true]);
  const ends = nodes.filter(({ type }) => ['COMMITTED', 'RELEASED', 'EXPIRED'].includes(type));
  expect(new Set(ends.map(({ reservationId }) => reservationId)).size).toBe(ends.length);
  return nodes;
}

function follow(through: Program, skus: string[]): Collector<Item & { sku: string }> {
  const seen = new Collector<Item & { sku: string }>();
  through.client().subscribe(
    {
      query: 'subscription($skus: [String!]!) { inventoryChanged(skus: $skus) { sku quantity reserved available } }',
      variables: { skus },
    },
    {
      next: ({ data }) => void (data && seen.add(data['inventoryChanged'] as Item & { sku: string })),
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return seen;
}

describe('two gateways on one storage process', () => {
  it(
    'sell what there is, once, to hundreds of carts at the same time',
    async () => {
      await Promise.all([create('shirt', 60), create('socks', 90)]);
      const carts = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          reserve(index % 2 === 0 ? { shirt: 1 } : { socks: 1, shirt: 1 }, 600_000, `sale-${index}`, index),
        ),
      );
      const held = carts.filter(({ __typename }) => __typename === 'Reservation');
      expect(held).toHaveLength(60);
      expect(await itemOf('shirt', two)).toEqual({ quantity: 60, reserved: 60, available: 0 });
      const settled = await Promise.all(
        held.flatMap(({ reservationId }, index) => [
          settle('commitReservation', reservationId, `c-${index}`, index),
          settle('releaseReservation', reservationId, `r-${index}`, index + 1),
        ]),
      );
      for (let index = 0; index < settled.length; index += 2) {
        const [commit, release] = [settled[index]!, settled[index + 1]!];
        expect([commit.__typename, release.__typename].sort()).toEqual(['Reservation', 'ReservationNotHeld']);
      }
      for (const sku of ['shirt', 'socks']) {
        await expectLedger(sku);
        expect(await itemOf(sku)).toMatchObject({ reserved: 0 });
      }
    },
    minute,
  );

  it(
    'give back what a hold had at its end, to the next caller on either; subscribers see it within a second',
    async () => {
      await create('lamp', 3);
      const [here, there] = [follow(one, ['lamp', 'shade']), follow(two, ['lamp'])];
      await Promise.all([here.atLeast(1), there.atLeast(1)]);
      const { reservationId, expiresAt } = await reserve({ lamp: 3 }, 700, 'lamps');
      expect(await reserve({ lamp: 1 }, 1_000, 'refused', 1)).toMatchObject({
        shortages: [{ sku: 'lamp', requested: 1, available: 0 }],
      });
      await until(() => [here, there].every(({ items }) => items.at(-1)?.reserved === 3));
      await until(() => [here, there].every(({ items }) => items.at(-1)?.reserved === 0));
      // Same machine, same clock; a busy machine may take a moment more to deliver.
      expect(systemClock.nowMs() - Date.parse(expiresAt)).toBeLessThan(2_000);
      expect(await settle('commitReservation', reservationId, 'late', 1)).toMatchObject({
        __typename: 'ReservationNotHeld',
        reservation: { status: 'EXPIRED' },
      });
      expect(await reserve({ lamp: 3 }, 600_000, 'again', 1)).toMatchObject({ __typename: 'Reservation' });
      const nodes = await expectLedger('lamp');
      expect(nodes.find(({ type }) => type === 'EXPIRED')).toMatchObject({ quantity: 3, reservationId, at: expiresAt });
      await create('shade', 1);
      await until(() => here.items.some(({ sku }) => sku === 'shade'));
    },
    minute,
  );

  it(
    'record what one made that is killed with -9: the other, which never saw it, writes the movement and tells subscribers',
    async () => {
      const third = await start(['gateway']).ready();
      await Promise.all([create('vase', 4), create('bowl', 4)]);
      const make = (sku: string): Promise<Answer> =>
        third
          .query(reserveText, { input: { lines: [{ sku, quantity: 2 }], holdMs: 1_500, idempotencyKey: sku } })
          .then(({ data }) => data!['reserveInventory'] as Answer);
      const [vase, bowl] = await Promise.all([make('vase'), make('bowl')]);
      third.process.kill('SIGKILL');
      await third.ended;
      const seen = follow(two, ['bowl']);
      await until(() => seen.items.at(-1)?.reserved === 2);
      // Read past the gateways, which would record what they are asked for.
      const grpc = new GrpcStore({
        address: `unix:${join(directory.path, 'storage.sock')}`,
        clock: systemClock,
        ids: systemIds,
      });
      const store = new ScopedStore(grpc, tenantScope('default', 1));
      const newest = async () => {
        const { results } = await store.read([{ start: keyspace.inventoryItem('vase') }]);
        return recentMovements('vase', decodeItem(results[0]!.entries[0]!.value))[0]!;
      };
      let last = await newest();
      for (; last.type !== 'expired'; last = await newest()) await systemClock.sleep(10);
      // A second is what is promised; the machine may be busy.
      expect(systemClock.nowMs() - Date.parse(vase.expiresAt)).toBeLessThan(2_000);
      expect(last).toMatchObject({
        quantity: 2,
        reservationId: vase.reservationId,
        atMs: Date.parse(vase.expiresAt),
      });
      await grpc.close();
      await until(() => seen.items.at(-1)?.reserved === 0);
      for (const [sku, { reservationId, expiresAt }] of Object.entries({ vase, bowl })) {
        const nodes = await expectLedger(sku);
        expect(nodes[0]).toEqual({ type: 'EXPIRED', quantity: 2, reservationId, at: expiresAt });
      }
    },
    minute,
  );

  it(
    'lose nothing and sell nothing twice when storage is killed with -9 under load, and all is sent again',
    async () => {
      const skus = ['a', 'b', 'c'];
      await Promise.all(skus.map((sku) => create(sku, 400)));
      const sold: string[] = [];
      let isOver = false;
      let done = 0;
      const buyer = async (number: number): Promise<void> => {
        for (let round = 0; !isOver; round += 1) {
          const name = `${number}-${round}`;
          const lines = { [skus[round % 3]!]: 1, [skus[(round + 1) % 3]!]: 1 };
          const cart = await reserve(lines, round % 5 === 0 ? 50 : 600_000, `k-${name}`, round);
          if (cart.__typename !== 'Reservation') continue;
          const field = round % 3 === 0 ? 'releaseReservation' : 'commitReservation';
          const end = await settle(field, cart.reservationId, `s-${name}`, round + number);
          if (end.status === 'COMMITTED') sold.push(cart.reservationId);
          done += 1;
        }
      };
      const buyers = Promise.all(Array.from({ length: 12 }, (_, number) => buyer(number)));
      for (let kills = 1; kills <= 3; kills += 1) {
        await until(() => done >= kills * 60);
        storage.process.kill('SIGKILL');
        await storage.ended;
        await startStorage();
      }
      await until(() => done >= 240);
      isOver = true;
      await buyers;
      const committed = new Set<string>();
      for (const sku of skus) {
        const nodes = await expectLedger(sku);
        for (const { type, reservationId } of nodes) if (type === 'COMMITTED') committed.add(reservationId!);
        expect((await itemOf(sku)).reserved).toBe(0);
      }
      expect([...committed].sort()).toEqual([...sold].sort());
    },
    minute,
  );
});
