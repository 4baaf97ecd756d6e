// Builds dist/: the compiled program, the contracts it reads at run time, and the GraphiQL page. What has not changed since the
// last build is left alone, so that a second `npm start` is quick.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const outputAt = process.argv.indexOf('--out');
const dist = outputAt < 0 ? join(root, 'dist') : resolve(process.argv[outputAt + 1]);
const stamps = join(dist, '.stamps');

/** Only one build at a time; one whose process is gone does not count. */
async function withLock(work) {
  mkdirSync(stamps, { recursive: true });
  const lock = join(stamps, 'lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isAlive(lock)) rmSync(lock, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.on('exit', () => rmSync(lock, { force: true }));
  await work();
}

function isAlive(lock) {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    // Just made, and not written yet.
    if (!(holder > 0)) return true;
    process.kill(holder, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const programFolders = ['src', 'resolvers', 'schema', 'proto', 'storage', 'bench'];

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function hashOf(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths.flatMap((each) => filesBelow(join(root, each))))
    hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/** Runs the step unless what it is made from is the same as when it last ran to its end. */
async function step(name, { from, into, make }) {
  const hash = hashOf([...from, 'scripts/build.mjs', 'package-lock.json']);
  const stamp = join(stamps, name);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync(into)) return;
  rmSync(stamp, { force: true });
  process.stderr.write(`building ${name} …\n`);
  await make();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, hash);
}

await withLock(async () => {
  await step('program', {
    from: [...programFolders, 'tsconfig.json'],
    into: join(dist, 'src', 'main.js'),
    make() {
      for (const folder of programFolders) rmSync(join(dist, folder), { recursive: true, force: true });
      mkdirSync(dist, { recursive: true });
      const project = join(dist, 'tsconfig.build.json');
      const include = programFolders.map((folder) => join(root, folder));
      const types = ['node'];
      const typeRoots = [join(root, 'node_modules/@types')];
      const compilerOptions = { rootDir: root, outDir: dist, declaration: true, typeRoots, types };
      writeFileSync(project, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include }));
      try {
        execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], {
          stdio: 'inherit',
        });
      } catch {
        process.stderr.write('the program does not compile; see above\n');
        process.exit(1);
      } finally {
        rmSync(project, { force: true });
      }
      for (const [folder, extension] of [
        ['schema', '.graphql'],
        ['proto', '.proto'],
      ])
        for (const path of filesBelow(join(root, folder)).filter((each) => each.endsWith(extension)))
          cpSync(path, join(dist, relative(root, path)));
      // Without a name: a second package of the same name confuses jest.
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
      writeFileSync(join(dist, 'package.json'), JSON.stringify({ private: true, version }));
    },
  });

  await step('graphiql', {
    from: ['src/graphiql'],
    into: join(dist, 'graphiql', 'index.html'),
    async make() {
      const { build } = await import('vite');
      await build({
        root: join(root, 'src/graphiql'),
        base: '/graphiql/',
        configFile: false,
        logLevel: 'error',
        worker: { format: 'es' },
        build: {
          outDir: join(dist, 'graphiql'),
          emptyOutDir: true,
          target: 'es2022',
          sourcemap: false,
          // Monaco is large; the page is served from the same machine.
          chunkSizeWarningLimit: 20_000,
          assetsInlineLimit: 0,
        },
      });
    },
  });
});
