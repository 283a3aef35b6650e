import type { Reference } from '../../driver/reference.js';

const LOW = 0xffffffffn;

/** Philox-4x32-10 by the paper's definition, in integers of any size: the words of one counter under one key. */
export function philoxWords(counter: readonly number[], key: readonly number[]): number[] {
  let [c0 = 0n, c1 = 0n, c2 = 0n, c3 = 0n] = counter.map(BigInt);
  let [k0 = 0n, k1 = 0n] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [c0 * 0xd2511f53n, c2 * 0xcd9e8d57n];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & LOW, (p0 >> 32n) ^ c3 ^ k1, p0 & LOW];
    [k0, k1] = [(k0 + 0x9e3779b9n) & LOW, (k1 + 0xbb67ae85n) & LOW];
  }
  return [c0, c1, c2, c3].map(Number);
}

export const dropout: Reference = {
  shape: { M: 13, N: 300 },
  scalars: { p: 0.3, seed: 42 },
  run({ inputs: { x }, scalars: { p = 0, seed = 0 } }) {
    if (!x) throw new Error('dropout: x is needed');
    const bits = Float64Array.from(x, (_, i) => philoxWords([i, 0, 0, 0], [seed, 0])[0] ?? 0);
    return { bits, y: x.map((v, i) => (Math.floor((bits[i] ?? 0) / 256) / 2 ** 24 >= p ? v / (1 - p) : 0)) };
  },
};
