/**
 * The messages of `etcd.proto`, by reflection over the file itself, and short words for making requests of them. Numbers of 64
 * bits are plain ones: revisions stay below 2^53; ids of members may be rounded, and are only compared.
 */
import { join } from 'node:path';
import protobuf from 'protobufjs';
import type { Type } from 'protobufjs';
import { makeReader } from '../../proto/wire-types';

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface RangeRequest {
  readonly key: Buffer;
  readonly rangeEnd?: Buffer;
  readonly limit?: number;
  readonly revision?: number;
  /** 2: from the last key to the first. */
  readonly sortOrder?: number;
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly header?: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export interface Header {
  readonly revision: number;
}

export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: Buffer;
  readonly rangeEnd?: Buffer;
  readonly version?: number;
  readonly createRevision?: number;
  readonly modRevision?: number;
}

export interface RequestOp {
  readonly requestRange?: RangeRequest;
  readonly requestPut?: { readonly key: Buffer; readonly value: Buffer };
  readonly requestDeleteRange?: { readonly key: Buffer; readonly rangeEnd?: Buffer };
  readonly requestTxn?: TxnRequest;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface ResponseOp {
  readonly responseRange?: RangeResponse;
  readonly responseTxn?: TxnResponse;
}

export interface TxnResponse {
  readonly header?: Header;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface EtcdEvent {
  /** 0: put, 1: delete. */
  readonly type: number;
  readonly kv: KeyValue;
}

export interface WatchResponse {
  readonly header?: Header;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly events: readonly EtcdEvent[];
}

export interface MemberListResponse {
  readonly members: readonly {
    readonly id: number;
    readonly name: string;
    readonly clientUrls: readonly string[];
    readonly isLearner: boolean;
  }[];
}

export interface StatusResponse {
  readonly version: string;
  readonly dbSize: number;
  readonly leader: number;
}

const root = new protobuf.Root();
root.loadSync(join(__dirname, '..', '..', 'proto', 'etcd.proto'));
const messageType = (name: string): Type => root.lookupType(`etcdserverpb.${name}`);

/** A call of etcd: its path and how its messages are written. */
export interface Method<Request, Response> {
  readonly path: string;
  encode(request: Request): Buffer;
  decode(bytes: Buffer): Response;
}

function method<Request, Response>(service: string, name: string, of = name): Method<Request, Response> {
  const [request, response] = [messageType(`${of}Request`), messageType(`${of}Response`)];
  return {
    path: `/etcdserverpb.${service}/${name}`,
    encode: (message) => Buffer.from(request.encode(message as object).finish()),
    decode: (bytes) => response.decode(makeReader(bytes)) as unknown as Response,
  };
}

export const methods = {
  range: method<RangeRequest, RangeResponse>('KV', 'Range'),
  txn: method<TxnRequest, TxnResponse>('KV', 'Txn'),
  compact: method<{ readonly revision: number }, object>('KV', 'Compact', 'Compaction'),
  watch: method<{ readonly createRequest: { key: Buffer; rangeEnd: Buffer; startRevision: number } }, WatchResponse>(
    'Watch',
    'Watch',
  ),
  memberList: method<object, MemberListResponse>('Cluster', 'MemberList'),
  status: method<object, StatusResponse>('Maintenance', 'Status'),
  authenticate: method<{ readonly name: string; readonly password: string }, { readonly token: string }>(
    'Auth',
    'Authenticate',
  ),
} as const;

const equal = 0;
const less = 2;
const target = { version: 0, create: 1, mod: 2 } as const;

/** Holds where the key is absent. */
export function isAbsent(key: Buffer): Compare {
  return { result: equal, target: target.version, key, version: 0 };
}

/** Holds where the key was last written at exactly this revision. */
export function isAtRevision(key: Buffer, modRevision: number): Compare {
  return { result: equal, target: target.mod, key, modRevision };
}

/** Holds where the key stands since this revision. */
export function isSince(key: Buffer, createRevision: number): Compare {
  return { result: equal, target: target.create, key, createRevision };
}

/** Holds where every key of the range stands since before this revision, or there is none. */
export function areSinceBefore(key: Buffer, rangeEnd: Buffer, createRevision: number): Compare {
  return { result: less, target: target.create, key, rangeEnd, createRevision };
}

export function putOp(key: Buffer, value: Buffer): RequestOp {
  return { requestPut: { key, value } };
}

export function deleteOp(key: Buffer, rangeEnd?: Buffer): RequestOp {
  return { requestDeleteRange: rangeEnd ? { key, rangeEnd } : { key } };
}

export function getOp(key: Buffer): RequestOp {
  return { requestRange: { key } };
}
