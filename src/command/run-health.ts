/**
 * `norigate health`: whether the gateway of these settings runs, for whoever watches it from beside and has no HTTP client
 * at hand, such as a container engine. It asks /healthz once, at the address where the gateway listens, and opens no data.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Config } from '../config';
import type { Clock } from '../core/clock';

/** Where the gateway of these settings is reached from beside it. */
type Listening = Pick<Config, 'HOST' | 'PORT' | 'NORIGATE_TLS_CERT'>;

export interface HealthOptions {
  readonly config: Listening;
  readonly clock: Clock;
}

const answerWithinMs = 3_000;

/** Resolves where it answers in time. Throws, with address and reason, where it does not. */
export async function runHealth({ config, clock }: HealthOptions): Promise<void> {
  if (config.PORT === 0) throw new Error('PORT is 0, any free one: which one it was cannot be told from outside.');
  const url = healthUrl(config);
  const late = new AbortController();
  const cancel = clock.after(answerWithinMs, () => late.abort());
  try {
    const status = await statusOf(url, late.signal);
    if (status !== 200) throw new Error(`it answered ${status}`);
  } catch (error) {
    const reason = late.signal.aborted ? `no answer within ${answerWithinMs} ms` : (error as Error).message;
    throw new Error(`${url.href} says that it is not healthy: ${reason}`, { cause: error });
  } finally {
    cancel();
  }
}

/** Of all addresses of the machine, the loopback one. */
export function healthUrl({ HOST, PORT, NORIGATE_TLS_CERT }: Listening): URL {
  const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const host = loopback[HOST] ?? HOST;
  const scheme = NORIGATE_TLS_CERT === undefined ? 'http' : 'https';
  return new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${PORT}/healthz`);
}

function statusOf(url: URL, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // Its certificate names the outside, and nothing is told to whoever answers: it is not verified.
    const options = { signal, agent: false, rejectUnauthorized: false } as const;
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', reject);
    request.end();
  });
}
