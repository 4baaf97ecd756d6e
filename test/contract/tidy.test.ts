/** The rules of the house (`docs/` says why): each is run on the whole repository, and on a made-up text that breaks it. */
import { failureKinds } from '../../src/core/errors';
import { filesBelow, readJson, readText } from './support/repository';
import type { SourceText } from './support/source';
import {
  environmentFaults,
  importFaults,
  nameFaults,
  packageFaults,
  resolverFaults,
  schemaFaults,
  skippedTests,
  sleepFaults,
  timeAndChanceFaults,
  todoFaults,
  unreachedFiles,
  unusedWords,
} from './support/tidy-rules';
import type { ToleratedImport } from './support/tidy-rules';

const productFolders = ['src', 'proto', 'resolvers', 'schema', 'storage'];
const isTypeScript = (file: string): boolean => file.endsWith('.ts');
const read = (path: string): SourceText => ({ path, text: readText(path) });

const product = productFolders.flatMap((folder) => filesBelow(folder, isTypeScript)).map(read);
const tests = filesBelow('test', isTypeScript).map(read);
const bench = filesBelow('bench', isTypeScript).map(read);
const examples = filesBelow('examples', isTypeScript).map(read);
const everything = [...product, ...tests, ...bench, ...examples];

/** A made-up file. */
const made = (path: string, text: string): SourceText => ({ path, text });

describe('imports', () => {
  const tolerated: readonly ToleratedImport[] = [];

  it('go in one direction: core, proto, store, patterns, resolvers, gateway, command, main; storage sees core and proto', () => {
    expect(importFaults(everything, tolerated)).toEqual([]);
  });

  const files = [
    made('src/core/clock.ts', ''),
    made('proto/store.ts', ''),
    made('src/store/batch.ts', ''),
    made('src/patterns/kv.ts', ''),
    made('src/patterns/patterns.ts', "import { Kv } from './kv';"),
    made('src/patterns/kv-pages.ts', "import type { Kv } from './kv';"),
    made('resolvers/kv.ts', ''),
    made('src/gateway/server.ts', ''),
    made('storage/open.ts', ''),
    made('test/support/tiny.ts', ''),
  ];
  it.each([
    ['src/core/a.ts', "import '../../proto/store';", 'core does not import proto'],
    ['proto/a.ts', "import '../src/store/batch';", 'proto does not import store'],
    ['src/store/a.ts', "import type { Kv } from '../patterns/kv';", 'store does not import patterns'],
    ['src/patterns/a.ts', "import { Kv } from './kv';", 'patterns do not import each other'],
    ['src/patterns/a.ts', "import { parse } from 'graphql';", 'patterns does not know this package'],
    ['src/patterns/a.ts', "import '@grpc/grpc-js';", 'patterns does not know this package'],
    ['resolvers/a.ts', "export { x } from '../src/store/batch';", 'resolvers does not import store'],
    ['resolvers/a.ts', "import '../src/gateway/server';", 'resolvers does not import gateway'],
    ['src/gateway/a.ts', "const x = require('../../storage/open');", 'gateway does not import storage'],
    ['src/gateway/a.ts', "import 'lmdb';", 'gateway does not know this package'],
    ['storage/a.ts', "await import('../src/store/batch');", 'storage does not import store'],
    ['storage/a.ts', "import '../resolvers/kv';", 'storage does not import resolvers'],
    ['src/core/a.ts', "import '../../test/support/tiny';", 'core does not import what is no part of the product'],
    ['src/core/a.ts', "import './gone';", 'there is no such file'],
  ])('of %s that say %s are caught', (path, text, fault) => {
    expect(importFaults([...files, made(path, text)])).toEqual([expect.stringContaining(fault)]);
  });

  it('in the right direction, from storage into command, and in comments are no fault', () => {
    const right = [
      made('src/command/a.ts', "import '../../storage/open'; import '../gateway/server'; import 'lmdb';"),
      made('storage/a.ts', "import '../proto/store'; import '../src/core/clock'; import 'lmdb'; import 'node:fs';"),
      made('src/core/b.ts', "// import '../../storage/open';\nconst text = \"import '../../proto/store'\";"),
      made('test/a.test.ts', "import '../storage/open'; import './support/tiny'; import 'graphql';"),
    ];
    expect(importFaults([...files, ...right])).toEqual([]);
  });

  it('of packages by the product are declared as dependencies, and every dependency is imported', () => {
    const { dependencies } = readJson<{ dependencies: Record<string, string> }>('package.json');
    // What only tests import, and stands among the dependencies all the same.
    expect(packageFaults(product, Object.keys(dependencies))).toEqual([]);
    const source = made('src/a.ts', "import '@a/b/c'; import { d } from 'd'; import 'node:fs'; import './e';");
    expect(packageFaults([source], ['d', 'f'])).toEqual([
      'src/a.ts:1 imports @a/b: it is not declared',
      'f is declared and nobody imports it',
    ]);
  });

  it('that are let through must still exist', () => {
    const gone = { from: 'src/core/clock.ts', to: 'proto/store.ts', why: 'once' };
    expect(importFaults(files, [gone])).toEqual([
      'src/core/clock.ts does not import proto/store.ts any more: take it off the list',
    ]);
  });
});

