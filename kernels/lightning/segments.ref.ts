import type { Dims, OptionValue, Reference, ReferenceContext } from '../../driver/reference.js';

type Arrays = Readonly<Record<string, Float64Array | undefined>>;

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** Slopes as in the paper's models, 2^(-8 (h + 1) / H); decays of tokens between 1 and exp(-1), some of them steep. */
const inputs: NonNullable<Reference['inputs']> = {
  slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  g: ({ shape, uniform }) =>
    Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => (uniform() < 0.05 ? -30 : -(uniform() ** 3))),
  decays: ({ shape, uniform }) => Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, uniform),
};

/** One head of one sequence. */
interface Head {
  readonly inputs: Arrays;
  readonly dims: Dims;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly b: number;
  readonly h: number;
}

/** Of the head, as [B, H] counts. */
const row = ({ dims: { H = 1 }, b, h }: Head): number => b * H + h;

/** Of the head of k and v that it reads. */
const sharedRow = ({ dims: { H = 1, HK = H }, b, h }: Head): number => b * HK + Math.floor(h / (H / HK));

function decayOf(head: Head, t: number): number {
  const { inputs, dims, options, h } = head;
  if (options.noDecay) return 1;
  return Math.exp(options.tokenDecay ? at(inputs.g, row(head) * (dims.N ?? 0) + t) : -at(inputs.slope, h));
}

const rowOf = (x: Float64Array | undefined, i: number, length: number): Float64Array =>
  x?.subarray(i * length, (i + 1) * length) ?? new Float64Array(length);

/** state += k_t^T v_t. */
function add(head: Head, state: Float64Array, t: number): void {
  const { N = 0, D = 0, E = 0 } = head.dims;
  const token = sharedRow(head) * N + t;
  const v = rowOf(head.inputs.v, token, E);
  for (let d = 0; d < D; d++) {
    const kd = at(head.inputs.k, token * D + d);
    for (let e = 0; e < E; e++) state[d * E + e] = (state[d * E + e] ?? 0) + kd * (v[e] ?? 0);
  }
}

function scale(state: Float64Array, decay: number): void {
  for (let i = 0; i < state.length; i++) state[i] = (state[i] ?? 0) * decay;
}

/** S_t = a_t S_{t-1} + k_t^T v_t and o_t = q_t S_t for begin <= t < end. */
function forward(head: Head, state: Float64Array, o: Float64Array, begin: number, end: number): void {
  const { N = 0, D = 0, E = 0 } = head.dims;
  for (let t = begin; t < end; t++) {
    scale(state, decayOf(head, t));
    add(head, state, t);
    const token = row(head) * N + t;
    const ot = rowOf(o, token, E);
    for (let d = 0; d < D; d++) {
      const qd = at(head.inputs.q, token * D + d);
      for (let e = 0; e < E; e++) ot[e] = (ot[e] ?? 0) + qd * (state[d * E + e] ?? 0);
    }
  }
}

function heads({ inputs, dims, options }: Omit<ReferenceContext, 'scalars'>): Head[] {
  const { B = 0, H = 0 } = dims;
  return Array.from({ length: B * H }, (_, i) => ({ inputs, dims, options, b: Math.floor(i / H), h: i % H }));
}

/** The tokens of piece number `at`, of so many in each of G segments, whose lengths are multiples of 64. */
export function tokensOf(N: number, G: number, pieces: number, at: number): readonly [begin: number, end: number] {
  const per = Math.ceil(N / G / 64) * 64;
  const length = Math.ceil(per / pieces);
  const segment = Math.floor(at / pieces);
  const last = Math.min(N, (segment + 1) * per);
  const begin = Math.min(last, segment * per + (at % pieces) * length);
  return [begin, Math.min(last, begin + length)];
}

