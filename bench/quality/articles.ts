/**
 * The second set that the quality of search is measured with: texts as people index them. Each has some sentences (two to four, 40 to
 * 80 words), every other one a title, and each is about a subject of its own: ten on each of 32 topics, as they stand in an
 * encyclopaedia, a handbook, a help centre, a shop or a newspaper.
 *
 * How it was made: written for this project, by a language model, topic by topic; nothing is taken from a corpus. Facts were written from
 * general knowledge; firms, products and events of the shop, the help centre and the newspaper are invented. Subjects were to be
 * natural, neither picked to be confused with each other nor to be told apart easily. Which places of a topic are asked for (all but the fifth and
 * the last) and which have a title was fixed before. Each of these has one question, written with its document in view, that shares
 * no word stem with it (words of grammar apart): `sharedStems` of `data-set.ts` decides, and a test holds it. Where a question
 * broke that rule, or used another word of the same family (`asleep`, `sleep`), the question was changed.
 *
 * It was written blind: no model, BM25 or other search ran on any of it before all of it was committed. From then on a text may change
 * for breaking a rule that stands here, or for saying something false or ambiguous that a reader found; never because of how it is found.
 */
import { helpCentre } from './articles/help-centre';
import { historyAndArt } from './articles/history-and-art';
import { household } from './articles/household';
import { nature } from './articles/nature';
import { newsAndWork } from './articles/news-and-work';
import { science } from './articles/science';
import { shop } from './articles/shop';
import { society } from './articles/society';
import { idOf } from './data-set';
import type { QualityDocument, QualityQuery } from './data-set';

export interface Article {
  readonly title?: string;
  /** Wrapped for whoever reads the file: white space is made one. */
  readonly text: string;
  /** Asks for this article in other words. */
  readonly query?: string;
}

export interface ArticleTopic {
  readonly name: string;
  readonly articles: readonly Article[];
}

export const articleTopics: readonly ArticleTopic[] = [
  ...nature,
  ...science,
  ...historyAndArt,
  ...society,
  ...household,
  ...helpCentre,
  ...shop,
  ...newsAndWork,
];

/** The title in front, as `indexDocuments` does it. */
function wholeOf({ title, text }: Article): string {
  const flowing = text.replace(/\s+/g, ' ');
  return title === undefined ? flowing : `${title}\n${flowing}`;
}

export const articleDocuments: readonly QualityDocument[] = articleTopics.flatMap(({ name, articles }) =>
  articles.map((article, place) => ({ id: idOf(name, place), text: wholeOf(article) })),
);

export const articleQueries: readonly QualityQuery[] = articleTopics.flatMap(({ name, articles }) =>
  articles.flatMap(({ query }, place) => (query === undefined ? [] : [{ text: query, wanted: idOf(name, place) }])),
);
