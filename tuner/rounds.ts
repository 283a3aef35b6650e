/** Milliseconds that the samples of one configuration take in one call, beyond the first three. */
export const SAMPLES_MS = 300;

/** Samples that are worth their time: at most `count`, and few of a slow launch. */
export const roundsFor = (ms: number, count: number, samplesMs = SAMPLES_MS): number =>
  Math.min(count, Math.max(3, Math.floor(samplesMs / Math.max(ms, 1e-6))));
