// The bank account as an application: its own fields beside those of norigate, its events in the tenant's event streams.
import { aggregatesOf, createGateway, invalidArgument } from 'norigate';
import { account } from './account.mjs';

const typeDefs = `
  "An account as it stands."
  type Account { id: String! owner: String! balance: SafeInt! version: SafeInt! }
  "Why a command was refused; nothing was changed."
  type AccountRefused { code: String! message: String! }
  union AccountResult = Account | AccountRefused
  "What has happened to an account, and by which command."
  type AccountEntry { version: SafeInt! type: String! data: JSON! at: DateTime! commandId: String }

  extend type Query {
    account(id: String!): Account
    "The account as it was at a version."
    accountAt(id: String!, version: SafeInt!): Account
    "Its events, oldest first."
    auditTrail(id: String!, first: Int! = 100, afterVersion: SafeInt! = 0): [AccountEntry!]!
  }
  extend type Mutation {
    openAccount(id: String!, owner: String!, commandId: String): AccountResult!
    deposit(id: String!, amount: SafeInt!, commandId: String): AccountResult!
    withdraw(id: String!, amount: SafeInt!, commandId: String): AccountResult!
  }
`;

const streamOf = (id) => `account-${id}`;
const shown = (id, { owner, balance }, version) => ({ kind: 'Account', id, owner, balance, version });

async function run(context, id, command, commandId) {
  if (command.amount !== undefined && !(command.amount > 0))
    throw invalidArgument('amount', `is ${command.amount}: it must be above 0`);
  const handled = await aggregatesOf(context).handle(account, streamOf(id), command, {
    commandId: commandId ?? undefined,
  });
  if (handled.kind === 'refused') return { kind: 'AccountRefused', ...handled.refusal };
  return shown(id, handled.state, handled.version);
}

const resolvers = {
  Query: {
    async account(_source, { id }, context) {
      const { state, version } = await aggregatesOf(context).load(account, streamOf(id));
      return state.owner === null ? null : shown(id, state, version);
    },
    async accountAt(_source, { id, version }, { patterns }) {
      let state = account.initialState;
      for (let at = 0; at < version;) {
        const { events } = await patterns.events.page(streamOf(id), { afterVersion: at, first: 500 });
        const wanted = events.filter((event) => event.version <= version);
        if (wanted.length === 0) break;
        for (const { type, data } of wanted) state = account.evolve(state, { type, data: JSON.parse(data) });
        at = wanted.at(-1).version;
      }
      return state.owner === null ? null : shown(id, state, version);
    },
    async auditTrail(_source, { id, first, afterVersion }, { patterns }) {
      const { events } = await patterns.events.page(streamOf(id), { first, afterVersion });
      return events.map(({ version, type, data, metadata, atMs }) => {
        const { commandId } = JSON.parse(metadata);
        return { version, type, data: JSON.parse(data), at: atMs, commandId };
      });
    },
  },
  Mutation: {
    openAccount: (_source, { id, owner, commandId }, context) => run(context, id, { kind: 'open', owner }, commandId),
    deposit: (_source, { id, amount, commandId }, context) => run(context, id, { kind: 'deposit', amount }, commandId),
    withdraw: (_source, { id, amount, commandId }, context) =>
      run(context, id, { kind: 'withdraw', amount }, commandId),
  },
};

const gateway = await createGateway({ typeDefs, resolvers, config: process.env });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => gateway.stop());
