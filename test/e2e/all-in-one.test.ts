/** The program as a newcomer meets it: one command, real processes, real disk. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { Collector, until } from './support/collector';
import { ensureBuilt, isAlive, isOnEtcd, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const increment =
  'mutation { incrementCounter(input: {name: "visits"}) { __typename ... on IncrementCounterSuccess { value } } }';
const put =
  'mutation($key: String!, $text: String!) { kvPut(input: {key: $key, value: {text: $text}}) { __typename } }';
const minute = 60_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const programs: Program[] = [];
const start = (...[environment, args]: [Record<string, string>?, string[]?]): Program => {
  const program = startProgram(directory.path, environment, args);
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

/** Follows a subscription; the values of one of its fields. */
function follow<Item>(program: Program, query: string, pick: (data: Record<string, unknown>) => Item): Collector<Item> {
  const seen = new Collector<Item>();
  program.client().subscribe(
    { query },
    {
      next: ({ data }) => void (data && seen.add(pick(data as Record<string, unknown>))),
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return seen;
}

describe('all in one', () => {
  it(
    'counts, is watched, is killed with -9, and has everything when it starts again',
    async () => {
      const first = await start().ready();
      const values = follow(
        first,
        'subscription { counterChanged(name: "visits") { value } }',
        (data) => (data['counterChanged'] as { value: number }).value,
      );
      for (let count = 1; count <= 20; count += 1)
        expect((await first.query(increment)).data).toMatchObject({ incrementCounter: { value: count } });
      await until(() => values.items.at(-1) === 20);
      const [storage] = await first.children();
      first.process.kill('SIGKILL');
      expect((await first.ended).signal).toBe('SIGKILL');
      const second = await start().ready();
      expect((await second.query('{ counter(name: "visits") { value } }')).data).toEqual({ counter: { value: 20 } });
      expect((await second.query(increment)).data).toMatchObject({ incrementCounter: { value: 21 } });
      // Left without its parent, the first storage process ends by itself.
      await until(() => !isAlive(storage!));
    },
    minute,
  );

  it(
    'refuses a port and a data directory that are taken, in words, with exit code 1',
    async () => {
      const first = await start().ready();
      const { port } = new URL(first.origin);
      const elsewhere = await temporaryDirectory();
      const samePort = startProgram(elsewhere.path, { PORT: port });
      programs.push(samePort);
      const portRefusal = await samePort.ended;
      expect([portRefusal.code, portRefusal.stderr]).toEqual([
        1,
        `norigate: port ${port} on 127.0.0.1 is taken: another process listens there. Stop it, or choose another PORT.\n`,
      ]);
      const directoryRefusal = await start().ended;
      expect(directoryRefusal.code).toBe(1);
      expect(directoryRefusal.stderr).toContain(directory.path);
      expect(directoryRefusal.stderr.trim().split('\n')).toHaveLength(1);
      if (!isOnEtcd) {
        // Storage alone, which nobody watches: it has nothing but its wait that would keep it.
        const alone = await start({ NORIGATE_STORAGE: `${elsewhere.path}/storage.sock` }, ['storage']).ended;
        expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining(directory.path) });
      }
      expect((await first.query(increment)).errors).toBeUndefined();
      await elsewhere.remove();
    },
    minute,
  );

  it(
    'stops gracefully: not ready any more, sockets closed with 1001, exit code 0, no process left',
    async () => {
      const program = await start().ready();
      const [storage] = await program.children();
      const socket = new WebSocket(`${program.origin.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      await once(socket, 'open');
      socket.send('{"type":"connection_init"}');
      await once(socket, 'message');
      socket.send(
        JSON.stringify({
          id: '1',
          type: 'subscribe',
          payload: { query: 'subscription { counterChanged(name: "visits") { value } }' },
        }),
      );
      await program.query(increment);
      const closed = once(socket, 'close');
      program.process.kill('SIGTERM');
      expect((await closed)[0]).toBe(1001);
      expect((await program.ended).code).toBe(0);
      expect(isAlive(storage!)).toBe(false);
      const again = await start().ready();
      expect((await again.query('{ counter(name: "visits") { value } }')).data).toEqual({ counter: { value: 1 } });
      // As Ctrl-C does, to both processes at once.
      const [child] = await again.children();
      process.kill(child!, 'SIGINT');
      again.process.kill('SIGINT');
      expect((await again.ended).code).toBe(0);
    },
    minute,
  );

  it(
    'answers every request that it took, though it is stopped meanwhile',
    async () => {
      const program = await start().ready();
      await program.query(increment);
      const running = Array.from({ length: 50 }, () => program.query(increment).catch(() => undefined));
      await Promise.race(running);
      program.process.kill('SIGTERM');
      const answers = await Promise.all(running);
      expect((await program.ended).code).toBe(0);
      const values = answers.flatMap((each) =>
        each?.data ? [(each.data['incrementCounter'] as { value: number }).value] : [],
      );
      expect(values.length).toBeGreaterThan(0);
      const again = await start().ready();
      const { data } = await again.query('{ counter(name: "visits") { value } }');
      // What was acknowledged stands; what was cut off may stand or not.
      expect((data!['counter'] as { value: number }).value).toBeGreaterThanOrEqual(Math.max(...values));
    },
    minute,
  );

  it(
    'survives the death of its storage process: subscriptions go on without a gap, /readyz tells',
    async () => {
      const program = await start().ready();
      const keys = follow(
        program,
        'subscription { kvChanges(prefix: "k") { key } }',
        (data) => (data['kvChanges'] as { key: string }).key,
      );
      const ping = async (): Promise<boolean> => {
        await program.query(put, { key: 'k-start', text: 'x' });
        return keys.items.length > 0;
      };
      await until(ping);
      const before = keys.items.length;
      const wanted: string[] = [];
      const putAcknowledged = async (key: string): Promise<void> => {
        for (;;) {
          const answer = await program.query(put, { key, text: 'x' });
          if (answer.data?.['kvPut']) break;
          expect(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED']).toContain(answer.errors![0]!.extensions.code);
        }
        wanted.push(key);
      };
      for (let round = 0; round < 3; round += 1) {
        const [storage] = await program.children();
        await putAcknowledged(`k-before-${round}`);
        process.kill(storage!, 'SIGKILL');
        let isSeenAway = false;
        await until(async () => {
          // Who asks in the very moment of its death is answered when it is back: the others do not wait for that one.
          void fetch(`${program.origin}/readyz`).then(({ status }) => (isSeenAway ||= status === 503));
          expect((await fetch(`${program.origin}/healthz`)).status).toBe(200);
          return isSeenAway;
        });
        await putAcknowledged(`k-after-${round}`);
        await until(async () => (await fetch(`${program.origin}/readyz`)).status === 200);
      }
      await until(() => keys.items.includes(wanted.at(-1)!));
      const seen = keys.items.slice(before).filter((key) => key !== 'k-start');
      expect([...new Set(seen)]).toEqual(wanted);
    },
    minute,
  );

  it(
    'prints for a person where it is and how to try it',
    async () => {
      const program = start({ NORIGATE_LOG_FORMAT: 'pretty' });
      await until(() => program.stdout.includes('Ctrl-C stops it.'));
      expect(program.stdout).toMatch(/GraphiQL {4}http:\/\/127\.0\.0\.1:\d+\/graphiql/);
      const command = /curl (\S+) -H '([^']+)' \\\n\s+-d '(.*)'/.exec(program.stdout)!;
      const answer = await fetch(command[1]!, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: command[3]!,
      });
      expect(await answer.json()).toEqual({ data: { incrementCounter: { value: 1 } } });
    },
    minute,
  );

  it(
    'keeps two tenants apart',
    async () => {
      const program = await start({ NORIGATE_ENGINE: 'memory' }).ready();
      await program.query(put, { key: 'a', text: 'default' });
      const answer = await fetch(`${program.origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-tenant-id': 'other' },
        body: JSON.stringify({ query: '{ kvGet(key: "a") { key } kvScan { nodes { key } } }' }),
      });
      expect(await answer.json()).toEqual({ data: { kvGet: null, kvScan: { nodes: [] } } });
    },
    minute,
  );
});

