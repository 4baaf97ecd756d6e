/** Whether money was moved and neither made nor lost: every look at all accounts at once adds up, none is below zero, and the end is what the transfers come to. */

/** What is on each account. */
export type Balances = Readonly<Record<string, number>>;

export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

export interface MoneyHistory {
  readonly opening: Balances;
  /** Each was sent until it was answered. */
  readonly acknowledged: readonly Transfer[];
  /** What was seen of all accounts at once. */
  readonly looks: readonly Balances[];
  readonly closing: Balances;
}

/** What is wrong with it; empty: nothing. */
export function moneyFaults({ opening, acknowledged, looks, closing }: MoneyHistory): string[] {
  const faults: string[] = [];
  const total = totalOf(opening);
  for (const look of [...looks, closing]) {
    if (totalOf(look) !== total) faults.push(`${show(look)} adds up to ${totalOf(look)}, not to ${total}`);
    if (Object.values(look).some((balance) => balance < 0)) faults.push(`${show(look)} has less than nothing`);
  }
  const expected: Record<string, number> = { ...opening };
  for (const { from, to, amount } of acknowledged) {
    expected[from] = (expected[from] ?? 0) - amount;
    expected[to] = (expected[to] ?? 0) + amount;
  }
  for (const [account, balance] of Object.entries(expected))
    if (closing[account] !== balance)
      faults.push(`${account} ends with ${closing[account]}: its transfers come to ${balance}`);
  return faults;
}

function totalOf(balances: Balances): number {
  return Object.values(balances).reduce((sum, each) => sum + each, 0);
}

function show(balances: Balances): string {
  return JSON.stringify(balances);
}
