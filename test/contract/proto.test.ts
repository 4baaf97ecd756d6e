/**
 * The protocol between gateway and storage: a number or a name that was released keeps its meaning, and what the head of
 * `store.proto` promises holds of the code that speaks it. `store-proto.txt` has one line for each part that was released.
 * A new part is a new line there; a line goes only where its number and name become `reserved`.
 */
import protobuf from 'protobufjs';
import { encodeWatchBatch, Gatherer } from '../../proto/wire';
import type { Operation, Reply } from '../../proto/wire';
import { decodeClientMessage, decodeServerMessage, decodeWatchBatch, decodeWatchRequest } from '../../proto/wire';
import { messageType, storeService } from '../../proto/wire-types';
import { brokenPromises, enumZeros, pathsTo, protoLines, readProto, sampleMessage } from './support/proto-parts';
import { differences, readText } from './support/repository';

const released = readText('test/contract/store-proto.txt').split('\n').filter(Boolean);

const decoders: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  ClientMessage: decodeClientMessage,
  ServerMessage: decodeServerMessage,
  WatchRequest: decodeWatchRequest,
  WatchBatch: decodeWatchBatch,
};
/** Enumerations whose member 0 is sent, and means that nothing was asked for in particular. */
const zeroIsDefault: Readonly<Record<string, string>> = { Consistency: 'CONSISTENCY_DEFAULT' };

const encodeRaw = (message: string, value: object): Buffer => Buffer.from(messageType(message).encode(value).finish());

