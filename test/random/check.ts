import fc from 'fast-check';
import { expect } from 'vitest';
import { compareAll, type Disagreement, type Verdict } from './agree.js';
import { programs } from './programs.js';

/** Programs of each of the two files; `LAC_RUNS=100000 npx vitest run test/random` is the longer run. */
const RUNS = Number(process.env.LAC_RUNS ?? 1000);
/** Of a hundred programs, those that have to be compared to the end: others trap, or branch on what devices round differently. */
const LEAST_COMPARED = 80;

/**
 * Random programs give the same on the interpreter, on WebGPU and on the emulated GPU, within the bounds of their
 * arithmetic. Where one seed is set for all, halves have programs of their own nonetheless.
 */
export async function checkPrograms(half: 0 | 1): Promise<void> {
  const { seed } = fc.readConfigureGlobal();
  const counts: Record<Verdict, number> = { agrees: 0, uncertain: 0, traps: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(programs(), async (program) => {
      for (const found of await compareAll(program)) {
        if (typeof found === 'string') counts[found]++;
        else throw new Error(report(found));
      }
    }),
    {
      ...(seed !== undefined && { seed: seed + half }),
      numRuns: RUNS,
      // What has failed is not made smaller for longer than this.
      interruptAfterTimeLimit: Math.max(480_000, RUNS * 2_000),
    },
  );
  const all = Object.values(counts).reduce((n, x) => n + x, 0);
  expect((100 * counts.agrees) / all, JSON.stringify(counts)).toBeGreaterThan(LEAST_COMPARED);
}

const report = ({ place, message, text }: Disagreement): string => `${place}: ${message}\n${text}`;
