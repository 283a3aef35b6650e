import type { Run } from './run.js';
import { Stop } from './stopping.js';

/** Samples of each round. */
const ROUNDS = [15, 30, 60];
/** As many stay in the race at least, where they may still be the fastest. */
const FINALISTS = 4;
/** Half an interval, relative to the median, below which nobody asks for more. */
const PRECISE = 0.003;

/**
 * Times those that may be the fastest together, twice as often in every round. Out is who is slower than the best with
 * certainty; of the others the faster half stays, but for the last few, which are left to `winner`. It takes place for `least`
 * of them.
 */
export async function race(run: Run, least: number): Promise<void> {
  run.stage = 'race';
  for (let width = Number.POSITIVE_INFINITY; ; width = Math.max(FINALISTS, Math.ceil(width / 2))) {
    const all = contendersOf(run).slice(0, width);
    const round = Math.min(...all.map((i) => run.rounds(i)));
    const count = ROUNDS[round];
    if (count === undefined || all.length < least || isSettled(run, all, round)) return;
    const contenders = affordable(run, all, count);
    await run.sample(contenders, count);
    width = Math.min(width, contenders.length);
  }
}

/** Those whose interval begins before the least upper bound ends, the fastest first; what is known from elsewhere is not timed. */
function contendersOf(run: Run): number[] {
  const { ledger } = run;
  const measured = ledger.in('measured');
  const bound = Math.min(...measured.map((i) => ledger.interval(i).high));
  return measured
    .filter((i) => run.isPrepared(i) && ledger.interval(i).low <= bound)
    .sort((a, b) => ledger.interval(a).median - ledger.interval(b).median);
}

/** As many of the fastest as the budget has room for; throws Stop where nothing can be compared any more. */
function affordable(run: Run, all: readonly number[], count: number): readonly number[] {
  for (let many = all.length; many >= Math.min(2, all.length); many--) {
    const some = all.slice(0, many);
    if (run.costs.affords(run.sampleMs(some, count))) return some;
  }
  throw new Stop('budget');
}

function isSettled(run: Run, contenders: readonly number[], round: number): boolean {
  if (round === 0) return contenders.length === 0;
  const intervals = contenders.map((i) => run.ledger.interval(i));
  return contenders.length < 2 || intervals.every(({ median, low, high }) => high - low <= 2 * PRECISE * median);
}
