/** Shapes that the SDL repeats: connections, and inputs in which null means "left out". */
import type { PageInfo } from '../schema/common';

/** An input without its null members: null and left out are the same where a member is optional. It may be the input itself. */
export type Given<T> = { [K in keyof T]: Exclude<T[K], null> };

export function given<T extends object>(input: T): Given<T> {
  const members = Object.values(input);
  if (!members.includes(null)) return input as Given<T>;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null)) as Given<T>;
}

export interface Connection<T> {
  readonly edges: { cursor: string; node: T }[];
  readonly nodes: T[];
  readonly pageInfo: PageInfo;
}

export interface ConnectionOptions<T> {
  readonly nodes: T[];
  readonly cursorOf: (node: T) => string;
  readonly hasNextPage: boolean;
  /** The page began behind a cursor. */
  readonly hasPreviousPage: boolean;
}

export function toConnection<T>({
  nodes,
  cursorOf,
  hasNextPage,
  hasPreviousPage,
}: ConnectionOptions<T>): Connection<T> {
  const edges = nodes.map((node) => ({ cursor: cursorOf(node), node }));
  const startCursor = edges[0]?.cursor ?? null;
  const endCursor = edges.at(-1)?.cursor ?? null;
  return { edges, nodes, pageInfo: { hasNextPage, hasPreviousPage, startCursor, endCursor } };
}
