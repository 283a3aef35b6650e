import { describe, expect, test } from 'vitest';
import { newerVersion, TARGETS, targetFor, versionAtLeast } from '../../../backends/ptx/target.js';
import { LacError } from '../../../compiler/diag/diagnostic.js';

describe('targets', () => {
  test('a device gets the newest target that is not newer than it', () => {
    const names = [80, 86, 87, 89, 90, 100, 103, 120, 121].map((sm) => targetFor(sm).name);
    expect(names).toEqual(['sm_80', 'sm_86', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_100', 'sm_120', 'sm_120']);
  });

  test('LAC0520: GPUs before Ampere are refused', () => {
    expect(() => targetFor(75)).toThrow(LacError);
    expect(() => targetFor(75)).toThrow(/LAC0520: compute capability 7\.5 is below 8\.0/);
  });

  test('limits are those of the programming guide', () => {
    expect(TARGETS.map((t) => [t.sm, t.sharedBytesPerBlock, t.warpsPerSm])).toEqual([
      [80, 166912, 64],
      [86, 101376, 48],
      [89, 101376, 48],
      [90, 232448, 64],
      [100, 232448, 64],
      [120, 101376, 48],
    ]);
    for (const t of TARGETS) expect(t.sharedBytesPerSm - t.sharedBytesPerBlock).toBe(1024);
  });

  test('versions are ordered', () => {
    expect(versionAtLeast([8, 0], [7, 8])).toBe(true);
    expect(versionAtLeast([7, 8], [8, 0])).toBe(false);
    expect(newerVersion([7, 1], [7, 0])).toEqual([7, 1]);
  });
});
