/** What a new schema breaks for clients of an old one, as GraphQL Inspector judges it. */
import { ChangeType, CriticalityLevel, diff } from '@graphql-inspector/core';
import type { GraphQLSchema } from 'graphql';

/** "Dangerous" to the inspector; to us broken, since the same request then means something else. */
const silentChanges: ReadonlySet<string> = new Set([
  ChangeType.FieldArgumentDefaultChanged,
  ChangeType.InputFieldDefaultValueChanged,
]);

/** One sentence for each change that breaks a client, with the part that it is about. */
export async function breakingChanges(before: GraphQLSchema, after: GraphQLSchema): Promise<string[]> {
  const changes = await diff(before, after);
  return changes
    .filter(({ criticality, type }) => criticality.level === CriticalityLevel.Breaking || silentChanges.has(type))
    .map(({ message, path = 'schema' }) => `${path}: ${message}`)
    .sort();
}
