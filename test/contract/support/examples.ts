/** Examples of the pages as commands and documents with the answer that the page shows, and how the two are compared. */
import { fencesOf } from './markdown';
import type { Fence } from './markdown';

/** Something that a page shows, in order. */
export type Example =
  | { readonly kind: 'query'; readonly query: string; readonly shows: string | undefined; readonly line: number }
  | {
      readonly kind: 'shell';
      readonly commands: readonly string[];
      readonly shows: Fence | undefined;
      readonly line: number;
    };

/** The GraphQL and the shell blocks of a page; the json or text block right behind one is what it shows. */
export function examplesOf(markdown: string): Example[] {
  const fences = fencesOf(markdown);
  return fences.flatMap((fence, index): Example[] => {
    const next = fences[index + 1];
    const shows = next && ['json', 'text'].includes(next.language) ? next : undefined;
    const { text, line } = fence;
    if (fence.language === 'graphql') return [{ kind: 'query', query: text, shows: shows?.text, line }];
    return fence.language === 'sh' ? [{ kind: 'shell', commands: commandsIn(text), shows, line }] : [];
  });
}

/** The commands of a shell block; a backslash at the end of a line goes on in the next. */
function commandsIn(text: string): string[] {
  return text
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** What stands for any text in what a page shows. */
const anything = '…';

/** What is shown, as an expectation: `"…"` stands for any text. */
export function expectation(shown: unknown): unknown {
  if (shown === anything) return expect.any(String);
  if (Array.isArray(shown)) return shown.map(expectation);
  if (typeof shown !== 'object' || shown === null) return shown;
  return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, expectation(value)]));
}

/** Lines that are shown, as a pattern: `…` stands for any text without quotes. */
export function linePattern(shown: string): RegExp {
  const escaped = shown.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.split(anything).join('[^"\\n]*'));
}
