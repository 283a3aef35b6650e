import type { DType } from '../../compiler/ir/types.js';
import type { OptionValue } from '../../driver/reference.js';
import type { Target } from '../../driver/target.js';

type Numbers = Readonly<Record<string, number>>;

/** What `lac tune --all` measured of the kernels of the library on a device. */
export interface LibraryMeasurements {
  readonly device: string;
  readonly api: 'CUDA' | 'WebGPU';
  readonly target: Target;
  /** Of a program. */
  readonly maxInvocations: number;
  readonly cases: readonly LibraryCase[];
}

/** A kernel at the sizes that it was measured at. */
export interface LibraryCase {
  readonly kernel: string;
  /** Its source. */
  readonly file: string;
  readonly dims: Numbers;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Year-month-day. */
  readonly date: string;
  readonly commit: string;
  /** Names of the values of a configuration. */
  readonly knobs: readonly string[];
  /** Medians in milliseconds, best first. */
  readonly times: readonly { readonly config: readonly number[]; readonly ms: number }[];
  /** Configurations that exceed a limit of the device. */
  readonly refused: readonly (readonly number[])[];
}
