import type { Dims, OptionValue, Reference } from '../../driver/reference.js';

type Arrays = Readonly<Record<string, Float64Array | undefined>>;

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** What lies where: N tokens of [B, H, N, D] tensors, of which a step has one. */
interface Recurrence {
  readonly inputs: Arrays;
  readonly dims: Dims;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Tokens that sequence b takes. */
  readonly tokens: (b: number) => number;
}

interface Results {
  readonly o: Float64Array;
  readonly state: Float64Array;
  readonly states: Float64Array;
}

/** S_t = a_t S_{t-1} + k_t^T v_t; o_t = q_t S_t, token by token from `state`; outputs, states after each token and in the end. */
function recurrence({ inputs, dims, options, tokens }: Recurrence): Results {
  const { q, k, v, slope, g } = inputs;
  const { B = 0, H = 0, HK = 0, N = 1, D = 0, E = 0 } = dims;
  const [o, state] = [new Float64Array(B * H * N * E), new Float64Array(B * H * D * E)];
  const states = new Float64Array(B * N * H * D * E);
  state.set(inputs.state ?? []);
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      const s = state.subarray((b * H + h) * D * E, (b * H + h + 1) * D * E);
      for (let t = 0; t < tokens(b); t++) {
        const [mine, shared] = [(b * H + h) * N + t, (b * HK + Math.floor(h / (H / HK))) * N + t];
        const decay = options.noDecay ? 1 : Math.exp(options.tokenDecay ? at(g, mine) : -at(slope, h));
        for (let i = 0; i < D * E; i++) {
          const [d, e] = [Math.floor(i / E), i % E];
          s[i] = decay * at(s, i) + at(k, shared * D + d) * at(v, shared * E + e);
          o[mine * E + e] = at(o, mine * E + e) + at(q, mine * D + d) * at(s, i);
        }
        states.set(s, ((b * N + t) * H + h) * D * E);
      }
    }
  return { o, state, states };
}

const inputs: NonNullable<Reference['inputs']> = {
  // Slopes as in the paper's models: 2^(-8 (h + 1) / H).
  slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  // log sigmoid(4 + x): decays from about 0.6 to 1, as trained gates have them.
  g: ({ shape, random }) =>
    Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => -Math.log1p(Math.exp(-(4 + 2 * random())))),
};

export const lightningStep: Reference = {
  shape: { B: 3, H: 4, HK: 2, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0 }) => B,
  flops: ({ B = 0, H = 0, D = 0, E = 0 }) => 4 * B * H * D * E,
  inputs,
  run(context) {
    const { o, state } = recurrence({ ...context, tokens: () => 1 });
    return { o, state };
  },
};

export const lightningExtend: Reference = {
  shape: { B: 2, H: 4, HK: 2, N: 100, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs,
  run(context) {
    const { o, state } = recurrence({ ...context, tokens: () => context.dims.N ?? 0 });
    return { o, state };
  },
};

export const lightningVerify: Reference = {
  ...lightningExtend,
  shape: { B: 3, H: 4, HK: 2, N: 7, D: 64, E: 64 },
  run(context) {
    const { o, states } = recurrence({ ...context, tokens: () => context.dims.N ?? 0 });
    return context.options.keepStates ? { o, states } : { o };
  },
};

export const lightningAccept: Reference = {
  ...lightningVerify,
  inputs: {
    ...inputs,
    // From -1 to N + 1.
    accepted: ({ dims: { N = 0 }, shape: [B = 0], uniform }) =>
      Float64Array.from({ length: B }, () => Math.floor(uniform() * (N + 3)) - 1),
  },
  run(context) {
    const { N = 0 } = context.dims;
    const count = (b: number): number => Math.min(N, at(context.inputs.accepted, b));
    return { state: recurrence({ ...context, tokens: count }).state };
  },
};
