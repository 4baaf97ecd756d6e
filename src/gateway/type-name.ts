/**
 * Members of unions and interfaces carry the name of their type in `kind`. Synchronous, and never throwing: type-graphql's
 * own is asynchronous, which graphql-jit does not know.
 */
export function typeNameOf(value: unknown): string | undefined {
  const tagged = value as { readonly kind?: unknown; readonly __typename?: unknown } | null;
  const name = tagged?.kind ?? tagged?.__typename;
  return typeof name === 'string' ? name : undefined;
}
