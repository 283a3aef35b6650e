import type { Reference } from '../../../driver/reference.js';
import { tabulate, total, Values } from './values.js';

/** Abramowitz and Stegun have no f64 formula this short: the series of erf, which converges everywhere. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
const gelu = (x: number): number => (Math.abs(x) > 5 ? Math.max(x, 0) : x * 0.5 * (1 + erf(x * Math.SQRT1_2)));

export const epilogue: Reference = {
  shape: { M: 32, N: 32, K: 41, Blocks: 1 },
  inputs: { a: ({ shape: [k = 0, m = 0], random }) => Float64Array.from({ length: k * m }, () => random() * 0.2) },
  run({ inputs, dims: { M = 0, N = 0, K = 0 } }) {
    const [a, b] = [new Values([K, M], inputs.a), new Values([N, K], inputs.b)];
    const residual = new Values([M, N], inputs.residual);
    const y = tabulate(
      [M, N],
      (m = 0, n = 0) => gelu(total(K, (k) => a.at(k, m) * b.at(n, k)) + (inputs.bias?.[n] ?? 0)) + residual.at(m, n),
    );
    const at = new Values([M, N], y);
    const top = tabulate([M, 1], (m = 0) => Math.max(...at.data.slice(m * N, (m + 1) * N)));
    const columns = tabulate([1, N], (_, n = 0) => total(M, (m) => at.at(m, n)));
    return { y, top, columns };
  },
};

export const fourBits: Reference = {
  shape: { M: 19, N: 40, K: 128, Words: 16, Groups: 2 },
  inputs: {
    w: ({ shape: [k = 0, n = 0], uniform }) =>
      Float64Array.from({ length: k * n }, () => Math.floor(uniform() * 2 ** 32) | 0),
  },
  run({ inputs, dims: { M = 0, N = 0, K = 0, Words = 0, Groups = 0 } }) {
    const [a, w] = [new Values([M, K], inputs.a), new Values([Words, N], inputs.w)];
    const scale = new Values([Groups, N], inputs.scale);
    const weight = (k: number, n: number): number =>
      (((w.at(Math.floor(k / 8), n) >> ((k % 8) * 4)) & 15) - 8) * scale.at(Math.floor(k / 64), n);
    return { y: tabulate([M, N], (m = 0, n = 0) => total(K, (k) => a.at(m, k) * weight(k, n))) };
  },
};

export const layerNormBwd: Reference = {
  shape: { M: 17, N: 100, P: 3 },
  run({ inputs, dims: { M = 0, N = 0, P = 1 } }) {
    const [x, dy] = [new Values([M, N], inputs.x), new Values([M, N], inputs.dy)];
    const scaled = (m: number, n: number): number => (x.at(m, n) - (inputs.mean?.[m] ?? 0)) * (inputs.rstd?.[m] ?? 0);
    const weighted = (m: number, n: number): number => dy.at(m, n) * (inputs.w?.[n] ?? 0);
    const dx = new Values([M, N]);
    for (let m = 0; m < M; m++) {
      const along = total(N, (n) => weighted(m, n) * scaled(m, n)) / N;
      const mean = total(N, (n) => weighted(m, n)) / N;
      for (let n = 0; n < N; n++)
        dx.put((weighted(m, n) - scaled(m, n) * along - mean) * (inputs.rstd?.[m] ?? 0), m, n);
    }
    // Blocks of four rows are dealt out to the programs.
    const rows = Math.ceil(Math.ceil(M / 4) / P) * 4;
    const over = (p: number, f: (m: number) => number): number =>
      total(Math.max(0, Math.min(M, (p + 1) * rows) - p * rows), (i) => f(p * rows + i));
    return {
      dx: dx.data,
      dw: tabulate([P, N], (p = 0, n = 0) => over(p, (m) => dy.at(m, n) * scaled(m, n))),
      db: tabulate([P, N], (p = 0, n = 0) => over(p, (m) => dy.at(m, n))),
    };
  },
};
