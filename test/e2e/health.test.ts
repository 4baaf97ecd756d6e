/** `norigate health`: what a container engine asks, by exit code, of the program that is there and of one that is not. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { healthUrl, runHealth } from '../../src/command/run-health';
import { ManualClock, systemClock } from '../../src/core/clock';
import { Authority } from '../support/secure-etcd';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';

const minute = 60_000;
const servers: Server[] = [];

/** Listens on a free port of loopback, and is closed after the test. */
async function portOf(server: Server): Promise<number> {
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

const serve = (answer: RequestListener): Promise<number> => portOf(createServer(answer));
const configOf = (PORT: number) => ({ HOST: '127.0.0.1', PORT, NORIGATE_TLS_CERT: undefined });
const ask = (PORT: number): Promise<void> => runHealth({ config: configOf(PORT), clock: systemClock });

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('the health of a gateway', () => {
  it('is asked for at the address where it listens, of all addresses at loopback', () => {
    const at = (HOST: string, NORIGATE_TLS_CERT?: string): string =>
      healthUrl({ HOST, PORT: 4_000, NORIGATE_TLS_CERT }).href;
    expect([at('127.0.0.1'), at('0.0.0.0'), at('::'), at('::1'), at('10.1.2.3'), at('fe.example', 'a.pem')]).toEqual([
      'http://127.0.0.1:4000/healthz',
      'http://127.0.0.1:4000/healthz',
      'http://[::1]:4000/healthz',
      'http://[::1]:4000/healthz',
      'http://10.1.2.3:4000/healthz',
      'https://fe.example:4000/healthz',
    ]);
  });

  it('is good where /healthz says 200, and nothing else will do', async () => {
    const port = await serve((request, response) => response.writeHead(request.url === '/healthz' ? 200 : 404).end());
    await expect(ask(port)).resolves.toBeUndefined();
    const busy = await serve((_, response) => response.writeHead(503).end());
    await expect(ask(busy)).rejects.toThrow(
      `http://127.0.0.1:${busy}/healthz says that it is not healthy: it answered 503`,
    );
    const cut = await serve((request) => request.destroy());
    await expect(ask(cut)).rejects.toThrow('is not healthy');
  });

  it('is asked for by TLS where the gateway has a certificate, whomever it names', async () => {
    const authority = await Authority.make();
    try {
      const { certFile, keyFile } = await authority.sign('gateway');
      const [cert, key] = [certFile, keyFile].map((file) => readFileSync(file));
      const port = await portOf(createSecureServer({ cert, key }, (_, response) => response.writeHead(200).end()));
      const config = { ...configOf(port), NORIGATE_TLS_CERT: certFile };
      await expect(runHealth({ config, clock: systemClock })).resolves.toBeUndefined();
      await expect(ask(port)).rejects.toThrow('is not healthy');
    } finally {
      await authority.remove();
    }
  });

  it('is bad where nothing is answered in time', async () => {
    const clock = new ManualClock();
    const server = createServer();
    const asked = once(server, 'request');
    const port = await portOf(server);
    const health = runHealth({ config: configOf(port), clock });
    const refused = expect(health).rejects.toThrow('no answer within 3000 ms');
    await asked;
    clock.advance(3_000);
    await refused;
  });

  it('cannot be told of a port that only the gateway knows', async () => {
    await expect(ask(0)).rejects.toThrow('PORT is 0');
  });

  it(
    'is what the exit code of the command says, with the reason where it is bad',
    async () => {
      await ensureBuilt();
      const directory = await temporaryDirectory();
      const gateway = startProgram(directory.path, { NORIGATE_ENGINE: 'memory' });
      try {
        const { origin } = await gateway.ready();
        const command = () => startProgram(directory.path, { PORT: new URL(origin).port }, ['health']).ended;
        expect(await command()).toMatchObject({ code: 0, stdout: '', stderr: '' });
        gateway.process.kill('SIGTERM');
        expect((await gateway.ended).code).toBe(0);
        expect(await command()).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(`^norigate: ${origin}/healthz says that it is not healthy: .*ECONNREFUSED`),
        });
      } finally {
        await gateway.destroy();
        await directory.remove();
      }
    },
    5 * minute,
  );
});
