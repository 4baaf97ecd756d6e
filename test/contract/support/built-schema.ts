/** The schema that the gateway serves, and the one that the SDL files describe: two sources that must be one. */
import { buildSchema, lexicographicSortSchema, printSchema } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { resolverClasses } from '../../../resolvers/index';
import { readContractSdl } from '../../../schema/sdl';
import { buildGatewaySchema } from '../../../src/gateway/schema';

let built: GraphQLSchema | undefined;

/** What the resolvers build, with the descriptions that the gateway copies. Built once a test file. */
export function builtSchema(): GraphQLSchema {
  built ??= buildGatewaySchema({ resolvers: resolverClasses, sdl: readContractSdl() });
  return built;
}

/** What the SDL files say, without any resolver. */
export function writtenSchema(): GraphQLSchema {
  return buildSchema(readContractSdl());
}

/** Types and members in alphabetical order, with their descriptions: equal for equal schemas. */
export function sorted(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
