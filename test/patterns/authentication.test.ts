/** Who a caller is, from what comes with a request. */
import { ManualClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { makeAuthentication, presentedByConnection, presentedByHeaders } from '../../src/gateway/authentication';
import type { Authentication, AuthenticationOptions, Caller } from '../../src/gateway/authentication';
import { TenancyWorld, operator } from './support/tenancy-world';
import type { TenancyGateway } from './support/tenancy-world';
import { failure } from './support/world';

const operatorKey = 'k'.repeat(32);
let world: TenancyWorld;
let gateway: TenancyGateway;
beforeEach(async () => {
  world = new TenancyWorld();
  gateway = world.tenancy();
  await gateway.tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' });
});
afterEach(() => world.close());

function authentication(options: Partial<AuthenticationOptions> = {}): Authentication {
  return makeAuthentication({ isRequired: true, access: gateway.access, clock: world.clock, ...options });
}

const bearer = (credential: string, tenantId?: string) => ({ authorization: `Bearer ${credential}`, tenantId });
const nothing = { authorization: undefined, tenantId: undefined };
const makeKey = (role: 'READER' | 'WRITER' | 'ADMIN' = 'WRITER') =>
  gateway.apiKeys.create({ tenantId: 't', name: 'n', role }, operator);

describe('what comes with a request', () => {
  it('is read from headers, whose bytes are UTF-8', () => {
    const latin = Buffer.from('café', 'utf8').toString('latin1');
    expect(presentedByHeaders({ authorization: 'Bearer x', 'x-tenant-id': latin })).toEqual(bearer('x', 'café'));
    expect(presentedByHeaders({})).toEqual(nothing);
  });

  it('over WebSocket is read from connectionParams before the headers of the upgrade', () => {
    const headers = { authorization: 'Bearer h', 'x-tenant-id': 'h' };
    expect(presentedByConnection(headers, {})).toEqual(bearer('h', 'h'));
    expect(presentedByConnection(headers, { Authorization: 'Bearer p', 'X-Tenant-Id': 'p' })).toEqual(bearer('p', 'p'));
    expect(presentedByConnection(headers, { authorization: null, 'x-tenant-id': undefined })).toEqual(bearer('h', 'h'));
    expect(() => presentedByConnection({}, { authorization: 7 })).toThrow('not known');
  });

  it.each(['', 'a\nb', 'x'.repeat(129), 7])('names no tenant such as %j', (tenantId) => {
    expect(() => presentedByConnection({}, { 'x-tenant-id': tenantId })).toThrow('x-tenant-id');
  });
});

describe('where credentials are required', () => {
  it('an API key says tenant and role, and no header does', async () => {
    const { secret } = await makeKey('READER');
    const caller = await authentication().authenticate(bearer(secret, 'other'));
    expect(caller).toMatchObject({ tenantId: 't', role: 'READER', isOperator: false });
  });

  it.each(['', 'Basic eDp5', 'Bearer', 'Bearer  ', 'Bearer a b', 'nrg_x', `Bearer ${'x'.repeat(100)}`])(
    'nobody is let in with %j',
    async (authorization) => {
      const refused = authentication({ operatorKey }).authenticate({ authorization, tenantId: undefined });
      await expect(refused).rejects.toEqual(failure('UNAUTHENTICATED'));
    },
  );

  it('nobody is let in without a credential', async () => {
    for (const presented of [nothing, { ...nothing, tenantId: 't' }])
      await expect(authentication().authenticate(presented)).rejects.toEqual(failure('UNAUTHENTICATED'));
  });

  it('an operator is of no tenant, and nobody is one while there is no key', async () => {
    const caller = await authentication({ operatorKey }).authenticate(bearer(operatorKey, 't'));
    expect(caller).toEqual({ tenantId: '', role: 'ADMIN', isOperator: true });
    for (const wrong of [operatorKey.slice(1), `${operatorKey}k`])
      await expect(authentication({ operatorKey }).authenticate(bearer(wrong))).rejects.toEqual(
        failure('UNAUTHENTICATED'),
      );
    await expect(authentication().authenticate(bearer(operatorKey))).rejects.toEqual(failure('UNAUTHENTICATED'));
  });

  it('a key is not known when its tenant was deleted, nor when that was made again', async () => {
    const { secret } = await makeKey();
    await gateway.tenants.delete('t');
    gateway.access.forget('t');
    await expect(authentication().authenticate(bearer(secret))).rejects.toEqual(failure('UNAUTHENTICATED'));
    await gateway.tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' });
    gateway.access.forget('t');
    await expect(authentication().authenticate(bearer(secret))).rejects.toEqual(failure('UNAUTHENTICATED'));
    const anew = await makeKey();
    expect(await authentication().authenticate(bearer(anew.secret))).toMatchObject({ tenantId: 't' });
  });

  it('a key stops within half a second after it was revoked, without any feed', async () => {
    const { id, secret } = await makeKey();
    await authentication().authenticate(bearer(secret));
    await world.tenancy().apiKeys.revoke(id, operator);
    world.clock.advance(500);
    await expect(authentication().authenticate(bearer(secret))).rejects.toEqual(failure('UNAUTHENTICATED'));
  });

  it('a tenant that was just created is let in, though it was not there a moment ago', async () => {
    const verifyJwt = async () => ({ tenantId: 'new', role: 'READER' as const, expiresAtMs: 9e15 });
    const given = authentication({ verifyJwt });
    await expect(given.authenticate(bearer('a.b.c'))).rejects.toEqual(failure('FORBIDDEN'));
    await world.tenancy().tenants.create({ tenantId: 'new', name: 'N', plan: 'FREE' });
    expect(await given.authenticate(bearer('a.b.c'))).toMatchObject({ tenantId: 'new', role: 'READER' });
  });

  it('while storage is away nobody is let in, and it is said so', async () => {
    const { secret } = await makeKey();
    gateway.store.beforeRead = () => Promise.reject(new AppError('UNAVAILABLE', 'away'));
    await expect(authentication().authenticate(bearer(secret))).rejects.toEqual(failure('UNAVAILABLE'));
  });
});

describe('in development mode', () => {
  it('everyone is an ADMIN of the tenant that is named, and an operator while there is no key', async () => {
    const free = authentication({ isRequired: false });
    expect(await free.authenticate(nothing)).toEqual({ tenantId: 'default', role: 'ADMIN', isOperator: true });
    expect(await free.authenticate({ ...nothing, tenantId: 'x' })).toMatchObject({ tenantId: 'x', isOperator: true });
    const keyed = authentication({ isRequired: false, operatorKey });
    expect(await keyed.authenticate(nothing)).toMatchObject({ isOperator: false });
    expect(await keyed.authenticate(bearer(operatorKey, 'x'))).toMatchObject({ tenantId: 'x', isOperator: true });
    await expect(keyed.authenticate(bearer('wrong'))).rejects.toEqual(failure('UNAUTHENTICATED'));
  });
});

describe('what is held open', () => {
  const reasons: AppError[] = [];
  const hold = (caller: Caller, options?: Partial<AuthenticationOptions>) =>
    authentication(options).hold(caller, (reason) => void reasons.push(reason));
  beforeEach(() => (reasons.length = 0));

  it('ends when its token expires, to the millisecond, however far that is', async () => {
    const clock = new ManualClock();
    const expiresAtMs = clock.nowMs() + 90 * 86_400_000;
    await hold({ tenantId: 't', role: 'READER', isOperator: false, expiresAtMs }, { clock });
    clock.advance(90 * 86_400_000 - 1);
    expect(reasons).toEqual([]);
    clock.advance(1);
    expect(reasons).toEqual([failure('UNAUTHENTICATED')]);
  });

  it('ends at once where the token has expired, and not when it was let go', async () => {
    const { clock } = world;
    const caller = { tenantId: 't', role: 'READER', isOperator: false } as const;
    await hold({ ...caller, expiresAtMs: clock.nowMs() });
    expect(reasons).toHaveLength(1);
    const release = await hold({ ...caller, expiresAtMs: clock.nowMs() + 5 });
    release();
    clock.advance(10);
    expect(reasons).toHaveLength(1);
  });

  it('is not opened where the tenant is shut', async () => {
    await gateway.tenants.delete('t');
    const caller = { tenantId: 't', role: 'ADMIN', isOperator: false } as const;
    await expect(hold(caller)).rejects.toEqual(failure('FORBIDDEN'));
    await expect(hold({ ...caller, tenantId: '', isOperator: true })).resolves.toBeDefined();
  });
});
