/** The lint of the contract with clients (`npm run check:schema`): it passes, and each of its rules that matters can fail. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from './support/repository';

const minute = 60_000;

interface LintMessage {
  readonly ruleId: string | null;
  readonly message: string;
}

/** What the lint says of `schema/` below a directory, by file. */
function lint(directory: string): Promise<Map<string, LintMessage[]>> {
  const eslint = path.join(repositoryRoot, 'node_modules', 'eslint', 'bin', 'eslint.js');
  const args = [eslint, '--format', 'json', '-c', 'schema/eslint.config.mjs', 'schema/**/*.graphql'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: directory, maxBuffer: 16_777_216 }, (error, stdout, stderr) => {
      if (stdout === '') return reject(error ?? new Error(stderr));
      const results = JSON.parse(stdout) as { filePath: string; messages: LintMessage[] }[];
      resolve(new Map(results.map(({ filePath, messages }) => [path.relative(directory, filePath), messages])));
    });
  });
}

/** A copy of `schema/` with files of one's own beside it. */
async function schemaWith(
  files: Readonly<Record<string, string>>,
): Promise<{ path: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'norigate-lint-'));
  await cp(path.join(repositoryRoot, 'schema'), path.join(directory, 'schema'), { recursive: true });
  await symlink(path.join(repositoryRoot, 'node_modules'), path.join(directory, 'node_modules'));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, 'schema', name), text);
  return { path: directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

describe('the lint of the schema and its operations', () => {
  it(
    'has nothing to say',
    async () => {
      const found = await lint(repositoryRoot);
      expect([...found.keys()]).toEqual(
        expect.arrayContaining(['schema/common.graphql', 'schema/operations/counter.graphql']),
      );
      expect([...found].filter(([, messages]) => messages.length > 0)).toEqual([]);
    },
    minute,
  );

  it(
    'finds what is undocumented, unreachable, badly named, or does not fit the schema',
    async () => {
      const directory = await schemaWith({
        'wrong.graphql':
          'type Bare { a: Int }\nextend type Query { "A." bare: Bare }\n"Nobody leads here." type lonely { a: Int }\n',
        'operations/wrong.graphql':
          'query ClusterNow { counter(name: "a") { name } }\nquery Wrong { nothing }\nfragment Unused on Counter { id }\n',
      });
      try {
        const found = await lint(directory.path);
        const rules = new Set([...found.values()].flat().map(({ ruleId }) => ruleId?.replace('@graphql-eslint/', '')));
        for (const rule of [
          'require-description',
          'no-unreachable-types',
          'naming-convention',
          'require-selections',
          'unique-operation-name',
          'fields-on-correct-type',
          'no-unused-fragments',
        ])
          expect(rules).toContain(rule);
      } finally {
        await directory.remove();
      }
    },
    minute,
  );
});
