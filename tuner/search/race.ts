import type { Run } from './run.js';

/** Samples of each round. */
const ROUNDS = [15, 30, 60];
/** As many stay in the race at least, where they may still be the fastest. */
const FINALISTS = 4;
/** Half an interval, relative to the median, below which nobody asks for more. */
const PRECISE = 0.003;

/**
 * Times those that may be the fastest together, twice as often in every round. Out is who is slower than the best with
 * certainty; of the others the faster half stays, but for the last few, which are left to `winner`.
 */
export async function race(run: Run): Promise<void> {
  run.stage = 'race';
  const rounds = new Map<number, number>();
  for (let width = Number.POSITIVE_INFINITY; ; width = Math.max(FINALISTS, Math.ceil(width / 2))) {
    const contenders = contendersOf(run).slice(0, width);
    const round = Math.min(...contenders.map((i) => rounds.get(i) ?? 0));
    const count = ROUNDS[round];
    if (count === undefined || isSettled(run, contenders, round)) return;
    run.mustAfford(run.sampleMs(contenders, count));
    await run.sample(contenders, count);
    for (const i of contenders) rounds.set(i, (rounds.get(i) ?? 0) + 1);
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

function isSettled(run: Run, contenders: readonly number[], round: number): boolean {
  if (round === 0) return contenders.length === 0;
  const intervals = contenders.map((i) => run.ledger.interval(i));
  return contenders.length < 2 || intervals.every(({ median, low, high }) => high - low <= 2 * PRECISE * median);
}
