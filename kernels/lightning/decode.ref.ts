import type { Dims, OptionValue, Reference } from '../../driver/reference.js';

type Arrays = Readonly<Record<string, Float64Array | undefined>>;

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** What lies where: tokens of [B, H, T, D] tensors; a step is T = 1. */
interface Recurrence {
  readonly inputs: Arrays;
  readonly dims: Dims;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Tokens that sequence b takes. */
  readonly tokens: (b: number) => number;
  /** After each token: the state [D, E] of head h. */
  readonly after?: (state: Float64Array, b: number, h: number, t: number) => void;
}

/** S_t = a_t S_{t-1} + k_t^T v_t; o_t = q_t S_t, token by token from `state`; the outputs, and the states that remain. */
function recurrence({ inputs, dims, options, tokens, after }: Recurrence): { o: Float64Array; state: Float64Array } {
  const { q, k, v, slope, g } = inputs;
  const { B = 0, H = 0, HK = 0, T = 1, D = 0, E = 0 } = dims;
  const [o, states] = [new Float64Array(B * H * T * E), new Float64Array(B * H * D * E)];
  states.set(inputs.state ?? []);
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      const state = states.subarray((b * H + h) * D * E, (b * H + h + 1) * D * E);
      for (let t = 0; t < tokens(b); t++) {
        const [mine, shared] = [(b * H + h) * T + t, (b * HK + Math.floor(h / (H / HK))) * T + t];
        const decay = options.noDecay ? 1 : Math.exp(options.tokenDecay ? at(g, mine) : -at(slope, h));
        for (let i = 0; i < D * E; i++) {
          const [d, e] = [Math.floor(i / E), i % E];
          state[i] = decay * at(state, i) + at(k, shared * D + d) * at(v, shared * E + e);
          o[mine * E + e] = at(o, mine * E + e) + at(q, mine * D + d) * at(state, i);
        }
        after?.(state, b, h, t);
      }
    }
  return { o, state: states };
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
  inputs,
  run: (context) => recurrence({ ...context, tokens: () => 1 }),
};
