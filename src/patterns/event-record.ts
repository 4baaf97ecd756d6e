/**
 * What the event store keeps, and how it is read back out of rows. Rows of which there is one an event are bytes, not JSON in
 * JSON: data and metadata stand in them as the text that is shown, and are parsed only where somebody asks for them.
 */
import type { Entry } from '../../proto/store';
import { decodeRecord, encodeRecord, requireFormat } from '../core/codec';
import { assertInvariant } from '../core/errors';
import { keyspace, readEventKey, readEventPlaceKey } from '../core/keyspace';
import { readUint64, uint64 } from '../core/tuple';
import { readingOf, readText, readVarint, varintBytes, varintOf, writeVarint } from '../core/varint';

/** A stream's head: small, whatever the number of its events. */
export interface StreamHead {
  /** Of the newest event, those of earlier lives included: 0 never stands here. */
  readonly version: number;
  /** Events through this version were deleted; 0: none. Which life of the stream this is. */
  readonly deletedThrough: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Of the newest snapshot; 0: there is none. */
  readonly snapshotVersion: number;
}

/** The end of the order of all events of the tenant. */
export interface Tail {
  /** Of the newest event. */
  readonly position: number;
  /** When it was appended: no later event has an earlier time. */
  readonly atMs: number;
}

/** What an event says, as it is stored. */
export interface EventContent {
  readonly eventId: string;
  readonly type: string;
  /** JSON. */
  readonly data: string;
  /** JSON. */
  readonly metadata: string;
}

/** An event where it stands. */
export interface Event extends EventContent {
  readonly streamId: string;
  /** Counts from 1 in its stream. */
  readonly version: number;
  /** Counts from 1 in its tenant. */
  readonly position: number;
  readonly atMs: number;
  /** How many events of the same append stand behind it. */
  readonly followers: number;
}

/** Where the events of one append stand. */
export interface Place {
  readonly streamId: string;
  /** Of the first of them. */
  readonly version: number;
  readonly position: number;
  /** Of each, in order. */
  readonly types: readonly string[];
  /** What their rows come to together, keys left out. */
  readonly bytes: number;
}

export interface Snapshot {
  readonly streamId: string;
  readonly version: number;
  /** JSON. */
  readonly state: string;
  readonly takenAtMs: number;
}

const format = 1;
const rowName = "an event's row";

/** A head of a stream that has no event yet. */
export const noStream: StreamHead = {
  version: 0,
  deletedThrough: 0,
  createdAtMs: 0,
  updatedAtMs: 0,
  snapshotVersion: 0,
};

export function encodeHead(head: StreamHead): Buffer {
  return encodeRecord(format, head);
}

export function decodeHead(value: Buffer): StreamHead {
  return decodeRecord<StreamHead>(format, value);
}

export function encodeTail({ position, atMs }: Tail): Buffer {
  return Buffer.concat([Buffer.of(format), uint64(position), uint64(atMs)]);
}

export function decodeTail(value: Buffer | undefined): Tail {
  if (!value) return { position: 0, atMs: 0 };
  requireFormat(value, format, rowName);
  return { position: readUint64(value, 1), atMs: readUint64(value, 9) };
}

export function encodeIdRow(version: number): Buffer {
  return Buffer.concat([Buffer.of(format), varintOf(version)]);
}

export function decodeIdRow(value: Buffer): number {
  return readVarint(readingOf(value, format, rowName));
}

/** Into one buffer: there may be a hundred thousand of them a second. */
export function encodeEvent(event: Omit<Event, 'streamId' | 'version'>): Buffer {
  const { position, atMs, followers, eventId, type, data, metadata } = event;
  const texts = [eventId, type, data];
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const textBytes = lengths.reduce((sum, length) => sum + length, Buffer.byteLength(metadata));
  const bytes = Buffer.allocUnsafe(1 + 6 * varintBytes + textBytes);
  let at = bytes.writeUInt8(format, 0);
  for (const number of [position, atMs, followers]) at = writeVarint(bytes, at, number);
  for (const [index, text] of texts.entries()) {
    at = writeVarint(bytes, at, lengths[index]!);
    at += bytes.write(text, at);
  }
  at += bytes.write(metadata, at);
  return bytes.subarray(0, at);
}

export function toEvent(streamId: string, { key, value }: Pick<Entry, 'key' | 'value'>): Event {
  const reading = readingOf(value, format, rowName);
  const position = readVarint(reading);
  const atMs = readVarint(reading);
  const followers = readVarint(reading);
  const eventId = readText(reading);
  const type = readText(reading);
  const data = readText(reading);
  const metadata = value.toString('utf8', reading.next);
  return { streamId, version: readEventKey(key), position, atMs, followers, eventId, type, data, metadata };
}

/** A type that all events of the append share is written once. */
export function encodePlace({ streamId, version, types, bytes }: Place): Buffer {
  const isUniform = types.every((type) => type === types[0]);
  const written = isUniform ? types.slice(0, 1) : types;
  return Buffer.concat([
    Buffer.of(format),
    ...sized(streamId),
    varintOf(version),
    varintOf(bytes),
    varintOf(types.length),
    varintOf(written.length),
    ...written.flatMap(sized),
  ]);
}

export function toPlace({ key, value }: Pick<Entry, 'key' | 'value'>): Place {
  const reading = readingOf(value, format, rowName);
  const streamId = readText(reading);
  const version = readVarint(reading);
  const bytes = readVarint(reading);
  const count = readVarint(reading);
  const written = Array.from({ length: readVarint(reading) }, () => readText(reading));
  assertInvariant(written.length === 1 || written.length === count, 'an append has one type, or one for each event');
  const types = written.length === count ? written : Array.from({ length: count }, () => written[0]!);
  return { streamId, version, position: readEventPlaceKey(key) - count + 1, types, bytes };
}

export function encodeSnapshot({ version, state, takenAtMs }: Omit<Snapshot, 'streamId'>): Buffer {
  return Buffer.concat([Buffer.of(format), varintOf(version), varintOf(takenAtMs), Buffer.from(state, 'utf8')]);
}

export function toSnapshot(streamId: string, value: Buffer): Snapshot {
  const reading = readingOf(value, format, rowName);
  const version = readVarint(reading);
  const takenAtMs = readVarint(reading);
  return { streamId, version, takenAtMs, state: value.toString('utf8', reading.next) };
}

/** The stream's id in the key of its head. */
export function streamIdOf(headKey: Buffer): string {
  return keyspace.lastText(headKey);
}

function sized(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8');
  return [varintOf(bytes.length), bytes];
}
