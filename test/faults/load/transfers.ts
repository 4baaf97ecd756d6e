/** Money that is moved between accounts by transactions of two checks and two puts, and looked at. */
import type { Balances, Transfer } from '../history/money';
import { moneyFaults } from '../history/money';
import type { Data } from '../support/caller';
import type { Part, PartContext, Worker } from './part';

const accounts = ['account 1', 'account 2', 'account 3', 'account 4'];
const look = `query ($keys: [String!]!) { kvGetMany(keys: $keys) { version value { text } } }`;
const transact = `mutation ($input: KvTransactInput!) { kvTransact(input: $input) { __typename } }`;
const openingBalance = 100;

interface Entry {
  readonly version: string;
  readonly value: { readonly text: string };
}

export function makeTransfers({ caller, machines }: PartContext): Part {
  const opening = Object.fromEntries(accounts.map((account) => [account, openingBalance]));
  const acknowledged: Transfer[] = [];
  const looks: Balances[] = [];

  const entriesOf = (data: Data): readonly Entry[] => data['kvGetMany'] as readonly Entry[];
  const balancesOf = (entries: readonly Entry[]): Balances =>
    Object.fromEntries(accounts.map((account, index) => [account, Number(entries[index]!.value.text)]));

  const transfer = async (worker: Worker, entries: readonly Entry[]): Promise<void> => {
    const [from, to] = [worker.below(accounts.length), worker.below(accounts.length)];
    const amount = 1 + worker.below(20);
    const balance = (at: number): number => Number(entries[at]!.value.text);
    if (from === to || balance(from) < amount) return;
    const write = (at: number, change: number): object => ({
      key: accounts[at],
      value: { text: String(balance(at) + change) },
    });
    const input = {
      checks: [from, to].map((at) => ({ key: accounts[at], version: entries[at]!.version })),
      puts: [write(from, -amount), write(to, amount)],
      idempotencyKey: worker.fresh(),
    };
    const { data } = await caller.insist(worker.below(machines.length), transact, { input });
    if ((data['kvTransact'] as { readonly __typename: string }).__typename === 'KvTransactSuccess')
      acknowledged.push({ from: accounts[from]!, to: accounts[to]!, amount });
  };

  return {
    name: 'transfers',
    workers: 3,
    async begin() {
      const puts = accounts.map((key) => ({ key, value: { text: String(openingBalance) } }));
      await caller.insist(0, transact, { input: { puts, idempotencyKey: 'opening' } });
    },
    async step(worker) {
      const outcome = await caller.once(worker.below(machines.length), look, { keys: accounts });
      if (outcome.kind !== 'answered') return;
      const entries = entriesOf(outcome.data);
      looks.push(balancesOf(entries));
      await transfer(worker, entries);
    },
    async faults() {
      const { data } = await caller.insist(1, look, { keys: accounts });
      const closing = balancesOf(entriesOf(data));
      return moneyFaults({ opening, acknowledged, looks, closing }).map((fault) => `transfers: ${fault}`);
    },
  };
}
