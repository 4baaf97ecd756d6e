/** What a gateway process and the one that watches over it say to each other, where several share a port (`NORIGATE_WORKERS`). */
import type { MetricObject } from 'prom-client';

/** From a worker. `failed`: it cannot run, and starting it again would not help. */
export type WorkerReport =
  | { readonly kind: 'ready'; readonly origin: string }
  | { readonly kind: 'failed'; readonly message: string }
  /** Somebody asks this worker for the metrics of all. */
  | { readonly kind: 'wantMetrics'; readonly request: number }
  /** Its own, which it was asked for. */
  | { readonly kind: 'ownMetrics'; readonly collection: number; readonly metrics: readonly MetricObject[] };

/** To a worker. A channel that closes means `stop`. */
export type WorkerOrder =
  | { readonly kind: 'stop' }
  | { readonly kind: 'tellMetrics'; readonly collection: number }
  | { readonly kind: 'allMetrics'; readonly request: number; readonly text: string };
