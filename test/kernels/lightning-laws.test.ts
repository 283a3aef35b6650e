import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, toleranceFor } from '../../driver/compare.js';
import { randomStream } from '../../driver/random.js';
import { runKernel } from '../../driver/run.js';
import type { Device } from '../../runtime/device.js';
import { decays, devices, kernelOf, seeds } from './session.js';

/**
 * What holds of the forward whatever the reference says: relations between calls. All of them share a few compiled
 * variants, sizes differ at run time.
 */
const decl = kernelOf('kernels/lightning/forward.ts', 'lightningFwd');
const [D, E] = [8, 5];
const CONFIG = { C: 8, BE: 8, warps: 2, stages: 2, G: 1 };

interface Options {
  readonly tokenDecay?: boolean;
  readonly noDecay?: boolean;
  readonly reverse?: boolean;
}
interface Dims {
  readonly B: number;
  readonly H: number;
  readonly HK: number;
  readonly N: number;
}
type Name = 'q' | 'k' | 'v' | 'g' | 'slope' | 'h0';
type Inputs = Readonly<Record<Name, Float64Array>>;
interface Results {
  readonly o: Float64Array;
  readonly hT: Float64Array;
}

const shapes = ({ B, H, HK, N }: Dims) => ({
  q: [B, H, N, D],
  k: [B, HK, N, D],
  v: [B, HK, N, E],
  g: [B, H, N],
  slope: [H],
  h0: [B, H, D, E],
  o: [B, H, N, E],
  hT: [B, H, D, E],
});
const sizeOf = (shape: readonly number[]): number => shape.reduce((n, x) => n * x, 1);

/** With initial and final state, in f32. */
async function forward(device: Device, dims: Dims, options: Options, inputs: Inputs): Promise<Results> {
  const { values } = await runKernel({
    ...{ decl, reference: null, device, config: CONFIG, dtypes: { T: 'f32' }, inputs },
    dims: { ...dims, D, E },
    options: { initialState: true, finalState: true, ...options },
  });
  const { o, hT } = values;
  if (o === undefined || hT === undefined) throw new Error('an output is missing');
  return { o, hT };
}

/** Rows of an array by an axis: element [.., i, ..] of the result is [.., index(i), ..] of x; `extent` of them. */
function along(x: Float64Array, shape: readonly number[], axis: number, index: readonly number[]): Float64Array {
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const from = shape[axis] ?? 0;
  const parts = Array.from({ length: outer }, (_, a) =>
    index.map((i) => x.subarray((a * from + i) * inner, (a * from + i + 1) * inner)),
  );
  const out = new Float64Array(outer * index.length * inner);
  for (const [i, part] of parts.flat().entries()) out.set(part, i * inner);
  return out;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const TOKENS = { q: 2, k: 2, v: 2, g: 2, o: 2 } as const;
const BATCHES = { q: 0, k: 0, v: 0, g: 0, h0: 0 } as const;
const HEADS = { q: 1, k: 1, v: 1, g: 1, slope: 0, h0: 1, o: 1, hT: 1 } as const;

/** Inputs with their tokens, or heads, chosen anew. */
function choose(inputs: Inputs, dims: Dims, axes: Partial<Record<Name, number>>, index: readonly number[]): Inputs {
  const of = shapes(dims);
  const entries = Object.entries(inputs) as [Name, Float64Array][];
  return Object.fromEntries(
    entries.map(([name, x]) => {
      const axis = axes[name];
      return [name, axis === undefined ? x : along(x, of[name], axis, index)];
    }),
  ) as unknown as Inputs;
}

/** Normal values, decays of a repeating pattern. */
function draw(dims: Dims, pattern: readonly number[], seed: number): Inputs {
  const of = shapes(dims);
  const { normal } = randomStream(seed, 'laws');
  const values = (shape: readonly number[]) => Float64Array.from({ length: sizeOf(shape) }, () => normal());
  const logs = (shape: readonly number[]) =>
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => pattern[i % pattern.length] ?? 0);
  return {
    ...{ q: values(of.q), k: values(of.k), v: values(of.v), h0: values(of.h0) },
    ...{ slope: logs(of.slope), g: logs(of.g).map((x) => -x) },
  };
}

/** Equal but for what f32 rounds. */
function expectNear(name: 'o' | 'hT', got: Results, want: Results, dims: Dims): void {
  const { ok, ...facts } = compare(name, got[name], want[name], shapes(dims)[name], toleranceFor('f32', ['f32']));
  expect(ok, JSON.stringify(facts)).toBe(true);
}

const cases = (options: readonly Options[]) =>
  fc.record({
    dims: fc
      .record({
        B: fc.integer({ min: 1, max: 2 }),
        heads: fc.constantFrom({ H: 1, HK: 1 }, { H: 3, HK: 3 }, { H: 4, HK: 2 }),
        N: fc.integer({ min: 0, max: 30 }),
      })
      .map(({ heads, ...sizes }) => ({ ...sizes, ...heads })),
    options: fc.constantFrom(...options),
    pattern: fc.array(decays, { minLength: 1, maxLength: 5 }),
    seed: seeds,
  });
type Case = ReturnType<typeof cases> extends fc.Arbitrary<infer C> ? C : never;

