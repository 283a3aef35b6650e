import {
  all,
  bf16,
  cast,
  cdiv,
  col,
  cos,
  dtypes,
  f16,
  f32,
  i32,
  input,
  iota,
  kernel,
  minimum,
  output,
  range,
  row,
  scalar,
  sigmoid,
  sin,
  sum,
  zeros,
} from '../../dsl/index.js';
import { doublings, WEBGPU_BYTES } from '../blocks.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Queries and keys of TransNormerLLM in one pass: s = x sigmoid(x) (swish), then LRPE, which turns feature d of head h of
 * the token at position t by the angle theta_hd t in the complex plane. Features are real before, so that the real and the
 * imaginary parts stand side by side: y = [s cos(theta t), s sin(theta t)], and q . k gives cos(theta (t - j)).
 *
 * x [B, N, R, H, D], R tensors that share theta (queries and keys: 2); theta [H, D]; `first` the position of token 0;
 * y [B, N, R, H, F], F = 2 D. Options: `activation`, `rotation`; without rotation theta is not read and F = D.
 * Angles are f32: at position t they are off by about theta t 2^-24.
 * Source: Qin et al. 2023, "TransNormerLLM", arXiv 2307.14995, section 3.1 (LRPE-d, whose decay is the slope of the
 * attention); Qin et al. 2023, "Linearized Relative Positional Encoding", arXiv 2307.09270.
 */
export const lrpe = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'R', 'H', 'D']),
      theta: input(f32, ['H', 'D'], { optional: true }),
      first: scalar(i32),
      y: output(T, ['B', 'N', 'R', 'H', 'F']),
    },
    comptime: ['D'],
    options: { activation: true, rotation: true },
    tune: { C: [32, 16, 64, 8], warps: [4, 2, 8] },
    prefer: ({ C, processors }) => (processors === 1 ? C : 0),
    grid: ({ B, N, R, H, C }) => ({ n: cdiv(N, C), h: H, r: R, b: B }),
  },
  ({ x, theta, first, y }, { D, C, activation, rotation }, { n, h, r, b }) => {
    const t = cast(x.at(b, all, r, h).load([n * C, 0], [C, D]), f32);
    const s = activation ? t * sigmoid(t) : t;
    const Y = y.at(b, all, r, h);
    if (rotation) {
      const angle = cast(col(first + n * C + iota(C)), f32) * row(theta.at(h).load([0], [D]));
      Y.store([n * C, 0], s * cos(angle));
      Y.store([n * C, D], s * sin(angle));
    } else {
      Y.store([n * C, 0], s);
    }
  },
);
/** Only the activation, as in all layers but the first. */
export const swish = lrpe.with({ rotation: false });

/**
 * Gradients of `lrpe`: dx, and for each of P shares of the tokens what they add to the gradient of theta. With s as above,
 * ds = cos dy_re + sin dy_im, dx = ds (g + s (1 - g)) for g = sigmoid(x), dtheta = sum of t (y_re dy_im - y_im dy_re).
 *
 * x, dx [B, N, R, H, D]; theta [H, D]; dy [B, N, R, H, F], F = 2 D; dthetas [P, H, D], share p of every sequence being
 * tokens p per <= n < (p + 1) per with per = ceil(N / P). P is read off `dthetas`.
 */
export const lrpeBwdParts = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'R', 'H', 'D']),
      theta: input(f32, ['H', 'D']),
      first: scalar(i32),
      dy: input(T, ['B', 'N', 'R', 'H', 'F']),
      dx: output(T, ['B', 'N', 'R', 'H', 'D']),
      dthetas: output(f32, ['P', 'H', 'D']),
    },
    comptime: ['D'],
    options: { activation: true },
    tune: { C: [32, 16, 64, 8], warps: [4, 2, 8] },
    // Few tokens at once: on a CPU, where what is kept of each does not fit into its registers, and through WebGPU.
    prefer: ({ C, warps, processors, sharedBytes }) =>
      processors === 1 ? C : sharedBytes <= WEBGPU_BYTES ? doublings(C, 8) + doublings(warps, 2) : 0,
    grid: ({ P, H }) => ({ p: P, h: H }),
  },
  ({ x, theta, first, dy, dx, dthetas }, { B, N, R, D, P, C, activation }, { p, h }) => {
    const per = cdiv(N, P);
    const from = p * per;
    const frequency = row(theta.at(h).load([0], [D]));
    let share = zeros([D], f32);
    for (const b of range(B))
      for (const r of range(R)) {
        const X = x.at(b, all, r, h).slice(from, from + per);
        const dY = dy.at(b, all, r, h).slice(from, from + per);
        const dX = dx.at(b, all, r, h).slice(from, from + per);
        for (const n of range(0, minimum(N - from, per), C)) {
          const position = cast(col(first + from + n + iota(C)), f32);
          const c = cos(position * frequency);
          const z = sin(position * frequency);
          const t = cast(X.load([n, 0], [C, D]), f32); // rows of other shares read 0, as do those of dy
          const re = cast(dY.load([n, 0], [C, D]), f32);
          const im = cast(dY.load([n, D], [C, D]), f32);
          const g = sigmoid(t);
          const s = activation ? t * g : t;
          const ds = c * re + z * im;
          dX.store([n, 0], activation ? ds * (g + s * (1 - g)) : ds);
          share += sum(position * s * (c * im - z * re), 0);
        }
      }
    dthetas.at(p, h).store([0], share);
  },
);

/** Gradient of `swish`. x, dy, dx [B, N, R, H, D]. */
export const swishBwd = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'R', 'H', 'D']),
      dy: input(T, ['B', 'N', 'R', 'H', 'D']),
      dx: output(T, ['B', 'N', 'R', 'H', 'D']),
    },
    comptime: ['D'],
    tune: { C: [32, 16, 64, 8], warps: [4, 2, 8] },
    grid: ({ B, N, R, H, C }) => ({ n: cdiv(N, C), h: H, r: R, b: B }),
  },
  ({ x, dy, dx }, { D, C }, { n, h, r, b }) => {
    const t = cast(x.at(b, all, r, h).load([n * C, 0], [C, D]), f32);
    const g = sigmoid(t);
    const d = cast(dy.at(b, all, r, h).load([n * C, 0], [C, D]), f32);
    dx.at(b, all, r, h).store([n * C, 0], d * (g + t * g * (1 - g)));
  },
);
