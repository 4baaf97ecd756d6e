/**
 * How well search by meaning finds what was asked for: the default provider of embeddings, its parts, and a search for words beside it, on
 * the data set of `quality/data-set.ts`. MRR@5: the mean of 1 / the place of the right document among the first five, 0 where
 * it is not there. The provider runs as in a gateway, in its thread.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { EmbeddingProvider } from '../src/core/embedding';
import { systemClock } from '../src/core/clock';
import { HashedEmbeddings } from '../src/embedding/hashed';
import { OfflineEmbeddings } from '../src/embedding/offline';
import { Bm25 } from './quality/bm25';
import { qualityDocuments, qualityParaphrases, qualityQueries, topicOf, topics } from './quality/data-set';
import type { QualityQuery } from './quality/data-set';
import { atLeast } from './support/bench';
import type { Bench, ValueRow } from './support/bench';

const shownMax = 5;
const mrrWanted = 0.9;
const allQueries = [...qualityQueries, ...qualityParaphrases];

/** Scores of all documents, in their order, for a question. */
type Scorer = (query: string) => ArrayLike<number>;

export const quality: Bench = {
  name: 'quality',
  title: `Search by meaning: ${qualityDocuments.length} documents of ${topics.length} topics, ${qualityQueries.length + qualityParaphrases.length} questions in other words`,
  async run() {
    const startWorker = (): Worker => new Worker(join(__dirname, '..', 'src', 'embedding', 'offline-worker.js'));
    const offline = new OfflineEmbeddings({ clock: systemClock, startWorker });
    const started = systemClock.monotonicMs();
    const byMeaning = await scorerOf(offline);
    const seconds = (systemClock.monotonicMs() - started) / 1_000;
    await offline.close();
    const bm25 = new Bm25(qualityDocuments.map(({ text }) => text));
    return {
      rates: [],
      values: [
        ...rows('default provider', byMeaning, mrrWanted),
        ...rows('hashed provider', await scorerOf(new HashedEmbeddings())),
        ...rows('BM25', (query) => bm25.scores(query)),
        {
          name: 'texts embedded',
          value: (qualityDocuments.length + allQueries.length) / seconds,
          unit: 'per second',
        },
      ],
      notes: [],
    };
  },
};

async function scorerOf(provider: EmbeddingProvider): Promise<Scorer> {
  const documents = await provider.embed(qualityDocuments.map(({ text }) => text));
  const texts = allQueries.map(({ text }) => text);
  const vectors = await provider.embed(texts);
  const byText = new Map(texts.map((text, index) => [text, vectors[index]!]));
  return (query) => {
    const near = byText.get(query)!;
    return documents.map((vector) => vector.reduce((sum, value, index) => sum + value * near[index]!, 0));
  };
}

function rows(name: string, scorer: Scorer, wanted?: number): ValueRow[] {
  const kinds = { 'short questions': qualityQueries, 'whole sentences': qualityParaphrases };
  return Object.entries(kinds).flatMap(([kind, queries]) => {
    const mean = (isRight: IsRight): number => meanReciprocalRank(scorer, queries, isRight);
    const document = mean((id, query) => id === query.wanted);
    return [
      {
        name: `${name}, ${kind}: MRR@5 of the very document`,
        value: document,
        unit: '',
        target: wanted === undefined ? undefined : atLeast(document, wanted, `>= ${wanted}`),
      },
      {
        name: `${name}, ${kind}: MRR@5 of any document of its topic`,
        value: mean((id, query) => topicOf(id) === topicOf(query.wanted)),
        unit: '',
      },
    ];
  });
}

type IsRight = (id: string, query: QualityQuery) => boolean;

function meanReciprocalRank(scorer: Scorer, queries: readonly QualityQuery[], isRight: IsRight): number {
  const ranks = queries.map((query) => {
    const scores = scorer(query.text);
    const order = qualityDocuments
      .map(({ id }, index) => ({ id, score: scores[index]! }))
      // What has nothing in common with the question was not found.
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, shownMax);
    const place = order.findIndex(({ id }) => isRight(id, query));
    return place < 0 ? 0 : 1 / (place + 1);
  });
  return ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length;
}
