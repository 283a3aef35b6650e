import type { Target } from '../../driver/target.js';
import type { Case, Shape } from './problem.js';

/** What a session on a device leaves: times of every configuration of every case that it came to. */
export interface BlockMeasurements {
  readonly device: string;
  readonly api: 'CUDA' | 'WebGPU';
  /** As rows of tune files name it. */
  readonly architecture: string;
  readonly target: Target;
  /** Of a program. */
  readonly maxInvocations: number;
  /** Year-month-day. */
  readonly date: string;
  readonly commit: string;
  /** Why its times are for orientation only, and count in no table of losses. */
  readonly doubt?: string;
  /** What else is to be said of them. */
  readonly note?: string;
  readonly cases: readonly CasePoints[];
}

export interface CasePoints extends Case {
  /** Where they are not those of all. */
  readonly date?: string;
  readonly commit?: string;
  readonly shapes: readonly Shape[];
  /** Names of the values of a configuration. */
  readonly knobs: readonly string[];
  /** Medians in milliseconds by shape; null where it was not timed there. */
  readonly times: readonly { readonly config: readonly number[]; readonly ms: readonly (number | null)[] }[];
  /** Configurations that exceed a limit of the device: values in the order of `knobs`. */
  readonly refused: readonly string[];
}
