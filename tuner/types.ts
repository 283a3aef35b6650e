import type { DType } from '../compiler/ir/types.js';
import type { Config } from '../driver/configurations.js';
import type { Dims, OptionValue } from '../driver/reference.js';
import type { Window } from '../driver/windows.js';

/** One tuning problem: a kernel or plan at fixed sizes, dtypes and options. Plain data, so that a worker can be handed it. */
export interface Problem {
  /** The kernel's source, and its name there. */
  readonly file: string;
  readonly kernel: string;
  /** Every dimension of its arguments. */
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** How tensors lie, by argument, where that is not as tensors usually do. */
  readonly windows?: Readonly<Record<string, Window>>;
  /** Of the random inputs. */
  readonly seed: number;
}

/** What a program takes of a device. A plan's is the largest of its kernels, `programs` their sum. */
export interface Resources {
  readonly sharedBytes: number;
  readonly threads: number;
  readonly programs: number;
  /** Of a thread, as the driver or ptxas says; absent where nobody tells. */
  readonly registers?: number;
  readonly spillBytes?: number;
}

/**
 * Why a configuration is not in the race. `pruned` by the author; `limit`: exceeds the device, known without a launch;
 * `same`: compiles to the program of an earlier one.
 */
export type Verdict = 'pruned' | 'limit' | 'same' | 'wrong' | 'crash' | 'hang' | 'memory' | 'lost' | 'error';

/** How long launches of one configuration took. */
export interface Samples {
  /** Milliseconds of a launch, in order of measurement. */
  readonly ms: readonly number[];
  readonly how: 'timestamp' | 'host';
}

/** One configuration of a problem and all that is known of it. */
export interface Row {
  readonly config: Config;
  /** `open`: may still be measured; `measured`: checked, timed, and checked again; else why it is out. */
  readonly state: 'open' | 'measured' | Verdict;
  /** For people, where it is out: what, need and limit, or the worst element. */
  readonly why?: string;
  /** Code of a diagnostic, where there is one. */
  readonly code?: string;
  /** What the cost model says, milliseconds; absent before it was asked, or where it cannot say. */
  readonly estimateMs?: number;
  readonly resources?: Resources;
  readonly samples?: Samples;
  /** Largest relative RMSE of an output against the reference. */
  readonly rmse?: number;
  /** Milliseconds of our compiler and of the driver. */
  readonly compileMs?: number;
}

/** What was settled in the end. `best` is null where nothing was measured. */
export interface Outcome {
  readonly problem: Problem;
  /** As the runtime names it. */
  readonly device: string;
  readonly rows: readonly Row[];
  readonly best: Row | null;
  /** Configurations that were timed at all. */
  readonly measured: number;
  readonly elapsedMs: number;
  /** Why the search ended. */
  readonly ended: 'done' | 'budget' | 'interrupted' | 'failed';
}
