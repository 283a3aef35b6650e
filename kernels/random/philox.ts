import { mulhi, range, type Scalar, type Shape, type Tile } from '../../dsl/index.js';

/** Four words of a counter, or of random bits, for each lane. */
export type Words<S extends Shape> = readonly [Tile<'u32', S>, Tile<'u32', S>, Tile<'u32', S>, Tile<'u32', S>];

/**
 * Philox-4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random
 * words for each counter of four words, under a key of two. Equal counters and keys give equal bits on every device.
 */
export function philox<S extends Shape>(counter: Words<S>, key: readonly [Scalar<'u32'>, Scalar<'u32'>]): Words<S> {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (const _ of range(10)) {
    const [h0, l0] = [mulhi(c0, 0xd2511f53), c0 * 0xd2511f53];
    const [h1, l1] = [mulhi(c2, 0xcd9e8d57), c2 * 0xcd9e8d57];
    [c0, c1, c2, c3] = [h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0];
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return [c0, c1, c2, c3];
}
