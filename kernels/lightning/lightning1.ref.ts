import type { InputContext, Reference, ReferenceContext } from '../../driver/reference.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

const common = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 300, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  // Slopes as in the paper's models: 2^(-8 (h + 1) / H).
  inputs: {
    slope: ({ shape: [heads = 0] }: InputContext) =>
      Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  },
} satisfies Partial<Reference>;

/** Rows of q and k at positions t and j <= t of one head, and their weight exp(-slope (t - j)). */
type Visit = (row: number, keyRow: number, weight: number) => void;

function eachPair({ inputs: { slope }, dims }: ReferenceContext, visit: Visit): void {
  const { B = 0, H = 0, HK = H, N = 0 } = dims;
  for (let bh = 0; bh < B * H; bh++) {
    const h = bh % H;
    const group = Math.floor(bh / H) * HK + Math.floor((h * HK) / H);
    for (let t = 0; t < N; t++)
      for (let j = 0; j <= t; j++) visit(bh * N + t, group * N + j, Math.exp(-at(slope, h) * (t - j)));
  }
}

function product(a: Float64Array | undefined, i: number, b: Float64Array | undefined, j: number, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += at(a, i * D + d) * at(b, j * D + d);
  return sum;
}

function add(y: Float64Array, i: number, factor: number, x: Float64Array | undefined, j: number, D: number): void {
  for (let d = 0; d < D; d++) y[i * D + d] = at(y, i * D + d) + factor * at(x, j * D + d);
}

/** The definition, pair by pair, in f64: o_t = sum over j <= t of exp(-slope (t - j)) (q_t . k_j) v_j. */
export const lightning1Fwd: Reference = {
  ...common,
  run(ctx) {
    const { B = 0, H = 0, N = 0, D = 0, E = 0 } = ctx.dims;
    const { q, k, v } = ctx.inputs;
    const o = new Float64Array(B * H * N * E);
    eachPair(ctx, (t, j, weight) => add(o, t, weight * product(q, t, k, j, D), v, j, E));
    return { o };
  },
};

/** Its gradient, pair by pair: every product is linear in each of q, k and v. */
function gradients(ctx: ReferenceContext) {
  const { B = 0, H = 0, HK = H, N = 0, D = 0, E = 0 } = ctx.dims;
  const { q, k, v, dout } = ctx.inputs;
  const dq = new Float64Array(B * H * N * D);
  const [dk, dv] = [new Float64Array(B * HK * N * D), new Float64Array(B * HK * N * E)];
  eachPair(ctx, (t, j, weight) => {
    const dscore = weight * product(dout, t, v, j, E);
    add(dq, t, dscore, k, j, D);
    add(dk, j, dscore, q, t, D);
    add(dv, j, weight * product(q, t, k, j, D), dout, t, E);
  });
  return { dq, dk, dv };
}

export const lightning1Bwd: Reference = { ...common, run: gradients };

export const lightning1BwdKeys: Reference = {
  ...common,
  run(ctx) {
    const { dk, dv } = gradients(ctx);
    return { dk, dv };
  },
};
