/** The guide's bank account, as a decider. */
import type { Aggregate } from '../../../src/aggregate/decider';

export interface Account {
  readonly owner: string | null;
  readonly balance: number;
}

export type AccountCommand =
  | { readonly do: 'open'; readonly owner: string }
  | { readonly do: 'deposit' | 'withdraw'; readonly amount: number }
  | { readonly do: 'nothing' };

export type AccountEvent =
  | { readonly type: 'Opened'; readonly data: { readonly owner: string } }
  | { readonly type: 'Deposited' | 'Withdrawn'; readonly data: { readonly amount: number } };

export interface AccountRefusal {
  readonly reason: 'not open' | 'open already' | 'insufficient funds';
}

export const bankAccount: Aggregate<Account, AccountCommand, AccountEvent, AccountRefusal> = {
  name: 'bank account',
  initialState: { owner: null, balance: 0 },
  evolve(state, event) {
    if (event.type === 'Opened') return { ...state, owner: event.data.owner };
    const sign = event.type === 'Deposited' ? 1 : -1;
    return { ...state, balance: state.balance + sign * event.data.amount };
  },
  decide({ owner, balance }, command) {
    if (command.do === 'nothing') return [];
    if (command.do === 'open')
      return owner === null ? [{ type: 'Opened', data: { owner: command.owner } }] : { reason: 'open already' };
    if (owner === null) return { reason: 'not open' };
    if (command.do === 'withdraw' && balance < command.amount) return { reason: 'insufficient funds' };
    return [{ type: command.do === 'deposit' ? 'Deposited' : 'Withdrawn', data: { amount: command.amount } }];
  },
};
