// The rules of a bank account: a decider. Nothing here knows of GraphQL, of storage, or of other callers.

export const account = {
  name: 'bank account',
  initialState: { owner: null, balance: 0 },

  evolve(state, { type, data }) {
    switch (type) {
      case 'AccountOpened':
        return { ...state, owner: data.owner };
      case 'Deposited':
        return { ...state, balance: state.balance + data.amount };
      case 'Withdrawn':
        return { ...state, balance: state.balance - data.amount };
      default:
        return state;
    }
  },

  // A list of events, or why not. Decided again, on the newest state, whenever somebody else was faster.
  decide({ owner, balance }, command) {
    if (command.kind === 'open')
      return owner === null
        ? [{ type: 'AccountOpened', data: { owner: command.owner } }]
        : { code: 'ALREADY_EXISTS', message: `the account is open: it is ${owner}'s` };
    if (owner === null) return { code: 'NOT_FOUND', message: 'there is no such account' };
    if (command.kind === 'withdraw' && balance < command.amount)
      return { code: 'INSUFFICIENT_FUNDS', message: `the balance is ${balance}, less than ${command.amount}` };
    return [{ type: command.kind === 'deposit' ? 'Deposited' : 'Withdrawn', data: { amount: command.amount } }];
  },
};
