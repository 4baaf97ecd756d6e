/**
 * The recipe that people write by hand for a counter: read, add one, write if nobody else has written meanwhile, else wait a
 * random while and do it all again. Over the store itself, or over GraphQL (kvGet, kvPut with ifVersion).
 */
import { backoffDelayMs } from '../../src/core/backoff';
import type { BackoffOptions } from '../../src/core/backoff';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { behave } from '../support/child-side';
import { HttpConnection, graphqlRequest } from '../support/http-connection';
import type { Measured, RunSpec } from '../support/measured';
import { Meter } from '../support/meter';
import { openTenantStore } from '../support/tenant-store';

export interface NaiveCallers {
  readonly config: {
    readonly over:
      { readonly kind: 'store'; readonly address: string } | { readonly kind: 'http'; readonly port: number };
    readonly key: string;
    readonly callers: number;
    /** How long to wait before a retry; full jitter. */
    readonly backoff: BackoffOptions;
  };
  readonly started: true;
  readonly run: RunSpec;
  readonly result: Measured;
}

interface Versioned {
  readonly value: number;
  readonly version: string;
}

/** One caller's way to the counter. */
interface Register {
  read(): Promise<Versioned>;
  /** Whether it was written: false where the version is another one by now. */
  write(value: number, version: string): Promise<boolean>;
  close(): Promise<void> | void;
}

async function increment(register: Register, meter: Meter, backoff: BackoffOptions): Promise<boolean> {
  const askedMs = performance.now();
  for (let tries = 1; ; tries += 1) {
    const { value, version } = await register.read();
    if (await register.write(value + 1, version)) return meter.answered(askedMs);
    if (meter.isOver) return false;
    await systemClock.sleep(backoffDelayMs(tries, backoff, systemIds));
  }
}

async function call(register: Register, meter: Meter, backoff: BackoffOptions): Promise<void> {
  try {
    let goesOn = true;
    while (goesOn && !meter.isOver) goesOn = await increment(register, meter, backoff);
  } catch (error) {
    meter.failed(String(error));
  }
}

function storeRegisters(address: string, key: string, callers: number): Register[] {
  const store = openTenantStore(address);
  const stored = store.keyOf(key);
  const register: Register = {
    async read() {
      const { results } = await store.read([{ start: stored }]);
      const entry = results[0]!.entries[0]!;
      return { value: Number(entry.value.toString()), version: String(entry.revision) };
    },
    async write(value, version) {
      const put = { kind: 'put', key: stored, value: Buffer.from(String(value)), history: 'value' } as const;
      const [outcome] = await store.commit([{ checks: [{ key: stored, revision: Number(version) }], writes: [put] }]);
      if (outcome!.kind === 'failed') throw outcome!.error;
      return outcome!.kind === 'committed';
    },
    close: () => store.close(),
  };
  return Array.from({ length: callers }, () => register);
}

const getDocument = 'query Get($key: String!) { kvGet(key: $key) { version value { text } } }';
const putDocument = 'mutation Put($input: KvPutInput!) { kvPut(input: $input) { __typename } }';

async function httpRegister(port: number, key: string): Promise<Register> {
  let settle: { resolve: (data: never) => void; reject: (error: Error) => void };
  const connection = await HttpConnection.open(port, {
    onAnswer: (_, { bytes, bodyStart, bodyEnd }) => {
      const { data, errors } = JSON.parse(bytes.toString('utf8', bodyStart, bodyEnd)) as {
        data: never;
        errors?: unknown;
      };
      if (errors) settle.reject(new Error(JSON.stringify(errors)));
      else settle.resolve(data);
    },
    onFailure: (_, why) => settle.reject(new Error(why)),
  });
  const send = <Data>(query: string, variables: object): Promise<Data> =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      connection.send(graphqlRequest({ port }, query, variables));
    });
  return {
    async read() {
      const { kvGet } = await send<{ kvGet: { version: string; value: { text: string } } }>(getDocument, { key });
      return { value: Number(kvGet.value.text), version: kvGet.version };
    },
    async write(value, version) {
      const input = { key, value: { text: String(value) }, ifVersion: version };
      const { kvPut } = await send<{ kvPut: { __typename: string } }>(putDocument, { input });
      return kvPut.__typename === 'KvPutSuccess';
    },
    close: () => connection.close(),
  };
}

behave<NaiveCallers>(({ over, key, callers, backoff }) => {
  const run = async (spec: RunSpec): Promise<Measured> => {
    const registers =
      over.kind === 'store'
        ? storeRegisters(over.address, key, callers)
        : await Promise.all(Array.from({ length: callers }, () => httpRegister(over.port, key)));
    const meter = new Meter(spec);
    await Promise.all(registers.map((register) => call(register, meter, backoff)));
    for (const register of registers) await register.close();
    return meter.result();
  };
  return Promise.resolve({ started: true, run });
});
