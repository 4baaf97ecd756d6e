import { canonicalText } from '../../src/core/canonical-text';
import { makeSeededIds } from '../../src/core/ids';

describe('a canonical text', () => {
  it.each([
    ['case, punctuation and white space', ' The QUICK\tbrown—fox:\n"jumps"! ', 'the quick brown fox jumps'],
    ['how letters are encoded', '№５ ﬁne Cafe\u0301', 'no5 fine café'],
    ['what cannot be seen', 'soft\u00adhyphen \u200ba\u200db', 'softhyphen ab'],
    ['quotation marks', '‘quoted’ and "quoted"', 'quoted and quoted'],
    ['hyphens between words', 'state-of-the-art', 'state of the art'],
  ])('has lost %s', (_, text, canonical) => {
    expect(canonicalText(text)).toBe(canonical);
  });

  it.each([
    ['1,000.50 and 1,000.5', '1,000.50 and 1,000.5'],
    ['C++ or C# or C', 'c++ or c# or c'],
    ['50% of -3', '50% of -3'],
    ["don’t; it's", "don't it's"],
    ['v1.2.3, then v12.3', 'v1.2.3 then v12.3'],
    ['日本語。テスト', '日本語 テスト'],
    ['😀 !', '😀'],
  ])('keeps what makes a difference: %s', (text, canonical) => {
    expect(canonicalText(text)).toBe(canonical);
  });

  it('of nothing but punctuation is the punctuation, of white space is empty', () => {
    expect(canonicalText(' ?! ')).toBe('?!');
    expect(canonicalText('!!!')).not.toBe(canonicalText('???'));
    expect(canonicalText(' \t\n\u00a0\u200b')).toBe('');
  });

  it('is its own canonical text', () => {
    const ids = makeSeededIds(10);
    const pool = [...'aZ09 .,\'’#%-+!?"\n\t\u00ad\u200b\u0301İßﬁ№５e\u0301日本😀«»—'];
    for (let run = 0; run < 3_000; run += 1) {
      const length = Math.floor(ids.fraction() * 12);
      const text = Array.from({ length }, () => pool[Math.floor(ids.fraction() * pool.length)]).join('');
      const canonical = canonicalText(text);
      expect([text, canonicalText(canonical)]).toEqual([text, canonical]);
    }
  });

  it('of a long text takes time in proportion', () => {
    const text = `${"a-'.,%# ".repeat(20_000)}${' '.repeat(100_000)}${'-'.repeat(100_000)}`;
    expect(canonicalText(text).length).toBeLessThan(text.length);
  });
});
