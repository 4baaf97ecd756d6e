/**
 * A schema as a list of its parts, each with a name (`Query.kvGet(key:)`, `KvPutResult = VersionConflict`, `Counter
 * implements Node`, `KvChangeType.PUT`) and what a client relies on of it (type, nullability, default). Two schemas are
 * then compared as two lists.
 */
import {
  astFromValue,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
  print,
} from 'graphql';
import type { GraphQLArgument, GraphQLInputField, GraphQLNamedType, GraphQLSchema } from 'graphql';

/** What clients rely on, by the name of the part. */
export type SchemaParts = ReadonlyMap<string, string>;

/** All parts of the types that a schema defines itself. */
export function partsOf(schema: GraphQLSchema): SchemaParts {
  const parts = new Map<string, string>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    parts.set(type.name, kindOf(type));
    if (isEnumType(type)) for (const { name } of type.getValues()) parts.set(`${type.name}.${name}`, 'value');
    if (isUnionType(type)) for (const { name } of type.getTypes()) parts.set(`${type.name} = ${name}`, 'member');
    if (isInputObjectType(type))
      for (const field of Object.values(type.getFields())) parts.set(`${type.name}.${field.name}`, inputText(field));
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const { name } of type.getInterfaces()) parts.set(`${type.name} implements ${name}`, 'interface');
    for (const field of Object.values(type.getFields())) {
      parts.set(`${type.name}.${field.name}`, String(field.type));
      for (const argument of field.args)
        parts.set(`${type.name}.${field.name}(${argument.name}:)`, inputText(argument));
    }
  }
  return parts;
}

/** The names of all parts without a description, sorted. */
export function undescribedParts(schema: GraphQLSchema): string[] {
  const bare: string[] = [];
  const look = (name: string, part: { readonly description?: string | null | undefined }): void => {
    if (!part.description) bare.push(name);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    look(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field);
      if (!('args' in field)) continue;
      for (const argument of field.args) look(`${type.name}.${field.name}(${argument.name}:)`, argument);
    }
  }
  return bare.sort();
}

function kindOf(type: GraphQLNamedType): string {
  if (isInputObjectType(type)) return type.isOneOf ? 'input @oneOf' : 'input';
  if (isObjectType(type)) return 'type';
  if (isInterfaceType(type)) return 'interface';
  if (isUnionType(type)) return 'union';
  if (isEnumType(type)) return 'enum';
  return 'scalar';
}

function inputText({ type, defaultValue }: GraphQLArgument | GraphQLInputField): string {
  const node = defaultValue === undefined ? undefined : astFromValue(defaultValue, type);
  return node ? `${String(type)} = ${print(node)}` : String(type);
}

/** Whether a caller must give this argument or input field. */
const isRequired = (text: string): boolean => text.endsWith('!') && !text.includes(' = ');

export interface ContractComparison {
  /** Parts of the contract that are not built, sorted. */
  readonly missing: readonly string[];
  /** What is built and is not what the contract says, as sentences. */
  readonly faults: readonly string[];
}

/** Holds what is built against the contract. It may add to it, unless a caller of the contract would then fail. */
export function compareWithContract(contract: GraphQLSchema, built: GraphQLSchema): ContractComparison {
  const wanted = partsOf(contract);
  const found = partsOf(built);
  const missing: string[] = [];
  const faults: string[] = [];
  for (const [name, text] of wanted) {
    const actual = found.get(name);
    if (actual === undefined) missing.push(name);
    else if (actual !== text) faults.push(`${name}: the contract says ${text}, built is ${actual}`);
  }
  for (const [name, text] of found) {
    if (wanted.has(name) || !isRequired(text) || !wanted.has(ownerOf(name))) continue;
    if (name.endsWith(':)') || isInputObjectType(built.getType(ownerOf(name))))
      faults.push(`${name}: is required, and the contract does not know it`);
  }
  return { missing: missing.sort(), faults: faults.sort() };
}

/** `Query.kvGet` of `Query.kvGet(key:)`, `KvPutInput` of `KvPutInput.key`. */
function ownerOf(name: string): string {
  return name.slice(0, name.endsWith(':)') ? name.indexOf('(') : name.indexOf('.'));
}

/** Whether a name fits a pattern in which `*` stands for any characters. */
export function fits(pattern: string, name: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(name);
}

/**
 * Holds what is missing against the patterns of what is known to be missing. Faults: a missing part that no pattern names, a part
 * that exists although a pattern names it, a pattern that names nothing at all.
 */
export function unexpected(
  patterns: readonly string[],
  { all, missing }: { readonly all: Iterable<string>; readonly missing: readonly string[] },
): string[] {
  const isMissing = new Set(missing);
  const isUsed = new Set<string>();
  const faults: string[] = [];
  for (const name of all) {
    const pattern = patterns.find((each) => fits(each, name));
    if (pattern !== undefined) isUsed.add(pattern);
    if (isMissing.has(name) && pattern === undefined) faults.push(`${name} is missing`);
    if (!isMissing.has(name) && pattern !== undefined) faults.push(`${name} exists: take ${pattern} off the list`);
  }
  for (const pattern of patterns) if (!isUsed.has(pattern)) faults.push(`${pattern} is listed and names nothing`);
  return faults.sort();
}
