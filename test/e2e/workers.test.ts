/** Several gateway processes on one port. */
import { Agent, request } from 'node:http';
import { until } from './support/collector';
import { isAlive } from './support/program';
import type { Program } from './support/program';
import { useTier } from './support/tier';

const minute = 60_000;
const tier = useTier();
const increment = 'mutation { incrementCounter(input: { name: "hits" }) { ... on IncrementCounterSuccess { value } } }';

/** Sends a query on a connection of its own, so that the system chooses who answers. */
function ask(program: Program, query: string): Promise<{ data?: Record<string, unknown>; errors?: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${program.origin}/graphql`,
      { method: 'POST', headers: { 'content-type': 'application/json' }, agent: new Agent({ keepAlive: false }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve(JSON.parse(Buffer.concat(parts).toString()) as { data?: Record<string, unknown> }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify({ query }));
  });
}

test(
  'share the port, count as one, tell the metrics of all, and are started again when one dies',
  async () => {
    const program = await tier.start([], { NORIGATE_WORKERS: '3' }).ready();
    await until(async () => (await fetch(`${program.origin}/readyz`)).status === 200);
    // Storage is a child as well.
    expect(await program.children()).toHaveLength(4);
    await Promise.all(Array.from({ length: 90 }, () => ask(program, increment)));
    expect((await ask(program, '{ counter(name: "hits") { value } }')).data).toEqual({ counter: { value: 90 } });
    const metrics = async (): Promise<string> => (await fetch(`${program.origin}/metrics`)).text();
    expect(await metrics()).toMatch(/norigate_operations_total\{[^}]*field="incrementCounter"[^}]*\} 90\n/);

    // Children are listed by age, and storage was the first.
    const killed = (await program.children())[2]!;
    process.kill(killed, 'SIGKILL');
    await program.logged('a gateway process is back');
    expect(isAlive(killed)).toBe(false);
    expect(await program.children()).toHaveLength(4);
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(program, increment)));
    expect(answers.filter(({ errors }) => errors)).toEqual([]);
    expect((await ask(program, '{ counter(name: "hits") { value } }')).data).toEqual({ counter: { value: 150 } });

    const all = await program.children();
    program.process.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0 });
    await until(() => all.every((pid) => !isAlive(pid)));
  },
  minute,
);

test(
  'end when the one that watches over them is killed',
  async () => {
    const program = await tier.start([], { NORIGATE_WORKERS: '2' }).ready();
    const all = await program.children();
    expect(all).toHaveLength(3);
    program.process.kill('SIGKILL');
    await until(() => all.every((pid) => !isAlive(pid)));
  },
  minute,
);

test(
  'say once why they cannot run',
  async () => {
    const first = await tier.start([]).ready();
    const second = tier.start(['gateway'], { NORIGATE_WORKERS: '2', PORT: new URL(first.origin).port });
    const { code, stderr } = await second.ended;
    expect(code).toBe(1);
    expect(stderr.match(/is taken/g)).toHaveLength(1);
  },
  minute,
);
