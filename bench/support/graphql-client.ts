/** Single GraphQL requests, for what is set up and verified; load goes another way. */

/** The data of an answer. Throws where it has errors. */
export async function ask<Data>(origin: string, query: string, variables: object = {}): Promise<Data> {
  const answer = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data?: Data; errors?: readonly { message: string }[] };
  if (errors || !data) throw new Error(`${query} was answered with ${answer.status} ${JSON.stringify(errors)}`);
  return data;
}
