import {
  all,
  bf16,
  cast,
  col,
  cumsum,
  dot,
  dtypes,
  exp,
  expand,
  f16,
  f32,
  idiv,
  input,
  iota,
  kernel,
  output,
  range,
  row,
  sum,
  trans,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);

/** The unit matrix; `C` is known at compile time. */
function unit(C: number) {
  const i = iota(C);
  return cast(col(i) === row(i), f32);
}

/** Linear attention with a log gate a key channel, in chunks: scores through rank-3 tiles. */
export const gatedKeys = kernel(
  {
    args: {
      q: input(T, ['H', 'N', 'D']),
      k: input(T, ['H', 'N', 'D']),
      v: input(T, ['H', 'N', 'E']),
      g: input(f32, ['H', 'N', 'D']),
      o: output(T, ['H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [8, 4], warps: [4] },
    grid: ({ H }) => ({ h: H }),
  },
  ({ q, k, v, g, o }, { N, D, E, C }, { h }) => {
    const i = iota(C);
    const lower = expand(col(i), 2) >= expand(row(i), 2);
    let state = zeros([D, E], f32);
    for (const n of range(0, N, C)) {
      const qi = cast(q.at(h).load([n, 0], [C, D]), f32);
      const ki = cast(k.at(h).load([n, 0], [C, D]), f32);
      const vi = cast(v.at(h).load([n, 0], [C, E]), f32);
      const gi = g.at(h).load([n, 0], [C, D]);
      const until = cumsum(gi, 0);
      const whole = sum(gi, 0);
      const decay = exp(where(lower, expand(until, 1) - expand(until, 0), -Infinity)); // [C, C, D]
      const scores = sum(expand(qi, 1) * expand(ki, 0) * decay, 2);
      o.at(h).store([n, 0], dot(scores, vi) + dot(qi * exp(until), state));
      state = state * col(exp(whole)) + dot(trans(ki * exp(row(whole) - until)), vi);
    }
  },
);

/** Delta rule in chunks: the triangular system of a chunk is solved row by row in a loop. */
export const deltaRule = kernel(
  {
    args: {
      q: input(f32, ['H', 'N', 'D']),
      k: input(f32, ['H', 'N', 'D']),
      v: input(f32, ['H', 'N', 'E']),
      beta: input(f32, ['H', 'N']),
      o: output(f32, ['H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [16, 12], warps: [2] },
    grid: ({ H }) => ({ h: H }),
  },
  ({ q, k, v, beta, o }, { N, D, E, C }, { h }) => {
    const i = iota(C);
    let state = zeros([D, E], f32);
    for (const n of range(0, N, C)) {
      const qi = q.at(h).load([n, 0], [C, D]);
      const ki = k.at(h).load([n, 0], [C, D]);
      const vi = v.at(h).load([n, 0], [C, E]);
      const b = beta.at(h).load([n], [C]);
      const lower = where(col(i) > row(i), dot(ki * col(b), trans(ki)), 0);
      let inverse = unit(C);
      for (const r of range(1, C)) {
        const mine = sum(where(col(i) === r, lower, 0), 0);
        inverse = where(col(i) === r, inverse - row(sum(col(mine) * inverse, 0)), inverse);
      }
      const u = dot(inverse, col(b) * (vi - dot(ki, state)));
      const scores = where(col(i) >= row(i), dot(qi, trans(ki)), 0);
      o.at(h).store([n, 0], dot(qi, state) + dot(scores, u));
      state = state + dot(trans(ki), u);
    }
  },
);

/** Mamba-2: heads in groups that share B and C, a decay and a step a head and token, a skip, the last state out. */
export const stateSpaceDual = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'H', 'P']),
      dt: input(f32, ['B', 'N', 'H']),
      a: input(f32, ['H']),
      bm: input(T, ['B', 'N', 'G', 'S']),
      cm: input(T, ['B', 'N', 'G', 'S']),
      skip: input(f32, ['H']),
      y: output(T, ['B', 'N', 'H', 'P']),
      last: output(f32, ['B', 'H', 'P', 'S']),
    },
    comptime: ['S', 'P'],
    tune: { C: [16, 48], warps: [4] },
    grid: ({ B, H }) => ({ h: H, b: B }),
  },
  ({ x, dt, a, bm, cm, skip, y, last }, { N, H, G, S, P, C }, { h, b }) => {
    const g = idiv(h, idiv(H, G));
    const i = iota(C);
    let state = zeros([P, S], f32);
    for (const n of range(0, N, C)) {
      const d = dt.at(b, all, h).load([n], [C]);
      const xi = x.at(b, all, h).load([n, 0], [C, P]);
      const bi = bm.at(b, all, g).load([n, 0], [C, S]);
      const ci = cm.at(b, all, g).load([n, 0], [C, S]);
      const steps = d * a.get(h);
      const until = cumsum(steps, 0);
      const after = cumsum(steps, 0, { reverse: true }) - steps;
      const decay = exp(where(col(i) >= row(i), col(until) - row(until), -Infinity));
      const scores = dot(ci, trans(bi)) * decay * row(d);
      const inter = dot(ci, trans(cast(state, T))) * col(exp(until));
      y.at(b, all, h).store([n, 0], dot(cast(scores, T), xi) + inter + xi * skip.get(h));
      state = state * exp(sum(steps, 0)) + dot(trans(cast(xi * col(d * exp(after)), T)), bi);
    }
    last.at(b, h).store([0, 0], state);
  },
);