const EVERY: readonly Options[] = [{}, { tokenDecay: true }, { noDecay: true }].flatMap((o) => [
  o,
  { ...o, reverse: true },
]);
/** Each device with how often a law is tried there, and in which variants: a pipeline of the software driver takes long. */
const ON = [
  { key: 'exact', numRuns: 12, options: EVERY },
  { key: 'sm90', numRuns: 3, options: EVERY },
  { key: 'webgpu', numRuns: 3, options: [{}, { tokenDecay: true, reverse: true }] },
] as const;

describe.each(ON)('lightning forward on $key', ({ key, numRuns, options }) => {
  const on = devices(key);
  const always = async (law: (c: Case, whole: Results, inputs: Inputs) => Promise<void>): Promise<void> => {
    await fc.assert(
      fc.asyncProperty(cases(options), async (c) => {
        const inputs = draw(c.dims, c.pattern, c.seed);
        await law(c, await forward(on[key], c.dims, c.options, inputs), inputs);
      }),
      { numRuns },
    );
  };

  it('may be cut into parts anywhere, each from the state that the one before leaves', async () => {
    await always(async ({ dims, options, seed }, whole, inputs) => {
      const { N } = dims;
      const cuts = [0, seed % (N + 1), Math.floor(seed / 7) % (N + 1), N].sort((a, b) => a - b);
      const parts = cuts.slice(1).map((end, i) => upTo(N).slice(cuts[i], end));
      let state = inputs.h0;
      const o = new Float64Array(whole.o.length);
      for (const part of options.reverse ? parts.toReversed() : parts) {
        const some = { ...dims, N: part.length };
        const result = await forward(on[key], some, options, { ...choose(inputs, dims, TOKENS, part), h0: state });
        state = result.hT;
        for (const [i, n] of part.entries())
          for (const head of upTo(dims.B * dims.H)) {
            const at = (head * part.length + i) * E;
            o.set(result.o.subarray(at, at + E), (head * N + n) * E);
          }
      }
      expectNear('o', { o, hT: state }, whole, dims);
      expectNear('hT', { o, hT: state }, whole, dims);
    });
  });

  it('is itself in reverse time when its tokens are reversed', async () => {
    await always(async ({ dims, options }, whole, inputs) => {
      const back = upTo(dims.N).reverse();
      const other = { ...options, reverse: options.reverse !== true };
      const { o, hT } = await forward(on[key], dims, other, choose(inputs, dims, TOKENS, back));
      const flipped = { o: along(o, shapes(dims).o, TOKENS.o, back), hT };
      expectNear('o', flipped, whole, dims);
      expectNear('hT', flipped, whole, dims);
    });
  });

  it('gives batches and heads in another order the same bits', async () => {
    await always(async ({ dims, options }, whole, inputs) => {
      const of = shapes(dims);
      const batches = upTo(dims.B).reverse();
      const swapped = await forward(on[key], dims, options, choose(inputs, dims, BATCHES, batches));
      expect(swapped.o).toEqual(along(whole.o, of.o, 0, batches));
      expect(swapped.hT).toEqual(along(whole.hT, of.hT, 0, batches));
      if (dims.H !== dims.HK) return;
      const turned = upTo(dims.H).map((h) => (h + 1) % dims.H);
      const result = await forward(on[key], dims, options, choose(inputs, dims, HEADS, turned));
      expect(result.o).toEqual(along(whole.o, of.o, HEADS.o, turned));
      expect(result.hT).toEqual(along(whole.hT, of.hT, HEADS.hT, turned));
    });
  });

  it('scales with its values and states', async () => {
    await always(async ({ dims, options, seed }, whole, inputs) => {
      const by = ((seed % 5) - 2) * 1.5;
      const scaled = (x: Float64Array): Float64Array => x.map((y) => y * by);
      const result = await forward(on[key], dims, options, { ...inputs, v: scaled(inputs.v), h0: scaled(inputs.h0) });
      const want = { o: scaled(whole.o), hT: scaled(whole.hT) };
      expectNear('o', result, want, dims);
      expectNear('hT', result, want, dims);
    });
  });

  it('changes no bit of what comes before a token that changes', async () => {
    await always(async ({ dims, options, seed }, whole, inputs) => {
      const { N } = dims;
      if (N === 0) return;
      const t = seed % N;
      const others = draw(dims, [0.3, 2], seed + 1);
      const isLater = (i: number, inner: number): boolean => {
        const n = Math.floor(i / inner) % N;
        return options.reverse ? n <= t : n >= t;
      };
      const mixed = (name: Name, inner: number): Float64Array =>
        inputs[name].map((x, i) => (isLater(i, inner) ? (others[name][i] ?? 0) : x));
      const changed = { ...inputs, q: mixed('q', D), k: mixed('k', D), v: mixed('v', E), g: mixed('g', 1) };
      const { o } = await forward(on[key], dims, options, changed);
      const unseen = (x: Float64Array): Float64Array => x.filter((_, i) => !isLater(i, E));
      expect(unseen(o)).toEqual(unseen(whole.o));
    });
  });

  it('shares keys and values among heads as if each head had its own', async () => {
    await always(async ({ dims, options }, whole, inputs) => {
      const { H, HK } = dims;
      const owner = upTo(H).map((h) => Math.floor((h * HK) / H));
      const own = choose(inputs, dims, { k: HEADS.k, v: HEADS.v }, owner);
      const result = await forward(on[key], { ...dims, HK: H }, options, own);
      expect(result).toEqual(whole);
    });
  });
});
