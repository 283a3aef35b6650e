import { pairs } from '../../reporting/figures.js';
import { textTable } from '../../reporting/text-table.js';
import type { Change, RunComparison } from '../compare.js';
import type { BenchRun } from '../types.js';
import { ceilingsText, digits, type Section, sectionsOf, tableOf } from './rows.js';

/** One section for a terminal: a line that says what it is, and the table. */
export function sectionText(section: Section): string {
  const { columns, rows } = tableOf(section);
  const head = [section.title, section.fixed].filter((text) => text !== '').join('  ');
  return `${head}\n\n${textTable(
    columns,
    rows.map((row) => row.cells),
  )}`;
}

/** What all sections are measured against, and what was left out. */
export function closingText(run: Pick<BenchRun, 'ceilings' | 'notes'>): string {
  const ceilings = ceilingsText(run);
  const measured = ceilings === '' ? [] : [`roofline, measured: ${ceilings}`];
  return [...measured, ...run.notes].join('\n');
}

/** Slower points first; nothing else is a table. */
export function comparisonText({ changes, onlyBefore, onlyAfter }: RunComparison, name: string): string {
  const columns = [
    { name: 'what' },
    ...['before', 'now', 'change'].map((title) => ({ name: title, number: true })),
    { name: 'verdict' },
  ];
  const rows = [...changes].sort((a, b) => b.ratio - a.ratio).map(changeCells);
  const missing = [
    onlyBefore.length > 0 ? `points of it that are not in this run: ${onlyBefore.length}` : '',
    onlyAfter.length > 0 ? `points that are not in it: ${onlyAfter.length}` : '',
  ].filter((text) => text !== '');
  const table = rows.length === 0 ? 'no point is timed in both runs' : textTable(columns, rows);
  return [`compared with ${name}`, '', table, ...missing].join('\n');
}

function changeCells({ point, before, after, ratio, verdict }: Change): string[] {
  const what = [point.kernel, pairs(point.dims), pairs(point.dtypes)].join('  ').trim();
  const change = `${ratio >= 1 ? '+' : ''}${digits((ratio - 1) * 100)} %`;
  return [what, `${digits(before.medianMs)} ms`, `${digits(after.medianMs)} ms`, change, verdict];
}

/** The whole run as Markdown. */
export function markdownOf(run: BenchRun, comparison: string | null): string {
  const parts = sectionsOf(run).map((section) => {
    const { columns, rows } = tableOf(section);
    const cells = rows.map((row) => row.cells);
    return `## ${section.title}\n\n${section.fixed}\n\n${textTable(columns, cells)}`;
  });
  const closing = closingText(run).replaceAll('\n', '\n\n');
  const all = [`# ${run.device}`, run.date.slice(0, 10), ...parts, closing, comparison ?? ''];
  return `${all.filter((part) => part !== '').join('\n\n')}\n`;
}