/** Each piece's own state, from zero. In reverse time decays go to the token before the piece. */
export const segmentStates: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 500, Q: 6, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  inputs,
  scalars: { pieces: ({ Q = 0 }) => (Q % 2 === 0 ? 2 : 1) },
  tokens: ({ B = 0, N = 0 }) => B * N,
  run({ inputs, dims, scalars: { pieces = 1 }, options }) {
    const { B = 0, H = 0, N = 0, Q = 0, D = 0, E = 0 } = dims;
    const states = new Float64Array(B * H * Q * D * E);
    const decays = new Float64Array(B * H * Q);
    for (const head of heads({ inputs, dims, options }))
      for (let q = 0; q < Q; q++) {
        const [begin, end] = tokensOf(N, Q / pieces + 1, pieces, options.reverse ? q + pieces : q);
        const place = row(head) * Q + q;
        const state = states.subarray(place * D * E, (place + 1) * D * E);
        decays[place] = 1;
        for (let i = begin; i < end; i++) {
          const t = options.reverse ? begin + end - 1 - i : i;
          if (options.reverse) add(head, state, t);
          scale(state, decayOf(head, t));
          if (!options.reverse) add(head, state, t);
          decays[place] = at(decays, place) * decayOf(head, t);
        }
      }
    return options.tokenDecay ? { states, decays } : { states };
  },
};

/** The state before each segment, piece by piece. */
export const segmentScan: Reference = {
  shape: { B: 1, H: 4, Q: 6, G: 4, D: 64, E: 64 },
  inputs,
  scalars: { tokens: ({ Q = 0 }) => 9 * Q + 5 },
  run({ inputs, dims, scalars: { tokens: N = 0 }, options }) {
    const { B = 0, H = 0, Q = 0, G = 1, D = 0, E = 0 } = dims;
    const pieces = G > 1 ? Q / (G - 1) : 1;
    const initial = new Float64Array(B * H * G * D * E);
    for (let bh = 0; bh < B * H; bh++) {
      const state = new Float64Array(D * E);
      if (options.initialState) state.set(inputs.h0?.subarray(bh * D * E, (bh + 1) * D * E) ?? []);
      initial.set(state, (bh * G + (options.reverse ? G - 1 : 0)) * D * E);
      for (let i = 0; i < Q; i++) {
        const q = options.reverse ? Q - 1 - i : i;
        const [begin, end] = tokensOf(N, G, pieces, options.reverse ? q + pieces : q);
        const slope = at(inputs.slope, bh % H);
        const own = options.tokenDecay ? at(inputs.decays, bh * Q + q) : Math.exp(-slope * (end - begin));
        scale(state, options.noDecay ? 1 : own);
        const piece = rowOf(inputs.states, bh * Q + q, D * E);
        for (let j = 0; j < D * E; j++) state[j] = at(state, j) + at(piece, j);
        if ((i + 1) % pieces !== 0) continue;
        const after = (i + 1) / pieces;
        initial.set(state, (bh * G + (options.reverse ? G - 1 - after : after)) * D * E);
      }
    }
    return { initial };
  },
};

/** The recurrence inside each segment, from the state before it. */
export const segmentFwd: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 500, G: 4, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  inputs,
  tokens: ({ B = 0, N = 0 }) => B * N,
  run({ inputs, dims, options }) {
    const { B = 0, H = 0, N = 0, G = 1, D = 0, E = 0 } = dims;
    const o = new Float64Array(B * H * N * E);
    const hT = new Float64Array(B * H * D * E);
    for (const head of heads({ inputs, dims, options }))
      for (let g = 0; g < G; g++) {
        const [begin, end] = tokensOf(N, G, 1, g);
        const place = row(head) * G + g;
        const state = inputs.initial?.slice(place * D * E, (place + 1) * D * E) ?? new Float64Array(0);
        forward(head, state, o, begin, end);
        if (end === N && (begin < end || g === 0)) hT.set(state, row(head) * D * E);
      }
    return options.finalState ? { o, hT } : { o };
  },
};

/** The recurrence from the first token on. */
export const lightningSegments: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 500, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  inputs,
  tokens: ({ B = 0, N = 0 }) => B * N,
  flops: ({ B = 0, H = 0, N = 0, D = 0, E = 0 }) => 4 * B * H * N * D * E,
  run({ inputs, dims, options, ...context }) {
    const { B = 0, H = 0, D = 0, E = 0 } = dims;
    const initial = options.initialState ? inputs.h0 : undefined;
    return segmentFwd.run({
      ...context,
      options,
      inputs: { ...inputs, initial: initial ?? new Float64Array(B * H * D * E) },
      dims: { ...dims, G: 1 },
    });
  },
};
