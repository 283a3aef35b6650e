import {
  abs,
  bf16,
  cast,
  cdiv,
  col,
  cumsum,
  dot,
  dtypes,
  exp,
  exp2,
  f16,
  f32,
  input,
  iota,
  kernel,
  output,
  range,
  row,
  sigmoid,
  sum,
  trans,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);

/** Retention with a fast and a slow state and a normaliser: what goes to products is folded along both axes too. */
export const twoStates = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
      z: output(f32, ['B', 'H', 'N']),
    },
    comptime: ['D', 'E'],
    tune: { C: [16, 64, 12], BE: [16, 64], warps: [4, 2, 8], stages: [2, 1, 3] },
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, o, z }, { N, D, C, BE }, { e, h, b }) => {
    const i = iota(C);
    const fastRate = exp2(cast(h, f32) * -1 - 3);
    const slowRate = fastRate * 0.25;
    const within = (rate: number) => exp(where(col(i) >= row(i), -rate * (col(i) - row(i)), -Infinity));
    let fast = zeros([D, BE], f32);
    let slow = zeros([D, BE], f32);
    let norm = zeros([D], f32);
    for (const n of range(0, N, C)) {
      const qi = q.at(b, h).load([n, 0], [C, D]);
      const ki = k.at(b, h).load([n, 0], [C, D]);
      const vi = v.at(b, h).load([n, e * BE], [C, BE]);
      const scores = dot(qi, trans(ki));
      const intra = dot(cast(scores * (within(fastRate) + within(slowRate)), T), vi);
      const early = dot(qi, cast(fast, T)) * col(exp(-fastRate * i));
      const late = dot(qi, cast(slow, T)) * col(exp(-slowRate * i));
      o.at(b, h).store([n, e * BE], intra + early + late);
      const here = sum(where(col(i) >= row(i), scores, 0), 1);
      if (e === 0) z.at(b, h).store([n], here + sum(cast(qi, f32) * row(norm), 1));
      norm = norm + sum(cast(ki, f32), 0);
      fast = fast * exp(-fastRate * C) + dot(trans(cast(ki * col(exp(-fastRate * (C - i))), T)), vi);
      slow = slow * exp(-slowRate * C) + dot(trans(cast(ki * col(exp(-slowRate * (C - i))), T)), vi);
    }
  },
);

/** Backward over a gated state: last chunk first, prefix and suffix sums of the gates, masks above the diagonal. */
export const reverseState = kernel(
  {
    args: {
      q: input(T, ['H', 'N', 'D']),
      v: input(T, ['H', 'N', 'E']),
      g: input(f32, ['H', 'N']),
      dO: input(T, ['H', 'N', 'E']),
      dk: output(T, ['H', 'N', 'D']),
      first: output(f32, ['H', 'D', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [16, 32, 24], warps: [4, 1, 2], stages: [2, 1, 3] },
    grid: ({ H }) => ({ h: H }),
  },
  ({ q, v, g, dO, dk, first }, { N, D, E, C }, { h }) => {
    const i = iota(C);
    let dS = zeros([D, E], f32);
    for (const n of range(0, N, C, { reverse: true })) {
      const gi = -abs(g.at(h).load([n], [C]));
      const until = cumsum(gi, 0);
      const after = cumsum(gi, 0, { reverse: true }) - gi;
      const vi = v.at(h).load([n, 0], [C, E]);
      const qi = q.at(h).load([n, 0], [C, D]);
      const di = dO.at(h).load([n, 0], [C, E]);
      const decay = exp(where(col(i) <= row(i), row(until) - col(until), -Infinity));
      const ds = dot(vi, trans(di)) * decay;
      dk.at(h).store([n, 0], dot(cast(ds, T), qi) + dot(vi, trans(cast(dS, T))) * col(exp(after)));
      dS = dS * exp(sum(gi, 0)) + dot(trans(cast(qi * col(exp(until)), T)), di);
    }
    first.at(h).store([0, 0], dS);
  },
);

/** Delta rule: a chunk's triangular system by C - 1 fixed-point steps, a loop of products in a loop of products. */
export const settling = kernel(
  {
    args: {
      q: input(T, ['H', 'N', 'D']),
      k: input(T, ['H', 'N', 'D']),
      v: input(T, ['H', 'N', 'E']),
      beta: input(f32, ['H', 'N']),
      o: output(f32, ['H', 'N', 'E']),
      last: output(f32, ['H', 'E', 'D']),
    },
    comptime: ['D', 'E'],
    tune: { C: [16, 32, 12], warps: [4, 1, 2], stages: [2, 1, 3] },
    grid: ({ H }) => ({ h: H }),
  },
  ({ q, k, v, beta, o, last }, { N, D, E, C }, { h }) => {
    const i = iota(C);
    let S = zeros([D, E], f32);
    for (const n of range(0, N, C)) {
      const qi = q.at(h).load([n, 0], [C, D]);
      const ki = cast(cast(k.at(h).load([n, 0], [C, D]), f32) * (1 / D), T);
      const vi = v.at(h).load([n, 0], [C, E]);
      const b = col(sigmoid(beta.at(h).load([n], [C])));
      const below = where(col(i) > row(i), dot(ki, trans(ki)) * b, 0);
      const right = (vi - dot(ki, cast(S, T))) * b;
      let u = right;
      for (const _ of range(C - 1)) u = right - dot(cast(below, T), cast(u, T));
      const scores = where(col(i) >= row(i), dot(qi, trans(ki)), 0);
      o.at(h).store([n, 0], dot(qi, cast(S, T)) + dot(cast(scores, T), cast(u, T)));
      S = S + dot(trans(ki), cast(u, T));
    }
    last.at(h).store([0, 0], trans(S));
  },
);
