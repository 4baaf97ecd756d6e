/** Search, recommendations and deduplication as people run them: two gateways on one storage process, over HTTP, with storage killed and the model away. */
import { EmbeddingServer, refuses } from './support/embedding-server';
import { until } from './support/collector';
import type { Program } from './support/program';
import { post } from './support/sample-gateway';
import type { GraphqlAnswer } from './support/sample-gateway';
import { useTier } from './support/tier';

const minute = 60_000;
const tier = useTier();
jest.setTimeout(minute);

const hashed = { NORIGATE_EMBEDDINGS: 'hashed' };
const indexText = `mutation($input: IndexDocumentsInput!) { indexDocuments(input: $input) { indexed } }`;
const searchText = `query($query: String!, $first: Int! = 10) {
  semanticSearch(query: $query, first: $first) { hits { score document { documentId content } } model } }`;
const recordText = `mutation($input: RecordInteractionInput!) {
  recordInteraction(input: $input) { ... on RecordInteractionSuccess { interactions } ... on NotFound { code } } }`;
const checkText = `mutation($input: CheckAndStoreDocumentInput!) {
  checkAndStoreDocument(input: $input) { isDuplicate duplicateOf method stored } }`;

const document = (id: string, content: string): object => ({ id, title: '', content });
const index = (gateway: Program, ...documents: object[]): Promise<GraphqlAnswer> =>
  gateway.query(indexText, { input: { documents } });

async function found(gateway: Program, query: string, first = 10): Promise<string[]> {
  const { data, errors } = await gateway.query(searchText, { query, first });
  expect(errors).toBeUndefined();
  const { hits } = data!['semanticSearch'] as { hits: { document: { documentId: string } }[] };
  return hits.map(({ document: { documentId } }) => documentId);
}

