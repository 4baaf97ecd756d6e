/** `store.proto` as a list of what peers rely on: one line a field, a member of an enumeration, a call. */
import protobuf from 'protobufjs';
import type { Enum, Field, ReflectionObject, Type } from 'protobufjs';
import { readText } from './repository';

/** The file as protobufjs reads it, with the names that it has there. */
export function readProto(text = readText('proto/store.proto')): protobuf.Root {
  const { root } = protobuf.parse(text, new protobuf.Root(), { keepCase: true });
  root.resolveAll();
  return root;
}

/** One line a part, sorted. */
export function protoLines(root: protobuf.Root): string[] {
  const lines: string[] = [];
  const walk = (object: ReflectionObject): void => {
    if (object instanceof protobuf.Enum) lines.push(...enumLines(object));
    if (object instanceof protobuf.Type) for (const field of object.fieldsArray) lines.push(fieldLine(object, field));
    if (object instanceof protobuf.Service)
      for (const { name, requestStream, requestType, responseStream, responseType } of object.methodsArray) {
        const side = (isStream: boolean | undefined, type: string): string => (isStream ? `stream ${type}` : type);
        const answer = side(responseStream, responseType);
        lines.push(`rpc ${object.name}.${name}(${side(requestStream, requestType)}) returns (${answer})`);
      }
    if (object instanceof protobuf.Namespace) for (const nested of object.nestedArray) walk(nested);
  };
  walk(root);
  return lines.sort();
}

function enumLines({ name, values }: Enum): string[] {
  return Object.entries(values).map(([member, number]) => `${name}.${member} = ${number}`);
}

function fieldLine(type: Type, field: Field): string {
  const isOptional = field.options?.['proto3_optional'] === true;
  const group = field.partOf && !isOptional ? `, one of ${field.partOf.name}` : '';
  const label = field.repeated ? 'repeated ' : isOptional ? 'optional ' : '';
  return `${type.name}.${field.name} = ${field.id}, ${label}${field.type}${group}`;
}

/** Whether a field that is gone left its number and its name reserved, so that nobody uses them again. */
export function isReserved(root: protobuf.Root, line: string): boolean {
  const [, typeName, fieldName, number] = /^(\w+)\.(\w+) = (\d+)/.exec(line) ?? [];
  const found = typeName === undefined ? undefined : findNamed(root, typeName);
  if (!(found instanceof protobuf.Type) && !(found instanceof protobuf.Enum)) return false;
  return found.isReservedId(Number(number)) && found.isReservedName(fieldName!);
}

function findNamed(namespace: protobuf.NamespaceBase, name: string): ReflectionObject | undefined {
  for (const nested of namespace.nestedArray) {
    if (nested.name === name) return nested;
    const inner = nested instanceof protobuf.Namespace ? findNamed(nested, name) : undefined;
    if (inner) return inner;
  }
  return undefined;
}

/** What peers that speak the released lines would misunderstand. */
export function brokenPromises(released: readonly string[], root: protobuf.Root): string[] {
  const present = new Set(protoLines(root));
  return released
    .filter((line) => !present.has(line) && !isReserved(root, line))
    .map((line) => `"${line}" was released: neither is it there, nor are its number and name reserved`);
}

/** All enumerations, with the name of their member 0. */
export function enumZeros(root: protobuf.Root): Map<string, string | undefined> {
  const zeros = new Map<string, string | undefined>();
  const walk = (object: ReflectionObject): void => {
    if (object instanceof protobuf.Enum) zeros.set(object.name, object.valuesById[0]);
    if (object instanceof protobuf.Namespace) for (const nested of object.nestedArray) walk(nested);
  };
  walk(root);
  return zeros;
}

/** The path of every field below a message whose type `isWanted`, through whatever leads there. */
export function pathsTo(type: Type, isWanted: (field: Field) => boolean): string[][] {
  return type.fieldsArray.flatMap((field) => {
    field.resolve();
    if (isWanted(field)) return [[field.name]];
    if (!(field.resolvedType instanceof protobuf.Type)) return [];
    return pathsTo(field.resolvedType, isWanted).map((path) => [field.name, ...path]);
  });
}

/** A message with every field set to something that is right; of a `oneof` the one that `path` goes through; at its end `value`. */
export function sampleMessage(type: Type, path: readonly string[], value: unknown): Record<string, unknown> {
  const sample: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const isOnPath = path[0] === field.name;
    const group = field.partOf && field.options?.['proto3_optional'] !== true ? field.partOf : undefined;
    const chosen = group?.fieldsArray.find(({ name }) => name === path[0]) ?? group?.fieldsArray[0];
    if (chosen && chosen !== field) continue;
    const one = isOnPath && path.length === 1 ? value : sampleValue(field, isOnPath ? path.slice(1) : [], value);
    sample[field.name] = field.repeated ? [one] : one;
  }
  return sample;
}

function sampleValue(field: Field, path: readonly string[], value: unknown): unknown {
  field.resolve();
  if (field.resolvedType instanceof protobuf.Type) return sampleMessage(field.resolvedType, path, value);
  if (field.type === 'bytes') return Buffer.of(1);
  if (field.type === 'string') return 'INTERNAL';
  return field.type === 'bool' ? true : 1;
}
