/** The little of Markdown that the tests of the documents need: fences, tables, links, headings. */

/** A fenced block of code. */
export interface Fence {
  /** What stands behind the backticks; empty where nothing does. */
  readonly language: string;
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
}

export function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  markdown.split('\n').forEach((text, index) => {
    const mark = /^```(\w*)\s*$/.exec(text);
    if (!mark) open?.lines.push(text);
    else if (open) {
      fences.push({ language: open.language, text: open.lines.join('\n'), line: open.line });
      open = undefined;
    } else open = { language: mark[1]!, lines: [], line: index + 2 };
  });
  return fences;
}

/** The text without its fenced blocks; lines keep their numbers. */
export function proseOf(markdown: string): string {
  let isOpen = false;
  return markdown
    .split('\n')
    .map((line) => {
      const isMark = line.startsWith('```');
      if (isMark) isOpen = !isOpen;
      return isMark || isOpen ? '' : line;
    })
    .join('\n');
}

/** A row of a table, by the titles of its columns. Code spans have lost their backticks. */
export type Row = Readonly<Record<string, string>>;

/** The rows of all tables whose columns have exactly these titles, in order. */
export function rowsOf(markdown: string, titles: readonly string[]): Row[] {
  const rows: Row[] = [];
  let isInside = false;
  for (const line of proseOf(markdown).split('\n')) {
    const cells = line.startsWith('|') ? cellsOf(line) : undefined;
    if (!cells) isInside = false;
    else if (cells.join('|') === titles.join('|')) isInside = true;
    else if (isInside && !cells.every((cell) => /^:?-+:?$/.test(cell)))
      rows.push(Object.fromEntries(titles.map((title, index) => [title, cells[index] ?? ''])));
  }
  return rows;
}

function cellsOf(line: string): string[] {
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => {
    const text = cell.trim().replace(/\\\|/g, '|');
    return /^`[^`]*`$/.test(text) ? text.slice(1, -1) : text;
  });
}

/** The targets of all links. */
export function linksOf(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
}

/** The names that a link may have behind `#`, as GitHub makes them of headings. */
export function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>();
  return [...proseOf(markdown).matchAll(/^#{1,6} +(.+)$/gm)].map((match) => {
    const slug = match[1]!
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

/** Everything that is shown as code: spans of prose, and blocks. */
export function codeOf(markdown: string): string[] {
  const spans = [...proseOf(markdown).matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
  return [...spans, ...fencesOf(markdown).map(({ text }) => text)];
}
