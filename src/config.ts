/**
 * Every setting of the product, in one table: name, type, default, meaning. The environment is parsed here, once, at
 * start; every fault is reported at the same time, a NORIGATE_ variable that nobody reads included. `docs/configuration.md`
 * and the README show the same table; a test holds them to it.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isLoopback } from './core/loopback';

/** Turns the text of a variable into its value; throws a RangeError that says what it expected. */
type Parse<Value> = (text: string) => Value;

export interface Setting<Value = unknown> {
  /** The kind of value, as the docs show it. */
  readonly type: string;
  /** As one would write it in the environment; empty: not set. */
  readonly default: string;
  readonly description: string;
  readonly parse: Parse<Value>;
  /** Its value is shown to nobody, not in a fault either. */
  readonly isSecret?: boolean;
}

function setting<Value>(type: string, parse: Parse<Value>, fallback: string, description: string): Setting<Value> {
  return { type, default: fallback, description, parse };
}

function whole(minimum: number, maximum: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum)) throw new RangeError(`a whole number from ${minimum} to ${maximum}`);
    return value;
  };
}

function oneOf<const Choice extends string>(...choices: readonly Choice[]): Parse<Choice> {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new RangeError(`one of ${choices.join(', ')}`);
    return found;
  };
}

const flag: Parse<boolean> = (text) => {
  if (text !== 'true' && text !== 'false') throw new RangeError('true or false');
  return text === 'true';
};

const optional =
  <Value>(parse: Parse<Value>): Parse<Value | undefined> =>
  (text) =>
    text === '' ? undefined : parse(text);

const path: Parse<string> = (text) => resolve(text);

const file: Parse<string> = (text) => {
  const at = resolve(text);
  if (!existsSync(at)) throw new RangeError('the path of a file or folder that exists');
  return at;
};

const origins: Parse<readonly string[]> = (text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const url = URL.canParse(part) ? new URL(part) : undefined;
      if (!url || url.origin === 'null' || url.origin !== part.replace(/\/$/, ''))
        throw new RangeError('origins such as https://app.example.com, separated by commas');
      return url.origin;
    });

const address: Parse<string> = (text) => {
  const isTcp =
    /^(\[[0-9a-fA-F:]+\]|[^\s:/[\]]+):\d{1,5}$/.test(text) && Number(text.slice(text.lastIndexOf(':') + 1)) < 65_536;
  if (isTcp) return text;
  if (text.startsWith('unix:')) return `unix:${resolve(text.slice('unix:'.length))}`;
  if (text.includes('/')) return `unix:${resolve(text)}`;
  throw new RangeError('host:port, or the path of a unix socket');
};

/** What others are told to dial. */
const hostMaybePort: Parse<string> = (text) => {
  const found = /^(?:\[[0-9a-fA-F:]+\]|[^\s:/[\]@]+)(?::(\d{1,5}))?$/.exec(text);
  if (!found || Number(found[1] ?? 1) < 1 || Number(found[1] ?? 1) > 65_535)
    throw new RangeError('a host or host:port, without a scheme');
  return text;
};

/** Members of an etcd cluster. */
export interface EtcdEndpoints {
  /** `host:port` each. */
  readonly addresses: readonly string[];
  /** Whether they are spoken to by TLS. */
  readonly isSecure: boolean;
}

const etcdEndpoints: Parse<EtcdEndpoints> = (text) => {
  const parts = text.split(',').map((part) => part.trim().replace(/\/$/, ''));
  const found = parts.map((part) => /^(https?:\/\/)?((?:\[[0-9a-fA-F:]+\]|[^\s:/[\]@]+):(\d{1,5}))$/.exec(part));
  const isSound = found.every((each) => each !== null && Number(each[3]) < 65_536);
  const schemes = new Set(found.map((each) => (each?.[1] === 'https://' ? 'https' : 'http')));
  if (!isSound || schemes.size > 1)
    throw new RangeError('host:port or URLs of etcd, separated by commas, all with http or all with https');
  return { addresses: found.map((each) => each![2]!), isSecure: schemes.has('https') };
};

/** Behind it lies one store; keys stay well below what etcd takes. */
const etcdPrefix: Parse<string> = (text) => {
  if (!/^[\x21-\x7e]{1,128}$/.test(text)) throw new RangeError('1 to 128 bytes of printable ASCII without spaces');
  return text;
};

