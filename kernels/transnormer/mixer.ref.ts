import type { Dims, Reference, ReferenceContext } from '../../driver/reference.js';
import { frequencies } from './lrpe.ref.js';
import { weights } from './sglu.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const swish = (x: number): number => x * sigmoid(x);
const swishSlope = (x: number): number => sigmoid(x) * (1 + x * (1 - sigmoid(x)));

const inputs: NonNullable<Reference['inputs']> = {
  w: weights(({ K = 1 }) => K),
  wOut: weights(({ H = 1, D = 1 }) => H * D),
  theta: frequencies,
  slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
};
const shape = { B: 2, N: 50, K: 40, P: 4, H: 3, D: 16 };
const scalars = { first: 0, eps: 1e-6 };
const tokens = ({ B = 0, N = 0 }: Dims): number => B * N;

/** y [rows, columns] = a [rows, inner] b [inner, columns]. */
function times(
  a: Float64Array,
  b: Float64Array | undefined,
  [rows, inner, columns]: readonly [number, number, number],
): Float64Array {
  const y = new Float64Array(rows * columns);
  for (const i of y.keys())
    for (let k = 0; k < inner; k++)
      y[i] = at(y, i) + at(a, Math.floor(i / columns) * inner + k) * at(b, k * columns + (i % columns));
  return y;
}

function transposed(a: Float64Array | undefined, columns: number): Float64Array {
  const source = a ?? new Float64Array(0);
  const rows = source.length / Math.max(1, columns);
  return Float64Array.from(source, (_, i) => at(source, (i % rows) * columns + Math.floor(i / rows)));
}

/** Places of element (b, t, h, d): of part p in [B, N, 4, H, D], and in [B, N, H, D]. */
class Places {
  readonly #dims: Dims;
  constructor(dims: Dims) {
    this.#dims = dims;
  }
  part(p: number, b: number, t: number, h: number, d: number): number {
    const { N = 0, H = 0, D = 0 } = this.#dims;
    return (((b * N + t) * 4 + p) * H + h) * D + d;
  }
  head(b: number, t: number, h: number, d: number): number {
    const { N = 0, H = 0, D = 0 } = this.#dims;
    return ((b * N + t) * H + h) * D + d;
  }
}

/** Every pair of a token and one that it attends to, j <= t, of every head. */
function* pairs({ B = 0, N = 0, H = 0 }: Dims): Generator<readonly [b: number, h: number, t: number, j: number]> {
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) for (let t = 0; t < N; t++) for (let j = 0; j <= t; j++) yield [b, h, t, j];
}

/** The angle between features of tokens t and j: the relative form of LRPE, which knows no positions. */
const angleOf = ({ inputs: { theta }, options, dims: { D = 0 } }: ReferenceContext, h: number, d: number): number =>
  options.rotation === true ? at(theta, h * D + d) : 0;

/** Attention by pairs: o_t = sum over j <= t of exp(-slope (t - j)) (sum over d of q_td k_jd cos(theta_d (t - j))) v_j. */
function attention(ctx: ReferenceContext, z: Float64Array): Float64Array {
  const { B = 0, N = 0, H = 0, D = 0 } = ctx.dims;
  const [o, place] = [new Float64Array(B * N * H * D), new Places(ctx.dims)];
  for (const [b, h, t, j] of pairs(ctx.dims)) {
    let score = 0;
    for (let d = 0; d < D; d++)
      score +=
        swish(at(z, place.part(0, b, t, h, d))) *
        swish(at(z, place.part(1, b, j, h, d))) *
        Math.cos(angleOf(ctx, h, d) * (t - j));
    score *= Math.exp(-at(ctx.inputs.slope, h) * (t - j));
    for (let d = 0; d < D; d++) {
      const i = place.head(b, t, h, d);
      o[i] = at(o, i) + score * at(z, place.part(2, b, j, h, d));
    }
  }
  return o;
}

/** Feature i of S of token t: the real parts, then the imaginary ones, of swish(x) exp(i theta (first + t)). */
function feature(ctx: ReferenceContext, z: Float64Array, p: number, b: number, t: number, h: number, i: number) {
  const { D = 0 } = ctx.dims;
  const angle = angleOf(ctx, h, i % D) * (t + (ctx.scalars.first ?? 0));
  return swish(at(z, new Places(ctx.dims).part(p, b, t, h, i % D))) * (i < D ? Math.cos(angle) : Math.sin(angle));
}

/** What the state before the first token adds to o, and the state after the last. */
function states(ctx: ReferenceContext, z: Float64Array, o: Float64Array): Float64Array {
  const { B = 0, N = 0, H = 0, D = 0, S = 0 } = ctx.dims;
  const [hT, place] = [new Float64Array(B * H * S * D), new Places(ctx.dims)];
  for (const i of hT.keys()) {
    const [e, s, h, b] = [i % D, Math.floor(i / D) % S, Math.floor(i / (D * S)) % H, Math.floor(i / (D * S * H))];
    const decay = (tokens: number): number => Math.exp(-at(ctx.inputs.slope, h) * tokens);
    const before = ctx.options.initialState === true ? at(ctx.inputs.h0, i) : 0;
    hT[i] = decay(N) * before;
    for (let t = 0; t < N; t++) {
      const to = place.head(b, t, h, e);
      o[to] = at(o, to) + feature(ctx, z, 0, b, t, h, s) * decay(t + 1) * before;
      hT[i] = at(hT, i) + decay(N - 1 - t) * feature(ctx, z, 1, b, t, h, s) * at(z, place.part(2, b, t, h, e));
    }
  }
  return hT;
}

