/** The library of the vector index, called directly in a process of its own: what it gives by itself, one search after the other. */
import { Index, MetricKind, ScalarKind } from 'usearch';
import { behave } from '../support/child-side';
import { Clustered } from '../support/clustered';
import type { Measured, RunSpec } from '../support/measured';
import { Meter } from '../support/meter';

export interface VectorLibrary {
  readonly config: { readonly seed: number; readonly count: number; readonly dimensions: number; readonly k: number };
  readonly started: { readonly addsPerSecond: number };
  readonly run: RunSpec;
  readonly result: Measured;
}

const queryCount = 500;
const searchesOfTurn = 16;

behave<VectorLibrary>(({ seed, count, dimensions, k }) => {
  const index = new Index({
    dimensions,
    metric: MetricKind.Cos,
    quantization: ScalarKind.F16,
    connectivity: 16,
    expansion_add: 128,
    expansion_search: 96,
    multi: false,
  });
  const vectors = new Clustered(seed, dimensions);
  const all = vectors.take(count);
  const startMs = performance.now();
  for (const [id, vector] of all.entries()) index.add(BigUint64Array.of(BigInt(id)), vector, 1);
  const addsPerSecond = count / ((performance.now() - startMs) / 1_000);
  const queries = vectors.take(queryCount);
  return Promise.resolve({
    started: { addsPerSecond },
    async run(spec) {
      const meter = new Meter(spec);
      for (let at = 0, goesOn = true; goesOn; at += 1) {
        const askedMs = performance.now();
        index.search(queries[at % queryCount]!, k, 1);
        goesOn = meter.answered(askedMs);
        if (at % searchesOfTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return meter.result();
    },
  });
});
