import type { Reference } from '../../../driver/reference.js';
import { tabulate, total, upTo, Values } from './values.js';

const none = new Float64Array(0);
const product = (a: Values, b: Values): Values => {
  const [M = 0, K = 0] = a.shape;
  const [, N = 0] = b.shape;
  return new Values(
    [M, N],
    tabulate([M, N], (m, n) => total(K, (k) => a.at(m, k) * b.at(k, n))),
  );
};
const each = (a: Values, f: (x: number, i: number) => number): Values => new Values(a.shape, a.data.map(f));
const plus = (a: Values, b: Values): Values => each(a, (x, i) => x + (b.data[i] ?? 0));
const flip = (a: Values): Values => {
  const [M = 0, N = 0] = a.shape;
  return new Values(
    [N, M],
    tabulate([N, M], (n, m) => a.at(m, n)),
  );
};
const times = (a: Values, by: number): Values => each(a, (x) => x * by);

export const steered: Reference = {
  shape: { M: 37, D: 6, P: 4, L: 3 },
  inputs: { lengths: () => Float64Array.of(37, 0, 9, 20) },
  tolerance: { rmse: 1e-4, element: 1e-3 },
  run({ inputs: { a = none, lengths = none }, dims: { M = 0, D = 0, P = 0, L = 0 } }) {
    const C = 8;
    const [y, trace, count] = [new Values([P, D, D]), new Values([P, L]), new Float64Array(P)];
    trace.data.fill(-1);
    for (let p = 0; p < P; p++) {
      const length = Math.min(lengths[p] ?? 0, M);
      let [s, t] = [new Values([D, D]), new Values([D, D])];
      let [energy, hits] = [0, 0];
      for (let n = 0; n < length; n += C) {
        const x = new Values(
          [C, D],
          tabulate([C, D], (c, d) => (n + c < length ? (a[(n + c) * D + d] ?? 0) : 0)),
        );
        if (hits < 3) {
          s = plus(s, product(flip(x), x));
          energy = Math.max(...s.data.map(Math.abs));
          if (energy > 6) {
            [s, t] = [t, times(s, 1 / energy)];
            hits++;
            if (hits % 2 === 1) t = flip(t);
            else for (let k = 0; k < hits; k++) t = plus(product(t, s), times(t, (k + 1) * 0.125));
          }
        } else s = times(s, 0.5);
        if (n / C < L) trace.put(energy, p, n / C);
      }
      y.data.set(plus(s, t).data, p * D * D);
      count[p] = hits;
    }
    return { y: y.data, trace: trace.data, count };
  },
};

export const edges: Reference = {
  shape: { N: 50, Five: 5 },
  scalars: { k: 2 },
  run({ inputs: { x = none, i = none }, dims: { N = 0 }, scalars: { k = 0 } }) {
    const BN = 16;
    const read = (from: Float64Array, n: number, pad: number): number => (n >= 0 && n < N ? (from[n] ?? 0) : pad);
    const floats = (n: number): number[] => [
      read(x, n - 3, 7.5),
      (n % BN) % 3 === 1 ? -2 : read(x, n + 5, -2),
      k > 0 ? read(x, n, 0) + k : -k,
      read(x, n - (n % BN), 0),
      n - 4 >= 0 && n < N + 2 ? read(x, n - 4, 1) : 1,
    ];
    const whole = (n: number): number[] => [
      read(i, n - k, -5),
      n < 20 ? read(i, n + k, 3) : 3,
      (n % BN) % 2 === 0 ? read(i, n, 0) : -1,
      n === 0 ? -9 : read(i, n, 0),
      read(i, n, 0) * (n - (n % BN) + BN <= N ? 1 : 2),
    ];
    return {
      y: tabulate([5, N], (r, n) => floats(n)[r] ?? 0),
      z: tabulate([5, N], (r, n) => whole(n)[r] ?? 0),
    };
  },
};

export const bag: Reference = {
  shape: { V: 13, D: 40, B: 5, L: 7 },
  inputs: {
    ids: ({ shape: [b = 0, l = 0], uniform }) =>
      Float64Array.from({ length: b * l }, () => Math.floor(uniform() * 15) - 1),
    n: ({ shape: [b = 0], dims: { L = 0 } }) => Float64Array.from({ length: b }, (_, i) => (i * 3) % (L + 1)),
  },
  run({ inputs: { table, ids, n }, dims: { V = 0, D = 0, B = 0, L = 0 } }) {
    const rows = new Values([V, D], table);
    const number = new Values([B, L], ids);
    const y = tabulate([B, D], (b, d) => {
      const used = upTo(n?.[b] ?? 0)
        .map((l) => number.at(b, l))
        .filter((id) => id >= 0);
      return used.reduce((sum, id) => sum + (id < V ? rows.at(id, d) : 0), 0) / Math.max(1, used.length);
    });
    return { y };
  },
};

export const splitK: Reference = {
  shape: { B: 2, M: 33, N: 20, K: 70, S: 3 },
  run({ inputs, dims: { B = 0, M = 0, N = 0, K = 0, S = 1 } }) {
    const a = new Values([B, M, K], inputs.a);
    const b = new Values([B, K, N], inputs.b);
    const per = Math.ceil(Math.ceil(K / 16) / S) * 16;
    const y = tabulate([B, S, M, N], (batch, s, m, n) =>
      total(Math.max(0, Math.min(K, (s + 1) * per) - s * per), (k) => {
        const at = s * per + k;
        return a.at(batch, m, at) * b.at(batch, at, n);
      }),
    );
    return { y };
  },
};

export const chosen: Reference = {
  shape: { N: 43, D: 12, P: 2 },
  scalars: { mode: 1 },
  inputs: {
    x: ({ shape: [n = 0, d = 0], random }) => Float64Array.from({ length: n * d }, () => random() / 2),
    w: ({ shape: [d = 0], random }) => Float64Array.from({ length: d * d }, () => random() / 2),
    bits: ({ shape: [n = 0], uniform }) => Float64Array.from({ length: n }, () => Math.floor(uniform() * 2 ** 32)),
  },
  run({ inputs: { x = none, w = none, bits = none }, dims: { N = 0, D = 0, P = 1 }, scalars: { mode = 0 } }) {
    const C = 8;
    const W = new Values([D, D], w);
    const y = new Values([N, D]);
    const count = new Float64Array(P);
    const per = Math.ceil(Math.ceil(N / C) / P) * C;
    for (let p = 0; p < P; p++) {
      let [seen, state] = [0, new Values([C, D])];
      for (let n = p * per; n < Math.min(N, (p + 1) * per); n += C) {
        const t = new Values(
          [C, D],
          tabulate([C, D], (c, d) => x[(n + c) * D + d] ?? 0),
        );
        const flag = upTo(C).map((c) => ((bits[n + c] ?? 0) >>> p) & 1);
        const here = flag.reduce((a, b) => a + b, 0);
        let out = seen % 2 === 0 ? t : times(t, -1);
        if (here > 4) {
          state = plus(state, product(t, W));
          out = state;
          if (mode === 1 && seen > 0) {
            const back = product(state, flip(W));
            out = each(t, (a, i) => (flag[Math.floor(i / D)] === 1 ? (back.data[i] ?? 0) : a));
          } else if (mode === 2 || seen === 0) {
            out = t;
            for (let r = 0; r <= seen; r++) out = times(product(out, W), 0.125);
          }
          seen += here;
        } else state = times(state, 0.5);
        const inside = Math.min(C, N - n) * D;
        y.data.set(out.data.subarray(0, inside), n * D);
      }
      count[p] = seen;
    }
    return { y: y.data, count };
  },
};
