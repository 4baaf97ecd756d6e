/** What the gateway takes and refuses over HTTP, against a schema of its own. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { request as httpRequest } from 'node:http';
import { getIntrospectionQuery } from 'graphql';
import { TrustedDocuments } from '../../src/gateway/trusted-documents';
import { post, startSampleGateway } from './support/sample-gateway';
import type { GraphqlAnswer, SampleGateway } from './support/sample-gateway';

let gateway: SampleGateway;
beforeAll(async () => {
  gateway = await startSampleGateway();
});
afterAll(() => gateway.stop());

const code = (answer: { body: GraphqlAnswer }): string | undefined => answer.body.errors?.[0]?.extensions.code;
const message = (answer: { body: GraphqlAnswer }): string => answer.body.errors?.[0]?.message ?? '';

/** A request with headers that fetch would not let through. */
function raw(options: {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path, headers = {}, body } = options;
    const sent = httpRequest(
      { host: '127.0.0.1', port: gateway.port, method, path, headers, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      },
    );
    sent.on('error', reject);
    // As bytes: Node would write headers together with a text, in the encoding of the text.
    sent.end(body === undefined ? undefined : Buffer.from(body));
  });
}

describe('errors', () => {
  it('shows a failure with its code, whether to retry, and its details', async () => {
    const { body } = await post(gateway.origin, { query: '{ fail(how: "unavailable") }' });
    expect(body.data).toEqual({ fail: null });
    expect(body.errors).toEqual([
      {
        message: 'storage does not answer',
        locations: [{ line: 1, column: 3 }],
        path: ['fail'],
        extensions: { code: 'UNAVAILABLE', retryable: true, since: 'a while' },
      },
    ]);
  });

  for (const how of ['bug', 'internal', 'graphql', 'thrownText'])
    for (const field of ['fail', 'failStrictly'])
      it(`masks ${how} of ${field} and logs it under the id that it shows, compiled or not`, async () => {
        for (let run = 0; run < 3; run += 1) {
          const answer = await post(gateway.origin, { query: `{ ${field}(how: "${how}") }` });
          expect(JSON.stringify(answer.body)).not.toContain('secret');
          expect(code(answer)).toBe('INTERNAL');
          const id = /^Internal error \(id ([0-9a-f-]{36})\)$/.exec(message(answer))?.[1];
          const line = gateway.log.find((each) => each['requestId'] === id);
          expect(JSON.stringify(line)).toContain('secret words');
        }
      });

  it('answers for a resolver that breaks its own schema', async () => {
    for (let run = 0; run < 3; run += 1)
      expect(code(await post(gateway.origin, { query: '{ notAList }' }))).toBe('INTERNAL');
  });

  it('calls wrong variables bad user input', async () => {
    const answer = await post(gateway.origin, {
      query: 'query($d: Int!) { item(id: $d) { id } }',
      variables: { d: 'x' },
    });
    expect([answer.status, code(answer)]).toEqual([200, 'BAD_USER_INPUT']);
    const strict = await post(
      gateway.origin,
      { query: 'query($d: Int!) { item(id: $d) { id } }', variables: {} },
      { accept: 'application/graphql-response+json' },
    );
    expect([strict.status, code(strict)]).toEqual([400, 'BAD_USER_INPUT']);
  });

  it('shortens a message that would repeat a large value', async () => {
    const answer = await post(gateway.origin, {
      query: 'query($d: Int!) { item(id: $d) { id } }',
      variables: { d: 'x'.repeat(100_000) },
    });
    expect(message(answer).length).toBeLessThan(2_100);
  });

  it('names parse and validation errors, and an operation that is not there', async () => {
    expect(code(await post(gateway.origin, { query: '{' }))).toBe('GRAPHQL_PARSE_FAILED');
    expect(code(await post(gateway.origin, { query: '{ nothing }' }))).toBe('GRAPHQL_VALIDATION_FAILED');
    const missing = await post(gateway.origin, { query: 'query A { hello } query B { hello }', operationName: 'C' });
    expect([missing.status, code(missing)]).toEqual([400, 'BAD_REQUEST']);
    expect(code(await post(gateway.origin, { query: 'query A { hello } query B { hello }' }))).toBe('BAD_REQUEST');
  });
});

