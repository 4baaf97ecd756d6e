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

/** How long answers are kept back for others of the same message. */
const keepMs = 4;

async function answer(id: number, running: Promise<IndexResult | void>): Promise<IndexReply> {
  try {
    return { id, result: (await running) ?? undefined };
  } catch (error) {
    return failed(id, error);
  }
}

function failed(id: number, error: unknown): IndexReply {
  return { id, error: toAppError(error).message };
}

/** Performs them in order. What takes longer is answered by itself, when it is done. */
function answerAll(requests: readonly IndexRequest[], post: (replies: readonly IndexReply[]) => void): void {
  let replies: IndexReply[] = [];
  let postedMs = systemClock.monotonicMs();
  for (const { id, call } of requests) {
    try {
      const result = perform(call);
      if (result instanceof Promise) void answer(id, result).then((reply) => post([reply]));
      else replies.push({ id, result });
    } catch (error) {
      replies.push(failed(id, error));
    }
    if (replies.length === 0 || systemClock.monotonicMs() < postedMs + keepMs) continue;
    post(replies);
    replies = [];
    postedMs = systemClock.monotonicMs();
  }
  if (replies.length > 0) post(replies);
}

parentPort?.on('message', (requests: readonly IndexRequest[]) => {
  answerAll(requests, (replies) => parentPort!.postMessage(replies));
});
