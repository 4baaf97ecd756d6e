/** The thread of the indexes: answers one call after the other, and goes on with its own work in between. */
import { parentPort } from 'node:worker_threads';
import { systemClock } from '../../src/core/clock';
import { toAppError } from '../../src/core/errors';
import { IndexHost } from './index-host';
import type { IndexCall, IndexReply, IndexRequest, IndexResult } from './index-messages';

const host = new IndexHost(systemClock);

function perform(call: IndexCall): IndexResult | Promise<IndexResult | void> {
  switch (call.kind) {
    case 'open':
      return host.open(call.index, call.settings, call.snapshot);
    case 'compare':
      return host.compare(call.index, call.ids, call.revisions);
    case 'forgetOthers':
      return host.forgetOthers(call.index);
    case 'save':
      return host.save(call.index, call.snapshot);
    case 'apply':
      return host.apply(call.index, call.changes);
    case 'search':
      return host.search(call.index, call.query);
    case 'close':
      host.close(call.index);
      return undefined;
  }
}

async function answer({ id, call }: IndexRequest): Promise<IndexReply> {
  try {
    const result = perform(call);
    return { id, result: (result instanceof Promise ? await result : result) ?? undefined };
  } catch (error) {
    return { id, error: toAppError(error).message };
  }
}

parentPort?.on('message', (request: IndexRequest) => {
  void answer(request).then((reply) => parentPort!.postMessage(reply));
});
