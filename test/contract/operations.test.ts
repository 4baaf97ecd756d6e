/**
 * Every operation of `schema/operations/` against the real program, over HTTP and WebSocket: as GraphiQL sends it, then with
 * variables that lead to every outcome. Each answer's shape is judged, and at the end everything in the schema must
 * have been reached, but for what a document cannot reach on a healthy server.
 */
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Collector } from '../e2e/support/collector';
import { ensureBuilt, startProgram, temporaryDirectory } from '../e2e/support/program';
import type { Program } from '../e2e/support/program';
import { post } from '../e2e/support/sample-gateway';
import type { GraphqlAnswer } from '../e2e/support/sample-gateway';
import { answerFaults } from './support/answer-shape';
import { builtSchema } from './support/built-schema';
import { givenVariables, readOperations, textOf, withTypeNames } from './support/operations';
import type { DocumentOperation } from './support/operations';
import { Reached } from './support/reached';
import { differences } from './support/repository';
import { endProgram } from './support/running-program';

type Json = Readonly<Record<string, unknown>>;

const minute = 60_000;
const fault = 'of a fault, which the tests of faults bring about';
const ofRequests = 'of a request that is no valid document, which the tests of the gateway send';

/** What no document reaches on a healthy server with one member, and why. What is reached must leave this list. */
const unreachable: Readonly<Record<string, string>> = {
  'ErrorCode.QUOTA_EXCEEDED': 'needs a tenant that is full, which the tests of tenants fill',
  'ErrorCode.RATE_LIMITED': 'needs a gateway that limits its requests',
  'ErrorCode.UNAUTHENTICATED': 'depends on headers, not on the document',
  'ErrorCode.FORBIDDEN': 'depends on headers, not on the document',
  'ErrorCode.CONTENTION': 'needs writers of other gateways that win many times in a row',
  'ErrorCode.SLOW_CONSUMER': 'needs a subscriber that does not read',
  'ErrorCode.UNAVAILABLE': fault,
  'ErrorCode.DEADLINE_EXCEEDED': fault,
  'ErrorCode.OUTCOME_UNKNOWN': fault,
  'ErrorCode.OVERLOADED': 'needs a queue that is full',
  'ErrorCode.INTERNAL': fault,
  'ErrorCode.GRAPHQL_PARSE_FAILED': ofRequests,
  'ErrorCode.GRAPHQL_VALIDATION_FAILED': ofRequests,
  'ErrorCode.BAD_REQUEST': ofRequests,
  'ErrorCode.PERSISTED_QUERY_NOT_FOUND': ofRequests,
  'ClusterNodeRole.FOLLOWER': 'needs a replicated engine',
  'ClusterNodeRole.UNREACHABLE': 'needs a replicated engine',
};

/** One run of an operation. */
interface Step {
  readonly name: string;
  readonly variables?: Json;
  /** What the answer holds, in part. */
  readonly answers?: Json;
  /** The code of the error that is expected in place of an answer. */
  readonly fails?: string;
  /** What later steps need of the answer: names, each with its path. A variable that is `kept:name` stands for it. */
  readonly keeps?: Readonly<Record<string, string>>;
}

const value = (text: string): Json => ({ text });
const key = (name: string): string => `step:${name}`;
const short = { __typename: 'InsufficientStock', code: 'INSUFFICIENT_STOCK', retryable: false };
const missing = { __typename: 'NotFound', code: 'NOT_FOUND', retryable: false };
const notHeld = { __typename: 'ReservationNotHeld', code: 'RESERVATION_NOT_HELD', retryable: false };
const conflict = { __typename: 'VersionConflict', code: 'VERSION_CONFLICT', retryable: false };

const held = { __typename: 'LeadershipHeld', code: 'LEADERSHIP_HELD', retryable: true };
const lost = { __typename: 'LeadershipLost', code: 'LEADERSHIP_LOST', retryable: false };
const fenced = (input: Json, token = 1): Json => ({ input: { ...input, fence: { election: 'chair', token } } });
const behind = { __typename: 'Fenced', code: 'FENCED', election: 'chair', token: 1, currentToken: 2 };

const wrongVersion = { __typename: 'WrongExpectedVersion', code: 'WRONG_EXPECTED_VERSION', retryable: false };
const duplicate = { __typename: 'DuplicateEvents', code: 'DUPLICATE_EVENTS', retryable: false };
const append = (input: Json): Json => ({ input: { streamId: 'account-1', ...input } });
const noted = (eventId: string): Json => ({ eventId, type: 'Noted', data: {}, metadata: null });
const fox = 'The quick brown fox jumps over the lazy dog.';

