/**
 * An application's own fields beside ours: SDL that extends the roots and defines types, and plain functions that resolve them. What
 * does not fit is said at the start, all of it at once: a field or type of ours cannot be replaced or changed, since
 * clients rely on the contract, and a root field without a resolver would answer null for ever.
 */
import {
  Kind,
  extendSchema,
  isAbstractType,
  isObjectType,
  isScalarType,
  isTypeExtensionNode,
  parse,
  validateSchema,
  valueFromASTUntyped,
} from 'graphql';
import type { DocumentNode, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema, OperationTypeNode } from 'graphql';
import type { RequestContext } from '../../resolvers/context';
import type { NeededRole, OwnRoles } from './field-roles';
import { typeNameOf } from './type-name';

/** A function of an application that resolves a field; it may be asynchronous. */
export type ApplicationResolver = (
  source: never,
  args: never,
  context: RequestContext,
  info: GraphQLResolveInfo,
) => unknown;

/** A subscription's field: where its payloads come from, and what is shown of one (default: the payload itself). */
export interface ApplicationSubscription {
  readonly subscribe: ApplicationResolver;
  readonly resolve?: ApplicationResolver;
}

/** What a scalar of an application does; `parseValue` also takes literals, as the values that they mean. */
export interface ApplicationScalar {
  readonly serialize?: (value: unknown) => unknown;
  readonly parseValue?: (value: unknown) => unknown;
}

export interface SchemaExtension {
  /** `extend type Query { … }` and the application's own types. */
  readonly typeDefs: string;
  /** By type and field; scalars by name alone. Fields of objects without one show the member of the same name. */
  readonly resolvers: Readonly<
    Record<string, Readonly<Record<string, ApplicationResolver | ApplicationSubscription>> | ApplicationScalar>
  >;
  /** What a caller must be, by root type and field. Default: READER for queries and subscriptions, WRITER for mutations. */
  readonly roles?: Readonly<Record<string, Readonly<Record<string, NeededRole>>>> | undefined;
}

export interface ExtendedSchema {
  readonly schema: GraphQLSchema;
  readonly roles: OwnRoles;
}

const roots = { Query: 'query', Mutation: 'mutation', Subscription: 'subscription' } as const;
type RootName = keyof typeof roots;

const isRootName = (name: string): name is RootName => Object.hasOwn(roots, name);

/** Throws an Error that names every fault. */
export function extendGatewaySchema(schema: GraphQLSchema, extension: SchemaExtension): ExtendedSchema {
  const document = parsed(extension.typeDefs);
  const changed = changesOfOurs(document, schema);
  if (changed.length > 0) throw faulty(changed);
  let extended: GraphQLSchema;
  try {
    extended = extendSchema(schema, document);
  } catch (error) {
    throw faulty((error as Error).message.split('\n\n'));
  }
  const faults = [
    ...validateSchema(extended).map(({ message }) => message),
    ...attach(extended, schema, extension.resolvers),
    ...unresolved(extended, schema),
    ...rolesOfNothing(extended, schema, extension.roles ?? {}),
  ];
  if (faults.length > 0) throw faulty(faults);
  for (const type of Object.values(extended.getTypeMap()))
    if (isAbstractType(type) && !schema.getType(type.name)) type.resolveType = typeNameOf;
  return { schema: extended, roles: rolesOf(extended, schema, extension.roles ?? {}) };
}