describe('apart', () => {
  it(
    'runs storage and gateway as processes of their own',
    async () => {
      const storage = start({}, ['storage']);
      await storage.logged('storage listens');
      const gateway = await start({}, ['gateway']).ready();
      expect((await gateway.query(increment)).data).toMatchObject({ incrementCounter: { value: 1 } });
      expect(await gateway.children()).toEqual([]);
      gateway.process.kill('SIGTERM');
      expect((await gateway.ended).code).toBe(0);
      storage.process.kill('SIGTERM');
      expect((await storage.ended).code).toBe(0);
    },
    minute,
  );

  it(
    'starts a gateway without storage: not ready, UNAVAILABLE, until storage comes',
    async () => {
      const gateway = await start({ NORIGATE_STORE_DEADLINE_MS: '300' }, ['gateway']).ready();
      expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(503);
      expect((await gateway.query(increment)).errors![0]!.extensions).toMatchObject({
        code: 'UNAVAILABLE',
        retryable: true,
      });
      start({}, ['storage']);
      await until(async () => (await fetch(`${gateway.origin}/readyz`)).status === 200);
      expect((await gateway.query(increment)).data).toMatchObject({ incrementCounter: { value: 1 } });
    },
    minute,
  );
});

describe('the command line', () => {
  it(
    'refuses commands, arguments and options that it does not know, with exit code 2',
    async () => {
      for (const args of [['nonsense'], ['gateway', 'more'], ['--nonsense'], ['all']]) {
        const end = await start({}, args).ended;
        expect([args, end.code, end.stdout]).toEqual([args, 2, '']);
        expect(end.stderr).toContain('norigate --help');
      }
    },
    minute,
  );

  it(
    'prints help with every setting, the version, and the SDL',
    async () => {
      const help = await start({}, ['--help']).ended;
      expect([help.code, help.stdout.includes('NORIGATE_MARK_KEEP_MS')]).toEqual([0, true]);
      expect((await start({}, ['--version']).ended).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      const sdl = (await start({}, ['schema']).ended).stdout;
      expect(sdl).toContain('type Mutation {');
      expect(sdl).toContain('Adds `by` exactly once');
    },
    minute,
  );

  it(
    'says everything that is wrong with the configuration, with exit code 1',
    async () => {
      const end = await start({ PORT: 'x', HOST: '0.0.0.0', NORIGATE_ENGINEE: 'lmdb' }).ended;
      expect(end.code).toBe(1);
      expect(end.stderr).toContain('PORT must be');
      expect(end.stderr).toContain('Did you mean NORIGATE_ENGINE?');
    },
    minute,
  );
});
