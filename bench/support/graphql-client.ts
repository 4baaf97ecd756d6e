/** Single GraphQL requests, for what is set up and verified; load goes another way. */

/** The data of an answer. Throws where it has errors. */
export async function ask<Data>(
  origin: string,
  query: string,
  variables: object = {},
  tenantId = 'default',
): Promise<Data> {
  const answer = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': tenantId },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data?: Data; errors?: readonly { message: string }[] };
  if (errors || !data) throw new Error(`${query} was answered with ${answer.status} ${JSON.stringify(errors)}`);
  return data;
}

const atOnce = 64;

/** Does something for each, many at once. */
export async function forEach<Item>(items: readonly Item[], action: (item: Item) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await action(items[next++]!);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
