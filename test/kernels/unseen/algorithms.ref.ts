import type { Dims, InputContext, Reference } from '../../../driver/reference.js';
import { tabulate, total, upTo, Values } from './values.js';

const none = new Float64Array(0);

/** 0 ... n - 1 in some order. */
function shuffled(n: number, uniform: () => number): number[] {
  const keys = upTo(n).map(() => uniform());
  return upTo(n).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
}
const whole =
  (below: number) =>
  ({ shape, uniform }: InputContext): Float64Array =>
    tabulate(shape, () => Math.floor(uniform() * below));

export const listRank: Reference = {
  shape: { B: 3, N: 37 },
  inputs: {
    next({ shape: [B = 0, N = 0], uniform }) {
      const next = new Values([B, N], new Float64Array(B * N).fill(N));
      for (let b = 0; b < B; b++) {
        const order = shuffled(N, uniform);
        order.slice(1).forEach((to, i) => {
          next.put(to, b, order[i] ?? 0);
        });
      }
      return next.data;
    },
    w: whole(4),
  },
  run({ inputs, dims: { B = 0, N = 0 } }) {
    const [next, rank, w] = [inputs.next, inputs.rank, inputs.w].map((x) => new Values([B, N], x));
    const along = (of: Values | undefined, b: number, n: number): number => {
      let sum = 0;
      for (let at = n; at < N; at = next?.at(b, at) ?? N) sum += of?.at(b, at) ?? 0;
      return sum;
    };
    const ends = N > 1 ? tabulate([B, N], () => N) : (inputs.next ?? none);
    return {
      next: ends,
      rank: tabulate([B, N], (b, n) => along(rank, b, n)),
      w: tabulate([B, N], (b, n) => along(w, b, n)),
    };
  },
};

/** What is left of the composition of maps n - 1, ..., 0 or 0, ..., n - 1 at 0, modulo 2^32. */
const composed = (n: number, f: (i: number) => number, u: (i: number) => number): number =>
  upTo(n).reduce((x, i) => (Math.imul(x, f(i)) + u(i)) | 0, 0);

export const compositions: Reference = {
  shape: { A: 3, B: 11, C: 13 },
  inputs: { f: whole(7), u: whole(7) },
  dtypes: { I: 'i32' },
  run({ inputs, dims: { A = 0, B = 0, C = 0 } }) {
    const [f, u] = [new Values([A, B, C], inputs.f), new Values([A, B, C], inputs.u)];
    const chain = (n: number, at: (i: number) => [number, number, number]): number =>
      composed(
        n,
        (i) => f.at(...at(i)),
        (i) => u.at(...at(i)),
      );
    return {
      first: tabulate([B, C], (b, c) => chain(A, (i) => [i, b, c])),
      second: tabulate([A, B, C], (a, b, c) => chain(B - b, (i) => [a, B - 1 - i, c])),
      third: tabulate([A, B, C], (a, b, c) => chain(c + 1, (i) => [a, b, i])),
      last: tabulate([A, B], (a, b) => chain(C, (i) => [a, b, i])),
    };
  },
};

/** Solves by elimination with row exchanges; also the sign of the permutation. */
function eliminate(A: number[][]): { x: number[]; sign: number } {
  const K = A.length;
  const at = (i: number, j: number): number => A[i]?.[j] ?? 0;
  let sign = 1;
  for (let j = 0; j < K; j++) {
    const p = upTo(K).reduce((best, i) => (i > j && Math.abs(at(i, j)) > Math.abs(at(best, j)) ? i : best), j);
    if (p !== j) sign = -sign;
    [A[p], A[j]] = [A[j] ?? [], A[p] ?? []];
    for (let i = j + 1; i < K; i++) {
      const factor = at(i, j) / at(j, j);
      A[i] = (A[i] ?? []).map((x, c) => x - factor * at(j, c));
    }
  }
  const x = new Array<number>(K).fill(0);
  for (let i = K - 1; i >= 0; i--)
    x[i] = (at(i, K) - total(K - 1 - i, (k) => at(i, K - 1 - k) * (x[K - 1 - k] ?? 0))) / at(i, i);
  return { x, sign };
}

export const solve: Reference = {
  shape: { M: 7, K: 9 },
  tolerance: { rmse: 1e-3, element: 1e-2 },
  run({ inputs, dims: { M = 0, K = 0 } }) {
    const [a, b] = [new Values([M, K, K], inputs.a), new Values([M, K], inputs.b)];
    const solved = upTo(M).map((m) =>
      eliminate(upTo(K).map((i) => [...upTo(K).map((j) => a.at(m, i, j)), b.at(m, i)])),
    );
    return {
      x: tabulate([M, K], (m, k) => solved[m]?.x[k] ?? 0),
      sign: tabulate([M], (m) => solved[m]?.sign ?? 0),
    };
  },
};

function distance(a: readonly number[], b: readonly number[]): number {
  let above = upTo(b.length + 1);
  a.forEach((x, i) => {
    const here = [i + 1];
    b.forEach((y, j) => {
      const [up = 0, left = 0, diagonal = 0] = [above[j + 1], here[j], above[j]];
      here.push(Math.min(up + 1, left + 1, diagonal + (x === y ? 0 : 1)));
    });
    above = here;
  });
  return above[b.length] ?? 0;
}

export const editDistance: Reference = {
  shape: { B: 9, N: 31, Two: 2 },
  inputs: {
    a: whole(3),
    b: whole(3),
    lengths: ({ shape, uniform, dims: { N = 0 } }) =>
      tabulate(shape, (p, side) => Math.min(N, p < 4 ? (p >> side) & 1 : Math.floor(uniform() * (N + 1)))),
  },
  run({ inputs, dims: { B = 0, N = 0 } }) {
    const [a, b, lengths] = [new Values([B, N], inputs.a), new Values([B, N], inputs.b), inputs.lengths ?? none];
    return {
      d: tabulate([B], (p) => {
        const [n = 0, m = 0] = lengths.slice(2 * p, 2 * p + 2);
        return distance(
          upTo(n).map((i) => a.at(p, i)),
          upTo(m).map((i) => b.at(p, i)),
        );
      }),
    };
  },
};

/** Windows of 8 rows: those before n - 1 of a block at n, or of its first three rows, where it is the first. */
function windowed({ A = 0, N = 0, D = 0 }: Dims, x: Values): (a: number, n: number, d: number) => number {
  return (a, n, d) => {
    const first = n - (n % 8);
    const end = Math.min(N, first + 7, first - 3 + first + 7);
    return a < A && d < D && n < end ? x.at(a, n, d) : 5;
  };
}

export const windows: Reference = {
  shape: { A: 3, N: 29, D: 19 },
  inputs: { place: ({ shape: [N = 0], uniform }) => Float64Array.from(shuffled(N, uniform)) },
  run({ inputs, dims }) {
    const { A = 0, N = 0, D = 0 } = dims;
    const seen = windowed(dims, new Values([A, N, D], inputs.x));
    const [y, s] = [new Values([A, N, D]), new Values([N, A])];
    inputs.place?.forEach((to, n) => {
      for (let a = 0; a < A; a++) {
        for (let d = 0; d < D; d++) y.put(seen(a, n, d), a, to, d);
        s.put(total(D, (d) => seen(a, n, d)) / Math.max(1, Math.floor(D / 2)), to, a);
      }
    });
    return { y: y.data, s: s.data };
  },
};
