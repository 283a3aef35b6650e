import type { Reference, ReferenceContext } from '../../driver/reference.js';
import { lightningFwd } from './forward.ref.js';

type Arrays = Readonly<Record<string, Float64Array | undefined>>;
type Outputs = Readonly<Record<string, Float64Array>>;

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;
const add = (x: Float64Array | undefined, i: number, value: number): void => {
  if (x) x[i] = at(x, i) + value;
};

/** A head of the backward pass: its sizes, where it begins, and its tokens in the order of time. */
interface Head {
  readonly N: number;
  readonly D: number;
  readonly E: number;
  readonly slope: number;
  /** Number of its first token in q, dout and g, and in k and v; of its first element in the states. */
  readonly queries: number;
  readonly keys: number;
  readonly states: number;
  /** Token at step t of time, and what the state is multiplied by before that token is added. */
  readonly token: (t: number) => number;
  readonly decay: (t: number) => number;
}

/** S_t at each step t, behind S_{-1}: S_t = a_t S_{t-1} + k_t^T v_t. */
function statesOf({ N, D, E, keys, states, token, decay }: Head, { k, v, h0 }: Arrays): Float64Array[] {
  const all = [copied(h0, states, D * E)];
  for (let t = 0; t < N; t++) {
    const [next, n] = [copied(all[t], 0, D * E), keys + token(t)];
    advance(next, decay(t), copied(k, n * D, D), copied(v, n * E, E));
    all.push(next);
  }
  return all;
}

/** state = decay state + x^T y. */
function advance(state: Float64Array, decay: number, x: Float64Array, y: Float64Array): void {
  const [D, E] = [x.length, y.length];
  for (let d = 0; d < D; d++) {
    const xd = x[d] ?? 0;
    for (let e = 0; e < E; e++) state[d * E + e] = decay * (state[d * E + e] ?? 0) + xd * (y[e] ?? 0);
  }
}

/** G_t = dL/dS_t at each step t: G_t = a_{t+1} G_{t+1} + q_t^T dout_t, and dhT after the last. */
function gradientsOf({ N, D, E, queries, states, token, decay }: Head, { q, dout, dhT }: Arrays): Float64Array[] {
  const all = new Array<Float64Array>(N);
  for (let t = N - 1; t >= 0; t--) {
    const [isLast, n] = [t + 1 === N, queries + token(t)];
    const [next, a] = [isLast ? copied(dhT, states, D * E) : copied(all[t + 1], 0, D * E), isLast ? 1 : decay(t + 1)];
    advance(next, a, copied(q, n * D, D), copied(dout, n * E, E));
    all[t] = next;
  }
  return all;
}

/** So many elements from `begin` on; 0 where there is no array. */
function copied(x: Float64Array | undefined, begin: number, length: number): Float64Array {
  return x?.slice(begin, begin + length) ?? new Float64Array(length);
}

/** Adds what a head contributes: dq = dout S^T, dk = v G^T, dv = k G, dh0 = a_0 G_0, dL/da_t = <S_{t-1}, G_t>. */
function backwardOf(head: Head, h: number, inputs: Arrays, out: Outputs): void {
  const { N, D, E, queries, keys, states, token, decay } = head;
  const { q, k, v, dout, dhT } = inputs;
  const none = new Float64Array();
  const { dv = none } = out;
  const [S, G] = [statesOf(head, inputs), gradientsOf(head, inputs)];
  for (let t = 0; t < N; t++) {
    const [n, m, a] = [queries + token(t), keys + token(t), decay(t)];
    const [before = none, after = none, later = none] = [S[t], S[t + 1], G[t]];
    const [vt, doutt, dvt] = [copied(v, m * E, E), copied(dout, n * E, E), dv.subarray(n * E, (n + 1) * E)];
    let dlogs = 0;
    for (let d = 0; d < D; d++) {
      const kd = at(k, m * D + d);
      let dq = 0;
      let dk = 0;
      for (let e = 0; e < E; e++) {
        const gradient = later[d * E + e] ?? 0;
        dq += (doutt[e] ?? 0) * (after[d * E + e] ?? 0);
        dk += (vt[e] ?? 0) * gradient;
        dvt[e] = (dvt[e] ?? 0) + kd * gradient;
        dlogs += a * (before[d * E + e] ?? 0) * gradient;
      }
      add(out.dq, n * D + d, dq);
      add(out.dk, n * D + d, dk);
      add(out.qdq, n, at(q, n * D + d) * dq);
      add(out.kdk, n, kd * dk);
    }
    add(out.dg, n, dlogs);
    add(out.dslope, h, -dlogs);
    // Neighbours have one sign over about 1 / slope tokens.
    add(out.slopeSquares, h, dlogs * dlogs * Math.min(N, 1 / Math.tanh(head.slope / 2)));
  }
  for (let i = 0; i < D * E; i++) {
    add(out.dh0, states + i, N === 0 ? at(dhT, states + i) : decay(0) * at(G[0], i));
    add(out.hdh, states / (D * E), at(S[N], i) * at(dhT, states + i));
  }
}

/** Every head of the query, in order. */
function headsOf({ inputs, dims, options }: ReferenceContext): Head[] {
  const { B = 0, H = 0, HK = H, N = 0, D = 0, E = 0 } = dims;
  return Array.from({ length: B * H }, (_, bh) => {
    const [h, queries] = [bh % H, bh * N];
    const token = (t: number): number => (options.reverse ? N - 1 - t : t);
    const log = (t: number): number => {
      if (options.noDecay) return 0;
      return options.tokenDecay ? at(inputs.g, queries + token(t)) : -at(inputs.slope, h);
    };
    const keys = (Math.floor(bh / H) * HK + Math.floor((h * HK) / H)) * N;
    const slope = at(inputs.slope, h);
    return { N, D, E, slope, queries, keys, states: bh * D * E, token, decay: (t: number) => Math.exp(log(t)) };
  });
}

