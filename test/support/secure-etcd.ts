/** One member of etcd that speaks TLS only and asks for certificates of clients, and authorities that sign them, made by openssl. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/core/clock';
import { EtcdChannel } from '../../storage/etcd/channel';
import type { EtcdTls } from '../../storage/etcd/channel';
import { methods } from '../../storage/etcd/messages';
import { freePorts } from './etcd';

const run = promisify(execFile);

/** An authority, in a directory of its own. */
export class Authority {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'norigate-authority-')));
    const { caFile, directory } = authority;
    const subject = ['-subj', '/CN=authority of a test', '-days', '2', '-nodes', '-newkey', 'rsa:2048'];
    await run('openssl', ['req', '-x509', ...subject, '-keyout', join(directory, 'ca.key'), '-out', caFile]);
    return authority;
  }

  get caFile(): string {
    return join(this.directory, 'ca.pem');
  }

  /** A certificate for 127.0.0.1, both to serve with and to show. */
  async sign(name: string): Promise<{ readonly certFile: string; readonly keyFile: string }> {
    const file = (end: string): string => join(this.directory, `${name}.${end}`);
    const [certFile, keyFile] = [file('pem'), file('key')];
    await writeFile(file('ext'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
    const request = ['-subj', `/CN=${name}`, '-nodes', '-newkey', 'rsa:2048', '-keyout', keyFile, '-out', file('csr')];
    await run('openssl', ['req', ...request]);
    const signer = ['-CA', this.caFile, '-CAkey', join(this.directory, 'ca.key'), '-CAcreateserial', '-days', '2'];
    await run('openssl', ['x509', '-req', '-in', file('csr'), ...signer, '-extfile', file('ext'), '-out', certFile]);
    return { certFile, keyFile };
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}

export class SecureEtcd {
  readonly endpoint: string;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(endpoint: string, process: ChildProcess, directory: string) {
    this.endpoint = endpoint;
    this.#process = process;
    this.#directory = directory;
  }

  /** Resolves when it answers a client that shows `client`. */
  static async start(authority: Authority, client: EtcdTls): Promise<SecureEtcd> {
    const directory = await mkdtemp(join(tmpdir(), 'norigate-etcd-'));
    const { certFile, keyFile } = await authority.sign('etcd');
    const [port, peer] = await freePorts(2);
    const endpoint = `127.0.0.1:${port}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const args = ['--name', 'm0', '--data-dir', join(directory, 'm0'), '--unsafe-no-fsync'];
    args.push('--listen-client-urls', `https://${endpoint}`, '--advertise-client-urls', `https://${endpoint}`);
    args.push('--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl);
    args.push('--initial-cluster', `m0=${peerUrl}`, '--cert-file', certFile, '--key-file', keyFile);
    args.push('--client-cert-auth', '--trusted-ca-file', authority.caFile, '--logger', 'zap', '--log-level', 'fatal');
    // It says every refused handshake, whatever its level.
    const etcd = new SecureEtcd(endpoint, spawn('etcd', args, { stdio: 'ignore' }), directory);
    const channel = new EtcdChannel({ endpoints: [endpoint], clock: systemClock, tls: client });
    while ((await channel.askAt(endpoint, methods.status, {}).catch(() => ({ leader: 0 }))).leader === 0)
      await systemClock.sleep(50);
    channel.close();
    return etcd;
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
    await rm(this.#directory, { recursive: true, force: true });
  }
}
