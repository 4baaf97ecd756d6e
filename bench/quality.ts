/**
 * How well search by meaning finds what was asked for: the default provider of embeddings, the hashed one, and a search for words beside
 * them, on two sets: articles of some sentences (`quality/articles.ts`), for which the target stands, and single sentences that lie close
 * together on purpose (`quality/data-set.ts`). MRR@5: the mean of 1 / the place of the right document among the first five, 0 where it
 * is not there. The provider runs as in a gateway, in its thread.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { EmbeddingProvider } from '../src/core/embedding';
import { systemClock } from '../src/core/clock';
import { HashedEmbeddings } from '../src/embedding/hashed';
import { OfflineEmbeddings } from '../src/embedding/offline';
import { articleDocuments, articleQueries } from './quality/articles';
import { Bm25 } from './quality/bm25';
import { qualityDocuments, qualityParaphrases, qualityQueries, topicOf } from './quality/data-set';
import type { QualityDocument, QualityQuery } from './quality/data-set';
import { atLeast } from './support/bench';
import type { Bench, ValueRow } from './support/bench';

const shownMax = 5;

interface QualitySet {
  readonly documents: readonly QualityDocument[];
  readonly queries: Readonly<Record<string, readonly QualityQuery[]>>;
  /** Of the default provider, for the very document. */
  readonly mrrWanted?: number;
}

const sets: readonly QualitySet[] = [
  { documents: articleDocuments, queries: { articles: articleQueries }, mrrWanted: 0.9 },
  {
    documents: qualityDocuments,
    queries: {
      'close sentences, asked for in short': qualityQueries,
      'close sentences, asked for in sentences': qualityParaphrases,
    },
  },
];

const queriesOf = ({ queries }: QualitySet): readonly QualityQuery[] => Object.values(queries).flat();

/** Scores of all documents of a set, in their order, for a question. */
type Scorer = (query: string) => ArrayLike<number>;

export const quality: Bench = {
  name: 'quality',
  title: `Search by meaning: ${sets.map(({ documents }) => documents.length).join(' + ')} documents, ${sets.flatMap(queriesOf).length} questions in other words`,
  async run() {
    const startWorker = (): Worker => new Worker(join(__dirname, '..', 'src', 'embedding', 'offline-worker.js'));
    const offline = new OfflineEmbeddings({ clock: systemClock, startWorker });
    const hashed = new HashedEmbeddings();
    const values: ValueRow[] = [];
    let embeddingMs = 0;
    for (const set of sets) {
      const started = systemClock.monotonicMs();
      const byMeaning = await scorerOf(offline, set);
      embeddingMs += systemClock.monotonicMs() - started;
      const bm25 = new Bm25(set.documents.map(({ text }) => text));
      values.push(
        ...rows('default provider', byMeaning, set, set.mrrWanted),
        ...rows('hashed provider', await scorerOf(hashed, set), set),
        ...rows('BM25', (query) => bm25.scores(query), set),
      );
    }
    await offline.close();
    const texts = sets.reduce((sum, set) => sum + set.documents.length + queriesOf(set).length, 0);
    values.push({ name: 'texts embedded', value: (texts * 1_000) / embeddingMs, unit: 'per second' });
    return { rates: [], values, notes: [] };
  },
};

async function scorerOf(provider: EmbeddingProvider, set: QualitySet): Promise<Scorer> {
  const documents = await provider.embed(set.documents.map(({ text }) => text));
  const texts = queriesOf(set).map(({ text }) => text);
  const vectors = await provider.embed(texts);
  const byText = new Map(texts.map((text, index) => [text, vectors[index]!]));
  return (query) => {
    const near = byText.get(query)!;
    return documents.map((vector) => vector.reduce((sum, value, index) => sum + value * near[index]!, 0));
  };
}

function rows(name: string, scorer: Scorer, { documents, queries }: QualitySet, wanted?: number): ValueRow[] {
  return Object.entries(queries).flatMap(([kind, asked]) => {
    const places = (isRight: IsRight): number[] => asked.map((query) => placeOf(query, isRight, scorer, documents));
    const ofDocument = places((id, query) => id === query.wanted);
    const mrr = meanOf(ofDocument.map(reciprocal));
    const values: readonly (readonly [string, number])[] = [
      ['MRR@5 of the very document', mrr],
      ['the very document among the first five', meanOf(ofDocument.map((place) => (place > 0 ? 1 : 0)))],
      ['MRR@5 of any document of its topic', meanOf(places(isOfTopic).map(reciprocal))],
    ];
    return values.map(([what, value], index) => ({
      name: `${name}, ${kind}: ${what}`,
      value,
      unit: '',
      target: wanted === undefined || index > 0 ? undefined : atLeast(mrr, wanted, `>= ${wanted}`),
    }));
  });
}

type IsRight = (id: string, query: QualityQuery) => boolean;

const isOfTopic: IsRight = (id, query) => topicOf(id) === topicOf(query.wanted);

/** Where the first right document stands among those shown, from 1; 0 where none does. */
function placeOf(query: QualityQuery, isRight: IsRight, scorer: Scorer, documents: readonly QualityDocument[]): number {
  const scores = scorer(query.text);
  const order = documents
    .map(({ id }, index) => ({ id, score: scores[index]! }))
    // What has nothing in common with the question was not found.
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, shownMax);
  return order.findIndex(({ id }) => isRight(id, query)) + 1;
}

const reciprocal = (place: number): number => (place > 0 ? 1 / place : 0);

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
