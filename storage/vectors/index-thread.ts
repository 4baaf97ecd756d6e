/** The thread of the indexes: answers one call after the other, and goes on with its own work in between. */
import { parentPort } from 'node:worker_threads';
import { systemClock } from '../../src/core/clock';
import { toAppError } from '../../src/core/errors';
import { IndexHost } from './index-host';
import type { IndexCall, IndexReply, IndexRequest, IndexResult } from './index-messages';

const host = new IndexHost(systemClock);

function perform(call: IndexCall): IndexResult {
  switch (call.kind) {
    case 'open':
      return host.open(call.index, call.settings);
    case 'apply':
      return host.apply(call.index, call.changes);
    case 'search':
      return host.search(call.index, call.query);
    case 'close':
      host.close(call.index);
      return undefined;
  }
}

function answer({ id, call }: IndexRequest): IndexReply {
  try {
    return { id, result: perform(call) };
  } catch (error) {
    return { id, error: toAppError(error).message };
  }
}

parentPort?.on('message', (request: IndexRequest) => parentPort!.postMessage(answer(request)));
