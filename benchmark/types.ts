import type { DType } from '../compiler/ir/types.js';
import type { Config } from '../driver/configurations.js';
import type { Dims, OptionValue } from '../driver/reference.js';
import type { Samples } from '../tuner/types.js';

/** How long launches took. All follows from the samples. */
export interface Figures extends Samples {
  readonly medianMs: number;
  readonly p10: number;
  readonly p90: number;
  /** Interval that holds the true median with 95 %. */
  readonly low: number;
  readonly high: number;
}

/** One launch's work: the same for whatever computes the same thing. */
export interface Work {
  /** Read and written, each byte of an argument once in each direction. */
  readonly bytes: number;
  /** Null where the reference does not say. */
  readonly flops: number | null;
  readonly tokens: number | null;
}

/** A measured ceiling of the device. */
export interface Ceiling {
  /** Bytes, or floating-point operations, a second. */
  readonly perSecond: number;
  /** Of the probe that reached it. */
  readonly config: Config;
}

/** `copy`: bytes. Of products by dtype of their operands; of multiply-adds in f32. */
export type CeilingName = 'copy' | 'multiply-add' | `product ${'f32' | 'f16' | 'bf16'}`;
export type Ceilings = Readonly<Partial<Record<CeilingName, Ceiling>>>;

/** The least time that the ceilings allow for the work of a point. */
export interface Bound {
  readonly ms: number;
  /** The ceiling that sets it. */
  readonly by: CeilingName;
}

/** Who is measured: the kernel, what it is compared with in the same run, or a library. */
export type Role = 'kernel' | 'baseline' | 'peer';

/** One contender at one point. */
export interface Entry {
  readonly role: Role;
  /** `lightningFwd`, `old.ts: lightningFwd`, `FLA`. */
  readonly name: string;
  /** `unchecked`: measured, but nothing was there to compare it with. */
  readonly state: 'measured' | 'unchecked' | 'wrong' | 'failed';
  /** What is wrong, or failed. */
  readonly why?: string;
  readonly code?: string;
  readonly config?: Config;
  /** Why this configuration. */
  readonly chosen?: string;
  /** Largest relative RMSE of an output, and the sizes at which it was compared with the reference. */
  readonly rmse?: number;
  readonly checkedAt?: Dims;
  readonly time?: Figures;
}

/** Where a point lies: points of two runs that lie at the same place compare. */
export interface Place {
  readonly kernel: string;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** One kernel at one place of the sweep. */
export interface Point extends Place {
  readonly work: Work;
  readonly bound: Bound | null;
  /** The kernel first. */
  readonly entries: readonly Entry[];
}

/** All that one call of `lac bench` measured; what its JSON holds. */
export interface BenchRun {
  readonly device: string;
  /** Device, driver and what else decides how fast it is. */
  readonly fingerprint: string;
  /** Day and time, UTC, as in ISO 8601. */
  readonly date: string;
  readonly ceilings: Ceilings;
  readonly points: readonly Point[];
  /** What was left out, for people. */
  readonly notes: readonly string[];
}

export const isTimed = (entry: Entry): entry is Entry & { readonly time: Figures } =>
  entry.time !== undefined && (entry.state === 'measured' || entry.state === 'unchecked');
