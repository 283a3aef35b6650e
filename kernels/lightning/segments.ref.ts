import type { Reference } from '../../driver/reference.js';

const slopes: NonNullable<Reference['inputs']> = {
  slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
};

type Arrays = Readonly<Record<string, Float64Array | undefined>>;
type Dims = Readonly<Record<string, number>>;

/** State after tokens begin <= t < end of head `bh`, from `state`, one token at a time: S = exp(-slope) S + k^T v. */
function advance(
  state: Float64Array,
  { k, v, slope }: Arrays,
  dims: Dims,
  bh: number,
  begin: number,
  end: number,
): void {
  const { H = 1, N = 0, D = 0, E = 0 } = dims;
  const lambda = Math.exp(-(slope?.[bh % H] ?? 0));
  for (let t = begin; t < end; t++)
    for (let d = 0; d < D; d++) {
      const kd = k?.[(bh * N + t) * D + d] ?? 0;
      for (let e = 0; e < E; e++)
        state[d * E + e] = lambda * (state[d * E + e] ?? 0) + kd * (v?.[(bh * N + t) * E + e] ?? 0);
    }
}

/** Each segment's own state, from zero. */
export const segmentStates: Reference = {
  shape: { B: 1, H: 4, N: 500, G: 4, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  inputs: slopes,
  tokens: ({ B = 0, N = 0 }) => B * N,
  run({ inputs, dims }) {
    const { B = 0, H = 0, N = 0, G = 1, D = 0, E = 0 } = dims;
    const per = Math.ceil(N / G);
    const states = new Float64Array(B * H * G * D * E);
    for (let i = 0; i < B * H * G; i++) {
      const begin = (i % G) * per;
      advance(
        states.subarray(i * D * E, (i + 1) * D * E),
        inputs,
        dims,
        Math.floor(i / G),
        begin,
        Math.min(N, begin + per),
      );
    }
    return { states };
  },
};

/** The recurrence inside each segment, from the state that the given segment states leave before it. */
export const segmentFwd: Reference = {
  shape: { B: 1, H: 4, N: 500, G: 4, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  inputs: slopes,
  tokens: ({ B = 0, N = 0 }) => B * N,
  run({ inputs, dims }) {
    const { B = 0, H = 0, N = 0, G = 1, D = 0, E = 0 } = dims;
    const { q, slope, states } = inputs;
    const per = Math.ceil(N / G);
    const o = new Float64Array(B * H * N * E);
    for (let bh = 0; bh < B * H; bh++)
      for (let g = 0; g < G; g++) {
        const state = new Float64Array(D * E);
        const decay = Math.exp(-(slope?.[bh % H] ?? 0) * per);
        for (let before = 0; before < g; before++)
          state.forEach((x, i) => {
            state[i] = x * decay + (states?.[(bh * G + before) * D * E + i] ?? 0);
          });
        for (let t = g * per; t < Math.min(N, (g + 1) * per); t++) {
          advance(state, inputs, dims, bh, t, t + 1);
          for (let d = 0; d < D; d++)
            for (let e = 0; e < E; e++) {
              const at = (bh * N + t) * E + e;
              o[at] = (o[at] ?? 0) + (q?.[(bh * N + t) * D + d] ?? 0) * (state[d * E + e] ?? 0);
            }
        }
      }
    return { o };
  },
};

/** The recurrence from the first token on. */
export const lightningSegments: Reference = {
  shape: { B: 1, H: 4, N: 500, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  inputs: slopes,
  tokens: ({ B = 0, N = 0 }) => B * N,
  run({ inputs, dims }) {
    const whole = { ...dims, G: 1 };
    return segmentFwd.run({
      inputs: { ...inputs, states: new Float64Array(0) },
      dims: whole,
      scalars: {},
      options: {},
    });
  },
};
