// `npm test`: everything, from a fresh clone. Looks for what the tests need, builds once, runs the static checks, then
// every jest project. The last line is always `N passed, M failed`, and the exit code agrees with it.
//   npm test                 everything
//   npm test -- PATTERN ...  the same, with only the test files that match
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');
const isCi = Boolean(process.env.CI) && process.env.CI !== 'false';
const patterns = process.argv.slice(2);
const totals = { passed: 0, failed: 0 };
const complaints = [];

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
  return done.status === 0;
}

function step(name, action) {
  process.stdout.write(`\n── ${name}\n`);
  const isDone = action();
  totals[isDone ? 'passed' : 'failed'] += 1;
  if (!isDone) complaints.push(`${name} failed`);
  return isDone;
}

/** Debian's way where we may, else words: a test that silently needs less is a test that cannot fail. */
function haveChromium() {
  const wanted = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  if (existsSync(wanted)) return true;
  if (process.env.CHROMIUM_PATH === undefined && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env });
    if (run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env }) && existsSync(wanted))
      return true;
  }
  process.stderr.write(
    `Chromium is needed at ${wanted} for the tests of GraphiQL.\n` +
      '  Debian: apt-get install -y --no-install-recommends chromium; elsewhere, or to use another: CHROMIUM_PATH=/path/to/chromium npm test\n',
  );
  return false;
}

/** etcd 3.4 or later, for the replicated storage; Debian's way where we may. */
function haveEtcd() {
  const isThere = () => spawnSync('etcd', ['--version'], { stdio: 'ignore' }).status === 0;
  if (isThere()) return true;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    const packages = ['etcd-server', 'etcd-client'];
    run('apt-get', ['update', '-qq'], { env });
    if (run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env }) && isThere())
      return true;
  }
  process.stderr.write(
    'etcd 3.4 or later is needed on the PATH for the tests of replicated storage.\n' +
      '  Debian: apt-get install -y --no-install-recommends etcd-server etcd-client; elsewhere: https://etcd.io/docs/latest/install/\n',
  );
  return false;
}

/** Files of `test/e2e` that run once more with the data in etcd: one for each pattern, then those of the program as a whole. */
const onEtcd = [
  ...'cache elections events inventory meaning rate-limits sessions tenants vectors'.split(' '),
  ...'all-in-one emmett event-reconnects norikv projection workers'.split(' '),
];

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The end-to-end tests of what is promised on every engine, on one member of etcd, which is ended afterwards. */
async function runJestOnEtcd() {
  const directory = mkdtempSync(path.join(tmpdir(), 'norigate-etcd-'));
  const endpoint = `127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const args = ['--name', 'm0', '--data-dir', path.join(directory, 'm0'), '--unsafe-no-fsync', '--log-level', 'error'];
  args.push('--listen-client-urls', `http://${endpoint}`, '--advertise-client-urls', `http://${endpoint}`);
  args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `m0=${peer}`);
  const etcd = spawn('etcd', [...args, '--logger', 'zap'], { stdio: 'ignore' });
  try {
    const isHealthy = async () => (await fetch(`http://${endpoint}/health`).catch(() => undefined))?.status === 200;
    const untilMs = Date.now() + 20_000;
    while (!(await isHealthy())) {
      if (Date.now() > untilMs) return fail('etcd did not begin to answer');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    runJest(
      onEtcd.map((name) => `test/e2e/${name}.test.ts`),
      { NORIGATE_TEST_ETCD: endpoint },
    );
  } finally {
    etcd.kill('SIGKILL');
    await new Promise((resolve) => etcd.once('exit', resolve));
    rmSync(directory, { recursive: true, force: true });
  }
}

function runJest(files, environment = {}) {
  const directory = mkdtempSync(path.join(tmpdir(), 'norigate-test-'));
  const countsFile = path.join(directory, 'counts.json');
  const args = ['--reporters=default', '--reporters=<rootDir>/scripts/test-counts.mjs'];
  args.push(`--maxWorkers=${Math.max(1, Math.min(4, availableParallelism()))}`);
  if (isCi) args.push('--ci');
  const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const isGreen = run(process.execPath, [jest, ...args, ...files], {
    env: { ...process.env, ...environment, NORIGATE_TEST_COUNTS: countsFile },
  });
  const counts = existsSync(countsFile) ? JSON.parse(readFileSync(countsFile, 'utf8')) : undefined;
  rmSync(directory, { recursive: true, force: true });
  if (!counts) return fail('jest ended without a result');
  const wanted = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).jest.projects;
  let failures = 0;
  for (const { displayName } of wanted) {
    const of = counts.projects[displayName] ?? { files: 0, passed: 0, failed: 0, skipped: [] };
    totals.passed += of.passed;
    totals.failed += of.failed;
    failures += of.failed;
    if (of.files === 0 && files.length === 0) fail(`project ${displayName} has no test files`);
    for (const name of of.skipped) {
      if (isCi) fail(`skipped: ${name}`);
      else process.stdout.write(`skipped: ${name}\n`);
    }
  }
  if (counts.wasInterrupted) fail('jest was interrupted');
  if (!isGreen && failures === 0) fail('jest failed outside of a test');
}

function fail(reason) {
  totals.failed += 1;
  complaints.push(reason);
}

if (
  step('what the tests need', () => haveChromium() && haveEtcd()) &&
  step('build', () => run(process.execPath, ['scripts/build.mjs']))
) {
  for (const name of ['types', 'lint', 'format', 'schema']) {
    step(`check:${name}`, () => run('npm', ['run', '--silent', `check:${name}`]));
  }
  process.stdout.write('\n── tests\n');
  runJest(patterns);
  if (patterns.length === 0) {
    process.stdout.write('\n── end-to-end tests on etcd\n');
    await runJestOnEtcd();
  }
}

for (const complaint of complaints) process.stdout.write(`${complaint}\n`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;
