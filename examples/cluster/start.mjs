// A whole cluster on this machine, for trying it out: three members of etcd, two storage processes, a gateway beside each.
//   npm run build && node examples/cluster/start.mjs
// Kill any one of them (the pids are printed) and it goes on. Ctrl-C ends all. The data lies in a folder of its own, which is removed.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..', '..');
const directory = mkdtempSync(path.join(tmpdir(), 'norigate-cluster-'));
const firstPort = Number(process.env.MEMBERS_PORT ?? 23790);
const gatewayPorts = [Number(process.env.PORT ?? 4000), Number(process.env.PORT ?? 4000) + 1];
const children = [];

function start(name, command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  child.on('error', (error) => console.error(`${name}: ${error.message}`));
  child.on('exit', (code, signal) => console.log(`${name} (pid ${child.pid}) has ended: ${signal ?? code}`));
  children.push(child);
  console.log(`${name}: pid ${child.pid}`);
  return child;
}

/** Resolves when the program has logged this. */
function said(child, message) {
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => String(text).includes(`"msg":"${message}"`) && resolve());
    child.once('exit', () => reject(new Error(`it ended before it said "${message}"`)));
  });
}

const members = [0, 1, 2].map((index) => ({
  name: `member${index}`,
  client: `http://127.0.0.1:${firstPort + 2 * index}`,
  peer: `http://127.0.0.1:${firstPort + 2 * index + 1}`,
}));
for (const { name, client, peer } of members) {
  const cluster = members.map((each) => `${each.name}=${each.peer}`).join(',');
  const args = ['--name', name, '--data-dir', path.join(directory, name), '--listen-client-urls', client];
  args.push('--advertise-client-urls', client, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer);
  args.push('--initial-cluster', cluster, '--logger', 'zap', '--log-level', 'error');
  start(`etcd ${name}`, 'etcd', args).stdout.resume();
}

const program = path.join(root, 'dist', 'src', 'main.js');
const common = {
  NORIGATE_ENGINE: 'etcd',
  NORIGATE_ETCD_ENDPOINTS: members.map(({ client }) => client).join(','),
  // Kept with the data, which is gone at the end as well. In production: one secret, everywhere, for good.
  NORIGATE_SECRET: randomBytes(32).toString('hex'),
  NORIGATE_LOG_FORMAT: 'json',
};

process.once('SIGINT', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

try {
  for (const [index, port] of gatewayPorts.entries()) {
    const env = { ...common, DATA_DIR: path.join(directory, `machine${index}`), PORT: String(port) };
    await said(start(`storage ${index}`, process.execPath, [program, 'storage'], env), 'storage listens');
    await said(start(`gateway ${index}`, process.execPath, [program, 'gateway'], env), 'ready');
  }
  console.log(`\n${gatewayPorts.map((port) => `http://127.0.0.1:${port}/graphiql`).join('\n')}\n`);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
