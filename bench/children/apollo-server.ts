/** Apollo Server as its documentation has it (`startStandaloneServer`), over the same schema and the same resolvers as our no-op gateway. */
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildGatewaySchema } from '../../src/gateway/schema';
import { behave } from '../support/child-side';
import { NoOpResolver, noOpSdl } from '../support/no-op-resolvers';
import type { HttpServerChild } from './no-op-gateway';

behave<HttpServerChild>(async () => {
  const server = new ApolloServer({ schema: buildGatewaySchema({ resolvers: [NoOpResolver], sdl: noOpSdl }) });
  const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } });
  return { started: { port: Number(new URL(url).port) } };
});