function faulty(faults: readonly string[]): Error {
  return new Error(`The application's schema cannot be served:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
}

function parsed(typeDefs: string): DocumentNode {
  try {
    return parse(typeDefs);
  } catch (error) {
    throw faulty([`typeDefs: ${(error as Error).message}`]);
  }
}

function changesOfOurs(document: DocumentNode, schema: GraphQLSchema): string[] {
  return document.definitions.flatMap((node) => {
    if (node.kind === Kind.SCHEMA_DEFINITION || node.kind === Kind.SCHEMA_EXTENSION)
      return [
        'the schema itself is the gateway\'s: write "extend type Query", "extend type Mutation" or "extend type Subscription"',
      ];
    if (!isTypeExtensionNode(node) || isRootName(node.name.value)) return [];
    return schema.getType(node.name.value)
      ? [`${node.name.value} is a type of the gateway, which cannot be extended`]
      : [];
  });
}

/** Puts the resolvers where they belong; gives what belongs nowhere. */
function attach(extended: GraphQLSchema, ours: GraphQLSchema, resolvers: SchemaExtension['resolvers']): string[] {
  return Object.entries(resolvers).flatMap(([typeName, given]) => {
    const type = extended.getType(typeName);
    if (!type) return [`resolvers.${typeName}: typeDefs define no such type`];
    if (isScalarType(type)) {
      if (ours.getType(typeName)) return [`resolvers.${typeName} is a scalar of the gateway, which cannot be replaced`];
      Object.assign(type, given);
      type.parseLiteral = (node, variables) => type.parseValue(valueFromASTUntyped(node, variables));
      return [];
    }
    if (!isObjectType(type)) return [`resolvers.${typeName} is neither an object nor a scalar`];
    return Object.entries(given as Readonly<Record<string, ApplicationResolver | ApplicationSubscription>>).flatMap(
      ([fieldName, resolver]) => attachField({ type, fieldName, resolver, ours }),
    );
  });
}

interface Attachment {
  readonly type: GraphQLObjectType;
  readonly fieldName: string;
  readonly resolver: ApplicationResolver | ApplicationSubscription;
  readonly ours: GraphQLSchema;
}

function attachField({ type, fieldName, resolver, ours }: Attachment): string[] {
  const place = `resolvers.${type.name}.${fieldName}`;
  const fields = type.getFields();
  if (!Object.hasOwn(fields, fieldName)) return [`${place}: typeDefs define no such field`];
  if (isOurs(ours, type.name, fieldName)) return [`${place} is a field of the gateway, which cannot be replaced`];
  const field = fields[fieldName]!;
  if (type.name === 'Subscription') {
    if (typeof resolver !== 'object' || typeof resolver.subscribe !== 'function')
      return [`${place} must be { subscribe, resolve? }, with a function that gives an async iterable`];
    field.subscribe = resolver.subscribe as never;
    field.resolve = (resolver.resolve ?? ((payload: unknown) => payload)) as never;
    return [];
  }
  if (typeof resolver !== 'function') return [`${place} must be a function`];
  field.resolve = resolver as never;
  return [];
}

function isOurs(ours: GraphQLSchema, typeName: string, fieldName: string): boolean {
  const type = ours.getType(typeName);
  return isObjectType(type) && Object.hasOwn(type.getFields(), fieldName);
}

/** Root fields that the application added. */
function ownRootFields(extended: GraphQLSchema, ours: GraphQLSchema): { type: RootName; field: string }[] {
  return (Object.keys(roots) as RootName[]).flatMap((type) => {
    const root = extended.getType(type);
    const fields = isObjectType(root) ? Object.keys(root.getFields()) : [];
    return fields.filter((field) => !isOurs(ours, type, field)).map((field) => ({ type, field }));
  });
}

function unresolved(extended: GraphQLSchema, ours: GraphQLSchema): string[] {
  return ownRootFields(extended, ours).flatMap(({ type, field }) => {
    const { resolve, subscribe } = (extended.getType(type) as GraphQLObjectType).getFields()[field]!;
    return resolve || subscribe ? [] : [`resolvers.${type}.${field} is missing`];
  });
}

function rolesOfNothing(
  extended: GraphQLSchema,
  ours: GraphQLSchema,
  roles: NonNullable<SchemaExtension['roles']>,
): string[] {
  const own = ownRootFields(extended, ours);
  return Object.entries(roles).flatMap(([type, fields]) =>
    Object.keys(fields)
      .filter((field) => !own.some((each) => each.type === type && each.field === field))
      .map((field) => `roles.${type}.${field} is no root field of the application`),
  );
}

function rolesOf(extended: GraphQLSchema, ours: GraphQLSchema, given: NonNullable<SchemaExtension['roles']>): OwnRoles {
  const roles = new Map<string, NeededRole>();
  for (const { type, field } of ownRootFields(extended, ours)) {
    const operation = roots[type] as OperationTypeNode;
    roles.set(`${operation} ${field}`, given[type]?.[field] ?? (type === 'Mutation' ? 'WRITER' : 'READER'));
  }
  return roles;
}