describe('limits', () => {
  const refused = async (query: string): Promise<string> => {
    const answer = await post(gateway.origin, { query });
    expect(code(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
    return message(answer);
  };
  const nested = (depth: number): string =>
    `{ item(id: 1) { ${'children { '.repeat(depth - 2)} id ${'} '.repeat(depth - 2)} } }`;

  it('takes depth 20 and refuses 21', async () => {
    expect((await post(gateway.origin, { query: nested(20) })).body.errors).toBeUndefined();
    expect(await refused(nested(21))).toContain('depth 21, the limit is 20');
  });

  it('says of a document that is too deep for the parser that it is', async () => {
    const answer = await post(gateway.origin, { query: `{ ${'a { '.repeat(2_000)}` });
    expect(code(answer)).toBe('GRAPHQL_PARSE_FAILED');
    expect(message(answer)).toBe('The document is nested too deep to be parsed; the limit of depth is 20.');
  });

  it('counts depth through fragments', async () => {
    const query = `${nested(19).replace(' id ', ' ...F ')} fragment F on Item { children { children { id } } }`;
    expect(await refused(query)).toContain('depth 21');
  });

  it('takes 100 aliases and refuses 101', async () => {
    const query = (count: number): string => `{ ${Array.from({ length: count }, (_, n) => `a${n}: hello`).join(' ')} }`;
    expect((await post(gateway.origin, { query: query(100) })).body.errors).toBeUndefined();
    expect(await refused(query(101))).toContain('aliases: 101, the limit is 100');
  });

  it('counts aliases and fields that fragments multiply, at once', async () => {
    const fragments = Array.from(
      { length: 18 },
      (_, n) => `fragment F${n} on Item { a: children { ...F${n + 1} } b: children { ...F${n + 1} } }`,
    );
    const query = `{ item(id: 1) { ...F0 } } ${fragments.join(' ')} fragment F18 on Item { id }`;
    const startMs = performance.now();
    expect(await refused(query)).toContain('aliases: 524286');
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it('takes 50 directives and refuses 51', async () => {
    const query = (count: number): string => `{ ${'... @include(if: true) { hello } '.repeat(count)} }`;
    expect((await post(gateway.origin, { query: query(50) })).body.errors).toBeUndefined();
    expect(await refused(query(51))).toContain('directives: 51');
  });

  it('takes 50 root fields of a mutation and refuses 51', async () => {
    const query = (count: number): string =>
      `mutation { ${Array.from({ length: count }, (_, n) => `a${n}: bump(input: {name: "x"}) { __typename }`).join(' ')} }`;
    expect((await post(gateway.origin, { query: query(50) })).body.errors).toBeUndefined();
    expect(await refused(query(51))).toContain('root fields: 51');
  });

  it('refuses more than 5,000 tokens', async () => {
    const answer = await post(gateway.origin, { query: `{ ${'hello '.repeat(5_000)} }` });
    expect(code(answer)).toBe('GRAPHQL_PARSE_FAILED');
    expect(message(answer)).toContain('5000 tokens');
  });

  it('refuses fragments in a circle', async () => {
    await refused('{ item(id: 1) { ...A } } fragment A on Item { ...B } fragment B on Item { ...A }');
  });

  it('always fits introspection as GraphiQL sends it', async () => {
    const query = getIntrospectionQuery({
      inputValueDeprecation: true,
      schemaDescription: true,
      specifiedByUrl: true,
      oneOf: true,
      directiveIsRepeatable: true,
    });
    const { body } = await post(gateway.origin, { query });
    expect(body.errors).toBeUndefined();
  });

  it('refuses a body over 2 MiB, whether announced or not, and goes on', async () => {
    const body = JSON.stringify({ query: '{ hello }', variables: { x: 'y'.repeat(2_097_152) } });
    const announced = await raw({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
      body,
    });
    expect(announced.status).toBe(413);
    expect(announced.text).toContain('2097152');
    const chunked = await raw({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body,
    }).catch((error: NodeJS.ErrnoException) => error.code);
    // The answer may be lost with the connection, which is closed on a caller that goes on sending.
    expect(['ECONNRESET', 'EPIPE']).toContain(
      typeof chunked === 'string' ? chunked : chunked?.status === 413 ? 'EPIPE' : chunked,
    );
    expect((await post(gateway.origin, { query: '{ hello }' })).status).toBe(200);
  });

  it('takes a value of 1 MiB as base64', async () => {
    const bytes = Buffer.alloc(1_048_576, 7).toString('base64');
    const query = 'mutation($b: SampleBytes) { bump(input: {name: "x", bytes: $b}) { ... on Bumped { seen } } }';
    expect((await post(gateway.origin, { query, variables: { b: bytes } })).body.errors).toBeUndefined();
  });
});

describe('who may ask', () => {
  it('gives the tenant of the header, and a default', async () => {
    expect((await post(gateway.origin, { query: '{ hello }' })).body.data).toEqual({ hello: 'hello default' });
    const named = await post(gateway.origin, { query: '{ hello }' }, { 'x-tenant-id': 'acme' });
    expect(named.body.data).toEqual({ hello: 'hello acme' });
  });

  it('reads a tenant id as UTF-8', async () => {
    const answer = await raw({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', 'x-tenant-id': Buffer.from('zoë 🚲').toString('latin1') },
      body: '{"query":"{ hello }"}',
    });
    expect(JSON.parse(answer.text)).toEqual({ data: { hello: 'hello zoë 🚲' } });
  });

  it('refuses an id that is empty, too long, or no UTF-8', async () => {
    for (const id of ['', 'x'.repeat(129), '\xff\xfe']) {
      const answer = await raw({
        method: 'POST',
        path: '/graphql',
        headers: { 'content-type': 'application/json', 'x-tenant-id': id },
        body: '{"query":"{ hello }"}',
      });
      expect([id, answer.status, (JSON.parse(answer.text) as GraphqlAnswer).errors![0]!.extensions.code]).toEqual([
        id,
        400,
        'BAD_USER_INPUT',
      ]);
    }
    expect((await post(gateway.origin, { query: '{ hello }' }, { 'x-tenant-id': 'x'.repeat(128) })).status).toBe(200);
  });

  it('knows no credential', async () => {
    const answer = await post(gateway.origin, { query: '{ hello }' }, { authorization: 'Bearer x' });
    expect([answer.status, code(answer)]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('refuses hosts that are not this machine (DNS rebinding), on every path', async () => {
    for (const path of ['/graphql?query={hello}', '/graphiql', '/metrics'])
      expect((await raw({ path, headers: { host: 'evil.example:4000' } })).status).toBe(403);
    expect((await raw({ path: '/graphql?query={hello}', headers: { host: 'localhost:4000' } })).status).toBe(200);
  });

  it('refuses other origins, and simple requests of other sites', async () => {
    expect((await post(gateway.origin, { query: '{ hello }' }, { origin: 'https://evil.example' })).status).toBe(403);
    expect(
      (
        await raw({
          path: '/graphql?query={hello}',
          headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
        })
      ).status,
    ).toBe(403);
    const own = await raw({
      path: '/graphql?query={hello}',
      headers: { origin: gateway.origin, host: `127.0.0.1:${gateway.port}` },
    });
    expect(own.status).toBe(200);
  });

  it('takes nothing that a form could send', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonx',
      undefined,
    ]) {
      const headers = type === undefined ? {} : { 'content-type': type };
      const answer = await raw({
        method: 'POST',
        path: '/graphql',
        headers,
        body: '{"query":"mutation { bump(input: {name: \\"x\\"}) { __typename } }"}',
      });
      expect([type, answer.status]).toEqual([type, 415]);
    }
  });

  it('lets a configured origin in, preflight included', async () => {
    const other = await startSampleGateway({ allowedOrigins: ['https://app.example'] });
    const preflight = await fetch(`${other.origin}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example',
    ]);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-tenant-id');
    expect((await post(other.origin, { query: '{ hello }' }, { origin: 'https://app.example' })).status).toBe(200);
    await other.stop();
  });
});

describe('ways to ask', () => {
  it('takes queries by GET and refuses mutations there', async () => {
    const query = await fetch(
      `${gateway.origin}/graphql?${new URLSearchParams({ query: 'query($t: String!) { echo(text: $t) }', variables: '{"t":"hi"}' })}`,
    );
    expect(await query.json()).toEqual({ data: { echo: 'hi' } });
    const mutation = await fetch(
      `${gateway.origin}/graphql?${new URLSearchParams({ query: 'mutation { bump(input: {name: "x"}) { __typename } }' })}`,
    );
    expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await fetch(`${gateway.origin}/graphql`, { method: 'PUT' })).status).toBe(405);
  });

  it('refuses garbage', async () => {
    for (const body of [
      '',
      '{',
      '[]',
      '5',
      '"x"',
      'null',
      '[{"query":"{ hello }"}]',
      '{"query":5}',
      '{"query":"{ hello }","variables":[]}',
    ]) {
      const answer = await post(gateway.origin, body);
      expect([body, answer.status, code(answer)]).toEqual([body, 400, 'BAD_REQUEST']);
    }
    expect((await raw({ path: '/graphql?query={hello}', headers: { accept: 'image/png' } })).status).toBe(406);
    expect((await raw({ path: '/nothing' })).status).toBe(404);
  });

  it('survives what is not HTTP at all', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(gateway.port, '127.0.0.1', () => socket.end('\x16\x03\x01 nonsense\r\n\r\n'));
      socket.resume();
      socket.on('close', () => resolve());
    });
    expect((await post(gateway.origin, { query: '{ hello }' })).status).toBe(200);
  });

  it('refuses a subscription over plain HTTP, and says where it goes', async () => {
    const answer = await post(gateway.origin, { query: 'subscription { ticks { count } }' });
    expect(code(answer)).toBe('BAD_REQUEST');
    expect(message(answer)).toContain('WebSocket');
  });

  it('gives the same answer through Apollo (by hash, by GET) as without it', async () => {
    const cases: [string, Record<string, unknown>?, string?][] = [
      ['{ hello }'],
      ['query($t: String!) { echo(text: $t) }', { t: 'x' }],
      ['query($t: String!) { echo(text: $t) }', {}],
      ['query($t: String!) { echo(text: $t) }', { t: 5 }],
      ['query A { hello } query B { a: hello }', {}, 'B'],
      ['query A { hello } query B { a: hello }', {}, 'C'],
      ['query A { hello } query B { a: hello }'],
      ['{ fail(how: "unavailable") hello }'],
      ['{ failStrictly(how: "input") hello }'],
      ['subscription { ticks { count } }'],
    ];
    for (const accept of ['application/json', 'application/graphql-response+json'])
      for (const [query, variables = {}, operationName] of cases) {
        const named = operationName === undefined ? {} : { operationName };
        const direct = await post(gateway.origin, { query, variables, ...named }, { accept });
        const extensions = {
          persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') },
        };
        const hashed = await post(gateway.origin, { query, variables, ...named, extensions }, { accept });
        expect(hashed).toEqual(direct);
        if (query.startsWith('subscription')) continue;
        const search = new URLSearchParams({ query, variables: JSON.stringify(variables), ...named });
        const got = await fetch(`${gateway.origin}/graphql?${search}`, { headers: { accept } });
        expect({ status: got.status, type: got.headers.get('content-type'), body: await got.json() }).toEqual(direct);
      }
  });

  it('serves automatic persisted queries', async () => {
    const query = '{ echo(text: "persisted") }';
    const extensions = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } };
    expect(code(await post(gateway.origin, { extensions }))).toBe('PERSISTED_QUERY_NOT_FOUND');
    expect((await post(gateway.origin, { query, extensions })).body.data).toEqual({ echo: 'persisted' });
    expect((await post(gateway.origin, { extensions })).body.data).toEqual({ echo: 'persisted' });
    const wrong = { persistedQuery: { version: 1, sha256Hash: 'f'.repeat(64) } };
    expect(code(await post(gateway.origin, { query, extensions: wrong }))).toBe('BAD_REQUEST');
  });

  it('runs trusted documents by id, and nothing else where that is asked for', async () => {
    const trusted = new TrustedDocuments([['Hello', 'query Hello { hello }']], true);
    const other = await startSampleGateway({ trustedDocuments: trusted });
    expect((await post(other.origin, { documentId: 'Hello' })).body.data).toEqual({ hello: 'hello default' });
    const hash = createHash('sha256').update('query Hello { hello }').digest('hex');
    const byHash = await fetch(`${other.origin}/graphql?documentId=sha256:${hash}`);
    expect(await byHash.json()).toEqual({ data: { hello: 'hello default' } });
    expect(code(await post(other.origin, { documentId: 'Other' }))).toBe('PERSISTED_QUERY_NOT_FOUND');
    expect(code(await post(other.origin, { query: '{ hello }' }))).toBe('BAD_REQUEST');
    const extensions = { persistedQuery: { version: 1, sha256Hash: hash } };
    expect(code(await post(other.origin, { extensions }))).toBe('BAD_REQUEST');
    await other.stop();
  });

  it('shows the schema, with its prose; or neither it nor hints of it', async () => {
    const sdl = await (await fetch(`${gateway.origin}/schema.graphql`)).text();
    expect(sdl).toContain('"""Says hello."""\n  hello: String!');
    expect(sdl).toContain('input OneOfInput @oneOf');
    expect(sdl).toContain('"""Like a rose."""\n  RED');
    const shut = await startSampleGateway({ allowIntrospection: false });
    expect((await fetch(`${shut.origin}/schema.graphql`)).status).toBe(404);
    expect(code(await post(shut.origin, { query: '{ __schema { types { name } } }' }))).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    );
    expect(message(await post(shut.origin, { query: '{ helo }' }))).toBe('Cannot query field "helo" on type "Query".');
    expect(message(await post(gateway.origin, { query: '{ helo }' }))).toContain('Did you mean "hello"');
    await shut.stop();
  });

  it('says how it is', async () => {
    expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200);
    expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${gateway.origin}/metrics`)).text();
    expect(metrics).toMatch(/norigate_operations_total\{type="query",field="hello",outcome="ok"\} \d+/);
    const unready = await startSampleGateway({ isStorageReady: () => Promise.reject(new Error('gone')) });
    expect((await fetch(`${unready.origin}/readyz`)).status).toBe(503);
    unready.server.drain();
    expect(await (await fetch(`${unready.origin}/readyz`)).text()).toBe('stopping\n');
    await unready.stop();
  });
});

describe('turns of tenants', () => {
  const hello = async (tenantId: string): Promise<unknown> => {
    const answer = await post(gateway.origin, { query: '{ hello }' }, { 'x-tenant-id': tenantId });
    return answer.body.data?.['hello'];
  };
  /** More than may be under way. */
  const many = Array.from({ length: 20 });

  it('looks at who asks before it reads what is asked', async () => {
    const answer = await post(gateway.origin, '{"query"', { authorization: 'Bearer nothing' });
    expect([answer.status, code(answer)]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('gives back the turn of a request that cannot be read', async () => {
    expect(await hello('first')).toBe('hello first');
    for (const body of ['{"query"', '[]', Buffer.from([0x22, 0xff, 0x22]).toString('latin1')])
      for (const _ of many) {
        const answer = await post(gateway.origin, body, { 'x-tenant-id': 'second' });
        expect([answer.status, code(answer)]).toEqual([400, 'BAD_REQUEST']);
      }
    expect(await Promise.all(many.map(() => hello('second')))).toEqual(many.map(() => 'hello second'));
    expect(await hello('first')).toBe('hello first');
  });

  it('keeps no turn for a subscription', async () => {
    const end = new AbortController();
    expect(await hello('first')).toBe('hello first');
    for (const _ of many) {
      const query = new URLSearchParams({ query: 'subscription { ticks(from: 0) { count } }' });
      const answer = await fetch(`${gateway.origin}/graphql?${query}`, {
        headers: { accept: 'text/event-stream', 'x-tenant-id': 'second' },
        signal: end.signal,
      });
      expect(answer.status).toBe(200);
    }
    expect(await hello('second')).toBe('hello second');
    expect(await hello('first')).toBe('hello first');
    end.abort();
  });
});
