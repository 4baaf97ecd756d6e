/**
 * One operation compiled by graphql-jit. Only the walk through the fields is left to it: variables are coerced as graphql-js does
 * it (`coerce-variables.ts`), every argument literal by graphql-js itself. graphql-jit 0.8 does both differently: it refuses an input object that leaves out a
 * non-null field with a default, puts null where a variable inside a literal was left out, and cannot carry parsed
 * scalars (bytes, dates) in compiled code. So the document given to it has every literal replaced by a variable of a
 * scalar that passes values on as they are.
 */
import { GraphQLScalarType, Kind, TypeInfo, getVariableValues, valueFromAST, visit, visitWithTypeInfo } from 'graphql';
import type {
  DocumentNode,
  ExecutionResult,
  GraphQLInputType,
  GraphQLSchema,
  OperationDefinitionNode,
  ValueNode,
  VariableDefinitionNode,
} from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import { compileVariables } from './coerce-variables';

/** Variables as the caller sent them. */
export type Inputs = Readonly<Record<string, unknown>>;

/** Runs the operation; undefined where it needs graphql-js after all, to say what is wrong with an argument. */
export type CompiledOperation = (
  rootValue: unknown,
  contextValue: unknown,
  inputs: Inputs,
) => ExecutionResult | Promise<ExecutionResult> | undefined;

const rawTypeName = 'NorigateRawValue';
const rawType = new GraphQLScalarType({ name: rawTypeName });
const variableErrorsMax = 20;

interface HoistedLiteral {
  readonly variable: string;
  readonly node: ValueNode;
  readonly type: GraphQLInputType;
}

/**
 * Whether graphql-jit runs this document just as graphql-js would. Not so: conditional fields, introspection, and
 * a field that is to be called `__proto__`, which a JavaScript object literal takes for something else.
 */
export function isCompilable(document: DocumentNode): boolean {
  let compilable = true;
  visit(document, {
    Directive: () => void (compilable = false),
    Field(node) {
      if (node.alias?.value === '__proto__' || node.name.value === '__schema' || node.name.value === '__type')
        compilable = false;
    },
  });
  return compilable;
}

/** Compiles an operation of a valid document; undefined where graphql-jit cannot. Costs about a millisecond. */
export function compileOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): CompiledOperation | undefined {
  if (!isCompilable(document)) return undefined;
  const hoisted = hoistLiterals(schema, document, operation);
  const constants: Record<string, unknown> = {};
  const perRequest: HoistedLiteral[] = [];
  for (const literal of hoisted.literals) {
    if (hasVariable(literal.node)) perRequest.push(literal);
    else constants[literal.variable] = valueFromAST(literal.node, literal.type);
  }
  // A constant that is undefined does not fit its type; validation lets none through, graphql-js would say so.
  if (Object.values(constants).includes(undefined)) return undefined;
  const compiled = compileQuery(withRawType(schema), hoisted.document, operation.name?.value, {
    disablingCapturingStackErrors: true,
  });
  if (!isCompiledQuery(compiled)) return undefined;
  const definitions = operation.variableDefinitions ?? [];
  const coerce = compileVariables(schema, definitions);
  return (rootValue, contextValue, inputs) => {
    let coerced = coerce(inputs);
    if (!coerced) {
      const coercion = getVariableValues(schema, definitions, inputs, { maxErrors: variableErrorsMax });
      if (coercion.errors) return { errors: coercion.errors };
      ({ coerced } = coercion);
    }
    const variables: Record<string, unknown> = { ...constants, ...coerced };
    for (const { variable, node, type } of perRequest) {
      const value = valueFromAST(node, type, coerced);
      if (value === undefined) return undefined;
      variables[variable] = value;
    }
    return compiled.query(rootValue, contextValue, variables) as ExecutionResult | Promise<ExecutionResult>;
  };
}

/** The same document with a fresh variable instead of every argument literal, all variables being of the raw type. */
function hoistLiterals(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): { document: DocumentNode; literals: readonly HoistedLiteral[] } {
  const prefix = freshPrefix(document);
  const literals: HoistedLiteral[] = [];
  const typeInfo = new TypeInfo(schema);
  const rewritten = visit(
    document,
    visitWithTypeInfo(typeInfo, {
      VariableDefinition: () => false,
      Argument(node) {
        const type = typeInfo.getInputType();
        if (node.value.kind === Kind.VARIABLE || !type) return false;
        const variable = `${prefix}${literals.length}`;
        literals.push({ variable, node: node.value, type });
        return { ...node, value: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: variable } } };
      },
    }),
  );
  const names = [
    ...(operation.variableDefinitions ?? []).map((each) => each.variable.name.value),
    ...literals.map((each) => each.variable),
  ];
  const definitions = rewritten.definitions.map((each) =>
    each.kind === Kind.OPERATION_DEFINITION ? { ...each, variableDefinitions: names.map(rawDefinition) } : each,
  );
  return { document: { ...rewritten, definitions }, literals };
}

function rawDefinition(name: string): VariableDefinitionNode {
  return {
    kind: Kind.VARIABLE_DEFINITION,
    variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } },
    type: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: rawTypeName } },
  };
}

/** A prefix that no variable of the document begins with. */
function freshPrefix(document: DocumentNode): string {
  let prefix = 'literal';
  visit(document, {
    Variable(node) {
      while (node.name.value.startsWith(prefix)) prefix += '_';
    },
  });
  return prefix;
}

function hasVariable(node: ValueNode): boolean {
  let found = false;
  visit(node, { Variable: () => void (found = true) });
  return found;
}

const schemasWithRawType = new WeakMap<GraphQLSchema, GraphQLSchema>();

/** The same schema, which knows the raw type when asked for it by name. */
function withRawType(schema: GraphQLSchema): GraphQLSchema {
  const known = schemasWithRawType.get(schema);
  if (known) return known;
  const getType = (name: string): ReturnType<GraphQLSchema['getType']> =>
    name === rawTypeName ? rawType : schema.getType(name);
  const extended = Object.create(schema, { getType: { value: getType } }) as GraphQLSchema;
  schemasWithRawType.set(schema, extended);
  return extended;
}
