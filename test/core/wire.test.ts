import protobuf from 'protobufjs';
import { judgeClient, faultOfServer } from '../../proto/protocol';
import { storeLimits } from '../../proto/limits';
import type {
  Change,
  CommitOutcome,
  Conflict,
  Entry,
  KeyRange,
  MarkEntry,
  SearchHit,
  SearchRequest,
  Transaction,
  Write,
} from '../../proto/store';
import {
  Gatherer,
  decodeClientMessage,
  decodeServerMessage,
  decodeWatchBatch,
  decodeWatchRequest,
  encodeHello,
  encodeWatchBatch,
  encodeWatchRequest,
} from '../../proto/wire';
import type { Operation, Reply } from '../../proto/wire';
import { fromStatus, fromWireFailure, toStatus, toWireFailure } from '../../proto/wire-failure';
import { systemClock } from '../../src/core/clock';
import { AppError, failureKinds, isAppError } from '../../src/core/errors';
import type { FailureCode } from '../../src/core/errors';
import { makeSeededIds } from '../../src/core/ids';

const maxWhole = Number.MAX_SAFE_INTEGER;

function sent(operations: readonly Operation[]): readonly Operation[] {
  const gatherer = new Gatherer<Operation>('operations');
  for (const operation of operations) gatherer.add(operation);
  return gatherer.take().flatMap((message) => decodeClientMessage(message).operations);
}

function answered(replies: readonly Reply[]): readonly Reply[] {
  const gatherer = new Gatherer<Reply>('replies');
  for (const reply of replies) gatherer.add(reply);
  return gatherer.take().flatMap((message) => decodeServerMessage(message).replies);
}

/** Random values of everything that travels; the same seed gives the same ones. */
function makeRandom(seed: number) {
  const ids = makeSeededIds(seed);
  const chance = (): boolean => ids.fraction() < 0.5;
  const whole = (below: number): number => Math.floor(ids.fraction() * below);
  const pick = <Member>(...members: readonly Member[]): Member => members[whole(members.length)]!;
  const number = (): number => pick(0, 1, 127, 128, 2 ** 32 - 1, 2 ** 32, maxWhole, whole(maxWhole));
  const bytes = (): Buffer => ids.bytes(pick(0, 1, 3, 127, 128, 300));
  const text = (): string => pick('', 'a', 'Grüße ✓', '__proto__', 'x'.repeat(200));
  const list = <Member>(make: () => Member): Member[] => Array.from({ length: pick(0, 1, 2, 5) }, make);
  const history = () => pick('value', 'key', 'none' as const);
  const error = (): AppError => {
    const code = pick(...(Object.keys(failureKinds) as FailureCode[]));
    return new AppError(code, text(), { details: { field: text(), count: -1.5, isSo: chance(), nothing: null } });
  };
  const range = (): KeyRange => ({
    start: bytes(),
    ...(chance() && { end: bytes() }),
    ...(chance() && { limit: number() }),
    ...(chance() && { reverse: true }),
    ...(chance() && { keysOnly: true }),
    ...(chance() && { bytesMax: number() }),
  });
  const entry = (): Entry => ({ key: bytes(), value: bytes(), revision: number(), expiresAtMs: number() });
  const mark = (): MarkEntry => ({ key: bytes(), value: bytes(), revision: number(), committedAtMs: number() });
  const write = (): Write =>
    chance()
      ? { kind: 'delete', key: bytes(), history: history() }
      : { kind: 'put', key: bytes(), value: bytes(), history: history(), ...(chance() && { ttlMs: number() }) };
  const check = () => ({ key: bytes(), revision: number() });
  const transaction = (): Transaction => ({
    checks: list(check),
    writes: list(write),
    ...(chance() && { marks: [{ key: bytes(), value: bytes() }] }),
    ...(chance() && { validUntilMs: number() }),
    ...(chance() && { scope: bytes() }),
    ...(chance() && { attemptId: ids.bytes(16) }),
  });
  const conflict = (): Conflict => ({
    kind: 'conflict',
    entries: list(entry),
    marks: list(mark),
    revision: number(),
    nowMs: number(),
  });
  const outcome = (): CommitOutcome =>
    pick<() => CommitOutcome>(
      () => ({ kind: 'committed', revision: number(), nowMs: number() }),
      conflict,
      () => ({ kind: 'failed', error: error() }),
    )();
  const change = (): Change => ({
    kind: pick('put', 'delete', 'expire' as const),
    key: bytes(),
    revision: number(),
    value: chance() ? bytes() : undefined,
    expiresAtMs: number(),
  });
  const span = () => ({ start: bytes(), end: bytes() });
  const search = (): SearchRequest => ({
    rows: span(),
    stamps: span(),
    checks: list(check),
    distance: pick('cosine' as const, 'euclidean' as const, 'innerProduct' as const),
    isExact: chance(),
    near: Float32Array.from(list(() => whole(2 ** 24) / 256)),
    k: whole(2 ** 32),
    ...(chance() && { filter: text() }),
    ...(chance() && { except: bytes() }),
    consistency: pick('strong' as const, 'eventual' as const),
    withVectors: chance(),
  });
  const hit = (): SearchHit => ({ key: bytes(), value: bytes(), revision: number(), distance: whole(2 ** 24) / 256 });
  const operation = (): Operation => ({
    id: whole(2 ** 32),
    body: pick<() => Operation['body']>(
      () => ({ kind: 'read', ranges: list(range), consistency: pick(undefined, 'linearizable', 'lease', 'stale') }),
      () => ({ kind: 'commit', transactions: list(transaction) }),
      () => ({ kind: 'search', request: search() }),
      () => ({ kind: 'status' }),
    )(),
  });
  const node = () => ({
    id: text(),
    address: text(),
    role: pick('leader' as const, 'follower' as const, 'unreachable' as const),
  });
  const reply = (): Reply => ({
    id: whole(2 ** 32),
    body: pick<() => Reply['body']>(
      () => ({
        kind: 'read',
        result: {
          results: list(() => ({ entries: list(entry), more: chance() })),
          revision: number(),
          nowMs: number(),
        },
      }),
      () => ({ kind: 'commit', outcomes: list(outcome) }),
      () => ({ kind: 'search', outcome: { kind: 'found', hits: list(hit), revision: number() } }),
      () => ({ kind: 'search', outcome: conflict() }),
      () => ({
        kind: 'status',
        status: {
          engine: text(),
          storeId: text(),
          epoch: number(),
          revision: number(),
          nowMs: number(),
          oldestRevision: number(),
          nodes: list(node),
          ...(chance() && { clockSkewMs: pick(-500, -1, 0, 2 ** 31 - 1, -(2 ** 31)) }),
          ...(chance() && { indexing: { rows: number(), total: number() } }),
        },
      }),
      () => ({ kind: 'failure', error: error(), notBegun: chance() }),
    )(),
  });
  return { ids, whole, number, bytes, text, list, range, change, operation, reply, chance };
}