describe('files', () => {
  it('of the product are reached from the program or the bench', () => {
    const reachable = [...product, ...bench];
    expect(unreachedFiles(reachable, ['src/main.ts', 'src/index.ts', 'bench/main.ts'])).toEqual([]);
  });

  it('of the tests are reached from a test', () => {
    const entries = tests.map(({ path }) => path).filter((path) => path.endsWith('.test.ts'));
    const unreached = unreachedFiles(everything, [...entries, 'src/main.ts', 'src/index.ts', 'bench/main.ts']);
    expect(unreached.filter((path) => path.startsWith('test/'))).toEqual([]);
  });

  it('that nobody imports are found', () => {
    const files = [
      made('src/main.ts', "import './a'; const worker = 'workers/c.js'; void import('./d');"),
      made('src/a.ts', "import type { B } from './b';"),
      made('src/b.ts', ''),
      made('src/workers/c.ts', ''),
      made('src/d.ts', ''),
      made('src/forgotten.ts', "import './a';"),
    ];
    expect(unreachedFiles(files, ['src/main.ts'])).toEqual(['src/forgotten.ts']);
  });

  it('have names in kebab-case', () => {
    const folders = [...productFolders, 'test', 'bench', 'examples', 'docs', 'scripts'];
    expect(nameFaults(folders.flatMap((folder) => filesBelow(folder, () => true)))).toEqual([]);
    const names = [
      'src/localStore.ts',
      'src/Store.ts',
      'src/local_store.ts',
      'docs/decisions/0001-a.md',
      'src/a-b.test.ts',
    ];
    expect(nameFaults(names)).toEqual(names.slice(0, 3));
  });
});

describe('time and chance', () => {
  const mayUse = ['src/core/clock.ts', 'src/core/ids.ts'];

  it('come from clock.ts and ids.ts alone', () => {
    const others = product.filter(({ path }) => !mayUse.includes(path));
    expect(others.flatMap(timeAndChanceFaults)).toEqual([]);
    // The rule sees what it is about.
    const own = product.filter(({ path }) => mayUse.includes(path)).flatMap(timeAndChanceFaults);
    expect(own.length).toBeGreaterThanOrEqual(6);
  });

  it.each([
    'const nowMs = Date.now();',
    'const at = new Date();',
    'const at = new Date;',
    'performance.now();',
    'const x = Math.random();',
    'setTimeout(() => undefined, 1);',
    'const later = setInterval;',
    'globalThis.setTimeout(action, 5);',
    "import { randomUUID } from 'node:crypto';",
    'crypto.randomBytes(4);',
    'process.hrtime();',
    "import { setTimeout as sleep } from 'node:timers/promises';",
  ])('are caught in: %s', (text) => {
    expect(timeAndChanceFaults(made('src/store/a.ts', text)).length).toBeGreaterThan(0);
  });

  it('are no fault where they are passed in, or merely named', () => {
    const text = `
      setImmediate(flush);
      const at = new Date(nowMs).toISOString();
      clock.after(5, action); clock.nowMs(); ids.fraction();
      server.setTimeout(5); // Date.now()
      const words = 'Math.random()';
    `;
    expect(timeAndChanceFaults(made('src/store/a.ts', text))).toEqual([]);
  });

  it('are not what tests sleep by', () => {
    expect(tests.flatMap(sleepFaults)).toEqual([]);
    const sleeping = made('test/a.test.ts', 'await new Promise((resolve) => setTimeout(resolve, 100));');
    expect(sleepFaults(sleeping)).toEqual(['test/a.test.ts:1 uses setTimeout']);
    expect(sleepFaults(made('test/a.test.ts', 'jest.setTimeout(5); const ms = performance.now();'))).toEqual([]);
  });
});

