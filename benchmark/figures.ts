import { summarize } from '../runtime/timing.js';
import { medianInterval } from '../tuner/statistics.js';
import type { Samples } from '../tuner/types.js';
import type { Figures } from './types.js';

export function figuresOf({ ms, how }: Samples): Figures {
  const { medianMs, p10, p90 } = summarize(ms, how);
  const { low, high } = medianInterval(ms);
  return { ms, how, medianMs, p10, p90, low, high };
}
