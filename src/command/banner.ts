/** What a person who has just started the program wants to read. */

export interface BannerOptions {
  readonly version: string;
  /** Such as http://127.0.0.1:4000. */
  readonly origin: string;
  /** Where the data is, in words. */
  readonly storage: string;
  readonly hasGraphiql: boolean;
  /** Whether everyone needs a credential. */
  readonly isAuthRequired: boolean;
}

/** URLs, where the data is, who is let in, and a first command to try. */
export function banner({ version, origin, storage, hasGraphiql, isAuthRequired }: BannerOptions): string {
  const query = 'mutation { incrementCounter(input: {name: "visits"}) { ... on IncrementCounterSuccess { value } } }';
  const lines = [
    '',
    `norigate ${version} is ready.`,
    '',
    `  GraphQL     ${origin}/graphql    (POST, GET, WebSocket, server-sent events)`,
    ...(hasGraphiql ? [`  GraphiQL    ${origin}/graphiql`] : []),
    `  Schema      ${origin}/schema.graphql`,
    `  Operation   ${origin}/readyz  ${origin}/metrics`,
    `  Data        ${storage}`,
    '',
    isAuthRequired
      ? 'Credentials are required: send Authorization: Bearer KEY.'
      : 'Development mode: everyone on this machine is let in, as the tenant that the header x-tenant-id names.',
    '',
    'Try it:',
    '',
    `  curl ${origin}/graphql -H 'content-type: application/json' ${isAuthRequired ? `-H 'authorization: Bearer KEY' ` : ''}\\`,
    `    -d '${JSON.stringify({ query })}'`,
    '',
    'Ctrl-C stops it.',
    '',
  ];
  return `${lines.join('\n')}\n`;
}
