import type { Dims, Reference, ReferenceContext } from '../../driver/reference.js';
import { lightningBwd } from './backward.ref.js';
import { packedInputs } from './packed.ref.js';

type Arrays = Readonly<Record<string, Float64Array>>;

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;
const add = (x: Float64Array, i: number, value: number): void => {
  x[i] = at(x, i) + value;
};

const shape = { N: 120, H: 4, HK: ({ H = 0 }: Dims) => H, S: 5, S1: ({ S = 0 }: Dims) => S + 1 };
const common = { dtypes: { T: 'f32' }, tokens: ({ N = 0 }: Dims) => N, inputs: packedInputs } as const;

/** Arguments with a token in front, by how many heads and columns a token has. */
const PACKED: Readonly<Record<string, (dims: Dims) => readonly [number, number]>> = {
  q: ({ H = 0, D = 0 }) => [H, D],
  k: ({ HK = 0, D = 0 }) => [HK, D],
  v: ({ HK = 0, E = 0 }) => [HK, E],
  dout: ({ H = 0, E = 0 }) => [H, E],
  g: ({ H = 0 }) => [H, 1],
};
const GRADIENTS: typeof PACKED = {
  dq: ({ H = 0, D = 0 }) => [H, D],
  dk: ({ HK = 0, D = 0 }) => [HK, D],
  dv: ({ HK = 0, E = 0 }) => [HK, E],
  dg: ({ H = 0 }) => [H, 1],
};

/** Calls `each` with where elements of `count` tokens from `begin` on are in [N, heads, width] and in [heads, count, width]. */
function elements(
  [heads, width]: readonly [number, number],
  [begin, count]: readonly [number, number],
  each: (packed: number, alone: number) => void,
): void {
  for (let h = 0; h < heads; h++)
    for (let t = 0; t < count; t++)
      for (let i = 0; i < width; i++) each(((begin + t) * heads + h) * width + i, (h * count + t) * width + i);
}

/** The backward pass of each sequence by itself. */
export const lightningPackedBwd: Reference = {
  ...common,
  shape: { ...shape, D: 24, E: 32 },
  run({ inputs, dims, options, scalars, cancels }) {
    const { N = 0, H = 0, D = 0, E = 0, S = 0 } = dims;
    const out: Record<string, Float64Array> = { dh0: new Float64Array(S * H * D * E), dslope: new Float64Array(H) };
    for (const [name, of] of Object.entries(GRADIENTS)) out[name] = new Float64Array(N * of(dims)[0] * of(dims)[1]);
    let slopes = 0;
    let decays = 0;
    for (let s = 0; s < S; s++) {
      const [begin, end] = [at(inputs.offset, s), at(inputs.offset, s + 1)];
      const own: Record<string, Float64Array> = { slope: inputs.slope ?? new Float64Array(H) };
      for (const [name, of] of Object.entries(PACKED)) {
        const [heads, width] = of(dims);
        const alone = new Float64Array(heads * (end - begin) * width);
        elements([heads, width], [begin, end - begin], (from, to) => {
          alone[to] = at(inputs[name], from);
        });
        own[name] = alone;
      }
      for (const name of ['h0', 'dhT'])
        own[name] = (inputs[name] ?? new Float64Array(S * H * D * E)).slice(s * H * D * E, (s + 1) * H * D * E);
      const got: Arrays = lightningBwd.run({
        inputs: own,
        dims: { ...dims, B: 1, N: end - begin },
        options,
        scalars,
        cancels: (output, size) => {
          if (output === 'dslope') slopes += size * size;
          else decays += size * size * (end - begin);
        },
      });
      for (const [name, of] of Object.entries(GRADIENTS))
        elements(of(dims), [begin, end - begin], (to, from) => add(out[name] as Float64Array, to, at(got[name], from)));
      out.dh0?.set(got.dh0 ?? [], s * H * D * E);
      got.dslope?.forEach((x, h) => {
        add(out.dslope as Float64Array, h, x);
      });
    }
    cancels?.('dslope', Math.sqrt(slopes));
    cancels?.('dg', Math.sqrt(decays / Math.max(1, N)));
    return out;
  },
};

