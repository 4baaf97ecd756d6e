/**
 * Root fields that call their method directly. type-graphql's own resolver sorts the parameters anew at each call, copies every input
 * into an instance of its class, and awaits a validation that is off: a tenth of the CPU of a small mutation. Methods are given
 * the same arguments, inputs being plain objects; fields that need more than arguments, context and info keep type-graphql's.
 */
import type { GraphQLFieldResolver, GraphQLObjectType, GraphQLSchema } from 'graphql';
import type { ResolverClass } from './schema';

/** What type-graphql has noted about a method, as far as it is read here. */
interface MethodMetadata {
  readonly target: ResolverClass;
  readonly methodName: string;
  readonly schemaName: string;
  readonly params?: readonly ParameterMetadata[];
  readonly middlewares?: readonly unknown[];
}

interface ParameterMetadata {
  readonly kind: string;
  readonly index: number;
  /** Of an argument. */
  readonly name?: string;
  /** Of a context: the one member that is wanted. */
  readonly propertyName?: string | undefined;
}

interface MetadataStorage {
  readonly queries: readonly MethodMetadata[];
  readonly mutations: readonly MethodMetadata[];
}

type Arguments = Readonly<Record<string, unknown>>;

type Methods = Readonly<Record<string, (...values: readonly unknown[]) => unknown>>;

/** Has the fields of query and mutation call the methods of these classes. Throws where type-graphql keeps its notes elsewhere. */
export function resolveDirectly(schema: GraphQLSchema, resolvers: readonly ResolverClass[]): void {
  const { TypeGraphQLMetadataStorage: notes } = globalThis as { TypeGraphQLMetadataStorage?: MetadataStorage };
  if (!notes) throw new Error('type-graphql does not say where its metadata are');
  const targets = new Map(resolvers.map((resolver) => [resolver, makeInstance(resolver)]));
  setResolvers(schema.getQueryType(), notes.queries, targets);
  setResolvers(schema.getMutationType(), notes.mutations, targets);
}

function setResolvers(
  type: GraphQLObjectType | null | undefined,
  methods: readonly MethodMetadata[],
  targets: ReadonlyMap<ResolverClass, Methods>,
): void {
  const fields = type?.getFields() ?? {};
  for (const method of methods) {
    const target = targets.get(method.target);
    const field = fields[method.schemaName];
    if (target && field && isPlain(method)) field.resolve = callOf(target, method);
  }
}

function isPlain({ params = [], middlewares = [] }: MethodMetadata): boolean {
  const isKnown = ({ kind, propertyName }: ParameterMetadata): boolean =>
    kind === 'arg' || kind === 'info' || (kind === 'context' && propertyName === undefined);
  return middlewares.length === 0 && params.every(isKnown);
}

function callOf(target: Methods, { methodName, params = [] }: MethodMetadata): GraphQLFieldResolver<unknown, unknown> {
  const wanted = [...params].sort((a, b) => a.index - b.index);
  const method = target[methodName]!.bind(target);
  const valueOf = ({ kind, name }: ParameterMetadata, args: Arguments, context: unknown, info: unknown): unknown => {
    if (kind === 'arg') return args[name!];
    return kind === 'info' ? info : context;
  };
  const [first, second, third] = wanted as [ParameterMetadata, ParameterMetadata, ParameterMetadata];
  // Nearly all have one to three parameters: no list of their values is made.
  switch (wanted.length) {
    case 1:
      return (_root, args, context, info) => method(valueOf(first, args, context, info));
    case 2:
      return (_root, args, context, info) =>
        method(valueOf(first, args, context, info), valueOf(second, args, context, info));
    case 3:
      return (_root, args, context, info) =>
        method(
          valueOf(first, args, context, info),
          valueOf(second, args, context, info),
          valueOf(third, args, context, info),
        );
    default:
      return (_root, args, context, info) => method(...wanted.map((each) => valueOf(each, args, context, info)));
  }
}

function makeInstance(resolver: ResolverClass): Methods {
  return new (resolver as unknown as new () => Methods)();
}