describe('the environment', () => {
  const readers: Readonly<Record<string, readonly string[]>> = {
    'src/main.ts': ['*'],
    'src/core/telemetry.ts': ['NO_COLOR'],
  };

  it('is read by main.ts, which hands it to config.ts, and NO_COLOR by the logger', () => {
    expect(product.flatMap((source) => environmentFaults(source, readers[source.path]))).toEqual([]);
    for (const path of Object.keys(readers))
      expect([path, environmentFaults(read(path)).length > 0]).toEqual([path, true]);
  });

  it('is guarded', () => {
    const source = made('src/core/a.ts', "const port = process.env['PORT'];\nspawn({ env: process.env });");
    expect(environmentFaults(source, ['NO_COLOR'])).toEqual([
      'src/core/a.ts:1 reads the environment: PORT',
      'src/core/a.ts:2 reads the environment: all of it',
    ]);
  });
});

describe('decisions', () => {
  it('are not made in resolvers', () => {
    expect(product.filter(({ path }) => path.startsWith('resolvers/')).flatMap(resolverFaults)).toEqual([]);
    const source = made(
      'resolvers/a.ts',
      `@Resolver() class A {
        async twice(@Ctx() { patterns }: C) { await patterns.kv.get('a'); return patterns.kv.get('b'); }
        async retry(@Ctx() context: C) { for (;;) { try { return await context.patterns.kv.get('a'); } catch { continue; } } }
        refuse() { throw new Error('no'); }
        once(@Ctx() { patterns }: C) { return patterns.kv.get('a'); }
      }
      class View { each() { for (const x of []) use(x); } }`,
    );
    expect(resolverFaults(source)).toEqual([
      'resolvers/a.ts:2 A.twice calls 2 patterns',
      'resolvers/a.ts:3 A.retry has a loop',
      'resolvers/a.ts:3 A.retry catches',
      'resolvers/a.ts:4 A.refuse throws',
    ]);
  });

  it('are not made in the classes of the schema', () => {
    // Scalars parse, and sdl.ts reads files; everything else only says what there is.
    const logic = ['schema/scalars.ts', 'schema/sdl.ts'];
    const classes = product.filter(({ path }) => path.startsWith('schema/') && !logic.includes(path));
    expect(classes.flatMap(schemaFaults)).toEqual([]);
    const source = made(
      'schema/a.ts',
      `export class A { b = 1; get c() { return this.b > 0 ? 1 : 2; } d() { if (this.b) throw new Error(); } }
      export const U = createUnionType({ resolveType: (value) => value.kind });`,
    );
    expect(schemaFaults(source)).toHaveLength(5);
  });
});

describe('notes and tests', () => {
  it('leave nothing to do without the number of an issue', () => {
    const others = ['proto', 'schema', 'scripts', 'docs', 'src']
      .flatMap((folder) => filesBelow(folder, (file) => /\.(proto|graphql|mjs|js|md|html|css)$/.test(file)))
      .map(read);
    expect([...everything, ...others, read('README.md'), read('CHANGELOG.md')].flatMap(todoFaults)).toEqual([]);
    const source = made(
      'src/a.ts',
      ['// TODO later', '/* FIXME: this */ const a = 1;', '// TODO(#12): with a number', "const b = 'TODO';"].join(
        '\n',
      ),
    );
    expect(todoFaults(source)).toEqual([
      'src/a.ts:1 has a note without an issue',
      'src/a.ts:2 has a note without an issue',
    ]);
    expect(todoFaults(made('a.graphql', 'type A {\n# TODO\n}'))).toHaveLength(1);
  });

  it('leave no test out', () => {
    expect(tests.flatMap(skippedTests)).toEqual([]);
    const source = made(
      'test/a.test.ts',
      "it.only('a', f); describe.skip('b', f); it.each([1]).skip; xit('c', f); it.todo('d'); it('e', f); page.only();",
    );
    expect(skippedTests(source)).toEqual([
      'test/a.test.ts:1 it.only',
      'test/a.test.ts:1 describe.skip',
      'test/a.test.ts:1 xit',
      'test/a.test.ts:1 it.todo',
    ]);
  });
});

describe('failure codes', () => {
  it('are all used: none is promised that never comes', () => {
    // errors.ts defines them, and wire-failure.ts only translates them.
    const users = product.filter(({ path }) => !['src/core/errors.ts', 'proto/wire-failure.ts'].includes(path));
    expect(unusedWords(Object.keys(failureKinds), users)).toEqual([]);
    expect(
      unusedWords(['USED', 'UNUSED'], [made('a.ts', "// UNUSED\nthrow new AppError('USED', 'UNUSED is not it');")]),
    ).toEqual(['UNUSED']);
  });
});
