import type { Device } from '../runtime/index.js';

/** Sizes that decide how the sequence is divided among programs: sequences in the batch, heads, tokens of a sequence. */
export interface Sizes {
  readonly B: number;
  readonly H: number;
  readonly N: number;
}

/**
 * `whole`: a program walks over all tokens of a head, in one launch. `segments`: states of segments of every head first,
 * then all segments side by side; k and v are read twice.
 */
export type Division = 'whole' | 'segments';

/** Shorter sequences are not worth a second launch. */
const LEAST_TOKENS = 2048;

/** Multiprocessors of a GPU that does not tell how many it has. */
const USUAL_MULTIPROCESSORS = 64;

const multiprocessorsOf = ({ info }: Pick<Device, 'info'>): number =>
  info.multiprocessors ?? (info.kind === 'gpu' ? USUAL_MULTIPROCESSORS : 1);

/**
 * How a sequence is divided on a device: in segments where heads alone would leave half of it idle. On an H100 64 heads of
 * 65,536 tokens take 1.59 ms in two segments each, 1.73 ms whole in two halves of the columns (docs/performance.md).
 */
export const chooseDivision = ({ B, H, N }: Sizes, device: Pick<Device, 'info'>): Division =>
  N >= LEAST_TOKENS && 2 * B * H <= multiprocessorsOf(device) ? 'segments' : 'whole';