/** Sends again, through either gateway, until it is answered. */
async function untilAnswered(
  gateways: readonly Program[],
  query: string,
  variables: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  for (let tries = 0; ; tries += 1) {
    const { data, errors } = await gateways[tries % gateways.length]!.query(query, variables);
    if (!errors) return data!;
    const { code } = errors[0]!.extensions;
    if (!['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'CONTENTION'].includes(code))
      throw new Error(JSON.stringify(errors));
  }
}

describe('documents', () => {
  it('are found through the other gateway at once, and gone at once, within their tenant', async () => {
    await tier.startStorage();
    const [one, two] = await tier.startTwoGateways(hashed);
    for (let round = 0; round < 10; round += 1) {
      const id = `d${round}`;
      await index(one, document(id, `word${round} and more`));
      expect(await found(two, `word${round} and more`, 1)).toEqual([id]);
    }
    await two.query('mutation { deleteDocument(id: "d3") }');
    expect(await found(one, 'word3 and more')).not.toContain('d3');
    const other = await post(
      one.origin,
      { query: searchText, variables: { query: 'word1' } },
      { 'x-tenant-id': 'other' },
    );
    expect(other.body.data).toMatchObject({ semanticSearch: { hits: [] } });
  });

  it('that were acknowledged are found after storage was killed, and after a restart of all', async () => {
    const storage = await tier.startStorage();
    const gateways = await tier.startTwoGateways({ ...hashed, NORIGATE_STORE_DEADLINE_MS: '2000' });
    let next = 0;
    let isKilled = false;
    const writers = Array.from({ length: 6 }, async () => {
      while (next < 90) {
        const number = (next += 1);
        const input = { documents: [document(`d${number}`, `text number ${number}`)], idempotencyKey: `k${number}` };
        await untilAnswered(gateways, indexText, { input });
        if (number === 40 && !isKilled) {
          isKilled = true;
          storage.process.kill('SIGKILL');
          await storage.ended;
          await tier.startStorage();
        }
      }
    });
    await Promise.all(writers);
    const count = next;
    expect(await found(gateways[1], 'text number', 1_000)).toHaveLength(count);
    const third = await tier.start(['gateway'], hashed).ready();
    await until(async () => (await fetch(`${third.origin}/readyz`)).status === 200);
    expect(new Set(await found(third, 'text number', 1_000)).size).toBe(count);
    expect((await found(third, 'text number 17', 1))[0]).toBe('d17');
  });
});

describe('the model', () => {
  it('that is away fails what needs it, clearly, and nothing else; its key is in no answer and no log', async () => {
    const server = await EmbeddingServer.start(8);
    const key = 'sk-very-secret-0123456789';
    const environment = {
      NORIGATE_EMBEDDINGS: 'openai',
      NORIGATE_EMBEDDINGS_URL: server.url,
      NORIGATE_EMBEDDINGS_MODEL: 'text-model',
      NORIGATE_EMBEDDINGS_DIMENSIONS: '8',
      NORIGATE_EMBEDDINGS_KEY: key,
      NORIGATE_EMBEDDINGS_BUDGET_MS: '500',
      NORIGATE_LOG_LEVEL: 'trace',
    };
    const storage = await tier.startStorage();
    const [one, two] = await tier.startTwoGateways(environment);
    const answers: GraphqlAnswer[] = [await index(one, document('a', 'short'), document('b', 'somewhat longer'))];
    expect(answers[0]!.errors).toBeUndefined();
    expect(server.asked.items[0]).toMatchObject({ authorization: `Bearer ${key}`, body: { model: 'text-model' } });
    expect(await found(two, 'short', 1)).toEqual(['a']);
    // A wrong key, said with the key in it; then nobody at all.
    server.next.push(refuses(401));
    const refused = await index(two, document('c', 'a new text'));
    await server.stop();
    const away = await index(one, document('c', 'another new text'));
    for (const { errors } of [refused, away]) {
      expect(errors![0]!.extensions).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      expect(errors![0]!.message).toContain('openai/text-model/8');
    }
    answers.push(refused, away);
    // What is known already, and what needs no model, goes on.
    expect(await found(two, 'short', 1)).toEqual(['a']);
    expect((await one.query('{ document(id: "c") { title } document2: document(id: "b") { content } }')).data).toEqual({
      document: null,
      document2: { content: 'somewhat longer' },
    });
    const said = [JSON.stringify(answers), ...[one, two, storage].flatMap(({ stdout, stderr }) => [stdout, stderr])];
    expect(said.join()).not.toContain(key.slice(3));
  });

  it('of a gateway that has another one is refused for a collection that is there', async () => {
    await tier.startStorage();
    const [one] = await tier.startTwoGateways(hashed);
    await index(one, document('a', 'words'));
    const other = await tier.start(['gateway'], { NORIGATE_EMBEDDINGS: 'offline' }).ready();
    const { errors } = await other.query(searchText, { query: 'words' });
    expect(errors![0]).toMatchObject({
      message: expect.stringContaining('holds vectors of the embedding model hashed-1') as string,
      extensions: { code: 'BAD_USER_INPUT' },
    });
    expect(await found(one, 'words')).toEqual(['a']);
  });
});

describe('interactions', () => {
  it('count once each, through both gateways, over the death of storage', async () => {
    const storage = await tier.startStorage();
    const gateways = await tier.startTwoGateways({ ...hashed, NORIGATE_STORE_DEADLINE_MS: '2000' });
    const products = ['runner', 'racer', 'kettle'].map((id) => ({ id, name: id }));
    await gateways[0].query(`mutation($input: IndexProductsInput!) { indexProducts(input: $input) { indexed } }`, {
      input: { products },
    });
    const record = async (number: number): Promise<number> => {
      const input = { userId: 'ann', productId: products[number % 2]!.id, idempotencyKey: `k${number}` };
      if (number === 60) {
        storage.process.kill('SIGKILL');
        await storage.ended;
        await tier.startStorage();
      }
      const turned = number % 2 === 0 ? gateways : [gateways[1], gateways[0]];
      const data = await untilAnswered(turned, recordText, { input });
      return (data['recordInteraction'] as { interactions: number }).interactions;
    };
    const counts: number[] = [];
    let next = 0;
    const callers = Array.from({ length: 8 }, async () => {
      while (next < 120) counts.push(await record((next += 1)));
    });
    await Promise.all(callers);
    expect([...counts].sort((a, b) => a - b)).toEqual(counts.map((_, at) => at + 1));
    const { data } = await gateways[1].query(`{ recommendations(userId: "ann") { product { productId } } }`);
    expect(data).toEqual({ recommendations: [{ product: { productId: 'kettle' } }] });
  });
});

describe('duplicates', () => {
  it('that come at once through two gateways leave one', async () => {
    await tier.startStorage();
    const gateways = await tier.startTwoGateways(hashed);
    const text = 'The parcel was handed over to the neighbour on the second floor, who signed for it';
    const results = await Promise.all(
      Array.from({ length: 60 }, async (_, number) => {
        // A few are the same, the others all but the same.
        const content = number % 5 === 0 ? text : `${text} at ${number % 12} o'clock`;
        const input = { id: `d${number}`, content, threshold: 0.85 };
        const data = await untilAnswered([gateways[number % 2]!], checkText, { input });
        return data['checkAndStoreDocument'] as { stored: boolean; duplicateOf: string | null };
      }),
    );
    const winners = results.flatMap(({ stored }, number) => (stored ? [`d${number}`] : []));
    expect(winners).toHaveLength(1);
    expect(new Set(results.flatMap(({ duplicateOf }) => duplicateOf ?? []))).toEqual(new Set(winners));
  });

  it('are no others: of different texts all are stored, however fast they come', async () => {
    await tier.startStorage();
    const gateways = await tier.startTwoGateways(hashed);
    const results = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        const content = `${(number * 7919).toString(36)} ${(number * 104_729).toString(36)} ${number}`;
        const input = { id: `d${number}`, content };
        const data = await untilAnswered([gateways[number % 2]!], checkText, { input });
        return (data['checkAndStoreDocument'] as { stored: boolean }).stored;
      }),
    );
    expect(results.filter((stored) => stored)).toHaveLength(200);
  });
});
