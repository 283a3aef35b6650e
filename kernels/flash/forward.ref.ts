import type { Reference } from '../../driver/reference.js';

/** Queries and keys that meet: all, or those up to the query's own place. */
export const pairsOf = (M: number, N: number, causal: boolean): number => {
  const edge = Math.min(M, N);
  return causal ? (edge * (edge + 1)) / 2 + Math.max(0, M - N) * N : M * N;
};

type Score = (s: number, head: number, i: number, j: number) => number;

/** Softmax attention row by row in f64, from the definition: all scores of a query, their maximum, then the sums. */
function attention(causal: (options: Readonly<Record<string, unknown>>) => boolean, score: Score): Reference {
  return {
    shape: { B: 1, H: 4, M: 500, N: 500, D: 64 },
    dtypes: { T: 'f32' },
    tokens: ({ B = 0, M = 0 }) => B * M,
    flops: ({ B = 0, H = 0, M = 0, N = 0, D = 0 }, options) => 4 * B * H * D * pairsOf(M, N, causal(options)),
    scalars: { scale: ({ D = 1 }) => 1 / Math.sqrt(D) },
    run({ inputs: { q, k, v }, dims: { B = 0, H = 0, M = 0, N = 0, D = 0 }, scalars: { scale = 1 }, options }) {
      if (!q || !k || !v) throw new Error('flashFwd: q, k and v are needed');
      const o = new Float64Array(B * H * M * D);
      const lse = new Float64Array(B * H * M);
      const isCausal = causal(options);
      for (let bh = 0; bh < B * H; bh++) {
        for (let i = 0; i < M; i++) {
          const seen = isCausal ? Math.min(N, i + 1) : N;
          const at = bh * M + i;
          const scores = Float64Array.from({ length: seen }, (_, j) => {
            let product = 0;
            for (let d = 0; d < D; d++) product += (q[at * D + d] ?? 0) * (k[(bh * N + j) * D + d] ?? 0);
            return score(product * scale, bh % H, i, j);
          });
          lse[at] = weigh(scores, v.subarray(bh * N * D, (bh * N + seen) * D), o.subarray(at * D, (at + 1) * D));
        }
      }
      return { o, lse };
    },
  };
}

/** o = softmax(scores) v for one query; returns the logarithm of the sum of exp(scores). No score: o = 0, -Infinity. */
function weigh(scores: Float64Array, v: Float64Array, o: Float64Array): number {
  const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  if (top === -Infinity) return -Infinity;
  const weights = scores.map((s) => Math.exp(s - top));
  const total = weights.reduce((a, b) => a + b, 0);
  weights.forEach((w, j) => {
    for (let d = 0; d < o.length; d++) o[d] = (o[d] ?? 0) + (w / total) * (v[j * o.length + d] ?? 0);
  });
  return top + Math.log(total);
}

export const flashFwd: Reference = attention(
  (options) => options.causal === true,
  (s) => s,
);

/** Slopes of ALiBi for 16 heads: 2^(-(h + 1) / 2) (arXiv 2108.12409). */
export const alibiFwd: Reference = attention(
  () => true,
  (s, head, i, j) => s - 2 ** (-(head + 1) / 2) * (i - j),
);
