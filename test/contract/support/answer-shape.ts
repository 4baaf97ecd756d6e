/**
 * Holds an answer against the document that asked for it and the schema: every selected field is there with a value of
 * its type, nothing else is there, null only where the schema allows it. graphql-js would not answer otherwise, but the
 * gateway executes with compiled queries and rebuilds errors by hand; this is the independent look at what clients get.
 * What was seen on the way (fields, members of unions, enum values) is recorded for the coverage test.
 */
import { getNamedType, isAbstractType, isEnumType, isLeafType, isListType, isNonNullType, isObjectType } from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  GraphQLEnumType,
  GraphQLLeafType,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLSchema,
  SelectionSetNode,
} from 'graphql';
import type { Reached } from './reached';

type Json = Readonly<Record<string, unknown>>;

export interface AnswerCheck {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string;
  readonly variables: Json;
  readonly reached: Reached;
}

const isJsonObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isText = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value);

/** What a value of each scalar looks like in an answer; a scalar without a rule is a fault of this test. */
const scalarRules: Readonly<Record<string, (value: unknown) => boolean>> = {
  Int: (value) => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 31,
  Float: (value) => Number.isFinite(value),
  String: (value) => typeof value === 'string',
  ID: (value) => typeof value === 'string' && value !== '',
  Boolean: (value) => typeof value === 'boolean',
  SafeInt: (value) => Number.isSafeInteger(value),
  DateTime: (value) => isText(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  Base64: (value) => isText(value, /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  Version: (value) => isText(value, /^(?:0|[1-9]\d*)$/),
  JSON: () => true,
};

/** All faults of `data` as the answer of the operation, as sentences with a path; empty where it is right. */
export function answerFaults(check: AnswerCheck, data: unknown): string[] {
  const operation = check.document.definitions.find(
    (definition) => definition.kind === 'OperationDefinition' && definition.name?.value === check.operationName,
  );
  if (operation?.kind !== 'OperationDefinition') return [`there is no operation ${check.operationName}`];
  const root = check.schema.getRootType(operation.operation);
  if (!root) return [`the schema has no ${operation.operation}`];
  return new AnswerWalk(check).objectFaults(root, [operation.selectionSet], data, operation.operation);
}

class AnswerWalk {
  readonly #check: AnswerCheck;

  constructor(check: AnswerCheck) {
    this.#check = check;
  }

  objectFaults(
    type: GraphQLObjectType,
    selections: readonly SelectionSetNode[],
    value: unknown,
    path: string,
  ): string[] {
    if (!isJsonObject(value)) return [`${path}: expected an object of ${type.name}, found ${JSON.stringify(value)}`];
    const faults: string[] = [];
    const wanted = this.#fieldsOf(type, selections);
    for (const name of Object.keys(value)) if (!wanted.has(name)) faults.push(`${path}.${name}: was not asked for`);
    for (const [name, nodes] of wanted) {
      const at = `${path}.${name}`;
      const fieldName = nodes[0]!.name.value;
      if (!(name in value)) faults.push(`${at}: is missing`);
      else if (fieldName === '__typename') {
        if (value[name] !== type.name)
          faults.push(`${at}: expected ${type.name}, found ${JSON.stringify(value[name])}`);
      } else {
        const field = type.getFields()[fieldName];
        if (!field) faults.push(`${at}: ${type.name} has no field ${fieldName}`);
        else {
          this.#check.reached.field(type.name, fieldName);
          faults.push(...this.#valueFaults(field.type, nodes, value[name], at));
        }
      }
    }
    return faults;
  }

  #valueFaults(type: GraphQLOutputType, nodes: readonly FieldNode[], value: unknown, path: string): string[] {
    if (isNonNullType(type)) {
      if (value === null) return [`${path}: is null, and ${String(type)} forbids it`];
      return this.#valueFaults(type.ofType, nodes, value, path);
    }
    if (value === null) return [];
    if (isListType(type)) {
      if (!Array.isArray(value)) return [`${path}: expected a list, found ${JSON.stringify(value)}`];
      return value.flatMap((item, index) => this.#valueFaults(type.ofType, nodes, item, `${path}[${index}]`));
    }
    if (isLeafType(type)) return this.#leafFaults(type, value, path);
    const selections = nodes.flatMap((node) => (node.selectionSet ? [node.selectionSet] : []));
    if (isObjectType(type)) return this.objectFaults(type, selections, value, path);
    return this.#abstractFaults(getNamedType(type).name, selections, value, path);
  }

  #leafFaults(type: GraphQLLeafType, value: unknown, path: string): string[] {
    if (isEnumType(type)) return this.#enumFaults(type, value, path);
    const rule = scalarRules[type.name];
    if (!rule) return [`${path}: no rule for the scalar ${type.name}`];
    return rule(value) ? [] : [`${path}: ${JSON.stringify(value)} is not a ${type.name}`];
  }

  #enumFaults(type: GraphQLEnumType, value: unknown, path: string): string[] {
    if (typeof value !== 'string' || !type.getValue(value))
      return [`${path}: ${JSON.stringify(value)} is no ${type.name}`];
    this.#check.reached.enumValue(type.name, value);
    return [];
  }

  #abstractFaults(typeName: string, selections: readonly SelectionSetNode[], value: unknown, path: string): string[] {
    if (!isJsonObject(value)) return [`${path}: expected an object of ${typeName}, found ${JSON.stringify(value)}`];
    const actual = value['__typename'];
    if (typeof actual !== 'string') return [`${path}: a selection on ${typeName} asks for __typename`];
    const type = this.#check.schema.getType(typeName);
    const member = isAbstractType(type)
      ? this.#check.schema.getPossibleTypes(type).find((possible) => possible.name === actual)
      : undefined;
    if (!member) return [`${path}: ${actual} is not one of ${typeName}`];
    this.#check.reached.member(typeName, actual);
    return this.objectFaults(member, selections, value, path);
  }

  /** The fields that an object of `type` answers with, by response name, as GraphQL's CollectFields does. */
  #fieldsOf(type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Map<string, FieldNode[]> {
    const fields = new Map<string, FieldNode[]>();
    const collect = (set: SelectionSetNode): void => {
      for (const selection of set.selections) {
        if (!this.#isIncluded(selection.directives ?? [])) continue;
        if (selection.kind === 'Field') {
          const name = selection.alias?.value ?? selection.name.value;
          fields.set(name, [...(fields.get(name) ?? []), selection]);
        } else if (selection.kind === 'InlineFragment') {
          if (this.#applies(selection.typeCondition?.name.value, type)) collect(selection.selectionSet);
        } else {
          const fragment = this.#check.document.definitions.find(
            (definition) => definition.kind === 'FragmentDefinition' && definition.name.value === selection.name.value,
          );
          if (fragment?.kind === 'FragmentDefinition' && this.#applies(fragment.typeCondition.name.value, type))
            collect(fragment.selectionSet);
        }
      }
    };
    for (const set of selections) collect(set);
    return fields;
  }

  #applies(conditionName: string | undefined, type: GraphQLObjectType): boolean {
    if (conditionName === undefined || conditionName === type.name) return true;
    const condition = this.#check.schema.getType(conditionName);
    return isAbstractType(condition) && this.#check.schema.isSubType(condition, type);
  }

  #isIncluded(directives: NonNullable<FieldNode['directives']>): boolean {
    return directives.every((directive) => {
      const argument = directive.arguments?.find(({ name }) => name.value === 'if')?.value;
      const isTrue =
        argument?.kind === 'Variable'
          ? this.#check.variables[argument.name.value] === true
          : argument?.kind === 'BooleanValue' && argument.value;
      return directive.name.value === 'skip' ? !isTrue : directive.name.value !== 'include' || isTrue;
    });
  }
}
