/** Sessions as clients meet them: two gateways on one storage process, real sockets, a kill -9, and what nobody may ever read. */
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Collector, until } from './support/collector';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const minute = 60_000;
type Json = Readonly<Record<string, unknown>>;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const programs: Program[] = [];
const start = (args: string[], environment: Record<string, string> = {}): Program => {
  const program = startProgram(directory.path, { NORIGATE_LOG_LEVEL: 'trace', ...environment }, args);
  programs.push(program);
  return program;
};

beforeAll(ensureBuilt, 5 * minute);
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((each) => each.destroy()));
  await directory.remove();
});

/** A storage process with two gateways. */
async function startTwo(): Promise<{ storage: Program; gateways: readonly [Program, Program] }> {
  const storage = start(['storage']);
  await storage.logged('storage listens');
  const gateways = [start(['gateway']), start(['gateway'])] as const;
  await Promise.all(gateways.map((each) => each.ready()));
  return { storage, gateways };
}

const session = 'id userId roles attributes expiresAt version';
const documents = {
  create: `mutation($input: CreateSessionInput!) { createSession(input: $input) { token session { ${session} } } }`,
  read: `query($token: String!) { session(token: $token) { ${session} } }`,
  touch: `mutation($token: String!) { touchSession(token: $token) { __typename ... on Session { ${session} } } }`,
  update: `mutation($input: UpdateSessionInput!) { updateSession(input: $input) { __typename ... on Session { ${session} } } }`,
  rotate:
    'mutation($token: String!, $key: String) { rotateSession(token: $token, idempotencyKey: $key) { __typename ... on CreateSessionPayload { token session { id } } } }',
  destroy: 'mutation($token: String!) { destroySession(token: $token) }',
  destroyAll: 'mutation($userId: String!) { destroyUserSessions(userId: $userId) }',
  list: `query($userId: String!) { sessionsOfUser(userId: $userId, first: 1000) { nodes { ${session} } } }`,
  node: 'query($id: ID!) { node(id: $id) { __typename id } }',
} as const;

/** The one field of an answer. Throws where there are errors. */
async function ask<Answer>(program: Program, name: keyof typeof documents, variables: Json): Promise<Answer> {
  const { data, errors } = await program.query(documents[name], variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data!)[0] as Answer;
}

/** Undefined where it was CONTENTION. */
async function unlessCrowded<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error as Error).message.includes('"CONTENTION"')) throw error;
    return undefined;
  }
}

/** Sends the same thing, through either gateway, until it is answered. */
async function insist<Answer>(
  gateways: readonly Program[],
  name: keyof typeof documents,
  variables: Json,
): Promise<Answer> {
  for (let sends = 0; ; sends += 1) {
    const { data, errors } = await gateways[sends % gateways.length]!.query(documents[name], variables);
    if (!errors) return Object.values(data!)[0] as Answer;
    if (!errors.every(({ extensions }) => extensions['retryable'])) throw new Error(JSON.stringify(errors));
  }
}

interface Opened {
  readonly token: string;
  readonly session: { readonly id: string; readonly roles: string[] };
}
interface Changed {
  readonly __typename: string;
  readonly id: string;
  readonly roles: string[];
  readonly version: string;
}

const create = (program: Program, input: Json): Promise<Opened> => ask(program, 'create', { input });

