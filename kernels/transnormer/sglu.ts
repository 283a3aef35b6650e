import { bf16, dtypes, f16, f32, input, output, plan, temp } from '../../dsl/index.js';
import { gemm } from '../gemm/gemm.js';
import { gemmNT, gemmTN } from '../gemm/transposed.js';
import { gluFactorsBwd, gluProduct } from './glu.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Simple gated linear unit: y = ((x w_0) (x w_1)) w_out, without an activation.
 *
 * x [M, K]; w [K, R, F], R = 2: the weights of values and of their gate; wOut [F, K]; y [M, K].
 * Source: Qin et al. 2023, "TransNormerLLM", arXiv 2307.14995, equation 10.
 */
export const sglu = plan(
  {
    args: {
      x: input(T, ['M', 'K']),
      w: input(T, ['K', 'R', 'F']),
      wOut: input(T, ['F', 'K']),
      y: output(T, ['M', 'K']),
    },
    temps: ({ M, F }) => ({ p: temp(T, [M, F]) }),
  },
  ({ x, w, wOut, y, p }, _sizes, run) => {
    run(gluProduct, { x, w, p });
    run(gemm, { a: p, b: wOut, y });
  },
);

/**
 * Gradients of `sglu`. Nothing is kept of the forward: the two factors are computed again, which costs one product more
 * and no memory between the passes.
 *
 * x, dy, dx [M, K]; w, dw [K, R, F], R = 2; wOut, dwOut [F, K]. dw is dense in its last two axes.
 */
export const sgluBwd = plan(
  {
    args: {
      x: input(T, ['M', 'K']),
      w: input(T, ['K', 'R', 'F']),
      wOut: input(T, ['F', 'K']),
      dy: input(T, ['M', 'K']),
      dx: output(T, ['M', 'K']),
      dw: output(T, ['K', 'R', 'F']),
      dwOut: output(T, ['F', 'K']),
    },
    temps: ({ M, R, F }) => ({
      vu: temp(T, [M, R, F]),
      dvu: temp(T, [M, R, F]),
      p: temp(T, [M, F]),
      dp: temp(T, [M, F]),
    }),
  },
  ({ x, w, wOut, dy, dx, dw, dwOut, vu, dvu, p, dp }, { M, K, R, F }, run) => {
    const weights = w.reshape([K, R * F]);
    run(gemm, { a: x, b: weights, y: vu.reshape([M, R * F]) });
    run(gemmNT, { a: dy, b: wOut, y: dp });
    run(gluFactorsBwd, { vu, dp, dvu, p });
    run(gemmNT, { a: dvu.reshape([M, R * F]), b: weights, y: dx });
    run(gemmTN, { a: x, b: dvu.reshape([M, R * F]), y: dw.reshape([K, R * F]) });
    run(gemmTN, { a: p, b: dy, y: dwOut });
  },
);