const seed = systemClock.nowMs() % 1_000_000;

describe(`messages of the store (seed ${seed})`, () => {
  test('any operations survive the wire, in order', () => {
    const random = makeRandom(seed);
    for (let round = 0; round < 150; round += 1) {
      const operations = random.list(random.operation);
      expect(sent(operations)).toEqual(operations);
    }
  });

  test('any replies survive the wire, in order, errors with their details too', () => {
    const random = makeRandom(seed + 1);
    for (let round = 0; round < 150; round += 1) {
      const replies = random.list(random.reply);
      const came = answered(replies);
      expect(came).toEqual(replies);
      came.forEach(({ body }, index) => {
        const expected = replies[index]!.body;
        if (body.kind !== 'failure' || expected.kind !== 'failure') return;
        expect([body.error.code, body.error.message, body.error.details]).toEqual([
          expected.error.code,
          expected.error.message,
          expected.error.details,
        ]);
      });
    }
  });

  test('any watch request and batch survive the wire', () => {
    const random = makeRandom(seed + 2);
    for (let round = 0; round < 150; round += 1) {
      const afterRevision = random.chance() ? random.number() : undefined;
      const request = {
        ranges: random.list(random.range),
        afterRevision,
        keysOnly: random.chance(),
        storeId: random.text(),
      };
      expect(decodeWatchRequest(encodeWatchRequest(request))).toEqual(request);
      const batch = { changes: random.list(random.change), revision: random.number(), nowMs: random.number() };
      expect(decodeWatchBatch(encodeWatchBatch(batch))).toEqual(batch);
    }
  });

  test('a hello survives the wire, and both messages read it', () => {
    const limits = { messageBytesMax: maxWhole, readRangesMax: 2, commitTransactionsMax: 3 };
    const hello = { major: 1, minor: 7, storeId: 'id', engine: 'memory', limits, revision: 2 ** 40 };
    expect(decodeClientMessage(encodeHello(hello))).toEqual({ hello, operations: [] });
    expect(decodeServerMessage(encodeHello(hello))).toEqual({ hello, replies: [] });
  });

  test('absent, empty and zero stay three different things', () => {
    const key = Buffer.from('k');
    const empty = Buffer.alloc(0);
    const change = { kind: 'put', key, revision: 1, expiresAtMs: 0 } as const;
    const batch = {
      changes: [
        { ...change, value: undefined },
        { ...change, value: empty },
      ],
      revision: 0,
      nowMs: 0,
    };
    const came = decodeWatchBatch(encodeWatchBatch(batch));
    expect(came.changes[0]!.value).toBeUndefined();
    expect(came.changes[1]!.value).toEqual(empty);
    const request = { ranges: [], keysOnly: false, storeId: '' };
    expect(
      decodeWatchRequest(encodeWatchRequest({ ...request, afterRevision: undefined })).afterRevision,
    ).toBeUndefined();
    expect(decodeWatchRequest(encodeWatchRequest({ ...request, afterRevision: 0 })).afterRevision).toBe(0);
  });

  test.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])(
    'the number %p of a caller arrives as none, for the store to refuse',
    (bad) => {
      const key = Buffer.from('k');
      const put = { kind: 'put', key, value: key, ttlMs: bad, history: 'none' } as const;
      const transaction: Transaction = { checks: [{ key, revision: bad }], writes: [put], validUntilMs: bad };
      const [commit, read] = sent([
        { id: 1, body: { kind: 'commit', transactions: [transaction] } },
        { id: 2, body: { kind: 'read', ranges: [{ start: key, limit: bad, bytesMax: bad }], consistency: undefined } },
      ]);
      expect(commit!.body).toMatchObject({
        transactions: [{ checks: [{ revision: NaN }], writes: [{ ttlMs: NaN }], validUntilMs: NaN }],
      });
      expect(read!.body).toMatchObject({ ranges: [{ limit: NaN, bytesMax: NaN }] });
    },
  );

  test('decoded bytes are views of their message, not copies', () => {
    const value = Buffer.alloc(10_000, 7);
    const message = encodeWatchBatch({
      changes: [{ kind: 'put', key: Buffer.from('k'), revision: 1, value, expiresAtMs: 0 }],
      revision: 1,
      nowMs: 1,
    });
    expect(decodeWatchBatch(message).changes[0]!.value!.buffer).toBe(message.buffer);
  });
});

