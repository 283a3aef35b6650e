import { combinations } from '../../driver/configurations.js';
import type { Outcome, Problem, Row } from '../../tuner/types.js';

export const KNOBS = { C: [32, 64, 128, 16], BE: [32, 64, 16], warps: [4, 8] };

export const PROBLEM: Problem = {
  file: 'kernels/lightning/forward.ts',
  kernel: 'lightningFwd',
  dims: { B: 1, H: 4, HK: 4, N: 1000, D: 64, E: 64 },
  dtypes: { T: 'bf16' },
  options: { precise: true, noDecay: false },
  seed: 0,
};

/** A landscape with its least time at C=64 BE=64 warps=8; C=16 is pruned, C=128 with BE=64 is over a limit, one is wrong. */
function rowOf(config: Readonly<Record<string, number>>, i: number): Row {
  const { C = 0, BE = 0, warps = 0 } = config;
  if (C === 16) return { config, state: 'pruned', why: 'C > 16 is false' };
  if (C === 128 && BE === 64)
    return {
      config,
      state: 'limit',
      why: 'needs 65536 bytes of workgroup memory, and the device has 32768',
      code: 'LAC0602',
    };
  if (C === 32 && BE === 16 && warps === 8)
    return { config, state: 'wrong', why: 'o[0, 1, 2] is 3, and should be 4', rmse: 0.25 };
  const ms = 1 + Math.abs(Math.log2(C / 64)) + 0.5 * Math.log2(64 / BE) + (warps === 8 ? 0 : 0.25);
  const noise = (k: number): number => ms * (1 + 0.01 * Math.sin(i * 7 + k));
  return {
    config,
    state: 'measured',
    estimateMs: ms * 0.9,
    resources: { sharedBytes: C * BE * 2, threads: warps * 32, programs: 4, registers: 96 },
    samples: { ms: Array.from({ length: 9 }, (_, k) => noise(k)), how: 'timestamp' },
    rmse: 2e-3,
    compileMs: 30,
  };
}

export function outcome(over: Partial<Outcome> = {}): Outcome {
  const rows = [...combinations(KNOBS)].map(rowOf);
  const best = rows.find(({ config }) => config.C === 64 && config.BE === 64 && config.warps === 8) ?? null;
  const measured = rows.filter((row) => row.state === 'measured').length;
  return { problem: PROBLEM, device: 'Test Device', rows, best, measured, elapsedMs: 12_345, ended: 'done', ...over };
}
