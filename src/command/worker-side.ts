/** A gateway process that shares its port with others: what it has to do with the one that watches over it. */
import cluster from 'node:cluster';
import type { Metrics } from '../core/telemetry';
import type { WorkerOrder, WorkerReport } from './worker-messages';

/** Its channel to the one that watches over it. */
export class WorkerSide {
  readonly #metrics: Metrics;
  readonly #waiting = new Map<number, (text: string) => void>();
  #requests = 0;

  /** `onStop`: it is asked to stop, or its watcher is gone. */
  constructor(metrics: Metrics, onStop: () => void) {
    this.#metrics = metrics;
    process.on('message', (order: WorkerOrder) => void this.#obey(order, onStop));
    process.on('disconnect', onStop);
  }

  /** Whether this process is one of several. */
  static get isOne(): boolean {
    return cluster.isWorker;
  }

  static report(report: WorkerReport): void {
    if (process.connected) process.send?.(report);
  }

  /** The metrics of all of them, as text. */
  allMetrics(): Promise<string> {
    const request = (this.#requests += 1);
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      WorkerSide.report({ kind: 'wantMetrics', request });
    });
  }

  async #obey(order: WorkerOrder, onStop: () => void): Promise<void> {
    if (order.kind === 'stop') onStop();
    else if (order.kind === 'tellMetrics') {
      const metrics = await this.#metrics.registry.getMetricsAsJSON();
      WorkerSide.report({ kind: 'ownMetrics', collection: order.collection, metrics });
    } else if (order.kind === 'allMetrics') {
      this.#waiting.get(order.request)?.(order.text);
      this.#waiting.delete(order.request);
    }
  }
}
