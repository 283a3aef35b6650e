import type { Reference } from '../../../driver/reference.js';
import { tabulate, total, Values } from './values.js';

const entropy = (smooth: number): Reference => ({
  shape: { M: 9, V: 130 },
  inputs: {
    label: ({ shape: [n = 0], dims: { V = 1 }, uniform }) =>
      Float64Array.from({ length: n }, (_, i) => (i % 4 === 3 ? -1 : Math.floor(uniform() * V))),
  },
  run({ inputs, dims: { M = 0, V = 0 } }) {
    const x = new Values([M, V], inputs.x);
    const [loss, hit] = [new Float64Array(M), new Float64Array(M)];
    for (let m = 0; m < M; m++) {
      const y = inputs.label?.[m] ?? -1;
      const values = x.data.slice(m * V, (m + 1) * V);
      const top = Math.max(...values);
      const lse = top + Math.log(total(V, (v) => Math.exp(x.at(m, v) - top)));
      hit[m] = values.indexOf(top) === y ? 1 : 0;
      if (y >= 0) loss[m] = (1 - smooth) * (lse - x.at(m, y)) + smooth * (lse - total(V, (v) => x.at(m, v)) / V);
    }
    return { loss, hit };
  },
});
export const crossEntropy = entropy(0);
export const smoothedEntropy = entropy(0.125);

export const rotary: Reference = {
  shape: { B: 2, N: 11, H: 3, D: 24 },
  inputs: { offset: () => Float64Array.of(0, 40) },
  run({ inputs, dims: { B = 0, N = 0, H = 0, D = 0 } }) {
    const x = new Values([B, N, H, D], inputs.x);
    const y = tabulate([B, N, H, D], (b, n, h, d) => {
      const half = D / 2;
      const angle = ((inputs.offset?.[b] ?? 0) + n) * 10000 ** ((-2 * (d % half)) / D);
      const [first, second] = [x.at(b, n, h, d % half), x.at(b, n, h, (d % half) + half)];
      return d < half
        ? first * Math.cos(angle) - second * Math.sin(angle)
        : second * Math.cos(angle) + first * Math.sin(angle);
    });
    return { y };
  },
};

/** Values of one sign and few bits, so that sums are exact. */
export const summary: Reference = {
  shape: { N: 77, Four: 4 },
  dtypes: { I: 'u32' },
  scalars: { limit: 1000003 },
  inputs: {
    x: ({ shape: [n = 0], random }) => Float64Array.from({ length: n }, () => Math.round(random() * 8) / 8),
    c: ({ shape: [n = 0], uniform }) => Float64Array.from({ length: n }, () => Math.floor(uniform() * 2 ** 28)),
  },
  run({ inputs: { x = new Float64Array(0), c = new Float64Array(0) }, dims: { N = 0 }, scalars: { limit = 1 } }) {
    const lanes = new Uint32Array(32);
    c.forEach((value, n) => {
      lanes[n % 32] = (lanes[n % 32] ?? 0) ^ (value << 3);
    });
    const high = Math.max(...x);
    const any = x.some((t) => t > 1.5);
    const every = x.every((t) => t < 2.5);
    const sum = total(N, (n) => x[n] ?? 0);
    return {
      sums: Float64Array.of(sum, Math.min(...x), high, any ? sum : -sum),
      facts: Float64Array.of(Math.max(0, x.indexOf(high)), (any ? 1 : 0) + (every ? 2 : 0), N, any && !every ? 1 : 0),
      bits: Float64Array.of(
        lanes.reduce((a, b) => (a + b) >>> 0, 0) % limit,
        limit,
        Math.max(...lanes) >>> 4,
        N > 3 ? limit : limit + 1,
      ),
    };
  },
};
