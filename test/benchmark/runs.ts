import { figuresOf } from '../../benchmark/figures.js';
import type { BenchRun, Point } from '../../benchmark/types.js';
import { LacError } from '../../compiler/diag/diagnostic.js';

/** A point of one kernel that was measured. */
export const pointAt = (N: number, ms: readonly number[], more: Partial<Point> = {}): Point => ({
  kernel: 'scale',
  dims: { N },
  dtypes: { T: 'f32' },
  options: {},
  work: { bytes: 8 * N, flops: N, tokens: N },
  bound: { ms: 0.5, by: 'copy' },
  entries: [
    { role: 'kernel', name: 'scale', state: 'measured', config: { C: 64 }, time: figuresOf({ ms, how: 'timestamp' }) },
  ],
  ...more,
});

export const runOf = (points: readonly Point[], more: Partial<BenchRun> = {}): BenchRun => ({
  device: 'GPU <one>',
  fingerprint: 'GPU <one>, driver 1',
  date: '2026-01-02T03:04:05Z',
  ceilings: { copy: { perSecond: 2e12, config: { C: 4096 } }, 'multiply-add': { perSecond: 4e13, config: {} } },
  points,
  notes: [],
  ...more,
});

/** Codes of what a function throws; none where it does not. What is no LacError is thrown on. */
export function codesOf(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return error.diagnostics.map((d) => d.code);
  }
}
