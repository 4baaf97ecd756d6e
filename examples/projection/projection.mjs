// A projection: a process that follows all events and keeps a read model of them, the balance of every account. The model stands in the
// key/value store, and each step writes what an event changes and the cursor behind it in one transaction, under the condition that the
// cursor is still where the step began. So however often this process is killed, or started twice, each event is applied once.
//
//   GATEWAY=http://127.0.0.1:4000 node examples/projection/projection.mjs
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const gateway = process.env.GATEWAY ?? 'http://127.0.0.1:4000';
const cursorKey = 'projection/balances/cursor';
const keyOf = (streamId) => `projection/balances/of/${streamId}`;

async function graphql(query, variables) {
  const answer = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(`${errors[0].extensions.code}: ${errors[0].message}`);
  return data;
}

/** What is stored under a key: its JSON, and the version to write over. */
async function read(key) {
  const { kvGet } = await graphql('query ($key: String!) { kvGet(key: $key) { value { json } version } }', { key });
  return { value: kvGet?.value.json ?? undefined, version: kvGet?.version };
}

function evolve(balance = { amount: 0, events: 0 }, { type, data }) {
  const sign = { Deposited: 1, Withdrawn: -1 }[type] ?? 0;
  return { amount: balance.amount + sign * (data.amount ?? 0), events: balance.events + 1 };
}

/** One step: what the event changes, and the place behind it. Gives the cursor's new version; throws where another process was faster. */
async function apply({ event, cursor }, cursorVersion) {
  const puts = [{ key: cursorKey, value: { json: cursor } }];
  if (event) {
    const { value } = await read(keyOf(event.streamId));
    puts.push({ key: keyOf(event.streamId), value: { json: evolve(value, event) } });
  }
  const { kvTransact } = await graphql(
    `
      mutation ($input: KvTransactInput!) {
        kvTransact(input: $input) {
          __typename
          ... on KvTransactSuccess {
            version
          }
        }
      }
    `,
    { input: { checks: [{ key: cursorKey, version: cursorVersion }], puts } },
  );
  if (kvTransact.__typename !== 'KvTransactSuccess') throw new Error('another process has moved the cursor');
  return kvTransact.version;
}

const fields = 'event { streamId type data } cursor caughtUp';
const subscription = `subscription ($after: String) { allEvents(after: $after, streamPrefix: "account-") { ${fields} } }`;

/** Everything behind a place, history first, as long as the connection lasts. */
async function* deliveries(client, stored) {
  let after = stored;
  if (after === undefined) {
    // From the first event on there is no cursor yet. A subscription tells that of now; whatever is older, a query gives.
    const { value } = await client.iterate({ query: subscription }).next();
    const { allEvents } = await graphql(`
      query {
        allEvents(first: 100, streamPrefix: "account-") {
          edges {
            cursor
            node {
              streamId
              type
              data
            }
          }
          pageInfo {
            endCursor
          }
        }
      }
    `);
    for (const { cursor, node } of allEvents.edges) yield { event: node, cursor };
    after = allEvents.pageInfo.endCursor ?? value.data.allEvents.cursor;
  }
  for await (const { data, errors } of client.iterate({ query: subscription, variables: { after } })) {
    if (errors) throw new Error(errors[0].message);
    yield data.allEvents;
  }
}

/** Goes on behind the stored cursor until something fails. */
async function follow() {
  const stored = await read(cursorKey);
  let { version } = stored;
  const url = `${gateway.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  try {
    for await (const delivery of deliveries(client, stored.value)) {
      version = await apply(delivery, version);
      if (delivery.caughtUp) console.log('caught up');
    }
  } finally {
    await client.dispose();
  }
}

for (;;) {
  // Whatever went wrong, an answer that was lost as well: the stored cursor says how far it came.
  await follow().catch((error) => console.error(`beginning again: ${error.message ?? JSON.stringify(error)}`));
  await new Promise((resolve) => setTimeout(resolve, 250));
}
