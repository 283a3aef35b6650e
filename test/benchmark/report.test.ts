import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { compareRuns } from '../../benchmark/compare.js';
import { figuresOf } from '../../benchmark/figures.js';
import { pageOf } from '../../benchmark/report/page.js';
import { type Section, sectionsOf, tableOf } from '../../benchmark/report/rows.js';
import { closingText, comparisonText, markdownOf, sectionText } from '../../benchmark/report/text.js';
import type { Entry, Point } from '../../benchmark/types.js';
import { pointAt, runOf } from './runs.js';

const HOSTILE = '</svg><script>alert(1)</script>|"&\u001b[2J';
const peer = (ms: number): Entry => ({
  role: 'peer',
  name: 'FLA',
  state: 'measured',
  rmse: 0.002,
  time: figuresOf({ ms: [ms, ms, ms], how: 'timestamp' }),
});

/** 8 N bytes, N operations and tokens; at N = 2^20 and 1 ms: 8.39 GB/s, half of what the bound allows. */
const swept: readonly Point[] = [2 ** 20, 2 ** 22].map((N) => {
  const point = pointAt(N, [1, 1, 1], { dims: { B: 2, N } });
  return { ...point, entries: [...point.entries, peer(2)] };
});
const lines = (text: string): string[] => text.replaceAll(/ +/g, ' ').split('\n');

describe('the table of a kernel', () => {
  test('has the sizes that were swept, rates, the part of the roofline, and how the others compare', () => {
    const [section] = sectionsOf(runOf(swept));
    if (section === undefined) throw new Error('no section');
    expect(section).toMatchObject({ title: 'scale  T=f32', fixed: 'B=2', swept: [['N']] });
    const table = lines(sectionText(section));
    expect(table[0]).toBe('scale T=f32 B=2');
    expect(table[2]).toBe(
      '| N | what | median | p10 to p90 | 95 % interval | GB/s | GFLOP/s | G tokens/s | of roofline | kernel / it | error | configuration |',
    );
    expect(table[4]).toContain('| 1048576 | scale | 1.00 ms | 1.00 ms to 1.00 ms | 1.00 ms to 1.00 ms | 8.39 | 1.05 |');
    expect(table[4]).toContain('| 50 % (copy) | | | C=64 |');
    expect(table[5]).toContain('| FLA | 2.00 ms |');
    expect(table[5]).toContain('| 0.5 x | 2.0e-3 |');
  });

  test('says in words what is wrong, failed, unchecked, or timed by the host', () => {
    const notes = (entry: Partial<Entry>): string => {
      const entries: Entry[] = [{ role: 'kernel', name: 'k', state: 'measured', ...entry }];
      const [section] = sectionsOf(runOf([pointAt(4, [1], { entries })]));
      return section === undefined ? '' : (tableOf(section).rows[0]?.cells.at(-1) ?? '');
    };
    const time = figuresOf({ ms: [1, 2, 3], how: 'host' });
    expect(notes({ state: 'wrong', why: 'o differs' })).toBe('WRONG: o differs');
    expect(notes({ state: 'failed', why: 'too large' })).toBe('failed: too large');
    expect(notes({ state: 'unchecked', time })).toBe('not checked, host time');
    // What was timed and then found wrong shows no time.
    expect(notes({ state: 'wrong', why: 'x', time })).toBe('WRONG: x');
  });

  test('dimensions that go together are one column, and one chart', () => {
    const points = [32, 64].map((M) => pointAt(M, [1, 1], { dims: { M, B: 3, N: M, K: 2 * M } }));
    const run = runOf(points);
    expect(sectionsOf(run)[0]).toMatchObject({ fixed: 'B=3', swept: [['M', 'N'], ['K']] });
    expect(sectionText(sectionsOf(run)[0] as Section)).toMatch(/\| M=N \| +K \| what/);
    expect(pageOf(run).match(/Median time of a launch over [^.]*/g)).toEqual([
      'Median time of a launch over M=N',
      'Median time of a launch over K',
    ]);
  });

  test('kernels, dtypes and options are apart', () => {
    const points = [pointAt(1, [1]), pointAt(1, [1], { options: { causal: true, f: 'gelu', g: false } })];
    expect(sectionsOf(runOf(points)).map((s) => s.title)).toEqual(['scale  T=f32', 'scale  T=f32  causal=true']);
  });
});

describe('the other forms', () => {
  test('say what was measured, and what was left out', () => {
    const run = runOf(swept, { notes: ['without peers: no torch'] });
    expect(closingText(run)).toBe(
      'roofline, measured: copy 2000 GB/s, multiply-add 40 TFLOP/s\nwithout peers: no torch',
    );
    const markdown = markdownOf(run, 'compared with x');
    expect(markdown).toContain('## scale  T=f32\n\nB=2\n\n| ');
    expect(markdown).toMatch(/without peers: no torch\n\ncompared with x\n$/);
  });

  test('a comparison has the slowest first, and tells what it cannot compare', () => {
    const before = runOf([pointAt(1, [1, 1, 1]), pointAt(2, [1, 1, 1]), pointAt(3, [1, 1, 1])]);
    const after = runOf([pointAt(1, [0.5, 0.5, 0.5]), pointAt(2, [1.5, 1.5, 1.5]), pointAt(4, [1, 1, 1])]);
    const text = lines(comparisonText(compareRuns(before, after, 0.05), 'old.json'));
    expect(text[0]).toBe('compared with old.json');
    expect(text[4]).toBe('| scale N=2 T=f32 | 1 ms | 1.5 ms | +50 % | slower |');
    expect(text[5]).toBe('| scale N=1 T=f32 | 1 ms | 0.5 ms | -50 % | faster |');
    expect(text.slice(6)).toEqual(['points of it that are not in this run: 1', 'points that are not in it: 1']);
  });

  test('a page has a chart of times and the roofline, and is one file', () => {
    const html = pageOf(runOf(swept));
    const { document } = parseHTML(html);
    const captions = [...document.querySelectorAll('figcaption')].map((c) => c.textContent);
    expect(captions).toEqual([
      'Median time of a launch over N.',
      expect.stringMatching(/^Every point under the ceilings of the device/),
    ]);
    expect(document.querySelectorAll('svg')).toHaveLength(2);
    expect(document.querySelectorAll('tbody tr')).toHaveLength(4);
    expect(html).not.toMatch(/(src|href)=/);
  });

  test('names from outside are text everywhere', () => {
    const entries: Entry[] = [
      { ...peer(1), name: HOSTILE, role: 'kernel' },
      { ...peer(2), why: HOSTILE, state: 'failed' },
    ];
    const points = [2 ** 10, 2 ** 12].map((N) => pointAt(N, [1], { kernel: HOSTILE, entries }));
    const run = runOf(points, { device: HOSTILE, notes: [HOSTILE] });
    const html = pageOf(run);
    expect(html).not.toContain('<script');
    expect(html).not.toContain('\u001b');
    const { document } = parseHTML(html);
    expect(document.querySelectorAll('script')).toHaveLength(0);
    const rows = markdownOf(run, null)
      .split('\n')
      .filter((line) => line.startsWith('| '));
    const bars = rows.map((row) => row.replaceAll('\\|', '').split('|').length);
    expect(new Set(bars).size).toBe(1);
  });
});
