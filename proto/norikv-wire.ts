/** The messages of `norikv.proto` by reflection, and its calls as grpc-js wants them. */
import { join } from 'node:path';
import protobuf from 'protobufjs';
// Sets protobufjs up: numbers of 64 bits as plain ones.
import { makeReader } from './wire-types';

const root = new protobuf.Root();
root.loadSync(join(__dirname, 'norikv.proto'));

const packageName = 'norikv.v1';

/** One call. Requests and answers are plain objects; a message that was not sent is null. */
export interface NorikvMethod {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: object) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => object;
  readonly responseSerialize: (message: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

/** The calls of `Kv`, `Meta`, `Admin` or `Vector`, by their names in the file. */
export function norikvService(name: 'Kv' | 'Meta' | 'Admin' | 'Vector'): Readonly<Record<string, NorikvMethod>> {
  const service = root.lookupService(`${packageName}.${name}`);
  return Object.fromEntries(
    service.methodsArray.map((method) => {
      const request = root.lookupType(`${packageName}.${method.requestType}`);
      const response = root.lookupType(`${packageName}.${method.responseType}`);
      return [
        method.name,
        {
          path: `/${packageName}.${name}/${method.name}`,
          requestStream: false,
          responseStream: method.responseStream === true,
          requestSerialize: encoderOf(request),
          requestDeserialize: decoderOf(request),
          responseSerialize: encoderOf(response),
          responseDeserialize: decoderOf(response),
        },
      ];
    }),
  );
}

function encoderOf(type: protobuf.Type): (message: object) => Buffer {
  return (message) => Buffer.from(type.encode(message).finish());
}

function decoderOf(type: protobuf.Type): (bytes: Buffer) => object {
  const ofBytes = type.fieldsArray.filter(({ type: kind }) => kind === 'bytes').map(({ name }) => name);
  return (bytes) => {
    const message = type.decode(makeReader(bytes)) as unknown as Record<string, unknown>;
    // Bytes that are empty are not sent, and protobufjs gives an array for them.
    for (const name of ofBytes) if (!Buffer.isBuffer(message[name])) message[name] = Buffer.alloc(0);
    return message;
  };
}

/** As protobufjs reads it. Numbers of 2^53 and above are not exact, and none that was given out. */
export interface WireVersion {
  readonly term: number;
  readonly index: number;
}

export interface PutRequest {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly ttlMs: number;
  readonly idempotencyKey: string;
  readonly ifMatch?: WireVersion | null;
}

export interface GetRequest {
  readonly key: Buffer;
  readonly consistency: string;
}

export interface DeleteRequest {
  readonly key: Buffer;
  readonly idempotencyKey: string;
  readonly ifMatch?: WireVersion | null;
}

export interface CreateVectorIndexRequest {
  readonly namespace: string;
  readonly dimensions: number;
  /** Of `DistanceFunction`, or a number that it does not have. */
  readonly distance: number;
  /** Of `VectorIndexType`, or a number that it does not have. */
  readonly indexType: number;
  readonly idempotencyKey: string;
}

export interface DropVectorIndexRequest {
  readonly namespace: string;
  readonly idempotencyKey: string;
}

export interface VectorInsertRequest {
  readonly namespace: string;
  readonly id: string;
  readonly vector: readonly number[];
  readonly idempotencyKey: string;
}

export interface VectorDeleteRequest {
  readonly namespace: string;
  readonly id: string;
  readonly idempotencyKey: string;
}

export interface VectorSearchRequest {
  readonly namespace: string;
  readonly query: readonly number[];
  readonly k: number;
  readonly includeVectors: boolean;
  readonly consistency: string;
}

export interface VectorGetRequest {
  readonly namespace: string;
  readonly id: string;
  readonly consistency: string;
}

export interface ClusterView {
  readonly epoch: number;
  readonly nodes: readonly { readonly id: string; readonly addr: string; readonly role: string }[];
  readonly shards: readonly ShardInfo[];
}

export interface ShardInfo {
  readonly id: number;
  readonly replicas: readonly { readonly nodeId: string; readonly leader: boolean }[];
}
