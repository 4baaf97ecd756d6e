/** The examples of `examples/meaning/`, each run by Node against the program as it is built, with the numbers that they show. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureBuilt, startProgram, temporaryDirectory } from '../e2e/support/program';
import type { Program } from '../e2e/support/program';
import { repositoryRoot } from './support/repository';
import { endProgram } from './support/running-program';

const run = promisify(execFile);
const minute = 60_000;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let program: Program;

beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  program = await startProgram(directory.path).ready();
}, 5 * minute);
afterAll(async () => {
  await endProgram(program);
  await directory.remove();
});

/** The lines that an example prints. */
async function linesOf(name: string): Promise<string[]> {
  const file = join(repositoryRoot, 'examples', 'meaning', name);
  const { stdout } = await run(process.execPath, [file, program.origin]);
  return stdout.trim().split('\n');
}

/** A line's number and the rest of it. */
const scored = (line: string): [number, string] => [Number(line.slice(0, 4)), line.slice(6)];

describe('the examples of meaning', () => {
  it(
    'find documents about machine learning',
    async () => {
      for (const _time of ['first', 'again']) {
        const found = (await linesOf('machine-learning.mjs')).map(scored);
        expect(found.map(([, title]) => title)).toEqual([
          'Deep Learning Fundamentals',
          'Introduction to Machine Learning',
          'Sourdough for Beginners',
        ]);
        const [deep, introduction, bread] = found.map(([score]) => score);
        expect(deep).toBeGreaterThan(0.45);
        expect(introduction).toBeGreaterThan(0.35);
        expect(bread).toBeLessThan(0.2);
      }
    },
    minute,
  );

  it(
    'recommend what suits somebody who runs',
    async () => {
      for (const _time of ['first', 'again']) {
        const lines = await linesOf('running-shoes.mjs');
        const middle = lines.indexOf('Like Running Shoes:');
        const recommended = lines.slice(1, middle).map(scored);
        expect(recommended.map(([, product]) => product)).toEqual([
          'Road Sneakers (Footwear)',
          'Tennis Racket (Sports)',
          'Coffee Grinder (Kitchen)',
        ]);
        expect(recommended[0]![0]).toBeGreaterThan(0.6);
        expect(recommended[2]![0]).toBeLessThan(0.4);
        expect(lines.slice(middle + 1).map((line) => scored(line)[1])).toEqual([
          'Trail Shoes',
          'Road Sneakers',
          'Tennis Racket',
        ]);
      }
    },
    minute,
  );

  it(
    'store one of two foxes',
    async () => {
      const [first, second, third] = await linesOf('fox-documents.mjs');
      expect(first).toBe('doc1: stored, similarity 0.00');
      const [, similarity] = /^doc2: duplicate of doc1 \(SEMANTIC\), similarity (0\.\d\d)$/.exec(second!)!;
      expect(Number(similarity)).toBeGreaterThanOrEqual(0.95);
      const [, other] = /^doc3: stored, similarity (-?0\.\d\d)$/.exec(third!)!;
      expect(Number(other)).toBeLessThan(0.4);
    },
    minute,
  );
});
