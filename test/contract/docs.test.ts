/** The documents say what the code does: every table is held against the thing that it is about, in both directions. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { extendSchema, parse, validate } from 'graphql';
import { limits, storeLimits } from '../../proto/limits';
import { ErrorCode } from '../../schema/common';
import { settings } from '../../src/config';
import { failureKinds } from '../../src/core/errors';
import { families } from '../../src/core/keyspace';
import { Metrics } from '../../src/core/telemetry';
import { statusOf } from '../../src/gateway/errors';
import { builtSchema } from './support/built-schema';
import { anchorsOf, codeOf, fencesOf, linksOf, rowsOf } from './support/markdown';
import type { Row } from './support/markdown';
import { differences, filesBelow, readJson, readText, repositoryRoot } from './support/repository';

const pages = ['README.md', 'CHANGELOG.md', ...filesBelow('docs', (file) => file.endsWith('.md'))];
const texts = new Map(pages.map((page) => [page, readText(page)]));
const textOf = (page: string): string => texts.get(page) ?? '';

/** What two tables say of the same things, as lines that are equal where they agree. */
const lines = (of: string, rows: readonly (readonly unknown[])[]): { of: string; names: string[] } => ({
  of,
  names: rows.map((row) => row.join(' | ')),
});

const cells =
  (...titles: readonly string[]) =>
  (row: Row): string[] =>
    titles.map((title) => row[title] ?? '');

