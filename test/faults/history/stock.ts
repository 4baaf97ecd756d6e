/** Whether an item was never oversold: at no look was more reserved than there is, and in the end its quantity, its movements and the settled carts agree. */

export interface Look {
  readonly quantity: number;
  readonly reserved: number;
}

export type Settled = 'COMMITTED' | 'RELEASED' | 'EXPIRED';

export interface Cart {
  readonly reservationId: string;
  /** How much of this item. */
  readonly quantity: number;
  /** What its caller was told last; HELD: it was left to expire. */
  readonly told: Settled | 'HELD';
  /** What has become of it in the end. */
  readonly status: string;
}

export interface Movement {
  readonly type: string;
  readonly quantity: number;
}

export interface StockHistory {
  readonly created: number;
  /** Acknowledged changes of the quantity. */
  readonly adjusted: readonly number[];
  readonly carts: readonly Cart[];
  readonly looks: readonly Look[];
  /** When all carts are settled or expired. */
  readonly end: Look;
  readonly movements: readonly Movement[];
}

/** What is wrong with it; empty: nothing. */
export function stockFaults({ created, adjusted, carts, looks, end, movements }: StockHistory): string[] {
  const faults: string[] = [];
  for (const { quantity, reserved } of [...looks, end])
    if (reserved < 0 || reserved > quantity) faults.push(`${reserved} of ${quantity} were reserved`);
  for (const { reservationId, told, status } of carts)
    if (status !== (told === 'HELD' ? 'EXPIRED' : told))
      faults.push(`${reservationId} was said to be ${told}, and is ${status}`);
  const sold = sum(carts.filter(({ status }) => status === 'COMMITTED'));
  const expected = created + adjusted.reduce((total, each) => total + each, 0) - sold;
  if (end.quantity !== expected)
    faults.push(`${end.quantity} are left: ${created} and what was adjusted, less ${sold} sold, are ${expected}`);
  if (end.reserved !== 0) faults.push(`${end.reserved} are reserved when every cart is over`);
  const moved = (...types: readonly string[]): number => sum(movements.filter(({ type }) => types.includes(type)));
  const ofMovements = moved('CREATED', 'ADJUSTED') - moved('COMMITTED');
  if (ofMovements !== end.quantity) faults.push(`the movements come to ${ofMovements}, and ${end.quantity} are left`);
  const held = moved('RESERVED') - moved('COMMITTED', 'RELEASED', 'EXPIRED');
  if (held !== end.reserved) faults.push(`the movements leave ${held} reserved, not ${end.reserved}`);
  return faults;
}

function sum(items: readonly { readonly quantity: number }[]): number {
  return items.reduce((total, { quantity }) => total + quantity, 0);
}