/** Sequences of a pass, token by token: those that see later ones pass the state on with the decay of the token they leave. */
export const lightningPackedPass: Reference = {
  ...common,
  dtypes: { T: 'f32', P: 'f32' },
  shape: { ...shape, HG: ({ H = 0 }) => H, HX: 2, HY: 4, HW: 2, A: 24, W: 32, Q: 1 },
  run({ inputs: { x, y, z, w, offset, slope, g, before, against }, dims, options }: ReferenceContext) {
    const { N = 0, HG = 0, HX = 0, HY = 0, HW = 0, A = 0, W = 0, S = 0 } = dims;
    const [out, parts] = [new Float64Array(N * HG * W), new Float64Array(N * HG)];
    const [after, ends] = [new Float64Array(S * HG * A * W), new Float64Array(S * HG)];
    if (options.stateBefore) after.set(before ?? []);
    for (let sh = 0; sh < S * HG; sh++) {
      const [s, h] = [Math.floor(sh / HG), sh % HG];
      const state = after.subarray(sh * A * W, (sh + 1) * A * W);
      const [begin, end] = [at(offset, s), at(offset, s + 1)];
      for (let i = begin; i < end; i++) {
        const n = options.later !== options.reverse ? begin + end - 1 - i : i;
        const [xn, yn, wn] = [HX, HY, HW].map((heads) => n * heads + Math.floor((h * heads) / HG)) as [
          number,
          number,
          number,
        ];
        const decay = options.noDecay ? 1 : Math.exp(options.tokenDecay ? at(g, n * HG + h) : -at(slope, h));
        for (let aw = 0; aw < A * W; aw++) {
          const [a, c] = [Math.floor(aw / W), aw % W];
          const seen = (options.later ? 1 : decay) * at(state, aw) + at(y, yn * A + a) * at(z, yn * W + c);
          add(out, (n * HG + h) * W + c, at(x, xn * A + a) * seen);
          add(parts, n * HG + h, at(w, wn * W + c) * at(x, xn * A + a) * seen);
          state[aw] = (options.later ? decay : 1) * seen;
        }
      }
      state.forEach((value, i) => {
        add(ends, sh, value * at(against, sh * A * W + i));
      });
    }
    return { out, parts, after, ends };
  },
};

/** What a token's log-decay changes is what it changes in the sums of all tokens from it on. */
export const lightningPackedBwdG: Reference = {
  ...common,
  dtypes: {},
  shape: { ...shape, P: 2, R: 3 },
  run({ inputs: { qdq, kdk, ends, offset }, dims, options }) {
    const { N = 0, H = 0, P = 0, R = 0, S = 0 } = dims;
    const dg = new Float64Array(N * H);
    for (let sh = 0; sh < S * H; sh++) {
      const [s, h] = [Math.floor(sh / H), sh % H];
      const [begin, end] = [at(offset, s), at(offset, s + 1)];
      let sum = 0;
      if (options.stateGradient) for (let p = 0; p < P; p++) sum += at(ends, sh * P + p);
      for (let i = begin; i < end; i++) {
        const n = options.reverse ? i : begin + end - 1 - i;
        for (let p = 0; p < P; p++) sum += at(qdq, (p * N + n) * H + h);
        for (let r = 0; r < R; r++) sum -= at(kdk, (r * N + n) * H + h);
        dg[n * H + h] = sum;
      }
    }
    return { dg };
  },
};

/** One sequence's part of dslope. */
export const lightningPackedBwdSlopeParts: Reference = {
  ...common,
  shape: { ...shape, D: 24, E: 32, P: 1 },
  run(context) {
    const { S = 0 } = context.dims;
    const offset = context.inputs.offset ?? new Float64Array();
    const parts = Array.from({ length: S }, (_, s) => {
      // All other sequences are empty.
      const only = Float64Array.from({ length: S + 1 }, (_, i) => at(offset, i <= s ? s : s + 1));
      return [...(lightningPackedBwd.run({ ...context, inputs: { ...context.inputs, offset: only } }).dslope ?? [])];
    });
    return { parts: Float64Array.from(parts.flat()) };
  },
};