interface Package {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = readJson<Package>('package.json');

describe('settings', () => {
  const shownDefault = (text: string): string => (text === '' ? 'not set' : text);

  it('stand in docs/configuration.md with type, default and meaning, and nothing else does', () => {
    const titles = ['Variable', 'Type', 'Default', 'Meaning'];
    const inCode = Object.entries(settings).map(([name, { type, default: text, description }]) => [
      name,
      type,
      shownDefault(text),
      description,
    ]);
    const inPage = rowsOf(textOf('docs/configuration.md'), titles).map(cells(...titles));
    expect(differences(lines('src/config.ts', inCode), lines('the page', inPage))).toEqual([]);
    expect(inPage).toHaveLength(inCode.length);
  });

  it('stand in the README with their default and a phrase, in the order of the code', () => {
    const rows = rowsOf(textOf('README.md'), ['Variable', 'Default', 'What it sets']);
    const inCode = Object.entries(settings).map(([name, { default: text }]) => [name, shownDefault(text)]);
    expect(rows.map(cells('Variable', 'Default'))).toEqual(inCode);
    expect(rows.filter((row) => row['What it sets'] === '')).toEqual([]);
  });

  it('are the only variables that any page names', () => {
    const named = pages.flatMap((page) => textOf(page).match(/\bNORIGATE_[A-Z_]*[A-Z]\b/g) ?? []);
    const tests = filesBelow('test', (file) => file.endsWith('.ts')).map(readText);
    // Those of the tests are for who works on the product: some test reads each.
    const isOfTests = (name: string): boolean =>
      name.startsWith('NORIGATE_TEST_') && tests.some((text) => text.includes(name));
    expect(named.filter((name) => !(name in settings) && !isOfTests(name))).toEqual([]);
  });
});

describe('limits', () => {
  it('stand in docs/limits.md with their value and what they bound, and nothing else does', () => {
    const rows = rowsOf(textOf('docs/limits.md'), ['Limit', 'Value', 'What it bounds']);
    const inCode = Object.entries({ ...limits, ...storeLimits }).map(([name, value]) => [
      name,
      value.toLocaleString('en-US'),
    ]);
    expect(rows.map(cells('Limit', 'Value'))).toEqual(inCode);
    expect(rows.filter((row) => row['What it bounds'] === '')).toEqual([]);
  });
});

describe('errors', () => {
  const rows = rowsOf(textOf('docs/errors.md'), ['Code', 'When', 'Status', 'Retryable', 'What to do']);
  const kinds = Object.values(failureKinds);
  const requestCodes = [
    'BAD_REQUEST',
    'GRAPHQL_PARSE_FAILED',
    'GRAPHQL_VALIDATION_FAILED',
    'PERSISTED_QUERY_NOT_FOUND',
  ] as const;

  it('of the SDL stand in docs/errors.md, each once, in the order of the SDL', () => {
    expect(rows.map((row) => row['Code'])).toEqual(Object.values(ErrorCode));
    expect(rows.filter((row) => row['When'] === '' || row['What to do'] === '')).toEqual([]);
  });

  it('have the status and the word on retrying that the gateway gives', () => {
    const isFailure = new Set<string>([...kinds.map(({ graphqlCode }) => graphqlCode), ...requestCodes]);
    const wanted = Object.values(ErrorCode).map((code) => {
      const isRetryable = kinds.some((kind) => kind.graphqlCode === code && kind.isRetryable);
      const status = statusOf({ message: '', extensions: { code, retryable: isRetryable } });
      return [code, isFailure.has(code) ? String(status) : '–', isRetryable ? 'yes' : 'no'];
    });
    expect(rows.map(cells('Code', 'Status', 'Retryable'))).toEqual(wanted);
  });

  it('inside have a code for clients, which the page says', () => {
    const inside = rowsOf(textOf('docs/errors.md'), ['Failure', 'Code for clients']);
    const inCode = Object.entries(failureKinds).map(([code, { graphqlCode }]) => [code, graphqlCode]);
    expect(inside.map(cells('Failure', 'Code for clients'))).toEqual(inCode);
  });

  it('inside are shown to clients as members of the SDL', () => {
    expect(kinds.filter(({ graphqlCode }) => !(graphqlCode in ErrorCode))).toEqual([]);
  });
});

describe('keys', () => {
  it('of every family stand in docs/storage.md with byte, history and content, and nothing else does', () => {
    const titles = ['Family', 'Byte', 'Change log keeps', 'Rows'];
    const kept = { value: 'key and value', key: 'the key', none: 'nothing' } as const;
    const inCode = Object.entries(families).map(([name, { code, history, holds }]) => [
      name,
      `0x${code.toString(16)}`,
      kept[history],
      holds,
    ]);
    expect(rowsOf(textOf('docs/storage.md'), titles).map(cells(...titles))).toEqual(inCode);
  });
});

describe('metrics', () => {
  it('stand in docs/operation.md with labels and help, and nothing else does', async () => {
    const titles = ['Metric', 'Labels', 'What it says'];
    const metrics = new Metrics();
    const own = metrics.registry.getMetricsAsArray().filter(({ name }) => !name.startsWith('norigate_process_'));
    const inCode = own.map((metric) => {
      const { name, help, labelNames = [] } = metric as { name: string; help: string; labelNames?: string[] };
      return [name, labelNames.join(', '), help];
    });
    expect(inCode.length).toBeGreaterThan(5);
    expect(rowsOf(textOf('docs/operation.md'), titles).map(cells(...titles))).toEqual(inCode);
    metrics.registry.clear();
  });
});

describe('dependencies', () => {
  it('stand in docs/dependencies.md with version, licence and a reason, and nothing else does', () => {
    const rows = rowsOf(textOf('docs/dependencies.md'), ['Package', 'Version', 'Licence', 'Why']);
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    const installed = Object.entries(all).map(([name, version]) => {
      const { license } = readJson<{ license?: string }>(`node_modules/${name}/package.json`);
      return [name, version, license ?? 'none stated'];
    });
    const inPage = rows.map(cells('Package', 'Version', 'Licence'));
    expect(differences(lines('package.json', installed), lines('the page', inPage))).toEqual([]);
    expect(rows.filter((row) => row['Why'] === '')).toEqual([]);
  });

  it('are named under the heading that package.json says', () => {
    const [, runtime = '', development = ''] = textOf('docs/dependencies.md').split(/^## .*$/m);
    const names = (text: string): unknown[] =>
      rowsOf(text, ['Package', 'Version', 'Licence', 'Why']).map((row) => row['Package']);
    expect(names(runtime).sort()).toEqual(Object.keys(manifest.dependencies).sort());
    expect(names(development).sort()).toEqual(Object.keys(manifest.devDependencies).sort());
  });
});

describe('commands', () => {
  const scriptsIn = (code: string): string[] => [
    ...[...code.matchAll(/\bnpm run (?:--\S+ )*([\w:-]+)/g)].map((match) => match[1]!),
    ...[...code.matchAll(/\bnpm (start|test)\b/g)].map((match) => match[1]!),
  ];

  it('of npm that a page mentions exist', () => {
    const mentioned = pages.flatMap((page) => codeOf(textOf(page)).flatMap(scriptsIn));
    expect(mentioned.length).toBeGreaterThan(5);
    expect([...new Set(mentioned)].filter((name) => !(name in manifest.scripts))).toEqual([]);
    expect(scriptsIn('npm run --silent lint:all && npm test')).toEqual(['lint:all', 'test']);
  });

  it('of the program that a page mentions are those of its help', () => {
    const known = ['', 'gateway', 'storage', 'schema', 'export', 'import', 'health', '--help', '--version'];
    const mentioned = pages.flatMap((page) =>
      codeOf(textOf(page)).flatMap((code) =>
        [...code.matchAll(/^(?:norigate|.*node dist\/src\/main\.js)(?: +([\w-]+))?/gm)].map((match) => match[1] ?? ''),
      ),
    );
    expect(mentioned.length).toBeGreaterThan(5);
    expect([...new Set(mentioned)].filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** Links of a page that lead nowhere. */
function deadLinks(page: string, text: string): string[] {
  return linksOf(text).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
    if (target !== page && !existsSync(path.join(repositoryRoot, target))) return true;
    return anchor !== undefined && !anchorsOf(target === page ? text : readText(target)).includes(anchor);
  });
}

describe('links', () => {
  it('lead to files and headings that exist', () => {
    expect(pages.flatMap((page) => deadLinks(page, textOf(page)).map((link) => `${page}: ${link}`))).toEqual([]);
  });

  it('that lead nowhere are found', () => {
    const text =
      '# A heading, twice\n\n[a](#a-heading-twice) [b](#gone) [c](limits.md#gone) [d](gone.md) [e](https://e)';
    expect(deadLinks('docs/a.md', text)).toEqual(['#gone', 'limits.md#gone', 'gone.md']);
  });

  it('lead from the README to every page', () => {
    const linked = new Set(linksOf(textOf('README.md')).map((link) => link.split('#')[0]));
    expect(pages.filter((page) => page !== 'README.md' && !linked.has(page))).toEqual([]);
  });
});

/** Why a GraphQL block of a page cannot be run. */
function documentFaults(text: string, schema = builtSchema()): string[] {
  let document: DocumentNode;
  try {
    document = parse(text);
  } catch (error) {
    return [(error as Error).message];
  }
  return validate(schema, document).map(({ message }) => message);
}

/** What the page's documents are for: our schema, with the fields of the application that the page shows. */
function schemaOf(page: string): GraphQLSchema {
  const [, typeDefs] = /^const typeDefs = `([^`]*)`/m.exec(textOf(page)) ?? [];
  return typeDefs === undefined ? builtSchema() : extendSchema(builtSchema(), parse(typeDefs));
}

describe('GraphQL in the pages', () => {
  it('fits the schema', () => {
    const blocks = pages.flatMap((page) =>
      fencesOf(textOf(page))
        .filter(({ language }) => language === 'graphql')
        .map(({ text, line }) => ({ at: `${page}:${line}`, faults: documentFaults(text, schemaOf(page)) })),
    );
    expect(blocks.length).toBeGreaterThan(5);
    expect(blocks.filter(({ faults }) => faults.length > 0)).toEqual([]);
  });

  it('that does not fit is found', () => {
    expect(documentFaults('{ counter(name: "a") { worth } }')).toHaveLength(1);
    expect(documentFaults('{ counter(')).toHaveLength(1);
  });
});

describe('blocks of code', () => {
  it('are of the languages that the tests of examples know, so that no command escapes them', () => {
    const languages = new Set(pages.flatMap((page) => fencesOf(textOf(page)).map(({ language }) => language)));
    expect([...languages].sort()).toEqual(['graphql', 'js', 'json', 'mermaid', 'sh', 'text']);
  });
});

describe('versions', () => {
  it('in the changelog begin with that of package.json', () => {
    expect(/^## \[([^\]]+)\]/m.exec(textOf('CHANGELOG.md'))?.[1]).toBe(manifest.version);
  });
});

describe('the reader of tables', () => {
  const text =
    '| Name | Value |\n|---|---|\n| `a` | x \\| y |\n| `b` and c | |\n\n| Other | Value |\n|---|---|\n| d | e |\n';

  it('reads the rows of the tables with the titles asked for, and no others', () => {
    expect(rowsOf(text, ['Name', 'Value'])).toEqual([
      { Name: 'a', Value: 'x | y' },
      { Name: '`b` and c', Value: '' },
    ]);
    expect(rowsOf('```\n' + text + '```\n', ['Name', 'Value'])).toEqual([]);
  });
});