describe('messages that are not right', () => {
  test('every cut of a message is refused with INVALID_ARGUMENT or is another whole message, and never anything else', () => {
    const random = makeRandom(7);
    const batch = { changes: [random.change(), random.change()], revision: 5, nowMs: 6 };
    const message = encodeWatchBatch(batch);
    let refused = 0;
    for (let length = 0; length < message.length; length += 1) {
      try {
        decodeWatchBatch(message.subarray(0, length));
      } catch (error) {
        expect(isAppError(error, 'INVALID_ARGUMENT')).toBe(true);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(message.length / 2);
  });

  test('noise is refused with INVALID_ARGUMENT, if it is not a message by chance', () => {
    const { ids, whole } = makeRandom(11);
    let refused = 0;
    for (let round = 0; round < 500; round += 1) {
      for (const decode of [decodeClientMessage, decodeServerMessage, decodeWatchBatch, decodeWatchRequest]) {
        try {
          decode(ids.bytes(1 + whole(64)));
        } catch (error) {
          expect(error).toMatchObject({
            code: 'INVALID_ARGUMENT',
            message: expect.stringContaining('malformed message'),
          });
          refused += 1;
        }
      }
    }
    expect(refused).toBeGreaterThan(1_000);
  });

  test('a kind of write or change that is not known is refused, never guessed', () => {
    const writer = () => protobuf.Writer.create();
    const change = writer().uint32(8).int32(9).finish();
    expect(() => decodeWatchBatch(Buffer.from(writer().uint32(10).bytes(change).finish()))).toThrow(
      'ChangeKind 9 is not known',
    );
    const write = writer().uint32(40).int32(1).finish();
    const transaction = writer().uint32(18).bytes(write).finish();
    const commit = writer().uint32(10).bytes(transaction).finish();
    const operation = writer().uint32(8).uint32(1).uint32(26).bytes(commit).finish();
    const message = Buffer.from(writer().uint32(18).bytes(operation).finish());
    expect(() => decodeClientMessage(message)).toThrow('WriteKind 0 is not known');
  });

  test('an operation or a reply of no known kind is refused', () => {
    const message = Buffer.from(protobuf.Writer.create().uint32(18).bytes(Buffer.of(8, 1)).finish());
    expect(() => decodeClientMessage(message)).toThrow('none of read, commit, search, status');
    expect(() => decodeServerMessage(message)).toThrow('none of read, commit, search, status, failure');
  });

  test('a number from 2^53 on is refused', () => {
    const message = Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    expect(() => decodeWatchBatch(message)).toThrow('not below 2^53');
  });

  test('fields that are not known are ignored', () => {
    const batch = { changes: [], revision: 5, nowMs: 6 };
    const unknown = protobuf.Writer.create()
      .uint32((99 << 3) | 2)
      .string('from the future')
      .finish();
    expect(decodeWatchBatch(Buffer.concat([encodeWatchBatch(batch), unknown]))).toEqual(batch);
  });
});

describe('gathering', () => {
  const read = (id: number): Operation => ({
    id,
    body: { kind: 'read', ranges: [{ start: Buffer.from('k') }], consistency: undefined },
  });
  const put = (id: number, bytes: number): Operation => ({
    id,
    body: {
      kind: 'commit',
      transactions: [
        { checks: [], writes: [{ kind: 'put', key: Buffer.from('k'), value: Buffer.alloc(bytes), history: 'none' }] },
      ],
    },
  });

  test('small ones stand in one message; large ones begin another', () => {
    const gatherer = new Gatherer<Operation>('operations');
    for (let id = 0; id < 500; id += 1) gatherer.add(read(id));
    expect(gatherer.take()).toHaveLength(1);
    expect(gatherer.take()).toHaveLength(0);
    for (let id = 0; id < 5; id += 1) gatherer.add(put(id, 600_000));
    expect(gatherer.take().map((message) => decodeClientMessage(message).operations.map(({ id }) => id))).toEqual([
      [0],
      [1],
      [2],
      [3],
      [4],
    ]);
  });

  test('one that is larger than a message is refused, and the others are not concerned', () => {
    const gatherer = new Gatherer<Operation>('operations');
    gatherer.add(read(1));
    expect(() => gatherer.add(put(2, storeLimits.messageBytesMax))).toThrow(/commit has \d+ bytes, at most \d+ fit/);
    gatherer.add(read(3));
    const messages = gatherer.take();
    expect(messages.flatMap((message) => decodeClientMessage(message).operations)).toEqual([read(1), read(3)]);
    expect(Math.max(...messages.map((message) => message.length))).toBeLessThan(storeLimits.messageBytesMax);
  });
});

describe('failures', () => {
  test.each(Object.keys(failureKinds) as FailureCode[])('%s survives as a failure and as a status', (code) => {
    const error = new AppError(code, 'what and why', {
      details: { oldest: 12, field: 'key', isSo: false, nothing: null },
    });
    for (const came of [fromWireFailure(toWireFailure(error)), fromStatus({ message: '', ...toStatus(error) })]) {
      expect([came.code, came.message, came.details]).toEqual([code, error.message, error.details]);
    }
  });

  test('a code that is not known counts as INTERNAL', () => {
    expect(fromWireFailure({ code: 'toString', message: 'm', details: [], notBegun: false }).code).toBe('INTERNAL');
  });

  test('a detail named __proto__ stays a plain member', () => {
    const came = fromWireFailure({
      code: 'INTERNAL',
      message: '',
      details: [{ name: '__proto__', text: 'x' }],
      notBegun: false,
    });
    expect(Object.keys(came.details)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(came.details)).toBe(Object.prototype);
  });

  test('a call that ended without a failure of ours is a broken transport: UNAVAILABLE', () => {
    expect(fromStatus({ message: '14 UNAVAILABLE: x', details: 'socket closed' })).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'the connection to storage broke: socket closed',
    });
  });
});

describe('who speaks with whom', () => {
  test.each([
    [1, 1, 'served'],
    [0, 1, 'refused'],
    [2, 1, 'refused'],
    [1, 2, 'served'],
    [2, 2, 'served'],
    [1, 3, 'refused'],
    [4, 3, 'refused'],
  ])('a client of protocol %i at a server of %i is %s', (client, server, verdict) => {
    expect(judgeClient(client, server).kind).toBe(verdict);
  });

  test('a refusal says which side to upgrade', () => {
    expect(judgeClient(2, 1)).toMatchObject({
      reason: 'storage speaks protocol 1, the gateway speaks 2: upgrade the storage',
    });
    expect(judgeClient(1, 3)).toMatchObject({
      reason: 'storage speaks protocol 2 and 3, the gateway speaks 1: upgrade the gateway',
    });
    expect(faultOfServer(1, 2)).toContain('upgrade the storage');
    expect(faultOfServer(1, 1)).toBeUndefined();
  });
});

test('protobufjs is an instance of our own, so that how we set it up concerns nobody else', () => {
  const loader = require.resolve('@grpc/proto-loader');
  const theirs = require.resolve('protobufjs', { paths: [loader] });
  expect(theirs).not.toBe(require.resolve('protobufjs'));
});