describe('two gateways on one storage process', () => {
  it(
    'are one, for many clients at once',
    async () => {
      const { gateways } = await startTwo();
      const [first, second] = gateways;
      const { token, session: own } = await create(first, { userId: 'ada' });
      expect(await ask(second, 'read', { token })).toMatchObject({ id: own.id, userId: 'ada' });

      // Each adds a role: all stand.
      const roles = Array.from({ length: 24 }, (_, index) => `r${index}`);
      const answers = await Promise.all(
        roles.map((role, index) =>
          ask<Changed>(gateways[index % 2]!, 'update', { input: { token, addRoles: [role] } }),
        ),
      );
      expect(new Set(answers.map(({ version }) => version)).size).toBe(24);
      const after = await ask<Changed>(first, 'read', { token });
      expect([...after.roles].sort()).toEqual([...roles].sort());

      // One rotation wins; the token before it is dead everywhere.
      const rotations = await Promise.all(
        [0, 1, 0, 1].map((index) => ask<Opened & { __typename: string }>(gateways[index]!, 'rotate', { token })),
      );
      const won = rotations.filter((each) => each.__typename === 'CreateSessionPayload');
      expect(won).toHaveLength(1);
      expect(won[0]!.session.id).toBe(own.id);
      for (const each of gateways) {
        expect(await ask(each, 'read', { token })).toBeNull();
        expect(await ask(each, 'touch', { token })).toEqual({ __typename: 'SessionInvalid' });
      }

      // Touches and changes race with the end: after it has answered, none gets through.
      const newToken = won[0]!.token;
      let isOver = false;
      const late: unknown[] = [];
      const racers = gateways.flatMap((each) =>
        Array.from({ length: 4 }, async (_, index) => {
          for (;;) {
            const wasOver = isOver;
            // Two gateways that both storm one session may tell a caller to come again.
            const answer = await unlessCrowded(
              index % 2
                ? ask<Changed>(each, 'touch', { token: newToken })
                : ask<Changed>(each, 'update', { input: { token: newToken, addRoles: ['late'] } }),
            );
            if (!answer) continue;
            if (answer.__typename === 'SessionInvalid') return;
            if (wasOver) late.push(answer);
          }
        }),
      );
      expect(await ask(second, 'destroy', { token: newToken })).toBe(true);
      isOver = true;
      await Promise.all(racers);
      expect(late).toEqual([]);
      expect(await ask(first, 'node', { id: own.id })).toBeNull();

      // A user who may have three.
      await Promise.all(
        Array.from({ length: 16 }, (_, index) => create(gateways[index % 2]!, { userId: 'bob', maxPerUser: 3 })),
      );
      const { nodes } = await ask<{ nodes: { id: string }[] }>(second, 'list', { userId: 'bob' });
      expect(nodes).toHaveLength(3);
      expect(await ask(second, 'node', { id: nodes[0]!.id })).toEqual({ __typename: 'Session', id: nodes[0]!.id });
      expect(await ask(first, 'destroyAll', { userId: 'bob' })).toBe(3);
      expect(await ask(second, 'list', { userId: 'bob' })).toEqual({ nodes: [] });

      // Nothing of it shows as keys and values, and no other tenant reaches it.
      const { data } = await first.query('{ kvScan { nodes { key } } }');
      expect(data).toEqual({ kvScan: { nodes: [] } });
      const { token: foreign, session: theirs } = await create(first, { userId: 'ada' });
      const answer = await fetch(`${second.origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-tenant-id': 'other' },
        body: JSON.stringify({
          query: `query($token: String!, $id: ID!) { session(token: $token) { id } node(id: $id) { id } sessionsOfUser(userId: "ada") { nodes { id } } }`,
          variables: { token: foreign, id: theirs.id },
        }),
      });
      expect(await answer.json()).toEqual({ data: { session: null, node: null, sessionsOfUser: { nodes: [] } } });
    },
    minute,
  );

  it(
    'tell of every end once, within a second',
    async () => {
      const { gateways } = await startTwo();
      const [first, second] = gateways;
      const seen = new Collector<{ sessionId: string; reason: string; atMs: number }>();
      second.client().subscribe(
        { query: 'subscription { sessionEnded(userId: "ada") { sessionId userId reason } }' },
        {
          next: ({ data }) => {
            const { sessionId, reason } = data!['sessionEnded'] as { sessionId: string; reason: string };
            seen.add({ sessionId, reason, atMs: performance.now() });
          },
          error: () => undefined,
          complete: () => undefined,
        },
      );
      // Nothing says that the subscription has begun but the first end that it tells.
      await until(async () => {
        const { token } = await create(first, { userId: 'ada' });
        await ask(first, 'destroy', { token });
        return seen.items.length > 0;
      });
      const probes = seen.items.length;
      const [a, b, c] = await Promise.all([
        create(first, { userId: 'ada', ttlMs: 300 }),
        create(second, { userId: 'ada' }),
        create(first, { userId: 'ada' }),
      ]);
      const beganMs = performance.now();
      await until(() => seen.items.some(({ sessionId }) => sessionId === a.session.id));
      expect(seen.items.find(({ sessionId }) => sessionId === a.session.id)!.atMs - beganMs).toBeLessThan(1_300);
      expect(await ask(second, 'rotate', { token: b.token })).toMatchObject({ __typename: 'CreateSessionPayload' });
      expect(await ask(first, 'destroyAll', { userId: 'ada' })).toBe(2);
      const endedMs = performance.now();
      const own = (): typeof seen.items =>
        seen.items.filter(({ sessionId }) => [a, b, c].some(({ session: each }) => each.id === sessionId));
      await until(() => own().length >= 3);
      expect(own().at(-1)!.atMs - endedMs).toBeLessThan(1_000);
      // Whatever is told twice would be told before this one.
      const last = await create(first, { userId: 'ada' });
      await ask(first, 'destroy', { token: last.token });
      await until(() => seen.items.some(({ sessionId }) => sessionId === last.session.id));
      expect(new Set(seen.items.map(({ sessionId }) => sessionId)).size).toBe(seen.items.length);
      const reasons = new Map(own().map(({ sessionId, reason }) => [sessionId, reason]));
      expect([a, b, c].map(({ session: each }) => reasons.get(each.id))).toEqual(['EXPIRED', 'DESTROYED', 'DESTROYED']);
      expect(probes).toBeGreaterThan(0);
    },
    minute,
  );

  it(
    'lose nothing when storage is killed under load, and do nothing twice when all is sent again',
    async () => {
      const { storage, gateways } = await startTwo();
      const clients = 12;
      const rounds = 12;
      let done = 0;
      const run = async (client: number): Promise<{ opened: Opened; rotated: Opened }> => {
        const input = { userId: `u${client % 4}`, idempotencyKey: `c${client}` };
        const opened = await insist<Opened>(gateways, 'create', { input });
        for (let round = 0; round < rounds; round += 1) {
          const change = { token: opened.token, addRoles: [`r${round}`], idempotencyKey: `${client}.${round}` };
          const [one, other] = await Promise.all([
            insist<Changed>(gateways, 'update', { input: change }),
            insist<Changed>([...gateways].reverse(), 'update', { input: change }),
          ]);
          expect(other).toEqual(one);
          done += 1;
        }
        const rotation = { token: opened.token, key: `t${client}` };
        const rotated = await insist<Opened>(gateways, 'rotate', rotation);
        expect(await insist(gateways, 'rotate', rotation)).toEqual(rotated);
        return { opened, rotated };
      };
      const running = Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
      for (const share of [0.2, 0.6]) {
        await until(() => done >= clients * rounds * share);
        const victim = share === 0.2 ? storage : programs.at(-1)!;
        victim.process.kill('SIGKILL');
        await victim.ended;
        await start(['storage']).logged('storage listens');
      }
      const results = await running;
      const expected = Array.from({ length: rounds }, (_, round) => `r${round}`);
      for (const [client, { opened, rotated }] of results.entries()) {
        const { roles } = await insist<Changed>(gateways, 'read', { token: rotated.token });
        expect([client, roles]).toEqual([client, expected]);
        expect(await insist(gateways, 'read', { token: opened.token })).toBeNull();
        const replay = { userId: `u${client % 4}`, idempotencyKey: `c${client}` };
        expect(await insist(gateways, 'create', { input: replay })).toEqual(opened);
      }
      let listed = 0;
      for (let user = 0; user < 4; user += 1) {
        const { nodes } = await insist<{ nodes: unknown[] }>(gateways, 'list', { userId: `u${user}` });
        listed += nodes.length;
        expect(await insist(gateways, 'destroyAll', { userId: `u${user}` })).toBe(nodes.length);
      }
      expect(listed).toBe(clients);
      for (const { rotated } of results) expect(await insist(gateways, 'read', { token: rotated.token })).toBeNull();
    },
    minute,
  );
});

describe('what is secret', () => {
  /** Whatever the other tests run on: these look into the data directory, or rely on the secret that is in it. */
  const inFiles = { NORIGATE_ENGINE: 'lmdb' };

  it(
    'is in no log, no metric, no error and no file',
    async () => {
      const program = await start([], inFiles).ready();
      const { token } = await create(program, { userId: 'ada', idempotencyKey: 'k' });
      const rotated = await ask<Opened>(program, 'rotate', { token, key: 'k' });
      const wrong: Json[] = [
        { input: { token, addRoles: [''] } },
        { input: { token, nonsense: true } },
        { input: { token, addRoles: 5 } },
        { input: [{ token }] },
        { input: { token: [token], email: 'x' } },
        { input: { token, ifVersion: 'x' } },
        { input: { token, idempotencyKey: '' } },
        { input: { token, attributes: 'x'.repeat(40_000) } },
      ];
      // Each document is interpreted at first and compiled later.
      for (let round = 0; round < 3; round += 1)
        for (const variables of wrong) {
          const { errors } = await program.query(documents.update, variables);
          expect(errors!.map(({ extensions }) => extensions['code'])).toEqual(errors!.map(() => 'BAD_USER_INPUT'));
          expect(JSON.stringify(errors)).not.toContain(token);
        }
      const { errors } = await program.query(documents.update, { input: { token, nonsense: true } });
      expect(errors![0]!.message).toBe(
        'Variable "$input" got invalid value; Field "nonsense" is not defined by type "UpdateSessionInput".',
      );
      const metrics = await (await fetch(`${program.origin}/metrics`)).text();
      const secretText = (await readFile(join(directory.path, 'secret'), 'utf8')).trim();
      program.process.kill('SIGTERM');
      const { stdout, stderr } = await program.ended;
      const data = await readFile(join(directory.path, 'data.mdb'));
      for (const each of [token, rotated.token]) {
        const bits = Buffer.from(each, 'base64url').subarray(0, 32);
        for (const form of [each, each.slice(0, 30), bits.toString('hex'), bits.toString('base64')])
          expect([stdout, stderr, metrics].filter((text) => text.includes(form))).toEqual([]);
        expect([data.includes(each), data.includes(bits)]).toEqual([false, false]);
      }
      expect([stdout, stderr, metrics].filter((text) => text.includes(secretText))).toEqual([]);
      expect(data.includes(Buffer.from(secretText, 'hex'))).toBe(false);
    },
    minute,
  );

  it(
    'is made once, for its owner alone, and stays over restarts; a setting comes before it',
    async () => {
      const path = join(directory.path, 'secret');
      const first = await start([], { NORIGATE_ENGINE: 'memory' }).ready();
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const secret = await readFile(path, 'utf8');
      first.process.kill('SIGKILL');
      await first.ended;
      // The same directory, now with data in it.
      const second = await start([], inFiles).ready();
      expect(await readFile(path, 'utf8')).toBe(secret);
      const { token } = await create(second, { userId: 'ada', idempotencyKey: 'k' });
      second.process.kill('SIGKILL');
      await second.ended;
      const third = await start([], inFiles).ready();
      expect((await create(third, { userId: 'ada', idempotencyKey: 'k' })).token).toBe(token);
      expect(await ask(third, 'destroyAll', { userId: 'ada' })).toBe(1);
      third.process.kill('SIGKILL');
      await third.ended;
      const fourth = await start([], { ...inFiles, NORIGATE_SECRET: 'x'.repeat(32) }).ready();
      expect((await create(fourth, { userId: 'bob' })).token).not.toBe(token);
    },
    minute,
  );

  it(
    'is asked for where storage runs elsewhere, in one sentence, and never shown',
    async () => {
      // A port that nobody listens on.
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      await new Promise((resolve) => server.close(resolve));
      const elsewhere = { ...inFiles, NORIGATE_STORAGE: `127.0.0.1:${port}` };
      const refused = await start(['gateway'], elsewhere).ended;
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(
        /^norigate: NORIGATE_SECRET must be set: storage at 127\.0\.0\.1:\d+ does not share [^\n]+\n$/,
      );
      const short = await start([], { ...inFiles, NORIGATE_SECRET: 'hunter2-hunter2' }).ended;
      expect(short.code).toBe(1);
      expect(short.stderr).toContain('NORIGATE_SECRET must be a text of at least 32 bytes; it has 15.');
      expect(short.stderr + short.stdout).not.toContain('hunter2');
      const secret = { NORIGATE_SECRET: 'a secret that all the gateways know' };
      await start(['storage'], elsewhere).logged('storage listens');
      const other = await temporaryDirectory();
      const far = startProgram(other.path, { ...elsewhere, ...secret }, ['gateway']);
      programs.push(far);
      const near = await start(['gateway'], { ...elsewhere, ...secret }).ready();
      await far.ready();
      const { session: own } = await create(near, { userId: 'ada' });
      expect(await ask(far, 'list', { userId: 'ada' })).toMatchObject({ nodes: [{ id: own.id }] });
      await far.destroy();
      await other.remove();
    },
    minute,
  );
});
