import { Bug } from '../compiler/diag/diagnostic.js';
import type { Device } from '../runtime/device.js';
import type { LaunchPlan } from '../runtime/launch.js';
import type { Samples } from './types.js';

/** One configuration, bound. */
export interface Contender {
  /**
   * The launches of one sample, in order; several such sequences do the same work on tensors of their own, and are launched
   * in turn so that each finds cold caches (`setsWanted`). With one, caches are as warm as the launch before left them.
   */
  readonly sets: readonly (readonly LaunchPlan[])[];
  /** What a launch may take, milliseconds, where somebody can say. */
  readonly estimateMs?: number;
}

/** A launch that takes too long to be measured. `launched`: it was, once; else the estimate says so. */
export interface TooSlow {
  readonly tooSlow: { readonly ms: number; readonly limitMs: number; readonly launched: boolean };
}

export interface MeasureOptions {
  /** Samples of each. Fewer are taken where launches are slow. */
  readonly count: number;
  /** A launch that takes longer is not repeated; one that is estimated to take longer is not begun. Default 10,000. */
  readonly limitMs?: number;
  /** What the warm-up takes at most, milliseconds. Default 400 on a GPU, 0 elsewhere. */
  readonly warmUpMs?: number;
  /** What all samples of one configuration take at most, milliseconds, beyond the first three. Default 300. */
  readonly samplesMs?: number;
}

/** Sets of tensors that are together several times as large as the last cache, for cold caches; 1 for warm ones. */
export function setsWanted(device: Pick<Device, 'info'>, bytesOfSet: number, caches: 'cold' | 'warm'): number {
  throw new Bug(`sets of ${bytesOfSet} bytes for ${caches} caches on a ${device.info.kind}`);
}

/** Times contenders in turn, in an order that is rotated from round to round. Results in the order of `contenders`. */
export async function measure(
  device: Pick<Device, 'info' | 'time'>,
  contenders: readonly Contender[],
  options: MeasureOptions,
): Promise<readonly (Samples | TooSlow)[]> {
  throw new Bug(`measure ${contenders.length} on ${device.info.kind}, ${options.count} samples`);
}
