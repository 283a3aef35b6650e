import type { Reference } from '../../../driver/reference.js';

const phi = (x: number): number => (x > 0 ? x + 1 : Math.exp(x));

/** o_t = sum over j <= t of (phi(q_t) . phi(k_j)) v_j, divided by the sum of those weights. */
export const linearAttention: Reference = {
  shape: { H: 2, N: 75, D: 24, E: 40 },
  run({ inputs: { q, k, v }, dims: { H = 0, N = 0, D = 0, E = 0 } }) {
    const o = new Float64Array(H * N * E);
    for (let h = 0; h < H; h++) {
      for (let t = h * N; t < (h + 1) * N; t++) {
        let total = 0;
        const sums = new Float64Array(E);
        for (let j = h * N; j <= t; j++) {
          let weight = 0;
          for (let d = 0; d < D; d++) weight += phi(q?.[t * D + d] ?? 0) * phi(k?.[j * D + d] ?? 0);
          total += weight;
          for (let e = 0; e < E; e++) sums[e] = (sums[e] ?? 0) + weight * (v?.[j * E + e] ?? 0);
        }
        o.set(
          sums.map((s) => s / total),
          t * E,
        );
      }
    }
    return { o };
  },
};