/** o / sqrt(mean(o^2) + eps) over all heads of a token, and that root. */
function normalised({ dims: { H = 0, D = 0 }, scalars: { eps = 0 } }: ReferenceContext, o: Float64Array) {
  const [n, roots] = [o.slice(), [] as number[]];
  for (let row = 0; row < o.length; row += Math.max(1, H * D)) {
    const root = Math.sqrt(o.subarray(row, row + H * D).reduce((s, v) => s + v * v, 0) / (H * D) + eps);
    for (let i = row; i < row + H * D; i++) n[i] = at(o, i) / root;
    roots.push(root);
  }
  return { n, roots };
}

/** Place of the gate of element i of [B, N, H, D] in [B, N, 4, H, D]. */
const gateOf = (i: number, width: number): number => Math.floor(i / width) * 4 * width + 3 * width + (i % width);

export const tokenMixer: Reference = {
  shape: { ...shape, S: ({ D = 0 }) => D },
  dtypes: { T: 'f32' },
  scalars,
  inputs,
  tolerance: { rmse16: 0.01 },
  tokens,
  run(ctx) {
    const { K = 0, H = 0, D = 0 } = ctx.dims;
    const rows = tokens(ctx.dims);
    const z = times(ctx.inputs.x ?? new Float64Array(0), ctx.inputs.w, [rows, K, 4 * H * D]);
    const o = attention(ctx, z);
    const hT = states(ctx, z, o);
    const gated = normalised(ctx, o).n.map((v, i) => v * at(z, gateOf(i, H * D)));
    return { y: times(gated, ctx.inputs.wOut, [rows, H * D, K]), ...(ctx.options.finalState === true && { hT }) };
  },
};
export const tokenMixerLrpe: Reference = { ...tokenMixer, shape: { ...shape, S: ({ D = 0 }) => 2 * D } };

/** Gradients of q, k and v in `dz`, and of theta, by pairs. */
function attentionBwd(ctx: ReferenceContext, z: Float64Array, dout: Float64Array, dz: Float64Array): Float64Array {
  const { H = 0, D = 0 } = ctx.dims;
  const [dtheta, place] = [new Float64Array(H * D), new Places(ctx.dims)];
  for (const [b, h, t, j] of pairs(ctx.dims)) {
    const decay = Math.exp(-at(ctx.inputs.slope, h) * (t - j));
    let [dscore, score] = [0, 0];
    for (let d = 0; d < D; d++) dscore += at(dout, place.head(b, t, h, d)) * at(z, place.part(2, b, j, h, d));
    for (let d = 0; d < D; d++) {
      const [q, k] = [place.part(0, b, t, h, d), place.part(1, b, j, h, d)];
      const [sq, sk, angle] = [swish(at(z, q)), swish(at(z, k)), angleOf(ctx, h, d) * (t - j)];
      score += sq * sk * Math.cos(angle) * decay;
      dz[q] = at(dz, q) + dscore * decay * Math.cos(angle) * sk * swishSlope(at(z, q));
      dz[k] = at(dz, k) + dscore * decay * Math.cos(angle) * sq * swishSlope(at(z, k));
      dtheta[h * D + d] = at(dtheta, h * D + d) - dscore * decay * sq * sk * Math.sin(angle) * (t - j);
    }
    for (let d = 0; d < D; d++) {
      const v = place.part(2, b, j, h, d);
      dz[v] = at(dz, v) + score * at(dout, place.head(b, t, h, d));
    }
  }
  return dtheta;
}

/** The chain rule, from the output back. */
export const tokenMixerBwd: Reference = {
  shape,
  dtypes: { T: 'f32' },
  scalars: { eps: scalars.eps },
  inputs,
  // Sums over all tokens, as that of theta, cancel.
  tolerance: { rmse16: 0.03 },
  tokens,
  run(ctx) {
    const { K = 0, H = 0, D = 0 } = ctx.dims;
    const { x = new Float64Array(0), w, wOut, dy = x } = ctx.inputs;
    const [rows, width] = [tokens(ctx.dims), H * D];
    const z = times(x, w, [rows, K, 4 * width]);
    const { n, roots } = normalised(ctx, attention(ctx, z));
    const dgated = times(dy, transposed(wOut, K), [rows, K, width]);
    const dz = new Float64Array(z.length);
    const dn = dgated.map((g, i) => g * at(z, gateOf(i, width)));
    for (const i of n.keys()) dz[gateOf(i, width)] = at(dgated, i) * at(n, i);
    const dout = dn.map((g, i) => {
      const row = Math.floor(i / width) * width;
      const along = dn.subarray(row, row + width).reduce((s, v, j) => s + v * at(n, row + j), 0) / width;
      return (g - at(n, i) * along) / (roots[row / width] ?? 1);
    });
    const dtheta = attentionBwd(ctx, z, dout, dz);
    const gated = n.map((v, i) => v * at(z, gateOf(i, width)));
    return {
      dx: times(dz, transposed(w, 4 * width), [rows, 4 * width, K]),
      dw: times(transposed(x, K), dz, [K, rows, 4 * width]),
      dwOut: times(transposed(gated, width), dy, [width, rows, K]),
      ...(ctx.options.rotation === true && { dtheta }),
    };
  },
};
export const tokenMixerLrpeBwd: Reference = tokenMixerBwd;
