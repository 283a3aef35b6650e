import type { Timing } from './device.js';

/** Median and deciles of samples in milliseconds; between two samples, the mean by position. */
export function summarize(samples: readonly number[], how: Timing['how']): Timing {
  const sorted = [...samples].sort((a, b) => a - b);
  const quantile = (q: number): number => {
    const at = q * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
    return low + (high - low) * (at - Math.floor(at));
  };
  return { medianMs: quantile(0.5), p10: quantile(0.1), p90: quantile(0.9), samples, how };
}
