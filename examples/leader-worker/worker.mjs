/**
 * A worker of which any number may run, and one works:
 *
 *     node examples/leader-worker/worker.mjs [ORIGIN] [ELECTION] [CANDIDATE] [LEASE_MS]
 *
 * The work here is to write down, ten times a second, that it was done, under the fence of the reign. Ctrl-C resigns: another one
 * that runs takes over at once. Lines of JSON tell what happens.
 */
import { hostname } from 'node:os';
import { holdLeadership } from './leadership.mjs';

const [origin = 'http://127.0.0.1:4000', election = 'example', candidate, leaseMs = '10000'] = process.argv.slice(2);
const candidateId = candidate ?? `${hostname()}-${process.pid}`;
const report = (line) => console.log(JSON.stringify({ candidateId, ...line }));

const mutation = `mutation ($input: KvPutInput!) {
  kvPut(input: $input) { __typename ... on KvPutSuccess { version } ... on Fenced { currentToken } }
}`;

/** Works until its signal aborts. */
async function work({ token, signal }) {
  for (let count = 1; !signal.aborted; count += 1) {
    const value = { json: { by: candidateId, token, count } };
    const input = { key: `${election}:done`, value, fence: { election, token } };
    let outcome;
    try {
      const answer = await fetch(`${origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: mutation, variables: { input } }),
        signal,
      });
      outcome = (await answer.json()).data?.kvPut;
    } catch {
      // The gateway is away: while this worker leads, it may as well try again.
    }
    // Another leads, whatever the subscription has said so far.
    if (outcome?.__typename === 'Fenced') return report({ event: 'fenced', token, currentToken: outcome.currentToken });
    if (outcome?.__typename === 'KvPutSuccess') report({ event: 'done', token, count });
    await pause(100, signal);
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
    if (signal.aborted) finish();
  });
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stopping.abort());
const url = `${origin.replace(/^http/, 'ws')}/graphql`;
await holdLeadership({ url, election, candidateId, leaseMs: Number(leaseMs), work, report, signal: stopping.signal });
