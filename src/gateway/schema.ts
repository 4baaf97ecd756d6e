/**
 * The schema that the gateway serves: what type-graphql builds from the resolver classes, with the prose and the @oneOf
 * marks of the SDL copied on. All prose lives in the SDL; classes and resolvers have none.
 */
import 'reflect-metadata';
import {
  Kind,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  parse,
  printSchema,
} from 'graphql';
import type { DefinitionNode, GraphQLNamedType, GraphQLSchema, StringValueNode } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import type { NonEmptyArray } from 'type-graphql';
import { resolveDirectly } from './direct-resolvers';
import { typeNameOf } from './type-name';

/** A class with type-graphql's decorators. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- the type that type-graphql asks for
export type ResolverClass = Function;

export interface SchemaOptions {
  readonly resolvers: readonly ResolverClass[];
  /** Where descriptions and @oneOf come from; definitions of types that are not built yet are passed over. */
  readonly sdl: string;
}

const noPubSub = {
  publish(): never {
    throw new Error('subscriptions come from the store: nothing is published');
  },
  subscribe(): never {
    throw new Error('subscriptions come from the store: nothing is published');
  },
};

/** Builds the schema. Throws where the classes do not make one. */
export function buildGatewaySchema(options: SchemaOptions): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: options.resolvers as unknown as NonEmptyArray<ResolverClass>,
    // Arguments are judged by the scalars and the patterns; class-validator would cost 12 us an input.
    validate: false,
    pubSub: noPubSub,
    nullableByDefault: false,
    emitSchemaFile: false,
  });
  for (const type of Object.values(schema.getTypeMap())) if (isAbstractType(type)) type.resolveType = typeNameOf;
  resolveDirectly(schema, options.resolvers);
  for (const definition of parse(options.sdl).definitions) describe(schema, definition);
  return schema;
}

/** The SDL of a schema, the same for equal schemas: types and fields in alphabetical order. */
export function printGatewaySchema(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}

interface Described {
  description?: string | null | undefined;
}

interface DescribedNode {
  readonly name: { readonly value: string };
  readonly description?: StringValueNode;
  readonly arguments?: readonly DescribedNode[];
}

function copyDescription(target: Described | undefined, node: DescribedNode): void {
  if (target && node.description) target.description = node.description.value;
}

function describe(schema: GraphQLSchema, definition: DefinitionNode): void {
  if (!('name' in definition) || !definition.name || !('kind' in definition)) return;
  const type: GraphQLNamedType | undefined = schema.getType(definition.name.value);
  if (!type) return;
  if ('description' in definition) copyDescription(type, definition as DescribedNode);
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.OBJECT_TYPE_EXTENSION:
    case Kind.INTERFACE_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_EXTENSION:
      if (isObjectType(type) || isInterfaceType(type))
        for (const node of definition.fields ?? []) {
          const field = type.getFields()[node.name.value];
          copyDescription(field, node);
          for (const argument of node.arguments ?? [])
            copyDescription(
              field?.args.find((each) => each.name === argument.name.value),
              argument,
            );
        }
      return;
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
    case Kind.INPUT_OBJECT_TYPE_EXTENSION:
      if (!isInputObjectType(type)) return;
      for (const node of definition.fields ?? []) copyDescription(type.getFields()[node.name.value], node);
      if (definition.directives?.some((each) => each.name.value === 'oneOf')) type.isOneOf = true;
      return;
    case Kind.ENUM_TYPE_DEFINITION:
    case Kind.ENUM_TYPE_EXTENSION:
      if (isEnumType(type))
        for (const node of definition.values ?? []) copyDescription(type.getValue(node.name.value) ?? undefined, node);
      return;
    default:
  }
}