/** In this order, in a tenant that has nothing yet. */
const scenario: readonly Step[] = [
  { name: 'ClusterNow' },
  // Meaning.
  { name: 'IndexDocuments', answers: { indexDocuments: { indexed: 3 } } },
  { name: 'IndexOnce' },
  {
    name: 'IndexOnce',
    variables: { input: { documents: [{ id: 'n', title: 'T', content: 'C' }], idempotencyKey: 'upload-1' } },
    fails: 'IDEMPOTENCY_KEY_REUSED',
  },
  { name: 'IndexDocuments', variables: { input: { documents: [] } }, fails: 'BAD_USER_INPUT' },
  {
    name: 'SearchDocuments',
    answers: {
      semanticSearch: { hits: [{ document: { documentId: 'doc2' } }, { document: { documentId: 'doc1' } }, {}] },
    },
  },
  {
    name: 'SearchDocuments',
    variables: { query: 'baking', collection: 'documents', first: 1, filter: { topic: 'ai' }, minScore: -1 },
    answers: { semanticSearch: { hits: [{ document: { metadata: { topic: 'ai' } } }] } },
  },
  { name: 'SearchDocuments', variables: { query: 'bread', minScore: 0.99 }, answers: { semanticSearch: { hits: [] } } },
  {
    name: 'OneDocument',
    answers: { document: { collection: 'documents', title: 'Introduction to Machine Learning' } },
    keeps: { document: 'document.id' },
  },
  { name: 'AnyNode', variables: { id: 'kept:document' }, answers: { node: { __typename: 'Document' } } },
  { name: 'DeleteDocument', answers: { deleteDocument: true } },
  { name: 'DeleteDocument', answers: { deleteDocument: false } },
  { name: 'OneDocument', variables: { id: 'doc3' }, answers: { document: null } },
  { name: 'IndexProducts', answers: { indexProducts: { indexed: 4 } } },
  { name: 'IndexProductsOnce', answers: { indexProducts: { products: [{ description: '', category: '' }] } } },
  { name: 'OneProduct', answers: { product: { name: 'Running Shoes' } }, keeps: { product: 'product.id' } },
  { name: 'AnyNode', variables: { id: 'kept:product' }, answers: { node: { __typename: 'Product' } } },
  { name: 'Recommendations', variables: { userId: 'nobody' }, answers: { recommendations: [] } },
  { name: 'RecordView', answers: { recordInteraction: { interactions: 1 } } },
  { name: 'RecordPurchase', answers: { recordInteraction: { interactions: 2 } } },
  { name: 'RecordPurchase', answers: { recordInteraction: { interactions: 2 } } },
  {
    name: 'RecordView',
    variables: { input: { userId: 'u', productId: 'gone' } },
    answers: { recordInteraction: missing },
  },
  { name: 'Recommendations', answers: { recommendations: [{ product: { productId: 'prod3' } }, {}, {}] } },
  {
    name: 'Recommendations',
    variables: { category: 'Footwear', excludeSeen: false },
    answers: { recommendations: [{ product: { productId: 'prod2' } }, { product: { productId: 'prod1' } }] },
  },
  { name: 'SimilarProducts', answers: { similarProducts: [{ product: { productId: 'prod2' } }, {}, {}] } },
  { name: 'SimilarProducts', variables: { productId: 'gone' }, fails: 'NOT_FOUND' },
  { name: 'DeleteProduct', answers: { deleteProduct: true } },
  { name: 'CheckDocument', answers: { checkAndStoreDocument: { stored: true, similarity: 0, method: null } } },
  {
    name: 'CheckNearDuplicate',
    answers: { checkAndStoreDocument: { isDuplicate: true, duplicateOf: 'doc1', method: 'SEMANTIC', stored: false } },
  },
  {
    name: 'CheckDocument',
    variables: { input: { id: 'other', content: fox.toUpperCase() } },
    answers: { checkAndStoreDocument: { duplicateOf: 'doc1', method: 'EXACT', similarity: 1 } },
  },
  { name: 'CheckOther', answers: { checkAndStoreDocument: { isDuplicate: false, stored: true } } },
  { name: 'CheckOther', variables: { input: { id: 'x', content: 'x', threshold: 0 } }, fails: 'BAD_USER_INPUT' },
  { name: 'RemoveFingerprint', answers: { removeFingerprint: true } },
  // Keys and values.
  { name: 'PutValue', variables: { input: { key: key('a'), value: { json: { a: [1, null] } } } } },
  { name: 'PutValue', variables: { input: { key: key('b'), value: value('b') } } },
  { name: 'PutForAMoment', variables: { input: { key: key('mortal'), value: value('m'), ttlMs: 600_000 } } },
  { name: 'PutOnce', variables: { input: { key: key('once'), value: { base64: 'AP8=' }, ifAbsent: true } } },
  {
    name: 'PutOnce',
    variables: { input: { key: key('once'), value: value('other'), ifAbsent: true } },
    answers: {
      kvPut: { ...conflict, key: key('once'), current: { value: { text: null, json: null, base64: 'AP8=' } } },
    },
  },
  {
    name: 'PutOverVersion',
    variables: { input: { key: key('missing'), value: value('x'), ifVersion: '1' } },
    answers: { kvPut: { ...conflict, current: null } },
  },
  {
    name: 'PutWithIdempotencyKey',
    variables: { input: { key: key('paid'), value: value('yes'), idempotencyKey: 'p' } },
    answers: { kvPut: { __typename: 'KvPutSuccess' } },
  },
  {
    name: 'PutWithIdempotencyKey',
    variables: { input: { key: key('paid'), value: value('no'), idempotencyKey: 'p' } },
    fails: 'IDEMPOTENCY_KEY_REUSED',
  },
  { name: 'PutValue', variables: { input: { key: '', value: value('x') } }, fails: 'BAD_USER_INPUT' },
  {
    name: 'OneValue',
    variables: { key: key('a'), consistency: 'STALE_OK' },
    answers: { kvGet: { value: { json: { a: [1, null] }, text: '{"a":[1,null]}', size: 14 } } },
  },
  { name: 'OneValue', variables: { key: key('mortal'), consistency: 'LINEARIZABLE' } },
  {
    name: 'ManyValues',
    variables: { keys: [key('b'), key('missing')], consistency: 'LEASE' },
    answers: { kvGetMany: [{ key: key('b') }, null] },
  },
  {
    name: 'ScanKeys',
    variables: { prefix: 'step:', first: 2, reverse: true },
    answers: { kvScan: { nodes: [{ key: key('paid') }, { key: key('once') }], pageInfo: { hasNextPage: true } } },
  },
  {
    name: 'Transact',
    variables: {
      input: {
        checks: [{ key: key('new'), version: null }],
        puts: [{ key: key('new'), value: value('n'), ttlMs: 600_000 }],
        deletes: [key('b')],
        idempotencyKey: 't',
      },
    },
    answers: { kvTransact: { __typename: 'KvTransactSuccess' } },
  },
  {
    name: 'Transact',
    variables: { input: { checks: [{ key: key('new') }], deletes: [key('a')] } },
    answers: { kvTransact: { ...conflict, key: key('new'), current: { value: { text: 'n' } } } },
  },
  {
    name: 'DeleteValue',
    variables: { input: { key: key('new'), idempotencyKey: 'd' } },
    answers: { kvDelete: { __typename: 'KvDeleteSuccess', deleted: true } },
  },
  { name: 'DeleteValue', variables: { input: { key: key('new') } }, answers: { kvDelete: { deleted: false } } },
  {
    name: 'DeleteVersion',
    variables: { input: { key: key('a'), ifVersion: '1' } },
    answers: { kvDelete: { ...conflict, current: { key: key('a') } } },
  },
  // Counters.
  {
    name: 'CreateBounded',
    variables: { input: { name: 'seats', initialValue: 2, min: 0, max: 3, idempotencyKey: 'c' } },
    answers: { createCounter: { __typename: 'Counter', value: 2, min: 0, max: 3, shards: 1 } },
  },
  {
    name: 'CreateBounded',
    variables: { input: { name: 'seats' } },
    answers: { createCounter: { __typename: 'AlreadyExists', code: 'ALREADY_EXISTS', retryable: false } },
  },
  {
    name: 'CreateSharded',
    variables: { input: { name: 'likes', shards: 8 } },
    answers: { createCounter: { shards: 8, min: null, max: null } },
  },
  {
    name: 'Increment',
    variables: { input: { name: 'likes', by: 2 } },
    answers: { incrementCounter: { value: null, counter: { value: 2 } } },
  },
  {
    name: 'IncrementOnce',
    variables: { input: { name: 'visits', by: 5, idempotencyKey: 'i' } },
    answers: { incrementCounter: { value: 5 } },
  },
  {
    name: 'IncrementOnce',
    variables: { input: { name: 'visits', by: 5, idempotencyKey: 'i' } },
    answers: { incrementCounter: { value: 5, counter: { value: 5 } } },
  },
  {
    name: 'TakeTooMuch',
    variables: { input: { name: 'seats', by: -1000 } },
    answers: { incrementCounter: { __typename: 'OutOfBounds', code: 'OUT_OF_BOUNDS', value: 2, min: 0, max: 3 } },
  },
  { name: 'Increment', variables: { input: { name: 'visits', by: 0 } }, fails: 'BAD_USER_INPUT' },
  {
    name: 'SetValue',
    variables: { input: { name: 'likes', value: 40, idempotencyKey: 's' } },
    answers: { setCounter: { value: null, counter: { value: 40 } } },
  },
  { name: 'CounterNow', variables: { name: 'visits' }, answers: { counter: { value: 5 } } },
  { name: 'CounterNow', variables: { name: 'missing' }, answers: { counter: null } },
  {
    name: 'ListCounters',
    variables: { prefix: '', first: 2 },
    answers: { counters: { nodes: [{ name: 'likes' }, { name: 'seats' }], pageInfo: { hasNextPage: true } } },
  },
  { name: 'AnyNode', answers: { node: { __typename: 'Counter', name: 'visits' } } },
  { name: 'AnyNode', variables: { id: 'bm9uc2Vuc2U' }, answers: { node: null } },
  { name: 'ManyNodes', answers: { nodes: [{ __typename: 'Counter' }, null] } },
  { name: 'DeleteCounter', variables: { name: 'likes' }, answers: { deleteCounter: true } },
  { name: 'DeleteCounter', variables: { name: 'likes' }, answers: { deleteCounter: false } },
  // Sessions.
  {
    name: 'Begin',
    variables: {
      input: {
        userId: 'eve',
        email: 'eve@example.com',
        roles: ['reader'],
        attributes: { a: { b: 1, c: null } },
        ttlMs: 60_000,
        absoluteTtlMs: 600_000,
        maxPerUser: 2,
        idempotencyKey: 'b',
      },
    },
    answers: { createSession: { session: { userId: 'eve', roles: ['reader'], attributes: { a: { b: 1, c: null } } } } },
    keeps: { token: 'createSession.token', id: 'createSession.session.id', version: 'createSession.session.version' },
  },
  {
    name: 'BeginOneOfThree',
    variables: { input: { userId: 'eve' } },
    answers: { createSession: { session: { email: null, roles: [], attributes: {} } } },
    keeps: { second: 'createSession.token' },
  },
  { name: 'SessionNow', variables: { token: 'kept:token' }, answers: { session: { email: 'eve@example.com' } } },
  { name: 'SessionNow', variables: { token: 'missing' }, answers: { session: null } },
  { name: 'AnyNode', variables: { id: 'kept:id' }, answers: { node: { __typename: 'Session', id: 'kept:id' } } },
  {
    name: 'Touch',
    variables: { token: 'kept:token' },
    answers: { touchSession: { __typename: 'Session', version: 'kept:version' } },
  },
  {
    name: 'Update',
    variables: {
      input: {
        token: 'kept:token',
        email: 'e@example.com',
        roles: ['writer'],
        addRoles: ['admin'],
        removeRoles: ['reader'],
        attributes: { a: { b: null } },
        ifVersion: 'kept:version',
        idempotencyKey: 'u',
      },
    },
    answers: {
      updateSession: {
        __typename: 'Session',
        email: 'e@example.com',
        roles: ['writer', 'admin'],
        attributes: { a: { c: null } },
      },
    },
  },
  {
    name: 'Update',
    variables: { input: { token: 'kept:token', addRoles: ['clerk'], ifVersion: 'kept:version' } },
    answers: {
      updateSession: {
        __typename: 'SessionConflict',
        code: 'VERSION_CONFLICT',
        retryable: false,
        current: { roles: ['writer', 'admin'] },
      },
    },
  },
  { name: 'Update', variables: { input: { token: 'kept:token', addRoles: [''] } }, fails: 'BAD_USER_INPUT' },
  {
    name: 'Rotate',
    variables: { token: 'kept:token', idempotencyKey: 'r' },
    answers: { rotateSession: { __typename: 'CreateSessionPayload', session: { id: 'kept:id' } } },
    keeps: { rotated: 'rotateSession.token' },
  },
  {
    name: 'Rotate',
    variables: { token: 'kept:token', idempotencyKey: 'r' },
    answers: { rotateSession: { token: 'kept:rotated' } },
  },
  {
    name: 'Rotate',
    variables: { token: 'kept:token' },
    answers: { rotateSession: { __typename: 'SessionInvalid', code: 'SESSION_INVALID', retryable: false } },
  },
  {
    name: 'Touch',
    variables: { token: 'kept:token' },
    answers: { touchSession: { __typename: 'SessionInvalid', code: 'SESSION_INVALID', retryable: false } },
  },
  {
    name: 'SessionsOfUser',
    variables: { userId: 'eve', first: 1 },
    answers: { sessionsOfUser: { nodes: [{ id: 'kept:id' }], pageInfo: { hasNextPage: true } } },
  },
  { name: 'Destroy', variables: { token: 'kept:rotated' }, answers: { destroySession: true } },
  { name: 'Destroy', variables: { token: 'kept:rotated' }, answers: { destroySession: false } },
  { name: 'DestroyAll', variables: { userId: 'eve' }, answers: { destroyUserSessions: 1 } },
  { name: 'SessionNow', variables: { token: 'kept:second' }, answers: { session: null } },
  { name: 'Begin', variables: { input: { userId: 'pat' } } },
  { name: 'Begin', variables: { input: { userId: 'pat' } } },
  // Elections and fences.
  { name: 'LeaderNow', variables: { name: 'chair' }, answers: { election: { name: 'chair', leader: null } } },
  {
    name: 'Campaign',
    variables: { input: { election: 'chair', candidateId: 'a', leaseMs: 600_000 } },
    answers: { campaign: { __typename: 'Leadership', candidateId: 'a', fencingToken: 1 } },
  },
  {
    name: 'Campaign',
    variables: { input: { election: 'chair', candidateId: 'b' } },
    answers: { campaign: { ...held, leader: { candidateId: 'a' } } },
  },
  {
    name: 'CampaignOnce',
    variables: { input: { election: 'other', candidateId: 'b', idempotencyKey: 'e' } },
    answers: { campaign: { __typename: 'Leadership', fencingToken: 1 } },
  },
  {
    name: 'Renew',
    variables: { input: { election: 'chair', candidateId: 'a', fencingToken: 1, leaseMs: 600_000 } },
    answers: { renewLeadership: { __typename: 'Leadership', fencingToken: 1 } },
  },
  { name: 'WriteAsLeader', variables: fenced({ key: key('led'), value: value('a') }) },
  {
    name: 'Resign',
    variables: { input: { election: 'chair', candidateId: 'a', fencingToken: 1 } },
    answers: { resignLeadership: true },
  },
  {
    name: 'Renew',
    variables: { input: { election: 'chair', candidateId: 'a', fencingToken: 1 } },
    answers: { renewLeadership: { ...lost, leader: null } },
  },
  {
    name: 'Campaign',
    variables: { input: { election: 'chair', candidateId: 'b', leaseMs: 600_000 } },
    answers: { campaign: { __typename: 'Leadership', candidateId: 'b', fencingToken: 2 } },
  },
  {
    name: 'Renew',
    variables: { input: { election: 'chair', candidateId: 'a', fencingToken: 1 } },
    answers: { renewLeadership: { ...lost, leader: { candidateId: 'b', fencingToken: 2 } } },
  },
  {
    name: 'Resign',
    variables: { input: { election: 'chair', candidateId: 'a', fencingToken: 1 } },
    answers: { resignLeadership: false },
  },
  { name: 'LeaderNow', variables: { name: 'chair' }, answers: { election: { leader: { candidateId: 'b' } } } },
  {
    name: 'WriteAsLeader',
    variables: fenced({ key: key('led'), value: value('late') }),
    answers: { kvPut: behind },
  },
  { name: 'PutValue', variables: fenced({ key: key('led'), value: value('late') }), answers: { kvPut: behind } },
  { name: 'DeleteValue', variables: fenced({ key: key('led') }), answers: { kvDelete: behind } },
  { name: 'Transact', variables: fenced({ deletes: [key('led')] }), answers: { kvTransact: behind } },
  { name: 'PutValue', variables: fenced({ key: key('led'), value: value('x') }, 3), fails: 'BAD_USER_INPUT' },
  { name: 'AnyNode', variables: { id: 'AThjaGFpcg' }, answers: { node: { __typename: 'Election' } } },
  // Inventory.
  {
    name: 'CreateItem',
    variables: { input: { sku: 'cup', quantity: 5, idempotencyKey: 'cup' } },
    answers: { createInventoryItem: { __typename: 'InventoryItem', quantity: 5, reserved: 0, available: 5 } },
    keeps: { cup: 'createInventoryItem.id' },
  },
  {
    name: 'CreateItem',
    variables: { input: { sku: 'cup', quantity: 6 } },
    answers: { createInventoryItem: { __typename: 'AlreadyExists', code: 'ALREADY_EXISTS' } },
  },
  { name: 'CreateItem', variables: { input: { sku: 'plate', quantity: -1 } }, fails: 'BAD_USER_INPUT' },
  { name: 'CreateItem', variables: { input: { sku: 'pot', quantity: 0 } } },
  {
    name: 'Receive',
    variables: { input: { sku: 'cup', delta: 2, reason: 'delivery', idempotencyKey: 'more' } },
    answers: { adjustInventory: { __typename: 'InventoryItem', quantity: 7 } },
  },
  {
    name: 'Receive',
    variables: { input: { sku: 'cup', delta: -8 } },
    answers: { adjustInventory: { ...short, shortages: [{ sku: 'cup', requested: 8, available: 7 }] } },
  },
  { name: 'Receive', variables: { input: { sku: 'none', delta: 1 } }, answers: { adjustInventory: missing } },
  {
    name: 'Reserve',
    variables: { input: { lines: [{ sku: 'cup', quantity: 1 }] } },
    answers: { reserveInventory: { __typename: 'Reservation', status: 'HELD', settledAt: null } },
    keeps: { first: 'reserveInventory.reservationId', firstNode: 'reserveInventory.id' },
  },
  {
    name: 'ReserveOnce',
    variables: { input: { lines: [{ sku: 'cup', quantity: 2 }], holdMs: 600_000, idempotencyKey: 'cart' } },
    answers: { reserveInventory: { status: 'HELD', lines: [{ sku: 'cup', quantity: 2, item: { reserved: 3 } }] } },
    keeps: { cart: 'reserveInventory.reservationId' },
  },
  {
    name: 'ReserveOnce',
    variables: { input: { lines: [{ sku: 'cup', quantity: 2 }], holdMs: 600_000, idempotencyKey: 'cart' } },
    answers: { reserveInventory: { reservationId: 'kept:cart' } },
  },
  {
    name: 'Reserve',
    variables: {
      input: {
        lines: [
          { sku: 'cup', quantity: 5 },
          { sku: 'pot', quantity: 1 },
        ],
      },
    },
    answers: { reserveInventory: { ...short, shortages: [{ sku: 'cup' }, { sku: 'pot', available: 0 }] } },
  },
  {
    name: 'Reserve',
    variables: { input: { lines: [{ sku: 'none', quantity: 1 }] } },
    answers: { reserveInventory: missing },
  },
  {
    name: 'StockOf',
    variables: { sku: 'cup', held: 1 },
    answers: { inventoryItem: { available: 4, reservations: { nodes: [{}], pageInfo: { hasNextPage: true } } } },
    keeps: { heldCursor: 'inventoryItem.reservations.pageInfo.endCursor' },
  },
  {
    name: 'ExtendReservation',
    variables: { input: { reservationId: 'kept:cart', holdMs: 1, idempotencyKey: 'longer' } },
    answers: { extendReservation: { __typename: 'Reservation', status: 'HELD' } },
  },
  {
    name: 'CommitReservation',
    variables: { input: { reservationId: 'kept:cart', idempotencyKey: 'sold' } },
    answers: {
      commitReservation: { __typename: 'Reservation', status: 'COMMITTED', lines: [{ item: { quantity: 5 } }] },
    },
  },
  {
    name: 'ReleaseReservation',
    variables: { input: { reservationId: 'kept:cart' } },
    answers: { releaseReservation: { ...notHeld, reservation: { status: 'COMMITTED' } } },
  },
  {
    name: 'ReleaseReservation',
    variables: { input: { reservationId: 'kept:first' } },
    answers: { releaseReservation: { __typename: 'Reservation', status: 'RELEASED' } },
  },
  {
    name: 'CommitReservation',
    variables: { input: { reservationId: 'none' } },
    answers: { commitReservation: missing },
  },
  {
    name: 'Reserve',
    variables: { input: { lines: [{ sku: 'cup', quantity: 1 }], holdMs: 1 } },
    keeps: { brief: 'reserveInventory.reservationId' },
  },
  {
    name: 'ExtendReservation',
    variables: { input: { reservationId: 'kept:brief', holdMs: 1_000 } },
    answers: { extendReservation: { ...notHeld, reservation: { status: 'EXPIRED' } } },
  },
  { name: 'ReservationNow', variables: { id: 'kept:first' }, answers: { reservation: { status: 'RELEASED' } } },
  { name: 'ReservationNow', variables: { id: 'none' }, answers: { reservation: null } },
  {
    name: 'StockOf',
    variables: { sku: 'cup', heldAfter: 'kept:heldCursor', moved: 2 },
    answers: {
      inventoryItem: {
        quantity: 5,
        reserved: 0,
        reservations: { nodes: [], pageInfo: { hasPreviousPage: true } },
        movements: { nodes: [{ type: 'EXPIRED' }, { type: 'RESERVED' }], pageInfo: { hasNextPage: true } },
      },
    },
    keeps: { movedCursor: 'inventoryItem.movements.pageInfo.endCursor' },
  },
  {
    name: 'StockOf',
    variables: { sku: 'cup', movedAfter: 'kept:movedCursor' },
    answers: { inventoryItem: { movements: { nodes: [{ type: 'RELEASED' }, { type: 'COMMITTED' }, {}, {}, {}, {}] } } },
  },
  { name: 'StockOf', variables: { sku: 'none' }, answers: { inventoryItem: null } },
  { name: 'ListStock', answers: { inventoryItems: { nodes: [{ sku: 'cup' }, { sku: 'pot' }] } } },
  {
    name: 'AnyNode',
    variables: { id: 'kept:cup' },
    answers: { node: { __typename: 'InventoryItem', id: 'kept:cup' } },
  },
  { name: 'AnyNode', variables: { id: 'kept:firstNode' }, answers: { node: { __typename: 'Reservation' } } },
  // Event streams.
  {
    name: 'Append',
    answers: {
      appendEvents: {
        __typename: 'AppendEventsSuccess',
        stream: { streamId: 'account-1', version: 2 },
        events: [
          { eventId: 'opened', type: 'AccountOpened', data: { owner: 'Ada' }, metadata: {}, version: 1 },
          { eventId: 'paid-in-1', data: { amount: 100 }, metadata: { by: 'Ada' }, version: 2 },
        ],
      },
    },
    keeps: { event: 'appendEvents.events.0.id', stream: 'appendEvents.stream.id' },
  },
  {
    name: 'Append',
    answers: { appendEvents: { stream: { version: 2 }, events: [{ id: 'kept:event' }, { version: 2 }] } },
  },
  {
    name: 'Append',
    variables: append({ events: [noted('paid-in-1'), noted('paid-in-2')] }),
    answers: { appendEvents: { ...duplicate, existing: [{ eventId: 'paid-in-1', version: 2 }] } },
  },
  {
    name: 'AppendToVersion',
    variables: append({ events: [noted('paid-in-2')], expectedVersion: 1, idempotencyKey: 'late' }),
    answers: { appendEvents: { ...wrongVersion, expectedVersion: 1, actualVersion: 2, missing: [{ version: 2 }] } },
  },
  {
    name: 'AppendToVersion',
    variables: append({ events: [noted('x')], fence: { election: 'chair', token: 1 } }),
    answers: { appendEvents: behind },
  },
  {
    name: 'AppendToVersion',
    variables: append({ events: [], expectedVersion: 2 }),
    fails: 'BAD_USER_INPUT',
  },
  {
    name: 'SaveSnapshot',
    variables: { input: { streamId: 'account-1', version: 2, state: { balance: 100 } } },
    answers: { saveSnapshot: { __typename: 'Snapshot', version: 2, state: { balance: 100 } } },
  },
  {
    name: 'SaveSnapshot',
    variables: { input: { streamId: 'nowhere', version: 1, state: {} } },
    answers: { saveSnapshot: missing },
  },
  {
    name: 'Account',
    variables: { first: 1 },
    answers: {
      eventStream: {
        id: 'kept:stream',
        events: { nodes: [{ eventId: 'opened' }], pageInfo: { hasNextPage: true } },
        snapshot: { version: 2 },
      },
    },
    keeps: { behindOpened: 'eventStream.events.pageInfo.endCursor' },
  },
  {
    name: 'Account',
    variables: { after: 'kept:behindOpened', afterVersion: 0 },
    answers: { eventStream: { events: { nodes: [{ eventId: 'paid-in-1' }], pageInfo: { hasPreviousPage: true } } } },
  },
  { name: 'Account', variables: { id: 'nowhere' }, answers: { eventStream: null } },
  {
    name: 'NewestEvents',
    variables: { last: 1 },
    answers: { eventStream: { events: { nodes: [{ version: 2 }], pageInfo: { hasPreviousPage: true } } } },
  },
  {
    name: 'AllEvents',
    variables: { types: ['AccountOpened'], streamPrefix: 'account-1' },
    answers: { allEvents: { nodes: [{ eventId: 'opened' }], pageInfo: { hasNextPage: false } } },
    keeps: { behindFirst: 'allEvents.edges.0.cursor' },
  },
  { name: 'AllEvents', variables: { types: [] }, fails: 'BAD_USER_INPUT' },
  { name: 'ListStreams', answers: { eventStreams: { nodes: [{ streamId: 'account-1' }] } } },
  { name: 'AnyNode', variables: { id: 'kept:event' }, answers: { node: { __typename: 'Event' } } },
  { name: 'AnyNode', variables: { id: 'kept:stream' }, answers: { node: { __typename: 'EventStream' } } },
  {
    name: 'DeleteStream',
    variables: { input: { streamId: 'account-1', expectedVersion: 1 } },
    answers: { deleteEventStream: { ...wrongVersion, actualVersion: 2 } },
  },
  {
    name: 'Append',
    variables: { input: { streamId: 'account-3', events: [{ type: 'AccountOpened', data: 1 }] } },
    answers: { appendEvents: { __typename: 'AppendEventsSuccess', stream: { version: 1 } } },
  },
  {
    name: 'DeleteStream',
    variables: { input: { streamId: 'account-3' } },
    answers: { deleteEventStream: { __typename: 'EventStream', version: 1 } },
  },
  {
    name: 'DeleteStream',
    variables: { input: { streamId: 'nowhere' } },
    answers: { deleteEventStream: missing },
  },
  // Rate limits.
  {
    name: 'CheckLimit',
    variables: { input: { identifier: 'ada', policies: [{ limit: 1, windowMs: 600_000 }] } },
    answers: { checkRateLimit: { allowed: true, limit: 1, remaining: 0, retryAfterMs: 0 } },
  },
  {
    name: 'CheckLimit',
    variables: { input: { identifier: 'ada', policies: [{ limit: 1, windowMs: 600_000 }] } },
    answers: { checkRateLimit: { allowed: false, limit: 1, remaining: 0 } },
  },
  {
    name: 'CheckLimit',
    variables: { input: { identifier: 'ada', policies: [{ limit: 0, windowMs: 1 }] } },
    fails: 'BAD_USER_INPUT',
  },
  {
    name: 'CheckBurst',
    variables: {
      input: { identifier: 'ada', policies: [{ limit: 5, windowMs: 600_000, algorithm: 'TOKEN_BUCKET' }], cost: 2 },
    },
    answers: { checkRateLimit: { allowed: true, limit: 5, remaining: 3 } },
  },
  {
    name: 'CheckBoth',
    variables: {
      input: {
        identifier: 'ada',
        policies: [
          { limit: 9, windowMs: 600_001, algorithm: 'SLIDING_WINDOW_LOG' },
          { limit: 4, windowMs: 600_001, algorithm: 'SLIDING_WINDOW_COUNTER' },
        ],
      },
    },
    answers: { checkRateLimit: { allowed: true, limit: 4, remaining: 3 } },
  },
  {
    name: 'CheckOnce',
    variables: { input: { identifier: 'bob', policies: [{ limit: 3, windowMs: 600_000 }], idempotencyKey: 'r' } },
    answers: { checkRateLimit: { remaining: 2 } },
  },
  {
    name: 'CheckOnce',
    variables: { input: { identifier: 'bob', policies: [{ limit: 3, windowMs: 600_000 }], idempotencyKey: 'r' } },
    answers: { checkRateLimit: { remaining: 2 } },
  },
  {
    name: 'PeekLimit',
    variables: { identifier: 'ada', policies: [{ limit: 1, windowMs: 600_000 }] },
    answers: { rateLimit: { allowed: false, remaining: 0 } },
  },
  { name: 'ResetLimit', variables: { identifier: 'ada' }, answers: { resetRateLimit: true } },
  { name: 'ResetLimit', variables: { identifier: 'ada' }, answers: { resetRateLimit: false } },
  // The cache.
  {
    name: 'CachePut',
    variables: { input: { key: key('cached'), value: value('c') } },
    answers: { cachePut: { __typename: 'KvPutSuccess', key: key('cached') } },
  },
  {
    name: 'CachePut',
    variables: { input: { key: key('cached'), value: value('d'), ifAbsent: true } },
    answers: { cachePut: { ...conflict, key: key('cached') } },
  },
  {
    name: 'CachedValue',
    variables: { key: key('cached'), maxAgeMs: 0 },
    answers: { cached: { hit: false, ageMs: 0, entry: { value: { text: 'c' } } } },
  },
  { name: 'CachedValue', variables: { key: key('missing') }, answers: { cached: { entry: null } } },
  { name: 'CachedValue', variables: { key: '' }, fails: 'BAD_USER_INPUT' },
  { name: 'ForgetKeys', variables: { keys: [key('nothing')] }, answers: { invalidateCache: 0 } },
  { name: 'ForgetAll' },
  { name: 'CacheNow', answers: { cacheStats: { size: 0, maxSize: 10_000, ttlMs: 60_000 } } },
  { name: 'CacheDelete', variables: { key: key('cached') }, answers: { cacheDelete: true } },
  { name: 'CacheDelete', variables: { key: key('cached') }, answers: { cacheDelete: false } },
  // Vectors.
  {
    name: 'MakeVectorIndex',
    variables: {
      input: { namespace: 'v', dimensions: 2, distance: 'COSINE', indexType: 'BRUTE_FORCE', idempotencyKey: 'v' },
    },
    answers: {
      vectorCreateIndex: { __typename: 'VectorIndex', distance: 'COSINE', indexType: 'BRUTE_FORCE', size: 0 },
    },
  },
  {
    name: 'MakeVectorIndex',
    variables: { input: { namespace: 'v', dimensions: 3 } },
    answers: { vectorCreateIndex: { __typename: 'AlreadyExists', code: 'ALREADY_EXISTS', retryable: false } },
  },
  {
    name: 'MakeVectorIndex',
    variables: { input: { namespace: 'w', dimensions: 1, distance: 'INNER_PRODUCT', indexType: 'HNSW' } },
    answers: { vectorCreateIndex: { distance: 'INNER_PRODUCT', indexType: 'HNSW' } },
  },
  {
    name: 'MakeVectorIndex',
    variables: { input: { namespace: 'x', dimensions: 1, distance: 'EUCLIDEAN' } },
    answers: { vectorCreateIndex: { distance: 'EUCLIDEAN' } },
  },
  {
    name: 'MakeVectorIndex',
    variables: { input: { namespace: 'y', dimensions: 0 } },
    fails: 'BAD_USER_INPUT',
  },
  {
    name: 'PutVectors',
    variables: {
      input: {
        namespace: 'v',
        vectors: [
          { id: 'a', vector: [1, 0], metadata: { group: 1 } },
          { id: 'b', vector: [0, 1] },
        ],
        idempotencyKey: 'v',
      },
    },
    answers: { vectorInsert: { __typename: 'VectorInsertSuccess', inserted: 2, updated: 0 } },
  },
  {
    name: 'PutVectors',
    variables: { input: { namespace: 'v', vectors: [{ id: 'a', vector: [1] }] } },
    answers: {
      vectorInsert: {
        __typename: 'DimensionMismatch',
        code: 'DIMENSION_MISMATCH',
        retryable: false,
        expected: 2,
        actual: 1,
      },
    },
  },
  {
    name: 'PutVectors',
    variables: { input: { namespace: 'missing', vectors: [{ id: 'a', vector: [1] }] } },
    answers: { vectorInsert: missing },
  },
  {
    name: 'NearVector',
    variables: { namespace: 'v', near: { vector: [2, 0] }, consistency: 'STRONG' },
    answers: {
      vectorSearch: {
        matches: [
          { id: 'a', distance: 0, vector: [1, 0], metadata: { group: 1 } },
          { id: 'b', distance: 1, metadata: null },
        ],
      },
    },
  },
  {
    name: 'NearVector',
    variables: { namespace: 'v', near: { id: 'a' }, k: 1, consistency: 'EVENTUAL' },
    answers: { vectorSearch: { matches: [{ id: 'b' }] } },
  },
  {
    name: 'NearStored',
    variables: { namespace: 'v', near: { id: 'b' }, filter: { group: 1 } },
    answers: { vectorSearch: { matches: [{ id: 'a', distance: 1 }] } },
  },
  { name: 'NearStored', variables: { namespace: 'v', near: { id: 'c' } }, fails: 'NOT_FOUND' },
  { name: 'NearVector', variables: { namespace: 'v', near: { vector: [1] } }, fails: 'DIMENSION_MISMATCH' },
  { name: 'NearVector', variables: { namespace: 'v', near: { vector: [1, 0] }, k: 0 }, fails: 'BAD_USER_INPUT' },
  {
    name: 'OneVector',
    variables: { namespace: 'v', id: 'a' },
    answers: { vectorGet: { id: 'a', vector: [1, 0], metadata: { group: 1 } } },
  },
  { name: 'OneVector', variables: { namespace: 'v', id: 'c' }, answers: { vectorGet: null } },
  { name: 'OneVectorIndex', variables: { namespace: 'v' }, answers: { vectorIndex: { dimensions: 2, size: 2 } } },
  { name: 'OneVectorIndex', variables: { namespace: 'missing' }, answers: { vectorIndex: null } },
  {
    name: 'ListVectorIndexes',
    answers: { vectorIndexes: [{ namespace: 'v', size: 2 }, { namespace: 'w', size: 0 }, { namespace: 'x' }] },
  },
  {
    name: 'RemoveVector',
    variables: { input: { namespace: 'v', id: 'a', idempotencyKey: 'v' } },
    answers: { vectorDelete: true },
  },
  { name: 'RemoveVector', variables: { input: { namespace: 'v', id: 'a' } }, answers: { vectorDelete: false } },
  {
    name: 'DropVectorIndex',
    variables: { input: { namespace: 'v', idempotencyKey: 'v' } },
    answers: { vectorDropIndex: true },
  },
  { name: 'DropVectorIndex', variables: { input: { namespace: 'v' } }, answers: { vectorDropIndex: false } },
  { name: 'NearVector', variables: { namespace: 'v', near: { vector: [2, 0] } }, fails: 'NOT_FOUND' },
  // Tenants, which are the same for all callers: those of an earlier run go first.
  { name: 'EndTenant', variables: { id: 'shop' } },
  {
    name: 'MakeTenant',
    variables: { input: { tenantId: 'shop', name: 'A shop', plan: 'ENTERPRISE' } },
    answers: {
      createTenant: {
        __typename: 'Tenant',
        tenantId: 'shop',
        name: 'A shop',
        plan: 'ENTERPRISE',
        limits: { maxKeys: null, maxStorageMb: null },
        usage: { keys: 0, storageBytes: 0 },
      },
    },
  },
  {
    name: 'MakeTenant',
    variables: { input: { tenantId: 'shop', name: 'Another' } },
    answers: { createTenant: { __typename: 'AlreadyExists', code: 'ALREADY_EXISTS', retryable: false } },
  },
  { name: 'MakeTenant', variables: { input: { tenantId: '', name: 'x' } }, fails: 'BAD_USER_INPUT' },
  { name: 'MakeTenant', variables: { input: { tenantId: 'lent', name: 'x', plan: 'FREE' } } },
  {
    name: 'ChangeTenant',
    variables: { input: { tenantId: 'shop', name: 'The shop', plan: 'PRO' } },
    answers: {
      updateTenant: {
        __typename: 'Tenant',
        name: 'The shop',
        plan: 'PRO',
        limits: { maxKeys: 100_000, maxStorageMb: 1_000 },
      },
    },
  },
  {
    name: 'ChangeTenant',
    variables: { input: { tenantId: 'missing', plan: 'PRO' } },
    answers: { updateTenant: { __typename: 'NotFound', code: 'NOT_FOUND', retryable: false } },
  },
  { name: 'MakeKey', variables: { input: { tenantId: 'shop', name: 'till', role: 'ADMIN' } } },
  {
    name: 'MakeKeyOnce',
    variables: { input: { tenantId: 'shop', name: 'site', role: 'WRITER', idempotencyKey: 'k' } },
  },
  {
    name: 'MakeKeyOnce',
    variables: { input: { tenantId: 'shop', name: 'site', role: 'READER', idempotencyKey: 'k' } },
    fails: 'IDEMPOTENCY_KEY_REUSED',
  },
  {
    name: 'OneTenant',
    variables: { id: 'shop' },
    answers: {
      tenantById: {
        name: 'The shop',
        apiKeys: [
          { name: 'till', role: 'ADMIN', lastUsedAt: null },
          { name: 'site', role: 'WRITER' },
        ],
      },
    },
  },
  { name: 'OneTenant', variables: { id: 'missing' }, answers: { tenantById: null } },
  { name: 'MyTenant', answers: { tenant: { plan: 'ENTERPRISE', createdAt: '1970-01-01T00:00:00.000Z' } } },
  { name: 'ListTenants', variables: { first: 1 }, answers: { tenants: { pageInfo: { hasNextPage: true } } } },
  { name: 'AnyNode', variables: { id: 'AWFzaG9w' }, answers: { node: { __typename: 'Tenant' } } },
  { name: 'EndKey', answers: { revokeApiKey: false } },
];

