import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../house/sources.js';
import { ROWS } from '../semantics/rows.js';

test('the page of semantics has the rows that are tested, in their order, under their headings', () => {
  const page = readFileSync(join(ROOT, 'docs/reference/semantics.md'), 'utf8');
  const sections = page.split(/^## /m).slice(1);
  const told = sections.map((s) => [
    s.split('\n', 1)[0],
    [...s.matchAll(/^- \*\*(.+?)\.\*\* /gm)].map(([, row]) => row),
  ]);
  expect(told).toEqual(Object.entries(ROWS));
});
