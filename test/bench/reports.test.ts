import { describe, expect, test } from 'vitest';
import type { LengthPoint, Measurements } from '../../bench/reports/measurements.js';
import { pages } from '../../bench/reports/pages.js';

const point = (what: string, N: number, ms: number | null, why?: string): LengthPoint => ({
  ...{ what, pass: 'forward', H: 16, D: 128, N, ms, tensorBytes: N * 16384 },
  peakBytes: ms === null ? null : N * 20000,
  ...(why === undefined ? {} : { why }),
});
const measured: Measurements = {
  ...{ device: 'GPU <one>', api: 'CUDA' as const, date: '2026-01-02', commit: 'abc', dtype: 'bf16' },
  lengths: [
    point('ours', 1024, 0.125),
    point('softmax', 1024, 0.5),
    point('ours', 2 ** 20, 12.5),
    point('softmax', 2 ** 20, null, 'out of memory'),
  ],
  shares: (['both', 'intra', 'inter', 'neither'] as const).map((part, i) => ({
    ...{ part, heads: 4, N: 512, D: 64, C: 32 },
    ms: [1, 0.75, 0.9, 0.5][i] ?? 0,
  })),
};
const made = pages([measured]);
const page = (name: string) => made.find((p) => p.name === name)?.markdown.replaceAll(/ +/g, ' ') ?? '';

describe('the pages of the reports', () => {
  test('say what was measured, and where a line ends', () => {
    expect(made.map((p) => p.name)).toEqual(['lengths', 'shares']);
    expect(page('lengths')).toContain('| 1k | 0.125 / 0.0191 | 0.500 / 0.0191 |');
    expect(page('lengths')).toContain('| 1M | 12.5 / 19.5 | |');
    expect(page('lengths')).toContain('- softmax: ends at 1M, out of memory');
    expect(page('shares')).toContain('| 32 | 0.500 | 0.750 | 0.900 | 1.00 | 1 | 10 % | 25 % |');
    for (const { markdown } of made) expect(markdown).toContain('GPU <one>, CUDA, bf16, 2026-01-02, commit abc');
  });

  test('show pictures that there are, the same every time', () => {
    const again = pages([measured]);
    for (const [i, { markdown, svgs }] of made.entries()) {
      const shown = [...markdown.matchAll(/\]\(([^)]+\.svg)\)/g)].map(([, file]) => file);
      expect(shown.length).toBeGreaterThan(0);
      expect(Object.keys(svgs).sort()).toEqual(shown.sort());
      expect(again[i]?.svgs).toEqual(svgs);
      for (const text of Object.values(svgs)) {
        expect(text).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" [\s\S]*<\/svg>\n$/);
        expect(text).not.toContain('NaN');
        expect(text).not.toContain('<one>');
      }
    }
  });

  test('are those of which something was measured', () => {
    expect(pages([])).toEqual([]);
    expect(pages([{ ...measured, lengths: [] }]).map((p) => p.name)).toEqual(['shares']);
  });
});
