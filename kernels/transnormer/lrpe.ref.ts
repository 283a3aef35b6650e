import type { InputContext, Reference, ReferenceContext } from '../../driver/reference.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** Frequencies of the published model: 10000^(-2 i / (H D)) for feature i of all heads together. */
export const frequencies = ({ shape: [H = 0, D = 0] }: InputContext): Float64Array =>
  Float64Array.from({ length: H * D }, (_, i) => 10000 ** ((-2 * i) / (H * D)));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

interface Feature {
  /** Of x. */
  readonly i: number;
  /** Of y, the real part; the imaginary one stands D further on. */
  readonly re: number;
  /** Of theta. */
  readonly hd: number;
  readonly n: number;
  /** Position of token n. */
  readonly t: number;
}

/** Every feature of every token of the tensors [B, N, R, H, D] and [B, N, R, H, F]. */
function* features({ dims, scalars }: ReferenceContext): Generator<Feature> {
  const { B = 0, N = 0, R = 0, H = 0, D = 0, F = D } = dims;
  for (let row = 0; row < B * N * R * H; row++) {
    const n = Math.floor(row / (R * H)) % N;
    const t = n + (scalars.first ?? 0);
    for (let d = 0; d < D; d++) yield { i: row * D + d, re: row * F + d, hd: (row % H) * D + d, n, t };
  }
}

/** s e^(i theta t) of a real s: real and imaginary parts side by side. */
export const lrpe: Reference = {
  shape: { B: 2, N: 150, R: 2, H: 3, D: 40, F: ({ D = 0 }) => 2 * D },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  scalars: { first: 0 },
  inputs: { theta: frequencies },
  run(ctx) {
    const { B = 0, N = 0, R = 0, H = 0, D = 0, F = 0 } = ctx.dims;
    const y = new Float64Array(B * N * R * H * F);
    for (const { i, re, hd, t } of features(ctx)) {
      const x = at(ctx.inputs.x, i);
      const s = ctx.options.activation === false ? x : x * sigmoid(x);
      const angle = at(ctx.inputs.theta, hd) * t;
      if (ctx.options.rotation === false) y[re] = s;
      else [y[re], y[re + D]] = [s * Math.cos(angle), s * Math.sin(angle)];
    }
    return { y };
  },
};
export const swish: Reference = { ...lrpe, shape: { B: 2, N: 150, R: 2, H: 3, D: 40, F: ({ D = 0 }) => D } };

/** Slope of x sigmoid(x). */
const swishSlope = (x: number): number => sigmoid(x) * (1 + x * (1 - sigmoid(x)));

/** The chain rule, feature by feature. */
export const lrpeBwdParts: Reference = {
  shape: { B: 2, N: 150, R: 2, H: 3, D: 40, F: ({ D = 0 }) => 2 * D, P: 4 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  scalars: { first: 0 },
  inputs: { theta: frequencies },
  run(ctx) {
    const { B = 0, N = 0, R = 0, H = 0, D = 0, P = 1 } = ctx.dims;
    const { x, theta, dy } = ctx.inputs;
    const [dx, dthetas] = [new Float64Array(B * N * R * H * D), new Float64Array(P * H * D)];
    for (const { i, re, hd, n, t } of features(ctx)) {
      const [c, z] = [Math.cos(at(theta, hd) * t), Math.sin(at(theta, hd) * t)];
      const [dre, dim] = [at(dy, re), at(dy, re + D)];
      const plain = ctx.options.activation === false;
      const s = plain ? at(x, i) : at(x, i) * sigmoid(at(x, i));
      dx[i] = (c * dre + z * dim) * (plain ? 1 : swishSlope(at(x, i)));
      const share = Math.floor(n / Math.ceil(N / P)) * H * D + hd;
      dthetas[share] = at(dthetas, share) + s * t * (c * dim - z * dre);
    }
    return { dx, dthetas };
  },
};

export const swishBwd: Reference = {
  shape: { B: 2, N: 150, R: 2, H: 3, D: 40 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  run: ({ inputs: { x, dy } }) => ({
    dx: (x ?? new Float64Array(0)).map((v, i) => at(dy, i) * swishSlope(v)),
  }),
};
