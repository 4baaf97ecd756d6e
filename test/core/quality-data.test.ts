/** The data set of `npm run bench -- quality` is what its file says. */
import {
  qualityDocuments,
  qualityParaphrases,
  qualityQueries,
  sharedStems,
  stemsOf,
  topics,
} from '../../bench/quality/data-set';

describe('the data set of the quality of search', () => {
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