/** Long enough not to be guessed. Its value is in no message. */
const operatorKey: Parse<string> = (text) => {
  if (!/^[\x21-\x7e]{32,512}$/.test(text)) throw new RangeError('32 to 512 bytes of printable ASCII without spaces');
  return text;
};

/** Of a key set: what an issuer publishes is fetched in the clear only from this machine. */
const keySet: Parse<string> = (text) => {
  if (!/^https?:\/\//.test(text)) return file(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol === 'http:' && !isLoopback(url.hostname)))
    throw new RangeError('the path of a file that exists, or an https URL');
  return text;
};

/** Of a service that is given texts, and perhaps a key. Whoever looks at the settings must not find a password in it. */
const service: Parse<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!isPlain || !/^https?:$/.test(url.protocol))
    throw new RangeError(
      'an http or https URL such as https://api.example.com/v1, without a password and without ? or #',
    );
  return text;
};

/** What can stand in a header. Its value is in no message. */
const headerToken: Parse<string> = (text) => {
  if (!/^[\x21-\x7e]{1,4096}$/.test(text)) throw new RangeError('1 to 4096 bytes of printable ASCII without spaces');
  return text;
};

const modelName: Parse<string> = (text) => {
  if (!/^[\x21-\x7e]{1,200}$/.test(text)) throw new RangeError('1 to 200 bytes of printable ASCII without spaces');
  return text;
};

const secretBytesMin = 32;

const secret: Parse<Buffer> = (text) => {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < secretBytesMin) throw new RangeError(`a text of at least ${secretBytesMin} bytes`);
  return bytes;
};

const dayMs = 86_400_000;
const etcdMarkKeepMs = 3_600_000;