/** Subscriptions, each with what is done while it is open, and what must have come then. */
const subscriptions: readonly {
  readonly name: string;
  readonly variables: Json;
  readonly meanwhile: readonly Step[];
  readonly sees: readonly Json[];
}[] = [
  {
    name: 'WatchKeys',
    variables: { prefix: 'watch:', after: '0' },
    meanwhile: [
      { name: 'PutValue', variables: { input: { key: 'watch:a', value: value('x') } } },
      { name: 'DeleteValue', variables: { input: { key: 'watch:a' } } },
      { name: 'PutForAMoment', variables: { input: { key: 'watch:b', value: value('y'), ttlMs: 1 } } },
    ],
    sees: [
      { kvChanges: { type: 'PUT', key: 'watch:a', entry: { value: { text: 'x' } } } },
      { kvChanges: { type: 'DELETE', key: 'watch:a', entry: null } },
      { kvChanges: { type: 'PUT', key: 'watch:b', entry: { value: { text: 'y' } } } },
      { kvChanges: { type: 'EXPIRE', key: 'watch:b', entry: null } },
    ],
  },
  {
    name: 'WatchCounter',
    variables: { name: 'watched' },
    meanwhile: [{ name: 'Increment', variables: { input: { name: 'watched', by: 7 } } }],
    sees: [{ counterChanged: { name: 'watched', value: 7 } }],
  },
  {
    name: 'WatchLeader',
    variables: { election: 'chair' },
    meanwhile: [],
    sees: [{ leadershipChanged: { name: 'chair', leader: { candidateId: 'b', fencingToken: 2 } } }],
  },
  {
    name: 'StandForElection',
    variables: { election: 'seat', candidateId: 'c', leaseMs: 60_000 },
    meanwhile: [],
    sees: [{ campaign: { isLeader: true, leadership: { fencingToken: 1 }, leader: { candidateId: 'c' } } }],
  },
  {
    name: 'FollowAccount',
    variables: { streamId: 'account-1', afterVersion: 1 },
    meanwhile: [],
    sees: [
      { events: { event: { eventId: 'paid-in-1', version: 2 }, caughtUp: false } },
      { events: { event: null, caughtUp: true } },
    ],
  },
  {
    name: 'FollowAll',
    variables: { after: 'kept:behindFirst', types: ['AccountOpened', 'MoneyDeposited'], streamPrefix: 'account-1' },
    meanwhile: [],
    sees: [
      { allEvents: { event: { streamId: 'account-1', eventId: 'paid-in-1' }, caughtUp: false } },
      { allEvents: { event: null, caughtUp: true } },
    ],
  },
  {
    name: 'WatchStock',
    variables: { skus: ['cup', 'jug'] },
    meanwhile: [{ name: 'CreateItem', variables: { input: { sku: 'jug', quantity: 3 } } }],
    sees: [{ inventoryChanged: { sku: 'cup', quantity: 5 } }, { inventoryChanged: { sku: 'jug', quantity: 3 } }],
  },
  {
    name: 'WatchCluster',
    variables: {},
    meanwhile: [],
    sees: [{ clusterChanged: { engine: 'lmdb', nodes: [{ role: 'LEADER' }] } }],
  },
  {
    name: 'WatchEnds',
    variables: { userId: 'zoe' },
    // Nothing says that it has begun: whichever of these it sees first, it sees these two kinds.
    meanwhile: [
      { name: 'Begin', variables: { input: { userId: 'zoe', ttlMs: 400 } } },
      { name: 'Begin', variables: { input: { userId: 'zoe' } }, keeps: { zoe: 'createSession.token' } },
      { name: 'ScanKeys', variables: {} },
      { name: 'Destroy', variables: { token: 'kept:zoe' } },
    ],
    sees: [
      { sessionEnded: { userId: 'zoe', reason: 'DESTROYED' } },
      { sessionEnded: { userId: 'zoe', reason: 'EXPIRED' } },
    ],
  },
];

