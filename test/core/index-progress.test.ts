import { indexReporter, indexingReader } from '../../src/command/index-progress';
import type { Progress } from '../../src/command/progress-bars';
import { ManualClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { Metrics, makeLogger } from '../../src/core/telemetry';
import { TinyStore } from '../support/tiny-store';

function logged() {
  const clock = new ManualClock();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = makeLogger({ level: 'info', format: 'json', name: 'storage', destination });
  const shown: Progress[] = [];
  const report = indexReporter({ logger, clock, showProgress: (progress) => shown.push(progress) });
  const said = (): unknown[] => lines.splice(0).map(({ index, rows, msg }) => [index, rows, msg]);
  return { clock, report, said, shown };
}

const reading = (rows: number, { index = 1, isDone = false, total = undefined as number | undefined } = {}) =>
  ({ kind: 'reading', index, rows, total, isDone }) as const;

it('says how far an index of many rows has come, once a second, and when it has all', () => {
  const { clock, report, said } = logged();
  report(reading(4_000));
  expect(said()).toEqual([]);
  report(reading(6_000));
  report(reading(7_000));
  report(reading(9_000, { index: 2 }));
  expect(said()).toEqual([
    [1, 6_000, 'reading rows for a vector index'],
    [2, 9_000, 'reading rows for a vector index'],
  ]);
  clock.advance(1_000);
  report(reading(8_000));
  report(reading(9_000, { isDone: true }));
  expect(said()).toEqual([
    [1, 8_000, 'reading rows for a vector index'],
    [1, 9_000, 'a vector index has all rows'],
  ]);
});

it('shows a bar where there are many rows and it is known how many', () => {
  const { report, shown } = logged();
  report(reading(200, { total: 4_000 }));
  report(reading(200));
  expect(shown).toEqual([]);
  report(reading(200, { total: 10_000 }));
  report(reading(10_000, { total: 10_000, isDone: true }));
  const bar = { name: 'vector index 1', total: 10_000, unit: 'rows' };
  expect(shown).toEqual([
    { ...bar, done: 200, isDone: false },
    { ...bar, done: 10_000, isDone: true },
  ]);
});

it('says nothing of a small index, and warns of what could not be written', () => {
  const { report, said } = logged();
  report(reading(100, { isDone: true }));
  expect(said()).toEqual([]);
  report({ kind: 'fault', error: new AppError('INTERNAL', 'no room') });
  expect(said()).toEqual([[undefined, undefined, 'a vector index could not be written down']]);
});

it('shows in the metrics how far the indexes are that are being made, and 0 when there is none', async () => {
  const base = await new TinyStore().status();
  let indexing: { rows: number; total: number } | undefined;
  const metrics = new Metrics();
  const status = () => Promise.resolve({ ...base, ...(indexing && { indexing }) });
  metrics.measureIndexing(indexingReader({ status }, new ManualClock()));
  const shown = async () => {
    const { values } = await metrics.indexRows.get();
    return values.map(({ labels, value }) => [labels['rows'], value]);
  };
  const none = [
    ['read', 0],
    ['all', 0],
  ];
  expect(await shown()).toEqual(none);
  indexing = { rows: 300, total: 6_000 };
  expect(await shown()).toEqual([
    ['read', 300],
    ['all', 6_000],
  ]);
  indexing = undefined;
  expect(await shown()).toEqual(none);
});
