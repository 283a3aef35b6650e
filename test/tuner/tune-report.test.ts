import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import type { Ceilings } from '../../reporting/roofline.js';
import { hasRoofline, type Reported, tuningPage } from '../../tuner/report/report.js';
import type { Outcome, Row } from '../../tuner/types.js';
import { KNOBS, outcome, PROBLEM } from './tune-outcome.js';

const CEILINGS: Ceilings = {
  bytesPerSecond: 3e12,
  roofs: [
    { name: 'f32', flopsPerSecond: 60e12 },
    { name: 'tensor cores', flopsPerSecond: 800e12 },
  ],
  source: 'measured by this test',
};
const reported = (of: Outcome, ceilings: Ceilings | null, usual: Row | null = null): Reported => ({
  ...{ outcome: of, knobs: KNOBS, ceilings, usual },
  workOf: () => ({ flops: 4e9, bytes: 5e7 }),
});
const pageOf = (of: Outcome, ceilings: Ceilings | null = CEILINGS): string =>
  tuningPage([reported(of, ceilings)], 'lac 1.2.3, 2026-01-02');
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

test('one launch has no interval', () => {
  const { rows } = outcome();
  const once = rows.map((row) =>
    row.config.warps === 4 && row.samples !== undefined ? { ...row, samples: { ...row.samples, ms: [9] } } : row,
  );
  const cells = texts(parsed(pageOf(outcome({ rows: once }))), 'td');
  expect(cells.filter((text) => text === 'one launch')).toHaveLength(
    once.filter((r) => r.samples?.ms.length === 1).length,
  );
  expect(texts(parsed(pageOf(outcome())), 'td')).not.toContain('one launch');
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

test('ceilings are wanted where something was measured whose operations are known', () => {
  const of = reported(outcome(), null);
  expect(hasRoofline(of)).toBe(true);
  expect(hasRoofline({ ...of, workOf: () => null })).toBe(false);
  expect(hasRoofline({ ...of, workOf: () => ({ flops: 0, bytes: 5 }) })).toBe(false);
  expect(hasRoofline({ ...of, outcome: outcome({ rows: [] }) })).toBe(false);
});

test('several problems begin with a table of them, each with what it is worth over the default', () => {
  const of = outcome();
  const [first = null, ...others] = of.rows.filter((row) => row.state === 'measured' && row !== of.best);
  const html = tuningPage(
    [
      reported(of, null, first),
      reported({ ...of, problem: { ...PROBLEM, kernel: 'other' } }, null, of.best),
      reported(outcome({ rows: others.map((row) => ({ ...row, state: 'wrong', why: 'no' })), best: null }), null),
    ],
    'lac 1.2.3, 2026-01-02',
  );
  expect(unbalanced(html)).toEqual([]);
  const document = parsed(html);
  const [overview] = [...document.querySelectorAll('table')];
  const links = [...(overview?.querySelectorAll('a') ?? [])].map((a) => a.getAttribute('href'));
  expect(links).toEqual([...document.querySelectorAll('h2')].map((h) => `#${h.getAttribute('id')}`));
  const cells = [...(overview?.querySelectorAll('tbody tr') ?? [])].map((tr) =>
    texts(tr as unknown as ParentNode, 'td'),
  );
  expect(cells.map(([kernel, , best]) => [kernel, best])).toEqual([
    ['lightningFwd', 'C=64 BE=64 warps=8'],
    ['other', 'C=64 BE=64 warps=8'],
    ['lightningFwd', 'none'],
  ]);
  expect(cells[0]?.[4]).toMatch(/^\d\.\d\dx$/);
  expect(html).toContain('It is the default, which a call takes that nothing was tuned for.');
  expect(html).toContain('lac 1.2.3, 2026-01-02, seed 0');
});

/** A measured row of so many milliseconds, whose last sample is `outlier`. */
const timed = (C: number, ms: number, outlier = ms): Row => ({
  config: { C },
  state: 'measured',
  samples: { ms: [ms, ms, outlier], how: 'timestamp' },
});
const chartOf = (rows: readonly Row[]): Element => {
  const [best = null] = rows;
  const [chart] = parsed(pageOf(outcome({ rows, best }), null)).querySelectorAll('svg');
  if (chart === undefined) throw new Error('there is no chart');
  return chart;
};
const placesOf = (chart: Element): number[] =>
  [...chart.querySelectorAll('circle')].map((c) => Number(c.getAttribute('cx')));

test('kernels of one name in several files are told apart', () => {
  const of = outcome();
  const files = ['forward.ts', 'variants/mine.ts', 'variants/mine.ts'];
  const document = parsed(
    tuningPage(
      files.map((file) => reported({ ...of, problem: { ...PROBLEM, file } }, null)),
      'now',
    ),
  );
  const [mine, first] = [`${PROBLEM.kernel} (mine.ts)`, `${PROBLEM.kernel} (forward.ts)`];
  expect(texts(document, 'h2')).toEqual([first, mine, mine]);
  expect(texts(document, 'table a')).toEqual([first, mine, mine]);
  expect(document.title).toBe(`Tuning ${first}, ${mine}`);
});

test('one long interval, or one slow configuration, does not press the others into one dot', () => {
  const [first = 0, second = 0] = placesOf(chartOf([timed(1, 1), timed(2, 1.5), timed(3, 1.6, 400)]));
  expect(second - first).toBeGreaterThan(100);
  const [a = 0, b = 0, c = 0] = placesOf(chartOf([timed(1, 0.02), timed(2, 0.04), timed(3, 3)]));
  expect(b - a).toBeGreaterThan(80);
  expect(c).toBeGreaterThan(b);
  expect(c).toBeLessThanOrEqual(900);
});

test('a kernel without knobs, and figures that nobody knows', () => {
  const row: Row = { config: {}, state: 'measured', samples: { ms: [1, 1, 1], how: 'host' } };
  const html = tuningPage(
    [{ ...reported(outcome({ rows: [row], best: row, measured: 1 }), null, row), knobs: {} }],
    'x',
  );
  expect(html).toContain('Best: the only configuration, 1.00 ms');
  expect(html).toContain('1 configuration, 1 timed');
  expect(html).not.toContain('registers');
});
