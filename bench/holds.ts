/**
 * Reserving and releasing one sku that has 100,000 live holds, beside the same with 10: what a hold costs those that come after
 * it. Every pair gives back what it took, so that the number of holds stays.
 */
import { atLeast } from './support/bench';
import type { Bench } from './support/bench';
import { ask, forEach } from './support/graphql-client';
import { makeHttpLoad } from './support/http-load';
import { Program } from './support/program';
import { Rounds } from './support/rounds';

const few = { name: 'reserve + release, 10 live holds of the sku', sku: 'few', holds: 10 };
const many = { name: 'reserve + release, 100,000 live holds of the sku', sku: 'many', holds: 100_000 };
const reserve =
  'mutation Reserve($input: ReserveInventoryInput!) { reserveInventory(input: $input) { __typename ... on Reservation { reservationId } } }';
const release =
  'mutation Release($input: SettleReservationInput!) { releaseReservation(input: $input) { __typename ... on Reservation { status } } }';
const dayMs = 86_400_000;

export const holds: Bench = {
  name: 'holds',
  title: 'A sku with 100,000 live holds, 64 connections',
  async run(world) {
    const program = await Program.start(world);
    const { origin, port, pids } = program;
    const candidates = [];
    for (const { name, sku, holds: count } of [few, many]) {
      await ask(
        origin,
        'mutation ($sku: String!) { createInventoryItem(input: { sku: $sku, quantity: 1000000 }) { __typename } }',
        { sku },
      );
      world.say(`holds: ${count} of ${sku}`);
      const input = { lines: [{ sku, quantity: 1 }], holdMs: dayMs };
      await forEach(Array.from({ length: count }), () => ask(origin, reserve, { input }));
      candidates.push(
        await makeHttpLoad(world, {
          name,
          port,
          pids,
          connections: 64,
          query: reserve,
          variables: [{ input }],
          expected: '"Reservation"',
          followUp: { query: release, member: 'reservationId', expected: '"RELEASED"' },
        }),
      );
    }
    const rounds = await Rounds.run(world, { name: 'holds', candidates });
    for (const { sku, holds: count } of [few, many]) await requireReserved(origin, sku, count);
    await program.stop();
    const ratio = rounds.ratio(many.name, few.name);
    return {
      rates: [
        rounds.row(few.name),
        rounds.row(many.name, {
          ratios: [ratio],
          targets: [atLeast(ratio.value, 1 / 1.5, 'within 1.5 × of 10 holds')],
        }),
      ],
      values: [],
      notes: ['Verified: in the end each sku has as many held as at the beginning.'],
    };
  },
};

async function requireReserved(origin: string, sku: string, expected: number): Promise<void> {
  const query = 'query ($sku: String!) { inventoryItem(sku: $sku) { reserved } }';
  const { inventoryItem } = await ask<{ inventoryItem: { reserved: number } }>(origin, query, { sku });
  if (inventoryItem.reserved !== expected)
    throw new Error(`${inventoryItem.reserved} of ${sku} are held, where ${expected} should be`);
}
