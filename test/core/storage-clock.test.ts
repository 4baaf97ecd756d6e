/** What is shown and said of a storage machine's clock. */
import { Writable } from 'node:stream';
import { clockReporter, clockSkewReader } from '../../src/command/storage-clock';
import { askedOnce } from '../../src/command/status-reader';
import { ManualClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { Metrics, makeLogger } from '../../src/core/telemetry';
import { TinyStore } from '../support/tiny-store';

type Status = Awaited<ReturnType<TinyStore['status']>>;

async function shown(metrics: Metrics): Promise<number> {
  const { values } = await metrics.clockSkew.get();
  return values[0]!.value;
}

test('the metrics show the skew as it is now, in seconds; of a store that has none, 0', async () => {
  const base = await new TinyStore().status();
  let clockSkewMs: number | undefined;
  const metrics = new Metrics();
  const status = (): Promise<Status> => Promise.resolve({ ...base, ...(clockSkewMs !== undefined && { clockSkewMs }) });
  metrics.measureClockSkew(clockSkewReader({ status }, new ManualClock()));
  expect(await shown(metrics)).toBe(0);
  clockSkewMs = -320;
  expect(await shown(metrics)).toBe(-0.32);
  clockSkewMs = undefined;
  expect(await shown(metrics)).toBe(0);
});

test('where storage refuses or is silent, what was known is shown, and metrics do not wait', async () => {
  const clock = new ManualClock();
  const base = await new TinyStore().status();
  const answers: (() => Promise<Status>)[] = [
    () => Promise.resolve({ ...base, clockSkewMs: 40 }),
    () => Promise.reject(new AppError('UNAVAILABLE', 'storage does not answer')),
    () => new Promise(() => undefined),
  ];
  const read = clockSkewReader({ status: () => answers.shift()!() }, clock);
  expect(await read()).toBe(40);
  expect(await read()).toBe(40);
  const waiting = read();
  clock.advance(1_000);
  expect(await waiting).toBe(40);
});

test('metrics that are read at once ask storage once, and the next time again', async () => {
  const base = await new TinyStore().status();
  let asked = 0;
  const store = askedOnce({ status: () => Promise.resolve({ ...base, clockSkewMs: (asked += 1) }) });
  const clock = new ManualClock();
  const [one, other] = [clockSkewReader(store, clock), clockSkewReader(store, clock)];
  expect(await Promise.all([one(), other()])).toEqual([1, 1]);
  expect(await one()).toBe(2);
});

test('the log says how far, louder the further', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const report = clockReporter(makeLogger({ level: 'info', format: 'json', name: 'storage', destination }));
  report('far', 300.4);
  report('refusing', -700);
  report('right', undefined);
  expect(lines.map(({ level, skewMs }) => [level, skewMs])).toEqual([
    [40, 300],
    [50, -700],
    [30, 0],
  ]);
});
