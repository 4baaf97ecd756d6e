/** Reports as tables: for a terminal, or as Markdown for the documents. */
import type { Bench, RateRow, Report, ValueRow } from './bench';

export type Format = 'text' | 'markdown';

type Cells = readonly string[];

/** The tables of a report, under its title. */
export function showReport({ name, title }: Pick<Bench, 'name' | 'title'>, report: Report, format: Format): string {
  const heading = format === 'markdown' ? `### ${title}` : `${title} (${name})`;
  const parts = [heading];
  if (report.rates.length > 0) parts.push(table(rateTitles, report.rates.map(rateCells), format));
  if (report.values.length > 0) parts.push(table(valueTitles, report.values.map(valueCells), format));
  if (report.notes.length > 0) parts.push(report.notes.join('\n'));
  return `${parts.join(format === 'markdown' ? '\n\n' : '\n')}\n`;
}

/** Columns in which no row has anything are left out, so that tables stay narrow. */
export function table(titles: Cells, rows: readonly Cells[], format: Format): string {
  const used = titles.map((_, column) => column === 0 || rows.some((row) => row[column] !== ''));
  const keep = (cells: Cells): string[] => cells.filter((_, column) => used[column]);
  const lines = [titles, ...rows].map(keep);
  if (format === 'markdown') {
    const rule = `|${lines[0]!.map((_, column) => (column === 0 ? '---' : '---:')).join('|')}|`;
    const [head, ...others] = lines.map((cells) => `| ${cells.join(' | ')} |`);
    return [head, rule, ...others].join('\n');
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((cells) => cells[column]!.length)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  const [head, ...others] = lines.map((cells) => `  ${cells.map(pad).join('  ')}`.trimEnd());
  return [head, `  ${widths.map((width) => '-'.repeat(width)).join('  ')}`, ...others].join('\n');
}

const cpuNames = ['gateway', 'storage', 'client'] as const;

const rateTitles = [
  'Case',
  'Per second',
  'p50 ms',
  'p99 ms',
  ...cpuNames.map((name) => `CPU ${name}`),
  'Spread',
  'Ratio',
  'Target',
  'Met',
];

function rateCells({ name, measured, spread, ratios, targets }: RateRow): string[] {
  return [
    name,
    whole(measured.perSecond),
    decimals(measured.p50Ms),
    decimals(measured.p99Ms),
    ...cpuNames.map((each) => decimals(measured.cpu[each] ?? Number.NaN)),
    Number.isFinite(spread) && spread > 0 ? `${Math.round(spread * 100)} %` : '',
    ratios.map(({ value, to }) => `${decimals(value)} × ${to}`).join('; '),
    targets.map(({ text }) => text).join('; '),
    targets.map(({ isMet, missing }) => (isMet ? 'yes' : `no, ${missing}`)).join('; '),
  ];
}

const valueTitles = ['What', 'Value', 'Target', 'Met'];

function valueCells({ name, value, unit, target }: ValueRow): string[] {
  const met = target && (target.isMet ? 'yes' : `no, ${target.missing}`);
  return [name, `${decimals(value)} ${unit}`.trim(), target?.text ?? '', met ?? ''];
}

function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '';
}

/** Three figures that count, or all before the point. */
function decimals(value: number): string {
  if (!Number.isFinite(value)) return '';
  const size = Math.abs(value);
  return value.toLocaleString('en-US', { maximumFractionDigits: size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0 });
}