/** What steps have kept of their answers. */
const kept = new Map<string, unknown>();

/** Variables or answers with what was kept in its places. */
function filled(json: Json): Json {
  const fill = (_name: string, each: unknown): unknown =>
    typeof each === 'string' && each.startsWith('kept:') ? kept.get(each.slice('kept:'.length)) : each;
  return JSON.parse(JSON.stringify(json), fill) as Json;
}

function keep(paths: Readonly<Record<string, string>>, answer: unknown): void {
  for (const [name, path] of Object.entries(paths)) {
    let found = answer;
    for (const part of path.split('.')) found = (found as Json)[part];
    kept.set(name, found);
  }
}

const schema = builtSchema();
const operations = readOperations();
const reached = new Reached();
let program: Program;
let removeDirectory: () => Promise<void>;

beforeAll(async () => {
  await ensureBuilt();
  const directory = await temporaryDirectory();
  removeDirectory = directory.remove;
  program = await startProgram(directory.path).ready();
}, 5 * minute);
afterAll(async () => {
  if (program) await endProgram(program);
  await removeDirectory?.();
});

function operationNamed(name: string): DocumentOperation {
  const found = operations.find((operation) => operation.name === name);
  if (!found) throw new Error(`there is no operation ${name} in schema/operations/`);
  return found;
}

