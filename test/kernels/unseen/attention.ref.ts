import type { Reference } from '../../../driver/reference.js';
import { total, upTo, Values } from './values.js';

type Score = (s: number, distance: number, p: number) => number;

/** Softmax over the keys that a query may see, straight from the formula. */
const attention = (score: Score, sinks: boolean, windowed: boolean): Reference => ({
  shape: { B: 1, Hq: 4, Hk: 2, N: 35, D: 24, E: 20 },
  scalars: { G: 2, W: 13 },
  inputs: { p: ({ shape: [n = 0], uniform }) => Float64Array.from({ length: n }, () => 0.1 + uniform()) },
  run({ inputs, dims: { B = 0, Hq = 0, Hk = 0, N = 0, D = 0, E = 0 }, scalars: { G = 1, W = 1 } }) {
    const q = new Values([B, Hq, N, D], inputs.q);
    const k = new Values([B, Hk, N, D], inputs.k);
    const v = new Values([B, Hk, N, E], inputs.v);
    const [o, lse] = [new Values([B, Hq, N, E]), new Values([B, Hq, N])];
    const query = (b: number, h: number, i: number): void => {
      const kv = Math.floor(h / G);
      const seen = upTo(i + 1).filter((j) => !windowed || i - j < W);
      const scores = seen.map((j) => {
        const s = total(D, (d) => q.at(b, h, i, d) * k.at(b, kv, j, d)) / Math.sqrt(D);
        return score(s, i - j, inputs.p?.[h] ?? 0);
      });
      const sink = sinks ? (inputs.sink?.[h] ?? 0) : -Infinity;
      const top = Math.max(sink, ...scores);
      const sum = Math.exp(sink - top) + scores.reduce((n, s) => n + Math.exp(s - top), 0);
      for (let e = 0; e < E; e++) {
        const mixed = total(seen.length, (j) => Math.exp((scores[j] ?? 0) - top) * v.at(b, kv, seen[j] ?? 0, e));
        o.put(mixed / sum, b, h, i, e);
      }
      lse.put(top + Math.log(sum), b, h, i);
    };
    for (let b = 0; b < B; b++) for (let h = 0; h < Hq; h++) for (let i = 0; i < N; i++) query(b, h, i);
    return { o: o.data, lse: lse.data };
  },
});

export const slidingWindow = attention((s) => s, false, true);
export const alibiWindow = attention((s, distance, p) => s - p * distance, true, true);
export const cappedCausal = attention((s, _, p) => Math.tanh(s / (p * 8)) * p * 8, false, false);
