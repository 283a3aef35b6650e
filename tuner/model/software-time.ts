import type { Launch } from './gpu-time.js';
import type { Machine } from './machine.js';

/** Lanes of a vector of the CPU: so many invocations go together. */
const LANES = 4;
const WARP = 32;
/** Cycles for which a barrier stops and resumes one such group. */
const SWITCH_CYCLES = 60;

/** Milliseconds of a launch on a CPU: every instruction counts, and barriers change from one group to the next. */
export function softwareTime({ work, programs, threads }: Launch, machine: Machine): number {
  const groups = threads / LANES;
  const cycles = (work.issued * WARP) / LANES + work.barriers * groups * SWITCH_CYCLES;
  const busy = Math.ceil(programs / machine.multiprocessors) * cycles;
  return machine.launchMs + busy / machine.clocksPerMs;
}
