/**
 * What the running product says about itself: logs (pino) and metrics (prom-client). Labels come from closed sets only
 * (operation types, schema fields, error codes, store methods), never from callers, so that nobody can make a metric
 * grow or carry another tenant's names.
 */
import pino from 'pino';
import type { DestinationStream, Logger, LoggerOptions as PinoOptions } from 'pino';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** Least level that is written. */
  readonly level: string;
  /** 'auto': for people where the output is a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'pretty' | 'json';
  /** Which process speaks: `gateway` or `storage`. */
  readonly name: string;
  /** Where lines go; default: standard output. For tests. */
  readonly destination?: DestinationStream;
}

/** A logger. Writes synchronously, so that the last words before an exit are not lost. */
export function makeLogger(options: LoggerOptions): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && process.stdout.isTTY === true);
  const settings: PinoOptions = { level: options.level, base: { name: options.name } };
  if (options.destination) return pino(settings, options.destination);
  if (!isPretty) return pino(settings, pino.destination({ dest: 1, sync: true }));
  // Loaded only where a person reads.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const pretty = require('pino-pretty') as (options: object) => DestinationStream;
  const colorize = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
  return pino(
    settings,
    pretty({ colorize, translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', sync: true, destination: 1 }),
  );
}

const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const countBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Rows of the vector indexes that are being made: those that were read, of how many. */
export interface IndexedRows {
  readonly rows: number;
  readonly total: number;
}

/** Every metric of the product. */
export class Metrics {
  readonly registry = new Registry();
  readonly operations: Counter<'type' | 'field' | 'outcome'> = new Counter({
    name: 'norigate_operations_total',
    help: 'GraphQL operations by type, first root field and outcome (ok, or the code of the first error).',
    labelNames: ['type', 'field', 'outcome'],
    registers: [this.registry],
    collect: () => this.#operationTallies.show(),
  });
  readonly operationSeconds = new Histogram({
    name: 'norigate_operation_seconds',
    help: 'How long queries and mutations took to execute.',
    labelNames: ['type'],
    buckets: secondsBuckets,
    registers: [this.registry],
  });
  readonly requests: Counter<'status'> = new Counter({
    name: 'norigate_http_requests_total',
    help: 'HTTP answers by status.',
    labelNames: ['status'],
    registers: [this.registry],
    collect: () => this.#answerTallies.show(),
  });
  readonly connections = new Gauge({
    name: 'norigate_websocket_connections',
    help: 'Open WebSockets.',
    registers: [this.registry],
  });
  readonly subscribers = new Gauge({
    name: 'norigate_subscribers',
    help: 'Open subscriptions by field, over WebSocket and SSE.',
    labelNames: ['field'],
    registers: [this.registry],
  });
  readonly deliveries = new Counter({
    name: 'norigate_deliveries_total',
    help: 'Messages given to subscribers, by field.',
    labelNames: ['field'],
    registers: [this.registry],
  });
  readonly laneDepth = new Histogram({
    name: 'norigate_lane_depth',
    help: 'Commands that one commit of a lane combined.',
    buckets: countBuckets,
    registers: [this.registry],
  });
  readonly conflicts = new Counter({
    name: 'norigate_conflicts_total',
    help: 'Transactions that storage answered with a conflict.',
    registers: [this.registry],
  });
  readonly batchSize = new Histogram({
    name: 'norigate_store_batch_size',
    help: 'Ranges of a read, or transactions of a commit, that went to storage together.',
    labelNames: ['method'],
    buckets: countBuckets,
    registers: [this.registry],
  });
  readonly storeSeconds = new Histogram({
    name: 'norigate_store_seconds',
    help: 'How long storage took to answer (commit: until it was durable).',
    labelNames: ['method', 'outcome'],
    buckets: secondsBuckets,
    registers: [this.registry],
  });
  readonly watchLag: Gauge = new Gauge({
    name: 'norigate_watch_lag_seconds',
    help: 'How long ago the watch of this gateway brought something; it has something to say every half second.',
    // Of several processes, the one that is worst off.
    aggregator: 'max',
    registers: [this.registry],
    collect: () => void this.watchLag.set(this.#watchLagMs() / 1_000),
  });
  #watchLagMs: () => number = () => 0;
  readonly clockSkew: Gauge = new Gauge({
    name: 'norigate_storage_clock_skew_seconds',
    help: 'How far the clock of the storage machine is from the one that counts where several share a store; positive: ahead.',
    // Several processes of one gateway have the same storage.
    aggregator: 'first',
    registers: [this.registry],
    collect: async () => this.clockSkew.set((await this.#clockSkewMs()) / 1_000),
  });
  #clockSkewMs: () => Promise<number> = () => Promise.resolve(0);
  readonly indexRows: Gauge = new Gauge({
    name: 'norigate_vector_index_rows',
    help: 'Rows of the vector indexes that storage is making from their rows: those that were read, and all; 0 when it makes none.',
    labelNames: ['rows'],
    aggregator: 'first',
    registers: [this.registry],
    collect: async () => {
      const { rows, total } = await this.#indexedRows();
      this.indexRows.set({ rows: 'read' }, rows);
      this.indexRows.set({ rows: 'all' }, total);
    },
  });
  #indexedRows: () => Promise<IndexedRows> = () => Promise.resolve({ rows: 0, total: 0 });

  readonly #operationTallies = new Tallies(this.operations);
  readonly #operationTallyOf = new Map<string, Map<string, Map<string, Tally>>>();
  readonly #operationTimers = new Map<string, Histogram.Internal<string>>();
  readonly #answerTallies = new Tallies(this.requests);
  readonly #answerTallyOf = new Map<number, Tally>();

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: 'norigate_process_' });
  }

  /** Where the lag of the watch is read, in milliseconds, whenever the metrics are. */
  measureWatchLag(lagMs: () => number): void {
    this.#watchLagMs = lagMs;
  }

  /** Where the skew of storage's clock is read, in milliseconds, whenever the metrics are. */
  measureClockSkew(skewMs: () => Promise<number>): void {
    this.#clockSkewMs = skewMs;
  }

  /** Where it is read how far the making of vector indexes has come, whenever the metrics are. */
  measureIndexing(indexedRows: () => Promise<IndexedRows>): void {
    this.#indexedRows = indexedRows;
  }

  /** One operation more with this outcome. */
  countOperation(type: string, field: string, outcome: string): void {
    // No text is put together, whose hash would have to be made.
    const ofOutcome = inMap(this.#operationTallyOf, outcome, () => new Map<string, Map<string, Tally>>());
    const ofField = inMap(ofOutcome, field, () => new Map<string, Tally>());
    inMap(ofField, type, () => this.#operationTallies.add(type, field, outcome)).count += 1;
  }

  timeOperation(type: string, ms: number): void {
    let timer = this.#operationTimers.get(type);
    if (!timer) this.#operationTimers.set(type, (timer = this.operationSeconds.labels(type)));
    timer.observe(ms / 1_000);
  }

  /** One HTTP answer more with this status. */
  countAnswer(status: number): void {
    inMap(this.#answerTallyOf, status, () => this.#answerTallies.add(String(status))).count += 1;
  }
}

/** What has come to a counter's labels since metrics were last read. */
interface Tally {
  readonly counter: Counter.Internal;
  count: number;
}

/** What is counted at every request, beside its metric: prom-client would check and hash the labels each time. */
class Tallies<Label extends string> {
  readonly #counter: Counter<Label>;
  readonly #all: Tally[] = [];

  constructor(counter: Counter<Label>) {
    this.#counter = counter;
  }

  add(...labels: readonly string[]): Tally {
    const tally = { counter: this.#counter.labels(...labels), count: 0 };
    this.#all.push(tally);
    return tally;
  }

  /** Before metrics are read. */
  show(): void {
    for (const tally of this.#all) {
      tally.counter.inc(tally.count);
      tally.count = 0;
    }
  }
}

function inMap<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
