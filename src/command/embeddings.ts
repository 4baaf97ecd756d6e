/** The provider of embeddings that the settings ask for, behind a cache. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config';
import type { Clock } from '../core/clock';
import type { EmbeddingProvider } from '../core/embedding';
import type { Ids } from '../core/ids';
import type { Logger } from '../core/telemetry';
import { CachedEmbeddings } from '../embedding/cached';
import { HashedEmbeddings } from '../embedding/hashed';
import { OfflineEmbeddings } from '../embedding/offline';
import { OpenAiEmbeddings } from '../embedding/openai';

export interface MakeEmbeddingsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}

export interface MadeEmbeddings {
  readonly provider: EmbeddingProvider;
  /** Ends what it runs. */
  close(): Promise<void>;
}

export function makeEmbeddings(options: MakeEmbeddingsOptions): MadeEmbeddings {
  const { provider, close } = makeBare(options);
  const bytesMax = options.config.NORIGATE_EMBEDDINGS_CACHE_BYTES_MAX;
  return { provider: new CachedEmbeddings(provider, { bytesMax }), close };
}

function makeBare({ config, clock, ids, logger }: MakeEmbeddingsOptions): MadeEmbeddings {
  const nothing = (): Promise<void> => Promise.resolve();
  if (config.NORIGATE_EMBEDDINGS === 'hashed') return { provider: new HashedEmbeddings(), close: nothing };
  if (config.NORIGATE_EMBEDDINGS === 'openai') {
    const provider = new OpenAiEmbeddings({ ...serverOf(config), clock, ids });
    return { provider, close: nothing };
  }
  const provider = new OfflineEmbeddings({
    clock,
    startWorker: () => new Worker(join(__dirname, '..', 'embedding', 'offline-worker.js')),
    onWorkerLost: (reason) => logger.error({ reason }, 'the thread of the embedding model is lost'),
  });
  return { provider, close: () => provider.close() };
}

/** The rules between the settings see to it that those of a server are all there. */
function serverOf(config: Config): Omit<ConstructorParameters<typeof OpenAiEmbeddings>[0], 'clock' | 'ids'> {
  return {
    url: config.NORIGATE_EMBEDDINGS_URL!,
    model: config.NORIGATE_EMBEDDINGS_MODEL!,
    dimensions: config.NORIGATE_EMBEDDINGS_DIMENSIONS!,
    asksDimensions: config.NORIGATE_EMBEDDINGS_ASK_DIMENSIONS,
    key: config.NORIGATE_EMBEDDINGS_KEY,
    batchMax: config.NORIGATE_EMBEDDINGS_BATCH_MAX,
    partCharsMax: config.NORIGATE_EMBEDDINGS_PART_CHARS_MAX,
    timeoutMs: config.NORIGATE_EMBEDDINGS_TIMEOUT_MS,
    budgetMs: config.NORIGATE_EMBEDDINGS_BUDGET_MS,
  };
}
