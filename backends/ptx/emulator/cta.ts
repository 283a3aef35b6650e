import type { Barriers } from './barriers.js';
import type { Tally } from './counters.js';
import type { GlobalMemory } from './global.js';
import type { SharedMemory } from './shared.js';
import type { Step } from './step.js';
import type { Warp } from './warp.js';

/** What the warps of one CTA share. */
export interface Cta {
  readonly code: readonly Step[];
  /** %ctaid. */
  readonly id: readonly [number, number, number];
  /** Number in the order in which CTAs run. */
  readonly number: number;
  readonly shared: SharedMemory;
  readonly dynamicBase: number;
  readonly global: GlobalMemory;
  readonly params: DataView;
  readonly barriers: Barriers;
  readonly tally: Tally | null;
  /** Instructions that may be issued before `turns` is asked for more. */
  budget: number;
  /** How many more: at least one. Throws where the launch has taken too long, or too many. */
  readonly turns: (w: Warp) => number;
}
