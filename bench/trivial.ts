/**
 * The trivial query `{ hello }` on 64 connections: Apollo Server standalone, our gateway with a resolver that does nothing over the
 * same schema, and bare node:http. What GraphQL costs before anything is done.
 */
import type { HttpServerChild } from './children/no-op-gateway';
import { atLeast } from './support/bench';
import type { Bench } from './support/bench';
import { Child } from './support/child';
import { makeHttpLoad } from './support/http-load';
import { Rounds } from './support/rounds';
import type { Candidate } from './support/rounds';

const apollo = 'Apollo Server standalone';
const ours = 'norigate, no-op resolver';
const plain = 'bare node:http with JSON';

const files = { [apollo]: 'apollo-server.js', [ours]: 'no-op-gateway.js', [plain]: 'plain-server.js' } as const;

export const trivial: Bench = {
  name: 'trivial',
  title: 'Trivial query, 64 connections',
  async run(world) {
    const candidates: Candidate[] = [];
    const servers: Child<HttpServerChild>[] = [];
    for (const [name, file] of Object.entries(files)) {
      const server = await Child.start<HttpServerChild>(world, { file, config: null, isServer: true });
      servers.push(server);
      const { port } = server.started;
      const pids = { gateway: server.pid };
      candidates.push(
        await makeHttpLoad(world, { name, port, pids, connections: 64, query: '{ hello }', expected: '"hello"' }),
      );
    }
    const rounds = await Rounds.run(world, { name: 'trivial', candidates });
    for (const server of servers) await server.stop();
    const ratio = rounds.ratio(ours, apollo);
    return {
      rates: [
        rounds.row(apollo),
        rounds.row(ours, { ratios: [ratio], targets: [atLeast(ratio.value, 2, '≥ 2.0 × Apollo')] }),
        rounds.row(plain, { ratios: [rounds.ratio(plain, apollo)] }),
      ],
      values: [],
      notes: [],
    };
  },
};
