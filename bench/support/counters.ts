/** Counters as the benches use them: the document, the names, and the sum that proves that no increment was lost or doubled. */
import { ask, forEach } from './graphql-client';

/** Selects what storage answers at once. */
export const incrementDocument =
  'mutation Increment($input: IncrementCounterInput!) { incrementCounter(input: $input) { __typename ... on IncrementCounterSuccess { value } } }';

/** In every answer that is right. */
export const incremented = '"IncrementCounterSuccess"';

/** Variables that increment each of so many counters by one. */
export function incrementVariables(prefix: string, count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    input: { name: `${prefix}${String(index).padStart(6, '0')}` },
  }));
}

const createDocument = 'mutation Create($input: CreateCounterInput!) { createCounter(input: $input) { __typename } }';
/** Makes them, at 0: a counter that exists is what is measured, not its beginning. */
export async function createCounters(origin: string, prefix: string, count: number, tenantId?: string): Promise<void> {
  await forEach(incrementVariables(prefix, count), (each) => ask(origin, createDocument, each, tenantId));
}

const pageDocument =
  'query Page($prefix: String!, $after: String) { counters(prefix: $prefix, first: 1000, after: $after) { nodes { value } pageInfo { hasNextPage endCursor } } }';

interface Page {
  readonly counters: {
    readonly nodes: readonly { readonly value: number }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

/** Throws unless the counters come to exactly this sum. */
export async function requireSum(origin: string, prefix: string, expected: number): Promise<void> {
  let sum = 0;
  let after: string | null = null;
  do {
    const page: Page = await ask<Page>(origin, pageDocument, { prefix, after });
    for (const { value } of page.counters.nodes) sum += value;
    after = page.counters.pageInfo.hasNextPage ? page.counters.pageInfo.endCursor : null;
  } while (after !== null);
  if (sum !== expected) throw new Error(`the counters ${prefix}… come to ${sum}, where ${expected} were acknowledged`);
}
