// `npm test`: everything, from a fresh clone. Looks for what the tests need, builds once, runs the static checks, then
// every jest project. The last line is always `N passed, M failed`, and the exit code agrees with it.
//   npm test                 everything
//   npm test -- PATTERN ...  the same, with only the test files that match
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

function runJest() {
  const directory = mkdtempSync(path.join(tmpdir(), 'norigate-test-'));
  const countsFile = path.join(directory, 'counts.json');
  const args = ['--reporters=default', '--reporters=<rootDir>/scripts/test-counts.mjs'];
  args.push(`--maxWorkers=${Math.max(1, Math.min(4, availableParallelism()))}`);
  if (isCi) args.push('--ci');
  const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const isGreen = run(process.execPath, [jest, ...args, ...patterns], {
    env: { ...process.env, NORIGATE_TEST_COUNTS: countsFile },
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
    if (of.files === 0 && patterns.length === 0) fail(`project ${displayName} has no test files`);
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
  runJest();
}

for (const complaint of complaints) process.stdout.write(`${complaint}\n`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;