async function send(
  operation: DocumentOperation,
  query: string,
  variables: Json,
  tenant: string,
): Promise<GraphqlAnswer> {
  const { body } = await post(
    program.origin,
    { query, operationName: operation.name, variables },
    { 'x-tenant-id': tenant },
  );
  return body;
}

function clientOf(tenant: string): Client {
  const url = `${program.origin.replace('http', 'ws')}/graphql`;
  return createClient({ url, webSocketImpl: WebSocket, connectionParams: { 'x-tenant-id': tenant }, retryAttempts: 0 });
}

/** Runs a step and judges its answer. */
async function run(step: Step, tenant = 'scenario'): Promise<void> {
  const { name, fails, keeps = {} } = step;
  const variables = filled(step.variables ?? {});
  const operation = operationNamed(name);
  const document = withTypeNames(schema, operation.document);
  const { data, errors } = await send(operation, textOf(document), variables, tenant);
  const given = givenVariables(operation, variables);
  reached.inputs(schema, document, name, given);
  expect([name, errors?.[0]?.extensions.code]).toEqual([name, fails]);
  if (fails !== undefined) return reached.enumValue('ErrorCode', fails);
  expect(answerFaults({ schema, document, operationName: name, variables: given, reached }, data)).toEqual([]);
  expect(data).toMatchObject(filled(step.answers ?? {}));
  keep(keeps, data);
}

