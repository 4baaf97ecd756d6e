/**
 * NoriKV's face of the store: `norikv.v1` for NoriKV's own clients, on a port of its own, in the clear and without credentials, as they
 * speak. Its data are those of one tenant. Any key is served here, so that a view of the cluster has this one node and no shards.
 */
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { norikvService } from '../../proto/norikv-wire';
import type {
  ClusterView,
  CreateVectorIndexRequest,
  DeleteRequest,
  DropVectorIndexRequest,
  GetRequest,
  PutRequest,
  VectorDeleteRequest,
  VectorGetRequest,
  VectorInsertRequest,
  VectorSearchRequest,
} from '../../proto/norikv-wire';
import type { Store } from '../../proto/store';
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { NorikvKv } from './norikv-kv';
import type { NorikvSettled } from './norikv-kv';
import { term } from './norikv-input';
import { Refusal, toNorikvFailure } from './norikv-status';
import { NorikvVector } from './norikv-vector';
import type { VectorTier } from './norikv-vector';
import { bracketed, viewEpoch } from './norikv-view';

export interface NorikvServerOptions {
  /** The tenant's; not closed here. */
  readonly store: Store;
  /** The same tenant's, as it is now. */
  readonly vectors: () => VectorTier;
  readonly clock: Clock;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** What clients dial, by the port that it listens on. */
  readonly addressOf: (port: number) => string;
  /** Makes a backup of what is served. */
  readonly snapshot: () => Promise<void>;
}

export interface NorikvServer {
  /** What clients dial. */
  readonly address: string;
  stop(deadlineMs: number): Promise<void>;
}

/** As the clients allow for their answers. A request of 2 MiB and more is read. */
const messageBytesMax = 4_194_304;
const lookEveryMs = 1_000;

type UnaryCall<Request> = ServerUnaryCall<Request, object>;
type Answer = sendUnaryData<object>;

/** Starts to serve. Throws UNAVAILABLE where it cannot listen, with the address and the reason. */
export async function serveNorikv(options: NorikvServerOptions): Promise<NorikvServer> {
  const { store, vectors, clock, host, port, addressOf, snapshot } = options;
  const kv = new NorikvKv(store);
  const vector = new NorikvVector(vectors, messageBytesMax);
  const stopping = new AbortController();
  const watches = new Set<Promise<void>>();
  const server = new Server({
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  let address = '';
  server.addService(norikvService('Kv'), {
    Put: unary((request: PutRequest) => kv.put(request).then(putAnswer)),
    Get: unary((request: GetRequest) =>
      kv.get(request).then(({ value, revision }) => ({ value, ...(revision !== undefined && versionOf(revision)) })),
    ),
    Delete: unary((request: DeleteRequest) => kv.delete(request).then(deleteAnswer)),
  });
  server.addService(norikvService('Vector'), {
    CreateIndex: unary((request: CreateVectorIndexRequest) => vector.createIndex(request)),
    DropIndex: unary((request: DropVectorIndexRequest) => vector.dropIndex(request)),
    Insert: unary((request: VectorInsertRequest) =>
      vector.insert(request).then((revision) => ({ inserted: true, ...versionOf(revision) })),
    ),
    Delete: unary((request: VectorDeleteRequest) => vector.delete(request)),
    Search: unary((request: VectorSearchRequest) => vector.search(request)),
    Get: unary((request: VectorGetRequest) => vector.get(request)),
  });
  server.addService(norikvService('Meta'), {
    WatchCluster(call: ServerWritableStream<object, ClusterView>) {
      const watch = watchCluster(call, { store, clock, address: () => address, stopping: stopping.signal });
      watches.add(watch);
      void watch.finally(() => watches.delete(watch));
    },
  });
  server.addService(norikvService('Admin'), {
    SnapshotShard: unary(async (shard: object) => {
      await snapshot();
      return shard;
    }),
    TransferShard: unary(() =>
      Promise.reject(new Refusal(status.UNIMPLEMENTED, 'there are no shards to move: every node serves every key')),
    ),
  });
  address = addressOf(await listen(server, `${bracketed(host)}:${port}`));

  const stop = async (deadlineMs: number): Promise<void> => {
    stopping.abort();
    const isDrained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    let cancel: (() => void) | undefined;
    await Promise.race([isDrained, new Promise<void>((resolve) => (cancel = clock.after(deadlineMs, resolve)))]);
    cancel?.();
    server.forceShutdown();
    await Promise.all(watches);
  };
  return { address, stop };
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (!error) return resolve(port);
      reject(new AppError('UNAVAILABLE', `cannot listen on ${address} for NoriKV: ${error.message}`, { cause: error }));
    });
  });
}

function unary<Request>(
  run: (request: Request) => Promise<object>,
): (call: UnaryCall<Request>, answer: Answer) => void {
  return (call, answer) => {
    // What is refused before anything is sent throws at once.
    Promise.resolve()
      .then(() => run(call.request))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(toNorikvFailure(error)),
      );
  };
}

/** An empty store is at revision 0, which is no version. */
const versionOf = (revision: number): { version: object } => ({ version: { term, index: Math.max(1, revision) } });

function putAnswer(settled: NorikvSettled): object {
  refuseRefused(settled);
  return versionOf(settled.revision);
}

function deleteAnswer(settled: NorikvSettled): object {
  const { wasPresent } = refuseRefused(settled);
  return { tombstoned: wasPresent, ...versionOf(settled.revision) };
}

/** The words are what clients look for. */
function refuseRefused({ outcome }: NorikvSettled): { readonly wasPresent: boolean } {
  if (outcome.kind === 'done') return outcome;
  if (outcome.kind === 'exists') throw new Refusal(status.ALREADY_EXISTS, 'the key exists already');
  const why = outcome.reason === 'absent' ? 'key does not exist' : 'the key is at another version';
  throw new Refusal(status.FAILED_PRECONDITION, `version mismatch: ${why}`);
}

interface ClusterOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly address: () => string;
  readonly stopping: AbortSignal;
}

/** The view at once, then whenever it is another. Ends with UNAVAILABLE when the server stops, or storage is away. */
async function watchCluster(
  call: ServerWritableStream<object, ClusterView>,
  { store, clock, address, stopping }: ClusterOptions,
): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  call.once('cancelled', end);
  stopping.addEventListener('abort', end, { once: true });
  if (stopping.aborted) end();
  let shownEpoch = 0;
  try {
    while (!over.signal.aborted) {
      const status = await store.status();
      const epoch = viewEpoch(status);
      // A view whose epoch does not rise is dropped by the clients.
      if (epoch > shownEpoch)
        call.write({ epoch, nodes: [{ id: status.storeId, addr: address(), role: 'leader' }], shards: [] });
      shownEpoch = Math.max(epoch, shownEpoch);
      await clock.sleep(lookEveryMs, over.signal);
    }
    if (!call.cancelled) throw new AppError('UNAVAILABLE', 'storage is stopping');
  } catch (error) {
    if (!call.cancelled) call.emit('error', toNorikvFailure(error));
  } finally {
    stopping.removeEventListener('abort', end);
  }
}
