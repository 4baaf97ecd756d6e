/** The stores that the conformance suite judges, each ready to be used by one test. */
import type { Store } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { AppError } from '../../src/core/errors';
import { keyspace, reservedScope, tenantScope } from '../../src/core/keyspace';
import { ScopedStore } from '../../src/store/scoped-store';
import type { ScopeGate } from '../../src/store/scoped-store';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { LocalStore } from '../../storage/local-store';
import type { FixtureOptions, MakeFixture, StoreFixture } from '../conformance/suite/fixture';
import { ServedStore } from './served-store';

/** The memory engine in this process. */
export function memoryFixture({ retention }: FixtureOptions): Promise<StoreFixture> {
  const clock = new ManualClock();
  const engine = makeMemoryEngine({ storeId: systemIds.uuid(), ...(retention && { retention }) });
  const store = new LocalStore({ engine, clock });
  return Promise.resolve({ store, clock, engine: 'memory', prefixBytes: 0, remove: () => store.close() });
}

/** A client of a server of another store, both in this process. The client has the machine's own clock. */
export function servedFixture(make: MakeFixture): MakeFixture {
  return async (options) => {
    const inner = await make(options);
    const served = await ServedStore.start(inner.store);
    const store = served.client();
    return {
      ...inner,
      store,
      ...(inner.reopen && {
        reopen: async () => {
          await served.stopServer();
          await inner.reopen!();
          await served.serve(inner.store);
        },
      }),
      remove: async () => {
        await served.stop();
        await inner.remove();
      },
    };
  };
}

/** The judged scope, and neighbours of it on both sides. */
const scope = tenantScope('tenant', 7);
const foreignScopes = [
  tenantScope('tenant', 6),
  tenantScope('tenant', 8),
  tenantScope('tenant\0', 7),
  tenantScope('tenan', 7),
  tenantScope('tenanu', 7),
  tenantScope('', 7),
];

/** A gate that is open, as that of a tenant which was never deleted. */
const openGate: ScopeGate = {
  key: Buffer.concat([reservedScope, keyspace.tenantGate('tenant')]),
  revision: 0,
  refusal: () => new AppError('FORBIDDEN', 'the gate is open, and was found shut'),
};

/** One scope of another store, with a gate or without, with neighbours that have data of their own. */
export function scopedFixture(make: MakeFixture, gate?: 'gated'): MakeFixture {
  const withNeighbours: MakeFixture = async (options) => {
    const inner = await make(options);
    await Promise.all(foreignScopes.map((foreign) => furnish(new ScopedStore(inner.store, foreign))));
    return inner;
  };
  const wrapped = wrappedFixture(withNeighbours, (store) => new ScopedStore(store, scope, gate && openGate));
  return async (options) =>
    Object.assign(await wrapped(options), {
      prefixBytes: scope.length,
      ...(gate && { gateBytes: openGate.key.length }),
    });
}

/** Another store with something around it. */
export function wrappedFixture(make: MakeFixture, wrap: (store: Store, clock: ManualClock) => Store): MakeFixture {
  return async (options) => {
    const inner = await make(options);
    let store = wrap(inner.store, inner.clock);
    return {
      get store() {
        return store;
      },
      clock: inner.clock,
      engine: inner.engine,
      prefixBytes: inner.prefixBytes,
      ...(inner.reopen && {
        reopen: async () => {
          await store.close();
          await inner.reopen!();
          store = wrap(inner.store, inner.clock);
        },
      }),
      remove: async () => {
        await store.close();
        await inner.remove();
      },
    };
  };
}

async function furnish(store: Store): Promise<void> {
  const names = ['\0', 'a', 'b', 'k', 'key', 'm', 'mark', 'z', '\xff'].map((name) => Buffer.from(name, 'latin1'));
  const value = Buffer.from('foreign');
  await store.commit([
    {
      checks: [],
      writes: names.map((key) => ({ kind: 'put', key, value, history: 'value' })),
      marks: names.map((key) => ({ key, value })),
    },
  ]);
}
