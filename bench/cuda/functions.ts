import {
  abs,
  cdiv,
  ceil,
  cos,
  erf,
  exp,
  exp2,
  f32,
  floor,
  input,
  kernel,
  log,
  log1p,
  log2,
  output,
  round,
  rsqrt,
  sigmoid,
  sin,
  sqrt,
  tanh,
} from '../../dsl/index.js';

/** What row k of y holds, in order: functions of x, then those of x and z. */
export const FUNCTION_ROWS = [
  ...(['exp', 'exp2', 'log', 'log2', 'log1p', 'sqrt', 'rsqrt', 'sigmoid', 'tanh', 'erf', 'sin', 'cos'] as const),
  ...(['floor', 'ceil', 'round', 'abs', 'div', 'rem', '**'] as const),
] as const;

/** Every function of the language on the same operands, as it reaches a device: through all passes. */
export const functions = kernel(
  {
    args: { x: input(f32, ['N']), z: input(f32, ['N']), y: output(f32, ['F', 'N']) },
    tune: { BN: [256], warps: [4] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ x, z, y }, { BN }, { n }) => {
    const t = x.load([n * BN], [BN]);
    const u = z.load([n * BN], [BN]);
    y.at(0).store([n * BN], exp(t));
    y.at(1).store([n * BN], exp2(t));
    y.at(2).store([n * BN], log(t));
    y.at(3).store([n * BN], log2(t));
    y.at(4).store([n * BN], log1p(t));
    y.at(5).store([n * BN], sqrt(t));
    y.at(6).store([n * BN], rsqrt(t));
    y.at(7).store([n * BN], sigmoid(t));
    y.at(8).store([n * BN], tanh(t));
    y.at(9).store([n * BN], erf(t));
    y.at(10).store([n * BN], sin(t));
    y.at(11).store([n * BN], cos(t));
    y.at(12).store([n * BN], floor(t));
    y.at(13).store([n * BN], ceil(t));
    y.at(14).store([n * BN], round(t));
    y.at(15).store([n * BN], abs(t));
    y.at(16).store([n * BN], t / u);
    y.at(17).store([n * BN], t % u);
    y.at(18).store([n * BN], t ** u);
  },
);