describe('the operations of schema/operations/', () => {
  it('have names, each its own', () => {
    const names = operations.map(({ name }) => name);
    expect(names).not.toContain('');
    expect(new Set(names).size).toBe(names.length);
  });

  it('are all part of the scenario', () => {
    const used = [...scenario, ...subscriptions].map(({ name }) => name);
    const ofDocuments = { of: 'schema/operations', names: operations.map(({ name }) => name) };
    expect(differences(ofDocuments, { of: 'the scenario', names: used })).toEqual([]);
  });

  it.each(operations.filter(({ type }) => type !== 'subscription').map((each) => [each.name, each] as const))(
    '%s runs as it stands, once and again',
    async (_name, operation) => {
      for (const _time of ['first', 'again']) {
        const { errors } = await send(operation, operation.source, {}, 'newcomer');
        expect(errors).toBeUndefined();
      }
    },
  );

  // The first run of an operation is interpreted, later ones are compiled: both are judged.
  it.each(['interpreted', 'scenario'])(
    'answer as the schema says, on every way that the scenario takes, in the tenant %s',
    async (tenant) => {
      for (const step of scenario) await run(step, tenant);
    },
    minute,
  );

  it('go on behind a cursor', async () => {
    for (const [name, field, variables] of [
      ['ScanKeys', 'kvScan', {}],
      ['ListCounters', 'counters', {}],
      ['SessionsOfUser', 'sessionsOfUser', { userId: 'pat' }],
      ['ListStock', 'inventoryItems', {}],
      ['ListStreams', 'eventStreams', {}],
      ['AllEvents', 'allEvents', {}],
      ['ListTenants', 'tenants', {}],
    ] as const) {
      const operation = operationNamed(name);
      const first = await send(operation, operation.source, { ...variables, first: 1 }, 'scenario');
      const { pageInfo } = first.data![field] as { pageInfo: { endCursor: string } };
      await run({
        name,
        variables: { ...variables, first: 1, after: pageInfo.endCursor },
        answers: { [field]: { pageInfo: { hasPreviousPage: true } } },
      });
    }
    await run({ name: 'ScanKeys', variables: { after: 'nonsense' }, fails: 'BAD_USER_INPUT' });
  });

  it.each(subscriptions)(
    '$name sends what it should',
    async ({ name, variables: wanted, meanwhile, sees }) => {
      const variables = filled(wanted);
      const operation = operationNamed(name);
      const document = withTypeNames(schema, operation.document);
      const given = givenVariables(operation, variables);
      const seen = new Collector<unknown>();
      const client = clientOf('scenario');
      const ended = new Promise<unknown>((resolve) => {
        client.subscribe(
          { query: textOf(document), operationName: name, variables },
          { next: (message) => seen.add(message), error: resolve, complete: () => resolve('complete') },
        );
      });
      for (const step of meanwhile) await run(step);
      const isOver = await Promise.race([seen.atLeast(sees.length).then(() => undefined), ended]);
      expect(isOver).toBeUndefined();
      const check = { schema, document, operationName: name, variables: given, reached };
      expect(seen.items).toMatchObject(sees.map((data) => ({ data })));
      for (const message of seen.items) expect(answerFaults(check, (message as { data: unknown }).data)).toEqual([]);
      reached.inputs(schema, document, name, given);
      await client.dispose();
    },
    minute,
  );

  it(
    'WatchKeys refuses a version that the store has never had, and says what it has',
    async () => {
      const { source: query } = operationNamed('WatchKeys');
      const client = clientOf('scenario');
      const errors = await new Promise<unknown>((resolve) => {
        const variables = { after: String(Number.MAX_SAFE_INTEGER) };
        client.subscribe(
          { query, operationName: 'WatchKeys', variables },
          { next: resolve, error: resolve, complete: () => resolve('complete') },
        );
      });
      expect(errors).toEqual([
        expect.objectContaining({
          extensions: { code: 'HISTORY_GONE', retryable: false, oldest: expect.stringMatching(/^\d+$/) },
        }),
      ]);
      reached.enumValue('ErrorCode', 'HISTORY_GONE');
      await client.dispose();
    },
    minute,
  );

  it('have reached every field, argument, input field, member and value, but for what is listed', () => {
    const missing = { of: 'what was not reached', names: reached.missing(schema) };
    expect(differences(missing, { of: 'the list of what cannot be', names: Object.keys(unreachable) })).toEqual([]);
  });
});
