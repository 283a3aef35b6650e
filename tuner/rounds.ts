import { medianInterval } from './statistics.js';

/** Milliseconds that the samples of one configuration take in one call, beyond the first three. */
export const SAMPLES_MS = 300;

/** Launches from so many milliseconds on are slow: samples of them are taken one by one, and no more than tell something. */
export const SLOW_MS = 20;

/** Samples that are worth their time: at most `count`, and few of a slow launch. */
export const roundsFor = (ms: number, count: number, samplesMs = SAMPLES_MS): number =>
  Math.min(count, Math.max(3, Math.floor(samplesMs / Math.max(ms, 1e-6))));

/** How many times as long as the best a launch and so few samples have to take, all of them, so that nobody asks for more. */
const FAR = [4, 2, 1.4];

/** Whether samples, and a launch before them, exclude that it is as fast as something that takes no more than `bestMs`. */
export function isBehind(ms: readonly number[], launchMs: number, bestMs: number): boolean {
  const far = FAR[ms.length];
  return far === undefined ? medianInterval(ms).low > bestMs : Math.min(launchMs, ...ms) > far * bestMs;
}

/** Samples that a launch of so many milliseconds will be given beside a best that takes no more than `bestMs`, or the launch before. */
export function roundsBeside(ms: number, count: number, bestMs: number): number {
  const rounds = roundsFor(ms, count);
  if (ms < SLOW_MS) return rounds;
  const least = FAR.findIndex((far) => ms > far * bestMs);
  return least < 0 ? rounds : Math.min(rounds, Math.max(1, least));
}
