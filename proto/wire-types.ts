/**
 * The messages of `store.proto`, by reflection over the file itself (it lies next to this one, in `dist/` too), and
 * its two calls as grpc-js wants them. Messages go through grpc-js as bytes: they are encoded and decoded by
 * `wire.ts`, where a malformed one is an error of ours rather than of the transport.
 */
import { join } from 'node:path';
import protobuf from 'protobufjs';
import type { Reader, Type, Writer } from 'protobufjs';

// Without Long, protobufjs reads 64-bit numbers as plain ones. This is our own instance: grpc-js's proto-loader has another
// version of its own (a test holds that).
protobuf.util.Long = null as never;
protobuf.configure();

const root = new protobuf.Root();
root.loadSync(join(__dirname, 'store.proto'));

/** One message type of `store.proto`, by its name there. Throws where there is none. */
export function messageType(name: string): Type {
  return root.lookupType(`norigate.store.v1.${name}`);
}

/** The numbers of an enumeration of `store.proto`, by the names of its members. */
export function enumNumbers(name: string): Readonly<Record<string, number>> {
  return root.lookupEnum(`norigate.store.v1.${name}`).values;
}

/** A writer with a buffer of its own. */
export function makeWriter(): Writer {
  return protobuf.Writer.create();
}

/** A reader that gives byte fields as views of `bytes` and forgets fields that it does not know. */
export function makeReader(bytes: Buffer): Reader {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = true;
  return reader;
}

const passOn = (bytes: Buffer): Buffer => bytes;
const asBytes = {
  requestSerialize: passOn,
  requestDeserialize: passOn,
  responseSerialize: passOn,
  responseDeserialize: passOn,
} as const;

/** `service Store`, with encoded messages. */
export const storeService = {
  session: { path: '/norigate.store.v1.Store/Session', requestStream: true, responseStream: true, ...asBytes },
  watch: { path: '/norigate.store.v1.Store/Watch', requestStream: false, responseStream: true, ...asBytes },
} as const;
