import type { Reference, ReferenceContext } from '../../driver/reference.js';
import { pairsOf } from './forward.ref.js';

type Score = (s: number, head: number, i: number, j: number) => number;

/** Inner product of row i of a and row j of b, of D elements each. */
function product(a: Float64Array, i: number, b: Float64Array, j: number, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += (a[i * D + d] ?? 0) * (b[j * D + d] ?? 0);
  return sum;
}

/** y_row += factor x_row of another tensor, rows of D elements. */
function add(y: Float64Array, i: number, factor: number, x: Float64Array, j: number, D: number): void {
  for (let d = 0; d < D; d++) y[i * D + d] = (y[i * D + d] ?? 0) + factor * (x[j * D + d] ?? 0);
}

/**
 * The chain rule, pair by pair, in f64. With P_ij = exp(s_ij - lse_i): dv_j = sum P_ij dout_i and
 * ds_ij = P_ij (dout_i . v_j - delta_i), where delta_i = sum over j of P_ij dout_i . v_j = dout_i . o_i.
 */
function gradients(ctx: ReferenceContext, isCausal: boolean, score: Score, delta: Float64Array | undefined) {
  const { inputs, dims, scalars } = ctx;
  const { B = 0, H = 0, M = 0, N = 0, D = 0 } = dims;
  const { q, k, v, dout, lse } = inputs;
  if (!q || !k || !v || !dout || !lse || !delta) throw new Error('a gradient of attention: an input is missing');
  const { scale = 1 } = scalars;
  const dq = new Float64Array(B * H * M * D);
  const [dk, dv] = [new Float64Array(B * H * N * D), new Float64Array(B * H * N * D)];
  for (let a = 0; a < B * H * M; a++) {
    const [bh, i, l] = [Math.floor(a / M), a % M, lse[a] ?? 0];
    for (let j = 0; j < (isCausal ? Math.min(N, i + 1) : N); j++) {
      const c = bh * N + j;
      const s = score(product(q, a, k, c, D) * scale, bh % H, i, j);
      const p = l === -Infinity ? 0 : Math.exp(s - l);
      const ds = p * (product(dout, a, v, c, D) - (delta[a] ?? 0)) * scale;
      add(dv, c, p, dout, a, D);
      add(dk, c, ds, q, a, D);
      add(dq, a, ds, k, c, D);
    }
  }
  return { dq, dk, dv };
}

function deltaOf({ o, dout }: ReferenceContext['inputs'], rows: number, D: number): Float64Array {
  if (!o || !dout) throw new Error('delta: o and dout are needed');
  return Float64Array.from({ length: rows }, (_, a) => product(o, a, dout, a, D));
}

export const flashDelta: Reference = {
  shape: { B: 1, H: 4, M: 500, D: 64 },
  dtypes: { T: 'f32' },
  run: ({ inputs, dims: { B = 0, H = 0, M = 0, D = 0 } }) => ({ delta: deltaOf(inputs, B * H * M, D) }),
};

const shape = { B: 1, H: 4, M: 300, N: 300, D: 64 };
const scalars: NonNullable<Reference['scalars']> = { scale: ({ D = 1 }) => 1 / Math.sqrt(D) };
const tokens = ({ B = 0, M = 0 }: Readonly<Record<string, number>>): number => B * M;

/** lse about as large as that of M scores: the formulas hold for whatever is given. */
const statistics: NonNullable<Reference['inputs']> = {
  lse: ({ shape: [B = 0, H = 0, M = 0], uniform }) => Float64Array.from({ length: B * H * M }, () => 4 + uniform()),
};

const plain: Score = (s) => s;
const alibi: Score = (s, head, i, j) => s - 2 ** (-(head + 1) / 2) * (i - j);

const part = { shape, dtypes: { T: 'f32' }, scalars, tokens, inputs: statistics } as const;
const ofPart = (ctx: ReferenceContext) => gradients(ctx, ctx.options.causal === true, plain, ctx.inputs.delta);

export const flashBwdKeys: Reference = {
  ...part,
  run(ctx) {
    const { dk, dv } = ofPart(ctx);
    return { dk, dv };
  },
};

export const flashBwdQueries: Reference = { ...part, run: (ctx) => ({ dq: ofPart(ctx).dq }) };

export const flashBwdKeysCausal: Reference = flashBwdKeys;
export const flashBwdQueriesCausal: Reference = flashBwdQueries;

/** Of whatever o and lse are given; those of the forward pass make it the gradient of attention. */
function whole(ctx: ReferenceContext, isCausal: boolean, score: Score) {
  const { B = 0, H = 0, M = 0, D = 0 } = ctx.dims;
  return gradients(ctx, isCausal, score, deltaOf(ctx.inputs, B * H * M, D));
}
const flops =
  (causal: boolean): NonNullable<Reference['flops']> =>
  // Scores anew, and a product with them or their gradients for each of dp, dq, dk and dv.
  ({ B = 0, H = 0, M = 0, N = 0, D = 0 }, options) =>
    10 * B * H * D * pairsOf(M, N, causal || options.causal === true);
export const flashBwd: Reference = {
  ...part,
  flops: flops(false),
  run: (ctx) => whole(ctx, ctx.options.causal === true, plain),
};
export const alibiBwd: Reference = { ...part, flops: flops(true), run: (ctx) => whole(ctx, true, alibi) };