describe('store.proto', () => {
  it('keeps every number, name and type that was released', () => {
    expect(brokenPromises(released, readProto())).toEqual([]);
  });

  it('has nothing that is not written down as released', () => {
    const present = { of: 'store.proto', names: protoLines(readProto()) };
    const unwritten = differences(present, { of: 'test/contract/store-proto.txt', names: released });
    expect(unwritten.filter((each) => each.includes('in store.proto, not'))).toEqual([]);
  });

  it.each([
    ['a field with another number', '  bool reverse = 4;', '  bool reverse = 7;', 'KeyRange.reverse = 4, bool'],
    ['a field with another name', '  bool reverse = 4;', '  bool backwards = 4;', 'KeyRange.reverse = 4, bool'],
    ['a field of another type', '  bool more = 2;', '  uint32 more = 2;', 'RangeResult.more = 2, bool'],
    ['a field that is gone', '  bool more = 2;', '', 'RangeResult.more = 2, bool'],
    ['a member with another number', 'WRITE_DELETE = 2', 'WRITE_DELETE = 3', 'WriteKind.WRITE_DELETE = 2'],
    ['a call that streams no more', '(stream ClientMessage)', '(ClientMessage)', 'rpc Store.Session('],
  ])('is broken by %s', (_what, from, to, line) => {
    const text = readText('proto/store.proto');
    expect(text).toContain(from);
    expect(brokenPromises(released, readProto(text.replace(from, to)))).toEqual([expect.stringContaining(line)]);
  });

  it('may drop a field whose number and name are reserved', () => {
    const text = readText('proto/store.proto').replace('  bool more = 2;', '  reserved 2; reserved "more";');
    expect(brokenPromises(released, readProto(text))).toEqual([]);
  });

  it('begins every enumeration with a member that is never sent, or that is the default', () => {
    const wrong = [...enumZeros(readProto())].filter(
      ([name, zero]) => zero === undefined || !(zero.endsWith('_UNSPECIFIED') || zero === zeroIsDefault[name]),
    );
    expect(wrong).toEqual([]);
    const other = readProto('syntax = "proto3"; enum Color { RED = 0; }');
    expect([...enumZeros(other)]).toEqual([['Color', 'RED']]);
  });

  it('names the calls that are served', () => {
    const calls = protoLines(readProto()).filter((line) => line.startsWith('rpc '));
    const served = Object.values(storeService).map(({ path }) => path);
    expect(served.sort()).toEqual(
      calls.map((line) => line.replace(/^rpc (\w+)\.(\w+)\(.*$/, '/norigate.store.v1.$1/$2')).sort(),
    );
  });
});

describe.each(Object.keys(decoders))('a %s', (name) => {
  const decode = decoders[name]!;
  const type = messageType(name);
  const paths = (isWanted: Parameters<typeof pathsTo>[1]): string[][] => pathsTo(type, isWanted);

  it('is read where everything in it is right', () => {
    expect(() => decode(encodeRaw(name, sampleMessage(type, [], undefined)))).not.toThrow();
  });

  it('is refused with a member of an enumeration that we do not know, the never sent one included', () => {
    for (const path of paths((field) => field.resolvedType instanceof protobuf.Enum)) {
      const field = path.join('.');
      const isDefault = field.endsWith('read.consistency');
      for (const value of isDefault ? [99] : [0, 99]) {
        const message = encodeRaw(name, sampleMessage(type, path, value));
        expect(() => decode(message)).toThrow(`${value} is not known`);
      }
      expect(() => decode(encodeRaw(name, sampleMessage(type, path, 1)))).not.toThrow();
    }
  });

  it('is refused with a number of 64 bits that is not below 2^53', () => {
    const wide = paths((field) => field.type === 'uint64');
    expect(wide.length).toBeGreaterThan(0);
    for (const path of wide) {
      const message = encodeRaw(name, sampleMessage(type, path, 2 ** 53));
      expect([path.join('.'), thrownBy(() => decode(message))]).toEqual([
        path.join('.'),
        expect.stringContaining('is not below 2^53'),
      ]);
      expect(() => decode(encodeRaw(name, sampleMessage(type, path, 2 ** 53 - 1)))).not.toThrow();
    }
  });

  it('is read without the fields that it does not know', () => {
    const message = encodeRaw(name, sampleMessage(type, [], undefined));
    const unknown = protobuf.Writer.create()
      .uint32((99 << 3) | 2)
      .string('of a later version')
      .finish();
    expect(decode(Buffer.concat([message, unknown]))).toEqual(decode(message));
  });
});

function thrownBy(action: () => unknown): string {
  try {
    action();
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('what we send', () => {
  const key = Buffer.from('k');
  const put = { kind: 'put', key, value: key } as const;
  const operations: Operation[] = [
    {
      id: 1,
      body: {
        kind: 'commit',
        transactions: [
          {
            checks: [],
            writes: [
              { ...put, history: 'value' },
              { ...put, history: 'key' },
              { kind: 'delete', key, history: 'none' },
            ],
          },
        ],
      },
    },
    ...(['linearizable', 'lease', 'stale'] as const).map((consistency, index) => ({
      id: 2 + index,
      body: { kind: 'read' as const, ranges: [], consistency },
    })),
    ...(['cosine', 'euclidean', 'innerProduct'] as const).map((distance, index) => ({
      id: 5 + index,
      body: {
        kind: 'search' as const,
        request: {
          rows: { start: key, end: key },
          stamps: { start: key, end: key },
          checks: [],
          distance,
          isExact: false,
          near: Float32Array.of(1),
          k: 1,
          consistency: index === 0 ? ('strong' as const) : ('eventual' as const),
          withVectors: false,
        },
      },
    })),
  ];
  const nodes = (['leader', 'follower', 'unreachable'] as const).map((role) => ({ id: role, address: '', role }));
  const status = { engine: 'memory', storeId: 's', epoch: 1, revision: 1, nowMs: 1, oldestRevision: 0, nodes };
  const change = { key, revision: 1, value: undefined, expiresAtMs: 0 };
  const changes = (['put', 'delete', 'expire'] as const).map((kind) => ({ ...change, kind }));

  it('has every member of every enumeration, and never the one that is never sent', () => {
    const outgoing = new Gatherer<Operation>('operations');
    const answers = new Gatherer<Reply>('replies');
    for (const operation of operations) outgoing.add(operation);
    answers.add({ id: 1, body: { kind: 'status', status } });
    const sent = new Map<string, Set<number>>();
    for (const [name, message] of [
      ['ClientMessage', outgoing.take()[0]!],
      ['ServerMessage', answers.take()[0]!],
      ['WatchBatch', encodeWatchBatch({ changes, revision: 1, nowMs: 1 })],
    ] as const)
      noteEnums(messageType(name), messageType(name).decode(message) as never, sent);
    const expected = new Map<string, Set<number>>();
    for (const line of released) {
      const [, name, number] = /^(\w+)\.[A-Z_]+ = (\d+)$/.exec(line) ?? [];
      if (name !== undefined && number !== '0')
        expected.set(name, (expected.get(name) ?? new Set()).add(Number(number)));
    }
    expect(sent).toEqual(expected);
  });

  it('says 2^64-1 for a number that is none, so that the store refuses it rather than the wire', () => {
    const outgoing = new Gatherer<Operation>('operations');
    outgoing.add({ id: 1, body: { kind: 'read', ranges: [{ start: key, limit: -1 }], consistency: undefined } });
    const [message] = outgoing.take();
    // Nine bytes FF and a 01: 2^64-1 as a varint.
    expect(message!.includes(Buffer.from('ffffffffffffffffff01', 'hex'))).toBe(true);
    expect(decodeClientMessage(message!).operations[0]!.body).toMatchObject({ ranges: [{ limit: NaN }] });
  });
});

/** Collects the numbers of all enumerations in a decoded message, as they were sent. */
function noteEnums(type: protobuf.Type, message: Record<string, unknown>, into: Map<string, Set<number>>): void {
  for (const field of type.fieldsArray) {
    field.resolve();
    const { resolvedType, name } = field;
    if (!Object.hasOwn(message, name)) continue;
    for (const value of [message[name]].flat()) {
      if (resolvedType instanceof protobuf.Enum)
        into.set(resolvedType.name, (into.get(resolvedType.name) ?? new Set()).add(value as number));
      else if (resolvedType instanceof protobuf.Type && value) noteEnums(resolvedType, value as never, into);
    }
  }
}
