/** The store of examples/express-session against the real program, called as express-session calls its stores. */
import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import { makeGatewaySessionStore } from '../../examples/express-session/gateway-session-store';
import type { GatewaySessionStore, SessionRequest } from '../../examples/express-session/gateway-session-store';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const minute = 60_000;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let program: Program;
let store: GatewaySessionStore;

beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  program = await startProgram(directory.path, { NORIGATE_ENGINE: 'memory' }).ready();
  store = makeGatewaySessionStore(EventEmitter, { url: `${program.origin}/graphql` });
  // As express-session does for each store that it is given.
  store.generate = (request) => {
    request.sessionID = store.genid(request);
    request.session = { cookie: { originalMaxAge: null } };
  };
}, 5 * minute);
afterAll(async () => {
  await program?.destroy();
  await directory?.remove();
});

const get = (id: string): Promise<unknown> => promisify(store.get.bind(store))(id);
const set = (id: string, data: object): Promise<void> =>
  promisify(store.set.bind(store))(id, { cookie: { originalMaxAge: null }, ...data });
const touch = (id: string): Promise<void> => promisify(store.touch.bind(store))(id, { cookie: {} });
const destroy = (id: string): Promise<void> => promisify(store.destroy.bind(store))(id);

/** A request with a session that has begun. */
async function login(request: SessionRequest = {}): Promise<string> {
  await store.begin(request, { userId: 'ada', maxPerUser: 2 });
  return request.sessionID!;
}

describe('the store for express-session', () => {
  it('keeps a session as it was saved last, whole', async () => {
    const id = await login();
    expect(await get(id)).toBeNull();
    await set(id, { cart: ['a'], old: { deep: 1 } });
    expect(await get(id)).toEqual({ cookie: { originalMaxAge: null }, cart: ['a'], old: { deep: 1 } });
    await set(id, { cart: [] });
    await touch(id);
    expect(await get(id)).toEqual({ cookie: { originalMaxAge: null }, cart: [] });
  });

  it('revives nothing that has ended', async () => {
    const id = await login();
    await set(id, { cart: ['a'] });
    await destroy(id);
    await set(id, { cart: ['b'] });
    await touch(id);
    await destroy(id);
    expect(await get(id)).toBeNull();
  });

  it('ends the session before a login, and the oldest beyond what a user may have', async () => {
    const request: SessionRequest = {};
    const first = await login(request);
    await set(first, { a: 1 });
    const second = await login(request);
    expect(second).not.toBe(first);
    expect(await get(first)).toBeNull();
    await login();
    await login();
    await set(second, { a: 1 });
    expect(await get(second)).toBeNull();
  });

  it('stores nothing of visitors', async () => {
    const request: SessionRequest = {};
    store.generate!(request);
    await set(request.sessionID!, { a: 1 });
    await touch(request.sessionID!);
    await destroy(request.sessionID!);
    expect([request.sessionID, await get(request.sessionID!)]).toEqual([expect.stringMatching(/^visitor-/), null]);
  });

  it('hands on failures', async () => {
    const away = makeGatewaySessionStore(EventEmitter, { url: 'http://127.0.0.1:1/graphql' });
    await expect(promisify(away.get.bind(away))('x')).rejects.toThrow();
    await expect(away.begin({}, { userId: '' })).rejects.toThrow();
    await expect(store.begin({}, { userId: '' })).rejects.toThrow('input.userId');
  });
});
