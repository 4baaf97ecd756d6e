/** The data sets of `npm run bench -- quality` are what their files say. */
import { articleDocuments, articleQueries, articleTopics } from '../../bench/quality/articles';
import {
  qualityDocuments,
  qualityParaphrases,
  qualityQueries,
  sharedStems,
  stemsOf,
  topics,
} from '../../bench/quality/data-set';

describe('the set of sentences that the quality of search is measured with', () => {
  it('is large enough, and has nothing twice', () => {
    expect(qualityDocuments.length).toBeGreaterThanOrEqual(300);
    expect(topics.length).toBeGreaterThanOrEqual(30);
    expect(qualityQueries.length).toBeGreaterThanOrEqual(100);
    // Each document that is asked for is asked for twice: in short, and in a whole sentence.
    expect(qualityParaphrases.map(({ wanted }) => wanted).sort()).toEqual(
      qualityQueries.map(({ wanted }) => wanted).sort(),
    );
    expect(new Set(qualityDocuments.map(({ text }) => text)).size).toBe(qualityDocuments.length);
    expect(new Set(qualityDocuments.map(({ id }) => id)).size).toBe(qualityDocuments.length);
    expect(new Set(qualityQueries.map(({ text }) => text)).size).toBe(qualityQueries.length);
  });

  it('asks for each document in other words: no stem is shared', () => {
    const all = [...qualityQueries, ...qualityParaphrases];
    const sharing = all.map((query) => ({ query: query.text, stems: sharedStems(query) }));
    expect(sharing.filter(({ stems }) => stems.length > 0)).toEqual([]);
  });

  it('would find a shared stem', () => {
    expect(stemsOf('running dancers')).toEqual(stemsOf('he runs to a dance'));
    const { id, text } = qualityDocuments[0]!;
    expect(sharedStems({ text, wanted: id }).length).toBeGreaterThan(3);
  });
});

describe('the set of articles that the quality of search is measured with', () => {
  const articles = articleTopics.flatMap((topic) => topic.articles.map((article, place) => ({ ...article, place })));
  const wordsOf = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

  it('is large enough, and has nothing twice', () => {
    expect(articleDocuments.length).toBeGreaterThanOrEqual(300);
    expect(articleTopics.length).toBeGreaterThanOrEqual(32);
    expect(articleQueries.length).toBeGreaterThanOrEqual(256);
    const titles = articles.flatMap(({ title }) => title ?? []);
    const names = articleTopics.map(({ name }) => name);
    const ids = articleDocuments.map(({ id }) => id);
    const texts = articleDocuments.map(({ text }) => text);
    const questions = articleQueries.map(({ text }) => text);
    for (const all of [titles, names, ids, texts, questions]) expect(new Set(all).size).toBe(all.length);
  });

  it('has titles and questions at the same places of every topic', () => {
    expect(articleTopics.filter((topic) => topic.articles.length !== 10)).toEqual([]);
    const hasTitle = (place: number): boolean => place % 2 === 0;
    const isAskedFor = (place: number): boolean => place !== 4 && place !== 9;
    const odd = articles.filter(
      ({ title, query, place }) =>
        (title !== undefined) !== hasTitle(place) || (query !== undefined) !== isAskedFor(place),
    );
    expect(odd).toEqual([]);
  });

  it('has documents of some sentences and questions of some words', () => {
    const sentencesOf = (text: string): number => text.match(/[.!?](?=\s|$)/g)?.length ?? 0;
    const isWithin = (count: number, min: number, max: number): boolean => count >= min && count <= max;
    expect(articleDocuments.filter(({ text }) => !isWithin(wordsOf(text), 40, 80))).toEqual([]);
    expect(articles.filter(({ text }) => !isWithin(sentencesOf(text), 2, 4))).toEqual([]);
    expect(articleQueries.filter(({ text }) => !isWithin(wordsOf(text), 6, 16))).toEqual([]);
  });

  it('asks for each document in other words: no stem is shared', () => {
    const sharing = articleQueries.map((query) => ({ query: query.text, stems: sharedStems(query, articleDocuments) }));
    expect(sharing.filter(({ stems }) => stems.length > 0)).toEqual([]);
  });

  it('would find a shared stem', () => {
    const { id, text } = articleDocuments[0]!;
    expect(sharedStems({ text, wanted: id }, articleDocuments).length).toBeGreaterThan(10);
  });
});
