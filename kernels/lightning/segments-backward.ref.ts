import type { InputContext, Reference, ReferenceContext } from '../../driver/reference.js';
import { lightningBwd } from './backward.ref.js';
import { segmentFwd, tokensOf } from './segments.ref.js';

type Outputs = Readonly<Record<string, Float64Array>>;

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** One segment of one head: its tokens, and where they and its states lie. */
interface Segment {
  readonly tokens: readonly number[];
  /** Of the head: number of its first token in q, dout and g, and in k and v; of its first element in states of heads. */
  readonly queries: number;
  readonly keys: number;
  readonly head: number;
  /** Of the segment: its first element in states of segments. */
  readonly state: number;
  readonly decay: (t: number) => number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

function segments({ inputs, dims, options }: ReferenceContext): Segment[] {
  const { B = 0, H = 0, HK = H, N = 0, G = 1, D = 0, E = 0 } = dims;
  return Array.from({ length: B * H * G }, (_, i): Segment => {
    const [bh, part] = [Math.floor(i / G), i % G];
    const h = bh % H;
    const [begin, end] = tokensOf(N, G, 1, part);
    const log = (t: number): number =>
      options.noDecay ? 0 : options.tokenDecay ? at(inputs.g, bh * N + t) : -at(inputs.slope, h);
    return {
      tokens: Array.from({ length: end - begin }, (_, t) => begin + t),
      queries: bh * N,
      keys: (Math.floor(bh / H) * HK + Math.floor((h * HK) / H)) * N,
      head: bh * D * E,
      state: i * D * E,
      decay: (t) => Math.exp(log(t)),
      isFirst: part === 0,
      isLast: end === N && (begin < end || part === 0),
    };
  });
}

/** dq_t = dout_t S_t^T with S_t = a_t S_{t-1} + k_t^T v_t from the segment's initial state. */
export const segmentBwdDq: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 300, G: 3, D: 32, E: 40, P: 1, A: 5 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs: segmentFwd.inputs ?? {},
  run(context) {
    const { B = 0, H = 0, N = 0, D = 0, E = 0 } = context.dims;
    const { q, k, v, dout, initial, dhT } = context.inputs;
    const dq = new Float64Array(B * H * N * D);
    const qdq = new Float64Array(B * H * N);
    const hdh = new Float64Array(B * H);
    for (const { tokens, queries, keys, head, state, decay, isLast } of segments(context)) {
      const S = Float64Array.from({ length: D * E }, (_, i) => at(initial, state + i));
      for (const t of tokens)
        for (let i = 0; i < D * E; i++) {
          const [d, e] = [Math.floor(i / E), i % E];
          S[i] = decay(t) * at(S, i) + at(k, (keys + t) * D + d) * at(v, (keys + t) * E + e);
          const part = at(dout, (queries + t) * E + e) * at(S, i);
          dq[(queries + t) * D + d] = at(dq, (queries + t) * D + d) + part;
          qdq[queries + t] = at(qdq, queries + t) + at(q, (queries + t) * D + d) * part;
        }
      if (isLast)
        for (const [i, x] of S.entries()) hdh[head / (D * E)] = at(hdh, head / (D * E)) + x * at(dhT, head + i);
    }
    return { dq, qdq, hdh };
  },
};

/** Nothing comes after the last token, as where there is no dhT. */
function later({ dims: { N = 0, G = 1 }, shape: [B = 0, H = 0, , D = 0, E = 0], random }: InputContext): Float64Array {
  const ends = (i: number): boolean => tokensOf(N, G, 1, Math.floor(i / (D * E)) % G)[1] === N;
  return Float64Array.from({ length: B * H * G * D * E }, (_, i) => (ends(i) ? 0 : random()));
}

/** dk_t = v_t G_t^T and dv_t = k_t G_t with G_t = a_{t+1} G_{t+1} + q_t^T dout_t, after the segment what it is given. */
export const segmentBwdDkDv: Reference = {
  ...segmentBwdDq,
  shape: { ...segmentBwdDq.shape, HG: ({ H = 0 }) => H },
  dtypes: { T: 'f32', P: 'f32' },
  inputs: { ...segmentFwd.inputs, later },
  run(context): Outputs {
    const { B = 0, H = 0, N = 0, D = 0, E = 0 } = context.dims;
    const { q, k, v, dout, later } = context.inputs;
    const dk = new Float64Array(B * H * N * D);
    const dv = new Float64Array(B * H * N * E);
    const dh0 = new Float64Array(B * H * D * E);
    const kdk = new Float64Array(B * H * N);
    for (const { tokens, queries, keys, head, state, decay, isFirst } of segments(context)) {
      // Before each token: the gradient of the state after it by what is later.
      const dS = Float64Array.from({ length: D * E }, (_, i) => at(later, state + i));
      for (const t of [...tokens].reverse())
        for (let i = 0; i < D * E; i++) {
          const [d, e, n, m] = [Math.floor(i / E), i % E, queries + t, keys + t];
          const G = at(dS, i) + at(q, n * D + d) * at(dout, n * E + e);
          const part = at(v, m * E + e) * G;
          dk[n * D + d] = at(dk, n * D + d) + part;
          dv[n * E + e] = at(dv, n * E + e) + at(k, m * D + d) * G;
          kdk[n] = at(kdk, n) + at(k, m * D + d) * part;
          dS[i] = decay(t) * G;
        }
      if (isFirst) dh0.set(dS, head);
    }
    return { dk, dv, dh0, kdk };
  },
};

export const lightningSegmentsBwd: Reference = lightningBwd;
