/**
 * Holds leadership through the `campaign` subscription, and lets work run only while it is surely held.
 *
 * `work` is called at each reign with its fencing token and a signal. The signal aborts
 *   - when the gateway says that the reign is over,
 *   - when the socket is lost,
 *   - when no word has come for two thirds of the lease: a gateway that is paused, or cut off, says nothing at all. (While it
 *     leads, a word comes at each third, with each renewal.)
 * Work that cannot be stopped at once, a request that is on its way for one, is what the token is for: give it as `fence` with
 * every write, and the store refuses those that come too late.
 */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const query = `subscription ($election: String!, $candidateId: String!, $leaseMs: SafeInt!) {
  campaign(election: $election, candidateId: $candidateId, leaseMs: $leaseMs) {
    isLeader
    leadership { fencingToken leaseExpiresAt }
    leader { candidateId }
  }
}`;

/** Stands for election until `signal` aborts; then stops the work, and resigns. */
export async function holdLeadership({ url, election, candidateId, leaseMs, connectionParams, work, report, signal }) {
  let reign;
  const stop = (why) => {
    if (!reign) return;
    clearTimeout(reign.timer);
    reign.abort.abort();
    report({ event: 'stopped', token: reign.token, why });
    reign = undefined;
  };
  const lead = ({ fencingToken: token, leaseExpiresAt }) => {
    // The clocks of one machine, or of machines that are kept in step, tell an old word at once.
    const leftMs = Math.min((leaseMs * 2) / 3, Date.parse(leaseExpiresAt) - Date.now());
    if (reign?.token !== token) stop('another reign');
    if (leftMs <= 0) return stop('the word was late');
    if (!reign) {
      reign = { token, abort: new AbortController(), timer: undefined };
      report({ event: 'leading', token });
      work({ token, signal: reign.abort.signal }).catch((error) => report({ event: 'failed', message: error.message }));
    }
    clearTimeout(reign.timer);
    reign.timer = setTimeout(() => stop('no word'), leftMs);
  };
  const client = createClient({
    url,
    connectionParams,
    webSocketImpl: WebSocket,
    // Another gateway, or the same one when it is back.
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: (tries) =>
      new Promise((resolve) => setTimeout(resolve, Math.min(100 * 2 ** tries, 2_000) * Math.random())),
    on: { closed: () => stop('the socket was lost') },
  });
  signal.addEventListener('abort', () => void client.dispose(), { once: true });
  while (!signal.aborted) {
    try {
      for await (const { data, errors } of client.iterate({ query, variables: { election, candidateId, leaseMs } })) {
        if (errors) throw errors;
        const { isLeader, leadership, leader } = data.campaign;
        if (isLeader) lead(leadership);
        else {
          stop('the reign is over');
          report({ event: 'waiting', leader: leader?.candidateId ?? null });
        }
      }
    } catch (error) {
      // Such as storage that stayed away for a minute. A subscription that is refused for what it asks stays so.
      const [{ message, extensions } = {}] = Array.isArray(error) ? error : [error];
      stop('the subscription ended');
      if (extensions && !extensions.retryable) throw new Error(message, { cause: error });
      report({ event: 'ended', message: message ?? 'the socket was lost' });
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 500));
  }
  stop('asked to stop');
}