/** Inputs, without states that the options do not read. */
const givenTo = ({ inputs, options }: ReferenceContext): Arrays => ({
  ...inputs,
  h0: options.initialState ? inputs.h0 : undefined,
  dhT: options.stateGradient ? inputs.dhT : undefined,
});

/** Every gradient in f64, of the recurrence token by token; dk and dv of each query head. */
export function gradients(context: ReferenceContext): Outputs {
  const { B = 0, H = 0, N = 0, D = 0, E = 0 } = context.dims;
  const tokens = B * H * N;
  const out = {
    dq: new Float64Array(tokens * D),
    dk: new Float64Array(tokens * D),
    dv: new Float64Array(tokens * E),
    dg: new Float64Array(tokens),
    qdq: new Float64Array(tokens),
    kdk: new Float64Array(tokens),
    dslope: new Float64Array(H),
    slopeSquares: new Float64Array(H),
    hdh: new Float64Array(B * H),
    dh0: new Float64Array(B * H * D * E),
  };
  const given = givenTo(context);
  headsOf(context).forEach((head, bh) => {
    backwardOf(head, bh % H, given, out);
  });
  return out;
}

/**
 * Root mean square of what the terms of dg add up to with random signs. dg_t = <S_{t-1}, a_t G_t> is a sum over d, e, every
 * token j before t (and h0) and every token i from t on (and dhT), of a q_id k_jd dout_ie v_je, a the decay between i and j. A
 * 16-bit kernel rounds within these terms: its error is of their size, however far they cancel. The sum of their squares
 * is what the same recurrence gives for the squares of q, k, v, dout, h0, dhT and of the decays.
 */
function termsOfDecays(context: ReferenceContext): number {
  const { inputs } = context;
  const { g = new Float64Array(), slope = g } = inputs;
  const squares = Object.fromEntries(Object.entries(givenTo(context)).map(([name, x]) => [name, x?.map((y) => y * y)]));
  const twice = { ...inputs, g: g.map((x) => 2 * x), slope: slope.map((x) => 2 * x) };
  let [sum, tokens] = [0, 0];
  for (const head of headsOf({ ...context, inputs: twice })) {
    const [S, G] = [statesOf(head, squares), gradientsOf(head, squares)];
    G.forEach((later, t) => {
      const [before = new Float64Array(), decay] = [S[t], head.decay(t)];
      for (let i = 0; i < later.length; i++) sum += decay * (before[i] ?? 0) * (later[i] ?? 0);
    });
    tokens += head.N;
  }
  return Math.sqrt(sum / Math.max(1, tokens));
}

/** Sums of the heads, [B, H, length], that share one of HK: [B, HK, length]. */
function ofGroups(x: Float64Array | undefined, { B = 0, H = 0, HK = H }: ReferenceContext['dims']): Float64Array {
  const length = (x?.length ?? 0) / Math.max(1, B * H);
  const sums = new Float64Array(B * HK * length);
  x?.forEach((value, i) => {
    const bh = Math.floor(i / length);
    const group = Math.floor(bh / H) * HK + Math.floor(((bh % H) * HK) / H);
    add(sums, group * length + (i % length), value);
  });
  return sums;
}

/** `names` of the gradients, of each query head. */
const each = (...names: readonly string[]): Reference => ({
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, HG: ({ H = 0 }) => H, N: 300, D: 32, E: 40, P: 1, A: 5 },
  dtypes: { T: 'f32', P: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs: lightningFwd.inputs ?? {},
  run: (context) => Object.fromEntries(Object.entries(gradients(context)).filter(([name]) => names.includes(name))),
});

export const lightningBwdDq = each('dq', 'qdq', 'hdh');
export const lightningBwdDkDv = each('dk', 'dv', 'dh0', 'kdk');
export const lightningBwdDk = each('dk', 'kdk');
export const lightningBwdDv = each('dv', 'dh0');
export const lightningBwdKeys = lightningBwdDkDv;

export const lightningBwdGroups: Reference = {
  shape: { B: 2, H: 6, HK: 2, N: 300, D: 40 },
  dtypes: { T: 'f32' },
  run: ({ inputs, dims }) => ({ total: ofGroups(inputs.parts, dims) }),
};

/** The recurrence differentiated by hand; see `gradients`. */
export const lightningBwd: Reference = {
  ...each(),
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 300, D: 32, E: 40 },
  dtypes: { T: 'f32' },
  // Two states, and a product with one of them for each of dq, dk and dv.
  flops: ({ B = 0, H = 0, N = 0, D = 0, E = 0 }) => 10 * B * H * N * D * E,
  run: (context) => {
    const { dq = new Float64Array(), dk, dv, ...more } = gradients(context);
    const { dh0 = dq, dg = dq, dslope = dq, slopeSquares = dq } = more;
    const mean = slopeSquares.reduce((sum, x) => sum + x, 0) / Math.max(1, slopeSquares.length);
    context.cancels?.('dslope', Math.sqrt(mean));
    if (context.options.tokenGradient) context.cancels?.('dg', termsOfDecays(context));
    return { dq, dk: ofGroups(dk, context.dims), dv: ofGroups(dv, context.dims), dh0, dg, dslope };
  },
};