/** Every variable that the product reads. */
export const settings = {
  PORT: setting('number', whole(0, 65_535), '4000', 'Port of the HTTP server; 0: any free one.'),
  HOST: setting(
    'string',
    String,
    '127.0.0.1',
    'Address that the HTTP server listens on. In development mode only a loopback address.',
  ),
  DATA_DIR: setting('path', path, './data', 'Directory of the data; made at the first start.'),
  NORIGATE_ENGINE: setting(
    'lmdb | etcd | memory',
    oneOf('lmdb', 'etcd', 'memory'),
    'lmdb',
    'Where storage keeps its data: in DATA_DIR, in an etcd cluster, or nowhere: `memory` forgets everything at its end.',
  ),
  NORIGATE_ETCD_ENDPOINTS: setting(
    'list of addresses',
    optional(etcdEndpoints),
    '',
    'The members of etcd, host:port or URLs, separated by commas; what the engine `etcd` needs, with NORIGATE_SECRET. An https URL turns TLS on.',
  ),
  NORIGATE_ETCD_PREFIX: setting(
    'string',
    etcdPrefix,
    'norigate/',
    'What stands before every key in etcd; the same for all storage processes of one store.',
  ),
  NORIGATE_ETCD_USER: setting(
    'string',
    optional(String),
    '',
    'The user of etcd; together with NORIGATE_ETCD_PASSWORD.',
  ),
  NORIGATE_ETCD_PASSWORD: {
    ...setting('secret', optional(String), '', 'The password of that user.'),
    isSecret: true,
  },
  NORIGATE_ETCD_TLS_CA: setting(
    'file',
    optional(file),
    '',
    "Authority (PEM) of etcd's certificates; turns TLS on. Left out: those that Node trusts.",
  ),
  NORIGATE_ETCD_TLS_CERT: setting(
    'file',
    optional(file),
    '',
    'Certificate (PEM) that storage shows to etcd; together with NORIGATE_ETCD_TLS_KEY.',
  ),
  NORIGATE_ETCD_TLS_KEY: setting('file', optional(file), '', 'Private key (PEM) for it.'),
  NORIGATE_STORAGE: setting(
    'address',
    optional(address),
    '',
    'Where `norigate storage` listens and `norigate gateway` connects: host:port, or a unix socket. Left out: `storage.sock` in DATA_DIR. Set for `norigate` itself: a storage tier that runs already.',
  ),
  NORIGATE_AUTH: setting(
    'development | required',
    oneOf('development', 'required'),
    'development',
    'How callers show who they are. `development`: the tenant is what the header `x-tenant-id` says, on loopback only. `required`: by an API key or a JWT.',
  ),
  NORIGATE_OPERATOR_KEY: {
    ...setting(
      'secret',
      optional(operatorKey),
      '',
      'The credential of operators, who manage tenants: at least 32 bytes. Left out: everyone is an operator in development mode, and nobody where credentials are required.',
    ),
    isSecret: true,
  },
  NORIGATE_JWT_ISSUER: setting(
    'string',
    optional(String),
    '',
    'The issuer (`iss`) whose tokens are taken; together with NORIGATE_JWT_AUDIENCE and NORIGATE_JWT_JWKS.',
  ),
  NORIGATE_JWT_AUDIENCE: setting('string', optional(String), '', 'The audience (`aud`) that tokens must be for.'),
  NORIGATE_JWT_JWKS: setting(
    'file | URL',
    optional(keySet),
    '',
    'The keys of the issuer, a JSON Web Key Set: a file that is read at the start, or an https URL that is fetched when it is needed.',
  ),
  NORIGATE_JWT_TENANT_CLAIM: setting('string', String, 'tenant', "The claim that says the caller's tenant."),
  NORIGATE_JWT_ROLE_CLAIM: setting(
    'string',
    String,
    'role',
    'The claim that says READER, WRITER or ADMIN; a token without it reads.',
  ),
  NORIGATE_SECRET: {
    ...setting(
      'secret',
      optional(secret),
      '',
      'The server secret, at least 32 bytes, the same for all gateways: tokens of sessions and what stands for users in keys are derived from it. Left out: the file `secret` in DATA_DIR, which storage makes at its first start.',
    ),
    isSecret: true,
  },
  NORIGATE_TLS_CERT: setting(
    'file',
    optional(file),
    '',
    'Certificate chain (PEM) of the HTTP server; together with NORIGATE_TLS_KEY.',
  ),
  NORIGATE_TLS_KEY: setting('file', optional(file), '', 'Private key (PEM) of the HTTP server.'),
  NORIGATE_NORIKV_PORT: setting(
    'number',
    optional(whole(0, 65_535)),
    '',
    "Port on which storage serves NoriKV's clients; 0: any free one. Left out: it does not.",
  ),
  NORIGATE_NORIKV_HOST: setting(
    'string',
    String,
    '127.0.0.1',
    'Address for it. Its clients have no credentials: whoever reaches it reads and writes.',
  ),
  NORIGATE_NORIKV_ADVERTISE: setting(
    'host or host:port',
    optional(hostMaybePort),
    '',
    'What they are told to dial. Left out: `NORIGATE_NORIKV_HOST`, or where that is all addresses, one of the machine.',
  ),
  NORIGATE_NORIKV_TENANT: setting('string', String, 'default', "Whose data NoriKV's clients see."),
  NORIGATE_STORAGE_TLS_CERT: setting(
    'file',
    optional(file),
    '',
    'Certificate chain (PEM) that `norigate storage` shows on a host:port, and a gateway where storage asks for one; together with NORIGATE_STORAGE_TLS_KEY.',
  ),
  NORIGATE_STORAGE_TLS_KEY: setting('file', optional(file), '', 'Private key (PEM) for it.'),
  NORIGATE_STORAGE_TLS_CA: setting(
    'file',
    optional(file),
    '',
    'Authority (PEM) whose certificates the other side must show: gateways to storage, storage to gateways. Turns TLS on in a gateway.',
  ),
  NORIGATE_ALLOWED_ORIGINS: setting(
    'list of origins',
    origins,
    '',
    'Web origins beside our own that may send requests and open WebSockets, separated by commas.',
  ),
  NORIGATE_INTROSPECTION: setting(
    'boolean',
    flag,
    'true',
    'Whether clients may ask for the schema; off also turns suggestions off.',
  ),
  NORIGATE_GRAPHIQL: setting('boolean', flag, 'true', 'Whether /graphiql is served.'),
  NORIGATE_DOCUMENTS: setting(
    'folder',
    optional(file),
    '',
    'Folder of trusted documents (*.graphql, and *.json with documents by id), which a request may name by `documentId`.',
  ),
  NORIGATE_DOCUMENTS_ONLY: setting('boolean', flag, 'false', 'Whether nothing but the trusted documents is run.'),
  NORIGATE_BODY_BYTES_MAX: setting(
    'bytes',
    whole(1_024, 67_108_864),
    '2097152',
    'A request body, and a WebSocket message.',
  ),
  NORIGATE_DEPTH_MAX: setting('number', whole(1, 1_000), '20', 'How deep the fields of a document may be nested.'),
  NORIGATE_ALIASES_MAX: setting('number', whole(0, 100_000), '100', 'Aliases of a document, fragments spread.'),
  NORIGATE_TOKENS_MAX: setting(
    'number',
    whole(10, 1_000_000),
    '5000',
    'Tokens of a document; also its fields once fragments are spread.',
  ),
  NORIGATE_DIRECTIVES_MAX: setting('number', whole(0, 100_000), '50', 'Directives of a document, fragments spread.'),
  NORIGATE_ROOT_FIELDS_MAX: setting('number', whole(1, 100_000), '50', 'Root fields of a mutation.'),
  NORIGATE_SUBSCRIPTIONS_MAX: setting(
    'number',
    whole(1, 100_000),
    '200',
    'Operations open at once on one WebSocket; past it the new one is OVERLOADED.',
  ),
  NORIGATE_CONNECTIONS_MAX: setting(
    'number',
    whole(1, 1_000_000),
    '10000',
    'HTTP connections and WebSockets open at once; more are closed at once.',
  ),
  NORIGATE_SLOW_CONSUMER_MS: setting(
    'milliseconds',
    whole(100, 3_600_000),
    '30000',
    'How long a subscriber may take nothing before it is ended with SLOW_CONSUMER.',
  ),
  NORIGATE_TENANT_SUBSCRIPTIONS_MAX: setting(
    'number',
    whole(1, 10_000_000),
    '10000',
    'Subscriptions that a tenant may have open on a gateway, over WebSocket and server-sent events together; past it the new one is OVERLOADED.',
  ),
  NORIGATE_HEARTBEAT_MS: setting(
    'milliseconds',
    whole(100, 3_600_000),
    '12000',
    'Between signs of life on open connections: pings of WebSockets, comments of event streams. A socket that leaves a ping unanswered until the next is given up.',
  ),
  NORIGATE_STORE_DEADLINE_MS: setting(
    'milliseconds',
    whole(50, 600_000),
    '5000',
    'How long one operation on storage may take.',
  ),
  NORIGATE_WORKERS: setting(
    'number',
    whole(1, 64),
    '1',
    'Gateway processes that share the port, for machines with more cores; each is a gateway of its own.',
  ),
  NORIGATE_STOP_DEADLINE_MS: setting(
    'milliseconds',
    whole(0, 600_000),
    '10000',
    'How long a graceful stop waits for what still runs.',
  ),
  NORIGATE_DRAIN_MS: setting(
    'milliseconds',
    whole(0, 600_000),
    '0',
    'How long a stop that was asked for still serves while /readyz says 503, so that load balancers turn away first; a part of NORIGATE_STOP_DEADLINE_MS.',
  ),
  NORIGATE_RATE_LIMIT: setting(
    'number',
    optional(whole(1, 2_147_483_647)),
    '',
    'GraphQL requests of a tenant in NORIGATE_RATE_LIMIT_WINDOW_MS, over all gateways; past it 429 and RATE_LIMITED. Left out: any number.',
  ),
  NORIGATE_RATE_LIMIT_PER_KEY: setting(
    'number',
    optional(whole(1, 2_147_483_647)),
    '',
    'GraphQL requests with one API key in NORIGATE_RATE_LIMIT_WINDOW_MS, likewise. Left out: any number.',
  ),
  NORIGATE_RATE_LIMIT_WINDOW_MS: setting(
    'milliseconds',
    whole(1_000, dayMs),
    '60000',
    'The time that NORIGATE_RATE_LIMIT and NORIGATE_RATE_LIMIT_PER_KEY count in.',
  ),
  NORIGATE_CACHE_ENTRIES_MAX: setting(
    'number',
    whole(0, 100_000_000),
    '10000',
    "Entries of a tenant's cache on a gateway; 0: nothing is remembered.",
  ),
  NORIGATE_CACHE_BYTES_MAX: setting(
    'bytes',
    whole(0, 1_099_511_627_776),
    '67108864',
    'Keys and values in the caches of all tenants on a gateway.',
  ),
  NORIGATE_CACHE_TTL_MS: setting(
    'milliseconds',
    whole(1, dayMs),
    '60000',
    'After so long the cache reads an entry anew, even where nothing has changed.',
  ),
  NORIGATE_HISTORY_MS: setting('milliseconds', whole(1_000, 30 * dayMs), '3600000', 'How long the change log is kept.'),
  NORIGATE_HISTORY_BYTES_MAX: setting(
    'bytes',
    whole(1_048_576, 1_099_511_627_776),
    '1073741824',
    'Size past which the oldest part of the change log goes, however young.',
  ),
  NORIGATE_MARK_KEEP_MS: setting(
    'milliseconds',
    whole(60_000, 30 * dayMs),
    '86400000',
    'How long an idempotencyKey is remembered. On etcd an hour, where it is not set.',
  ),
  NORIGATE_VECTOR_MEMORY_BYTES_MAX: setting(
    'bytes',
    whole(0, 1_099_511_627_776),
    '1073741824',
    'What the vector indexes of a storage process may take in memory; those not used for longest go first, and one that is larger is searched by reading all its rows.',
  ),
  NORIGATE_VECTOR_SNAPSHOT_MS: setting(
    'milliseconds',
    whole(1_000, dayMs),
    '300000',
    'How often vector indexes that have changed are written down, beside the data; at a graceful stop too.',
  ),
  NORIGATE_EMBEDDINGS: setting(
    'offline | hashed | openai',
    oneOf('offline', 'hashed', 'openai'),
    'offline',
    'What turns texts into vectors. `offline`: a model for English on this machine. `openai`: a server with that interface. `hashed`: words alone, without meaning.',
  ),
  NORIGATE_EMBEDDINGS_URL: setting(
    'URL',
    optional(service),
    '',
    'Where `/embeddings` of that server lies, such as https://api.openai.com/v1; together with NORIGATE_EMBEDDINGS_MODEL and NORIGATE_EMBEDDINGS_DIMENSIONS.',
  ),
  NORIGATE_EMBEDDINGS_MODEL: setting('string', optional(modelName), '', 'The model that the server is asked for.'),
  NORIGATE_EMBEDDINGS_DIMENSIONS: setting(
    'number',
    optional(whole(1, 4_096)),
    '',
    'Dimensions of its vectors; an answer with another number is refused.',
  ),
  NORIGATE_EMBEDDINGS_ASK_DIMENSIONS: setting(
    'boolean',
    flag,
    'false',
    'Whether the model is asked for that many dimensions, for models that can give several.',
  ),
  NORIGATE_EMBEDDINGS_KEY: {
    ...setting(
      'secret',
      optional(headerToken),
      '',
      'Sent to the server as `Authorization: Bearer`; left out: nothing is.',
    ),
    isSecret: true,
  },
  NORIGATE_EMBEDDINGS_BATCH_MAX: setting('number', whole(1, 2_048), '64', 'Texts in one request to the server.'),
  NORIGATE_EMBEDDINGS_PART_CHARS_MAX: setting(
    'number',
    whole(100, 100_000),
    '4000',
    'Characters that the model reads at once; longer texts are cut, and the vectors of their parts averaged.',
  ),
  NORIGATE_EMBEDDINGS_TIMEOUT_MS: setting(
    'milliseconds',
    whole(100, 600_000),
    '15000',
    'How long one request to the server may take.',
  ),
  NORIGATE_EMBEDDINGS_BUDGET_MS: setting(
    'milliseconds',
    whole(100, 600_000),
    '30000',
    'How long the texts of one operation may take, with all tries.',
  ),
  NORIGATE_EMBEDDINGS_CACHE_BYTES_MAX: setting(
    'bytes',
    whole(0, 1_099_511_627_776),
    '67108864',
    'Vectors of texts that a gateway remembers, so that they are not made again; 0: none.',
  ),
  NORIGATE_TASTE_HALF_LIFE_MS: setting(
    'milliseconds',
    whole(1_000, 3_650 * dayMs),
    '2592000000',
    'After so long an interaction counts half for recommendations, the same on all gateways.',
  ),
  NORIGATE_LOG_LEVEL: setting(
    'trace | debug | info | warn | error | fatal | silent',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'What is logged.',
  ),
  NORIGATE_LOG_FORMAT: setting(
    'auto | pretty | json',
    oneOf('auto', 'pretty', 'json'),
    'auto',
    'How it is written; `auto`: for people on a terminal, JSON lines elsewhere.',
  ),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;

type Values = { readonly [Name in SettingName]: ReturnType<(typeof settings)[Name]['parse']> };

/** The parsed settings, by the names of their variables. */
export interface Config extends Values {
  /** gRPC address of the storage tier: NORIGATE_STORAGE, or the socket in DATA_DIR. */
  readonly storageAddress: string;
}

/** What is wrong with the environment, all of it. */
export class ConfigError extends Error {
  /** One sentence for each fault. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Parses the environment. Throws ConfigError with every fault in it. A variable that is set but empty counts as not set. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(settings)) {
    const given = environment[name];
    const text = given === undefined || given === '' ? spec.default : given;
    try {
      values[name] = spec.parse(text);
    } catch (error) {
      const isShown = !('isSecret' in spec);
      const found = isShown ? `it is ${JSON.stringify(text)}` : `it has ${Buffer.byteLength(text, 'utf8')}`;
      faults.push(`${name} must be ${(error as Error).message}; ${found}.`);
    }
  }
  const unknown = Object.keys(environment).filter((name) => name.startsWith('NORIGATE_') && !(name in settings));
  const links = unknown.filter((name) => isServiceLink(name, environment[name] ?? ''));
  for (const name of unknown.filter((each) => !links.includes(each)))
    faults.push(`${name} is not a setting. ${suggestion(name)}`);
  if (links.length > 0)
    faults.push(
      `${links.join(', ')} ${links.length === 1 ? 'is not a setting' : 'are not settings'}: Kubernetes sets such variables for every Service. Say enableServiceLinks: false in the pod.`,
    );
  faults.push(...crossFaults(values as unknown as Values, environment));
  if (faults.length > 0) throw new ConfigError(faults);
  const parsed = values as unknown as Values;
  // etcd holds 8 GiB at most.
  const isShort = parsed.NORIGATE_ENGINE === 'etcd' && (environment['NORIGATE_MARK_KEEP_MS'] ?? '') === '';
  return {
    ...parsed,
    ...(isShort && { NORIGATE_MARK_KEEP_MS: etcdMarkKeepMs }),
    storageAddress: parsed.NORIGATE_STORAGE ?? `unix:${resolve(parsed.DATA_DIR, 'storage.sock')}`,
  };
}

/** The rules between settings. Values that did not parse are undefined here. */
function crossFaults(values: Values, environment: Readonly<Record<string, string | undefined>>): string[] {
  const faults: string[] = [];
  const isGiven = (name: SettingName): boolean => (environment[name] ?? '') !== '';
  if (values.NORIGATE_AUTH === 'development' && !isLoopback(values.HOST))
    faults.push(
      `HOST must be a loopback address (127.0.0.1, ::1, localhost) while NORIGATE_AUTH is development, since there everyone is let in; it is ${JSON.stringify(values.HOST)}.`,
    );
  faults.push(...etcdFaults(values, isGiven));
  if (isGiven('NORIGATE_STORAGE_TLS_CERT') !== isGiven('NORIGATE_STORAGE_TLS_KEY'))
    faults.push('NORIGATE_STORAGE_TLS_CERT and NORIGATE_STORAGE_TLS_KEY go together; only one of them is set.');
  const jwt = ['NORIGATE_JWT_ISSUER', 'NORIGATE_JWT_AUDIENCE', 'NORIGATE_JWT_JWKS'] as const;
  const jwtGiven = jwt.filter(isGiven);
  if (jwtGiven.length > 0 && jwtGiven.length < jwt.length)
    faults.push(`${jwt.join(', ')} go together; set are only ${jwtGiven.join(' and ')}.`);
  if (isGiven('NORIGATE_TLS_CERT') !== isGiven('NORIGATE_TLS_KEY'))
    faults.push('NORIGATE_TLS_CERT and NORIGATE_TLS_KEY go together; only one of them is set.');
  if (
    isGiven('NORIGATE_RATE_LIMIT_WINDOW_MS') &&
    !isGiven('NORIGATE_RATE_LIMIT') &&
    !isGiven('NORIGATE_RATE_LIMIT_PER_KEY')
  )
    faults.push(
      'NORIGATE_RATE_LIMIT_WINDOW_MS needs NORIGATE_RATE_LIMIT or NORIGATE_RATE_LIMIT_PER_KEY, the number of requests in that time.',
    );
  if (values.NORIGATE_DOCUMENTS_ONLY && !isGiven('NORIGATE_DOCUMENTS'))
    faults.push('NORIGATE_DOCUMENTS_ONLY needs NORIGATE_DOCUMENTS, the folder of the documents that may run.');
  faults.push(...embeddingFaults(values, isGiven));
  return faults;
}

function etcdFaults({ NORIGATE_ENGINE }: Values, isGiven: (name: SettingName) => boolean): string[] {
  const faults: string[] = [];
  if (NORIGATE_ENGINE === 'etcd') {
    for (const name of ['NORIGATE_ETCD_ENDPOINTS', 'NORIGATE_SECRET'] as const)
      if (!isGiven(name)) faults.push(`${name} must be set where NORIGATE_ENGINE is etcd.`);
  } else if (isGiven('NORIGATE_ETCD_ENDPOINTS')) faults.push('NORIGATE_ETCD_ENDPOINTS needs NORIGATE_ENGINE=etcd.');
  if (isGiven('NORIGATE_ETCD_USER') !== isGiven('NORIGATE_ETCD_PASSWORD'))
    faults.push('NORIGATE_ETCD_USER and NORIGATE_ETCD_PASSWORD go together; only one of them is set.');
  if (isGiven('NORIGATE_ETCD_TLS_CERT') !== isGiven('NORIGATE_ETCD_TLS_KEY'))
    faults.push('NORIGATE_ETCD_TLS_CERT and NORIGATE_ETCD_TLS_KEY go together; only one of them is set.');
  return faults;
}

/** A server needs to be said in full, and what is for a server alone needs one. */
function embeddingFaults(values: Values, isGiven: (name: SettingName) => boolean): string[] {
  const { NORIGATE_EMBEDDINGS: kind, NORIGATE_EMBEDDINGS_URL: url } = values;
  const needed = ['NORIGATE_EMBEDDINGS_URL', 'NORIGATE_EMBEDDINGS_MODEL', 'NORIGATE_EMBEDDINGS_DIMENSIONS'] as const;
  const ofServer = [...needed, 'NORIGATE_EMBEDDINGS_ASK_DIMENSIONS', 'NORIGATE_EMBEDDINGS_KEY'] as const;
  const wrong = kind === 'openai' ? needed.filter((name) => !isGiven(name)) : ofServer.filter(isGiven);
  if (kind === undefined) return [];
  if (wrong.length > 0)
    return kind === 'openai'
      ? [`NORIGATE_EMBEDDINGS=openai needs ${wrong.join(' and ')}.`]
      : [`${wrong.join(', ')} need NORIGATE_EMBEDDINGS=openai; it is ${kind}.`];
  const isOpen = url !== undefined && url.startsWith('http:') && !isLoopback(new URL(url).hostname);
  return isOpen && isGiven('NORIGATE_EMBEDDINGS_KEY')
    ? [
        'NORIGATE_EMBEDDINGS_KEY would be sent in the clear: NORIGATE_EMBEDDINGS_URL must begin with https, or be on this machine.',
      ]
    : [];
}

/** What a pod is given for a Service whose name begins with ours: its host, its ports, and addresses such as tcp://10.0.0.1:4000. */
function isServiceLink(name: string, value: string): boolean {
  if (/_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?)$/.test(name)) return true;
  return (
    /_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/.test(name) &&
    (/\d_(TCP|UDP|SCTP)/.test(name) || value.includes('://'))
  );
}

function suggestion(name: string): string {
  const known = Object.keys(settings);
  const nearest = known.map((each) => ({ each, far: editDistance(name, each) })).sort((a, b) => a.far - b.far)[0]!;
  return nearest.far <= Math.max(2, (name.length - 'NORIGATE_'.length) / 3)
    ? `Did you mean ${nearest.each}?`
    : 'See `norigate --help` for all settings.';
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
