import { textTable } from '../reporting/text-table.js';

/** Columns of text, as a Markdown table: figures go into docs/performance.md as they are printed. */
export const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  textTable(
    head.map((name) => ({ name })),
    rows.map((row) => row.map(String)),
  );

/** Three significant digits. */
export const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x.toPrecision(3));

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

/** Milliseconds of launches before a sample. After 3 s without work and 250 ms of them, an H100 was once seen three times slower. */
export const WARM_UP_MS = 1000;
