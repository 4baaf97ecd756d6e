/** The environment is read once, and everything that is wrong with it is said at once. */
import { tmpdir } from 'node:os';
import { ConfigError, readConfig, settings } from '../../src/config';
import { isLoopback } from '../../src/core/loopback';

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('stands without any variable, with the defaults of the table', () => {
    const config = readConfig({ PATH: '/bin', NODE_ENV: 'production' });
    for (const [name, { default: text, parse }] of Object.entries(settings))
      expect(config[name as keyof typeof settings]).toEqual(parse(text));
    expect(config.storageAddress).toMatch(/^unix:\/.*\/data\/storage\.sock$/);
    expect([config.PORT, config.HOST, config.NORIGATE_ENGINE, config.NORIGATE_DEPTH_MAX]).toEqual([
      4_000,
      '127.0.0.1',
      'lmdb',
      20,
    ]);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ PORT: '', NORIGATE_STORAGE: '' }).PORT).toBe(4_000);
  });

  it('reports every fault at once, with the value and the rule', () => {
    const faults = faultsOf({
      PORT: '70000',
      NORIGATE_DEPTH_MAX: 'deep',
      NORIGATE_LOG_LEVEL: 'loud',
      NORIGATE_GRAPHIQL: 'yes',
    });
    expect(faults).toEqual([
      'PORT must be a whole number from 0 to 65535; it is "70000".',
      'NORIGATE_GRAPHIQL must be true or false; it is "yes".',
      'NORIGATE_DEPTH_MAX must be a whole number from 1 to 1000; it is "deep".',
      'NORIGATE_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent; it is "loud".',
    ]);
  });

  it('refuses a variable that nobody reads and suggests the nearest one', () => {
    expect(faultsOf({ NORIGATE_ENGIN: 'lmdb' })).toEqual([
      'NORIGATE_ENGIN is not a setting. Did you mean NORIGATE_ENGINE?',
    ]);
    expect(faultsOf({ NORIGATE_COMPLETELY_DIFFERENT_THING: '1' })[0]).toContain('norigate --help');
  });

  it('says how to be rid of what Kubernetes sets for a Service that is called as the program is', () => {
    const links = {
      NORIGATE_SERVICE_HOST: '10.0.0.7',
      NORIGATE_SERVICE_PORT: '4000',
      NORIGATE_PORT: 'tcp://10.0.0.7:4000',
      NORIGATE_PORT_4000_TCP_ADDR: '10.0.0.7',
    };
    expect(faultsOf({ ...links, NORIGATE_ENGIN: 'lmdb' })).toEqual([
      'NORIGATE_ENGIN is not a setting. Did you mean NORIGATE_ENGINE?',
      `${Object.keys(links).join(', ')} are not settings: Kubernetes sets such variables for every Service. Say enableServiceLinks: false in the pod.`,
    ]);
    expect(faultsOf({ NORIGATE_EDGE_SERVICE_PORT_HTTP: '80' })[0]).toContain('enableServiceLinks: false');
    // That one is a person's.
    expect(faultsOf({ NORIGATE_PORT: '4000' })[0]).not.toContain('enableServiceLinks');
  });

  it('wants what etcd needs, and reads its members', () => {
    expect(faultsOf({ NORIGATE_ENGINE: 'etcd' })).toEqual([
      'NORIGATE_ETCD_ENDPOINTS must be set where NORIGATE_ENGINE is etcd.',
      'NORIGATE_SECRET must be set where NORIGATE_ENGINE is etcd.',
    ]);
    const needed = { NORIGATE_ENGINE: 'etcd', NORIGATE_SECRET: 'x'.repeat(32) };
    const endpoints = (NORIGATE_ETCD_ENDPOINTS: string) =>
      readConfig({ ...needed, NORIGATE_ETCD_ENDPOINTS }).NORIGATE_ETCD_ENDPOINTS;
    expect(endpoints('a:2379, http://b:2379/,[::1]:1')).toEqual({
      addresses: ['a:2379', 'b:2379', '[::1]:1'],
      isSecure: false,
    });
    expect(endpoints('https://a:1,https://b:2')).toEqual({ addresses: ['a:1', 'b:2'], isSecure: true });
    for (const wrong of ['a', 'a:1,https://b:1', 'a:70000', 'http://u:p@a:1', 'a:1,', 'a:1/path'])
      expect(faultsOf({ ...needed, NORIGATE_ETCD_ENDPOINTS: wrong })[0]).toContain('host:port or URLs of etcd');
    expect(faultsOf({ NORIGATE_ETCD_ENDPOINTS: 'a:1' })).toEqual([
      'NORIGATE_ETCD_ENDPOINTS needs NORIGATE_ENGINE=etcd.',
    ]);
    const password = 'hunter2-hunter2';
    const faults = faultsOf({ ...needed, NORIGATE_ETCD_ENDPOINTS: 'a:1', NORIGATE_ETCD_PASSWORD: password });
    expect(faults).toHaveLength(1);
    expect(faults[0]).not.toContain(password);
  });

  it('binds to loopback only in development mode', () => {
    for (const HOST of ['0.0.0.0', '::', '192.168.1.5', 'example.com', '127.evil.example'])
      expect(faultsOf({ HOST })[0]).toContain('loopback');
    for (const HOST of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) expect(faultsOf({ HOST })).toEqual([]);
    expect([isLoopback('[::1]'), isLoopback('a.localhost'), isLoopback('127.0.0.1.evil.example')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('binds to any address where credentials are required', () => {
    expect(faultsOf({ NORIGATE_AUTH: 'required', HOST: '0.0.0.0' })).toEqual([]);
  });

  it('wants an operator key that cannot be guessed, and does not show the one it was given', () => {
    const faults = faultsOf({ NORIGATE_OPERATOR_KEY: 'very-secret' });
    expect(faults).toEqual([expect.stringMatching(/^NORIGATE_OPERATOR_KEY must be 32 to 512 bytes .*; it has 11\.$/)]);
    expect(faults.join()).not.toContain('very-secret');
    for (const key of ['x'.repeat(31), `${'x'.repeat(32)} y`, 'ü'.repeat(32), 'x'.repeat(513)])
      expect(faultsOf({ NORIGATE_OPERATOR_KEY: key })).toHaveLength(1);
    expect(faultsOf({ NORIGATE_OPERATOR_KEY: 'x'.repeat(32) })).toEqual([]);
  });

  it('wants issuer, audience and keys of tokens together, and keys that nobody on the way can change', () => {
    expect(faultsOf({ NORIGATE_JWT_ISSUER: 'https://issuer.example' })).toEqual([
      'NORIGATE_JWT_ISSUER, NORIGATE_JWT_AUDIENCE, NORIGATE_JWT_JWKS go together; set are only NORIGATE_JWT_ISSUER.',
    ]);
    const jwt = { NORIGATE_JWT_ISSUER: 'https://issuer.example', NORIGATE_JWT_AUDIENCE: 'norigate' };
    for (const keys of ['http://issuer.example/keys', '/no/such/file', 'https://'])
      expect(faultsOf({ ...jwt, NORIGATE_JWT_JWKS: keys })[0]).toContain('NORIGATE_JWT_JWKS must be');
    for (const keys of ['https://issuer.example/keys', 'http://127.0.0.1:9/keys', __filename])
      expect(faultsOf({ ...jwt, NORIGATE_JWT_JWKS: keys })).toEqual([]);
  });

  it('wants a server of embeddings said in full, and no secret sent in the clear', () => {
    const server = {
      NORIGATE_EMBEDDINGS: 'openai',
      NORIGATE_EMBEDDINGS_URL: 'https://api.example.com/v1',
      NORIGATE_EMBEDDINGS_MODEL: 'text-model',
      NORIGATE_EMBEDDINGS_DIMENSIONS: '1536',
    };
    expect(faultsOf({ ...server, NORIGATE_EMBEDDINGS_KEY: 'k' })).toEqual([]);
    expect(faultsOf({ ...server, NORIGATE_EMBEDDINGS_MODEL: '' })).toEqual([
      'NORIGATE_EMBEDDINGS=openai needs NORIGATE_EMBEDDINGS_MODEL.',
    ]);
    expect(faultsOf({ NORIGATE_EMBEDDINGS_KEY: 'very-secret' })).toEqual([
      'NORIGATE_EMBEDDINGS_KEY need NORIGATE_EMBEDDINGS=openai; it is offline.',
    ]);
    for (const url of ['ftp://a', 'api.example.com', 'https://user:pass@a/v1', 'https://a/v1?key=k'])
      expect(faultsOf({ ...server, NORIGATE_EMBEDDINGS_URL: url })[0]).toContain('NORIGATE_EMBEDDINGS_URL must be');
    const clear = { ...server, NORIGATE_EMBEDDINGS_URL: 'http://embeddings:8080' };
    expect(faultsOf(clear)).toEqual([]);
    expect(faultsOf({ ...clear, NORIGATE_EMBEDDINGS_KEY: 'k' })[0]).toContain('in the clear');
    expect(
      faultsOf({ ...server, NORIGATE_EMBEDDINGS_URL: 'http://127.0.0.1:8080', NORIGATE_EMBEDDINGS_KEY: 'k' }),
    ).toEqual([]);
    expect(faultsOf({ ...server, NORIGATE_EMBEDDINGS_DIMENSIONS: '5000' })[0]).toContain('from 1 to 4096');
    expect(faultsOf({ ...server, NORIGATE_EMBEDDINGS_KEY: 'very secret' }).join()).not.toContain('very');
  });

  it('never shows the value of a variable that it does not know', () => {
    expect(faultsOf({ NORIGATE_PASSWORD: 'very-secret' }).join()).not.toContain('very-secret');
  });

  it('knows addresses, origins, and settings that need each other', () => {
    expect(readConfig({ NORIGATE_STORAGE: 'localhost:5000' }).storageAddress).toBe('localhost:5000');
    expect(readConfig({ NORIGATE_STORAGE: '/tmp/x.sock' }).storageAddress).toBe('unix:/tmp/x.sock');
    expect(faultsOf({ NORIGATE_STORAGE: 'nonsense' })).toHaveLength(1);
    expect(
      readConfig({ NORIGATE_ALLOWED_ORIGINS: 'https://a.example, http://b.example:81' }).NORIGATE_ALLOWED_ORIGINS,
    ).toEqual(['https://a.example', 'http://b.example:81']);
    expect(faultsOf({ NORIGATE_ALLOWED_ORIGINS: 'https://a.example/path' })).toHaveLength(1);
    expect(faultsOf({ NORIGATE_TLS_CERT: tmpdir() })[0]).toContain('go together');
    expect(faultsOf({ NORIGATE_DOCUMENTS_ONLY: 'true' })[0]).toContain('needs NORIGATE_DOCUMENTS');
    expect(faultsOf({ NORIGATE_DOCUMENTS: '/no/such/folder' })[0]).toContain('exists');
  });
});
