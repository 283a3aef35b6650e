import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import type { Ceilings } from '../../reporting/roofline.js';
import { tuningPage } from '../../tuner/report/report.js';
import type { Outcome } from '../../tuner/types.js';
import { KNOBS, outcome, PROBLEM } from './tune-outcome.js';

const CEILINGS: Ceilings = {
  bytesPerSecond: 3e12,
  roofs: [
    { name: 'f32', flopsPerSecond: 60e12 },
    { name: 'tensor cores', flopsPerSecond: 800e12 },
  ],
  source: 'measured by this test',
};
const pageOf = (of: Outcome, ceilings: Ceilings | null = CEILINGS): string =>
  tuningPage([{ outcome: of, knobs: KNOBS, ceilings, workOf: () => ({ flops: 4e9, bytes: 5e7 }) }]);
const parsed = (html: string): Document => parseHTML(html).document as unknown as Document;
const texts = (within: ParentNode, selector: string): string[] =>
  [...within.querySelectorAll(selector)].map((e) => e.textContent?.trim() ?? '');

/** Elements that are never closed by a tag of their own. */
const VOID = new Set(['meta', 'path', 'br']);

/** Tags that are not closed, or closed in another order: linkedom, as browsers do, mends them without a word. */
function unbalanced(html: string): string[] {
  const open: string[] = [];
  const faults: string[] = [];
  for (const [tag, close, name = ''] of html
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .matchAll(/<(\/?)([a-z][\w-]*)(?:"[^"]*"|[^">])*>/g)) {
    if (close === '/') {
      if (open.pop() !== name) faults.push(`</${name}>`);
    } else if (!tag.endsWith('/>') && !VOID.has(name)) open.push(name);
  }
  return [...faults, ...open];
}

test('three charts, each with a title, and every configuration in a table', () => {
  const html = pageOf(outcome());
  expect(unbalanced(html)).toEqual([]);
  const document = parsed(html);
  expect(texts(document, 'svg > title')).toEqual(['Time by configuration', 'Knobs and time', 'Roofline']);
  for (const svg of document.querySelectorAll('svg')) expect(svg.getAttribute('role')).toBe('img');
  const rows = [...document.querySelectorAll('table')].flatMap((t) => [...t.querySelectorAll('tbody tr')]);
  const described = outcome().rows;
  expect(rows.length).toBe(described.length);
  const [best] = rows;
  expect(best?.getAttribute('class')).toBe('marked');
  expect(texts(best as unknown as ParentNode, 'td').slice(0, 3)).toEqual(['64', '64', '8']);
  expect(html).toContain('o[0, 1, 2] is 3, and should be 4');
  expect(html).toContain('1 wrong');
});

test('the intervals, the lines of the knobs and the points are those that were measured', () => {
  const document = parsed(pageOf(outcome()));
  const [spread, knobs, roof] = [...document.querySelectorAll('svg')];
  const { measured } = outcome();
  expect(spread?.querySelectorAll('circle').length).toBe(measured);
  expect(knobs?.querySelectorAll('[aria-label="line"] path').length).toBe(measured);
  expect(roof?.querySelectorAll('circle').length).toBe(measured);
  expect(roof?.textContent).toContain('tensor cores, 800 TFLOP/s');
  expect(roof?.textContent).not.toMatch(/NaN|undefined|Infinity/);
  for (const svg of [spread, knobs, roof]) expect(svg?.outerHTML).not.toMatch(/NaN|undefined|Infinity/);
});

test('slow devices have a roofline in units of theirs', () => {
  const slow = { bytesPerSecond: 4e9, roofs: [{ name: 'f32', flopsPerSecond: 2e9 }], source: 'measured by this test' };
  const [, , roof] = [...parsed(pageOf(outcome(), slow)).querySelectorAll('svg')];
  expect(roof?.textContent).toContain('f32, 2 GFLOP/s');
  expect(roof?.textContent).toContain('memory, 4 GB/s');
});

test('nothing is fetched and nothing runs, in light and in dark', () => {
  const html = pageOf(outcome());
  expect(html).not.toMatch(/<script|<link|<img|\bon\w+=|url\(|@import/i);
  expect(html).toContain('prefers-color-scheme: dark');
  expect(html).not.toMatch(/(?<!-)background(-color)?: ?white/);
});

test('hostile names stay text', () => {
  const hostile = `</title><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;\u001b[31m`;
  const rows = outcome().rows.map((row) => (row.why === undefined ? row : { ...row, why: hostile, code: hostile }));
  const html = pageOf(
    outcome({
      problem: { ...PROBLEM, kernel: hostile, dims: { [hostile]: 1 }, options: { [hostile]: hostile, x: true } },
      device: hostile,
      rows: rows.map((row) => ({ ...row, config: { ...row.config, [hostile]: 3 } })),
    }),
  );
  const document = parsed(html);
  expect(document.querySelectorAll('script, img').length).toBe(0);
  expect(html.includes('\u001b')).toBe(false);
  expect(document.querySelector('h2')?.textContent).toContain('<script>alert("1")</script>');
  expect(unbalanced(html)).toEqual([]);
});

test('with nothing measured, with one configuration, and without ceilings', () => {
  const failed = outcome().rows.map((row) => ({ config: row.config, state: 'error' as const, why: 'no' }));
  const html = pageOf(outcome({ rows: failed, best: null, measured: 0, ended: 'failed' }));
  expect(html).toContain('No configuration was measured');
  expect(parsed(html).querySelectorAll('svg').length).toBe(0);
  const [one] = outcome().rows.filter((row) => row.state === 'measured');
  if (one === undefined) throw new Error('the fixture measures nothing');
  const single = pageOf(outcome({ rows: [one], best: one, measured: 1 }), null);
  expect(parsed(single).querySelectorAll('svg').length).toBe(2);
  expect(single).not.toMatch(/NaN|Infinity/);
});
