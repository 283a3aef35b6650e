import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Source } from './corpus.js';
import { mutants } from './mutate.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { soup } from './soup.js';
import { within } from './within.js';

/** Texts of all tests here together; `LAC_RUNS=1000000 npx vitest run test/fuzz/source.test.ts` is the longer run. */
const RUNS = Number(process.env.LAC_RUNS ?? 10_000);
/** One text of this many is compiled for every target too, where it is right. */
const COMPILED = 10;
/** Of one text; a fraction of it does for all but files of many kernels on a busy machine. */
const MILLISECONDS = 20_000;
const MOST_KILOBYTES = 2 ** 21;
const HOURS = 8 * 3_600_000;

function answers(texts: fc.Arbitrary<Source>, numRuns: number): Record<Outcome, number> {
  const counts: Record<Outcome, number> = { refused: 0, accepted: 0, compiled: 0 };
  let n = 0;
  const run = (source: Source): void => {
    counts[within(MILLISECONDS, () => outcomeOf(source, n++ % COMPILED === 0))]++;
  };
  fc.assert(fc.property(texts, run), { numRuns });
  expect(process.resourceUsage().maxRSS).toBeLessThan(MOST_KILOBYTES);
  return counts;
}

test('kernels that somebody changed are refused or compiled', { timeout: HOURS }, () => {
  const { refused, accepted, compiled } = answers(mutants, RUNS * 0.4);
  expect(refused).toBeGreaterThan(RUNS / 10);
  expect(accepted).toBeGreaterThan(RUNS / 100);
  expect(compiled).toBeGreaterThan(0);
});

test('text from nothing is refused or compiled', { timeout: HOURS }, () => {
  const { refused, accepted } = answers(soup, RUNS * 0.6);
  expect(refused).toBeGreaterThan(RUNS / 10);
  expect(accepted).toBeGreaterThan(0);
});

test('a text that never ends is seen', () => {
  expect(() =>
    within(50, () => {
      for (;;);
    }),
  ).toThrow(/timed out/);
});
