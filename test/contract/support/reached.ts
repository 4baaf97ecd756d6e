/**
 * What the operations have reached of a schema: fields and members of unions and interfaces that stood in an answer, enum
 * values that were sent or answered, arguments and input fields that were given. What a document merely mentions does not count.
 */
import {
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
  TypeInfo,
  typeFromAST,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { DocumentNode, GraphQLInputType, GraphQLSchema } from 'graphql';

type Json = Readonly<Record<string, unknown>>;

export class Reached {
  readonly #names = new Set<string>();

  field(type: string, field: string): void {
    this.#names.add(`${type}.${field}`);
  }

  member(abstractType: string, type: string): void {
    this.#names.add(`${abstractType} = ${type}`);
  }

  enumValue(type: string, value: string): void {
    this.#names.add(`${type}.${value}`);
  }

  /** Records the arguments, input fields and enum values that one run of an operation gives. */
  inputs(schema: GraphQLSchema, document: DocumentNode, operationName: string, variables: Json): void {
    const info = new TypeInfo(schema);
    const ofOperation: DocumentNode = {
      ...document,
      definitions: document.definitions.filter(
        (definition) => definition.kind !== 'OperationDefinition' || definition.name?.value === operationName,
      ),
    };
    visit(
      ofOperation,
      visitWithTypeInfo(info, {
        VariableDefinition: (node) => {
          const type = typeFromAST(schema, node.type as never) as GraphQLInputType | undefined;
          const value = variables[node.variable.name.value];
          if (type && value !== undefined) this.#input(type, value);
          return false;
        },
        Argument: (node) => {
          const parent = info.getParentType();
          const field = info.getFieldDef();
          const isGiven = node.value.kind !== 'Variable' || variables[node.value.name.value] !== undefined;
          if (parent && field && isGiven) this.#names.add(`${parent.name}.${field.name}(${node.name.value}:)`);
          const type = info.getInputType();
          if (type && node.value.kind !== 'Variable')
            this.#input(type, valueFromASTUntyped(node.value, variables as never));
        },
      }),
    );
  }

  #input(type: GraphQLInputType, value: unknown): void {
    if (isNonNullType(type)) return this.#input(type.ofType, value);
    if (value === null || value === undefined) return;
    if (isListType(type)) {
      for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) this.#input(type.ofType, item);
    } else if (isEnumType(type)) this.enumValue(type.name, String(value));
    else if (isInputObjectType(type)) {
      for (const [name, field] of Object.entries(type.getFields())) {
        const given = (value as Json)[name];
        if (given === undefined) continue;
        this.#names.add(`${type.name}.${name}`);
        this.#input(field.type, given);
      }
    }
  }

  /** Everything of the schema that was not reached, sorted. Interfaces count through the types that implement them. */
  missing(schema: GraphQLSchema): string[] {
    return [...reachableNames(schema)].filter((name) => !this.#names.has(name)).sort();
  }
}

/** The names of all that can be reached in a schema, as `Reached` writes them. */
export function reachableNames(schema: GraphQLSchema): Set<string> {
  const names = new Set<string>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    if (isEnumType(type)) for (const { name } of type.getValues()) names.add(`${type.name}.${name}`);
    if (isInputObjectType(type)) for (const name of Object.keys(type.getFields())) names.add(`${type.name}.${name}`);
    if (isUnionType(type)) for (const member of type.getTypes()) names.add(`${type.name} = ${member.name}`);
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      names.add(`${type.name}.${field.name}`);
      for (const argument of field.args) names.add(`${type.name}.${field.name}(${argument.name}:)`);
      // An interface matters where a field answers with it.
      const answer = getNamedType(field.type);
      if (isAbstractType(answer))
        for (const member of schema.getPossibleTypes(answer)) names.add(`${answer.name} = ${member.name}`);
    }
  }
  return names;
}
