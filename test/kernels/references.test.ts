import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../driver/random.js';
import type { Dims, Reference } from '../../driver/reference.js';
import { alibiFwd, flashFwd } from '../../kernels/flash/forward.ref.js';
import { simpleGlaFwd } from '../../kernels/gla/simple.ref.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import { addRmsNorm } from '../../kernels/norm/add-rms-norm.ref.js';

/** The references against a second formulation of the same function: neither was written from the other. */

const size = (shape: readonly number[]): number => shape.reduce((n, x) => n * x, 1);
const normal = (seed: number, name: string, shape: readonly number[]): Float64Array => {
  const stream = randomStream(seed, name);
  return Float64Array.from({ length: size(shape) }, stream.normal);
};
const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? Number.NaN;

function close(got: Float64Array | undefined, want: Float64Array): void {
  expect(got?.length).toBe(want.length);
  const scale = want.reduce((m, x) => Math.max(m, Number.isFinite(x) ? Math.abs(x) : 0), 1e-300);
  want.forEach((w, i) => {
    const g = at(got, i);
    if (g !== w) expect(Math.abs(g - w) / scale).toBeLessThan(1e-11);
  });
}

function call(reference: Reference, dims: Dims, inputs: Record<string, Float64Array>, options = {}, scalars = {}) {
  return reference.run({ inputs, dims, scalars, options });
}

const heads = { B: fc.integer({ min: 1, max: 2 }), H: fc.integer({ min: 1, max: 3 }) };
const widths = { D: fc.integer({ min: 1, max: 6 }), E: fc.integer({ min: 1, max: 5 }) };
const decayLog = fc.constantFrom(0, 1e-6, 0.01, 0.5, 3, 60, 1e4, 1e30);

/** sum over j <= t of weight(t, j) (q_t . k_j) v_j: the quadratic form. */
function quadratic(
  { B = 0, H = 0, N = 0, D = 0, E = 0 }: Dims,
  { q, k, v }: Record<string, Float64Array>,
  weight: (bh: number, t: number, j: number) => number,
): Float64Array {
  const o = new Float64Array(B * H * N * E);
  for (let bh = 0; bh < B * H; bh++) {
    for (let t = 0; t < N; t++) {
      for (let j = 0; j <= t; j++) {
        let product = 0;
        for (let d = 0; d < D; d++) product += at(q, (bh * N + t) * D + d) * at(k, (bh * N + j) * D + d);
        for (let e = 0; e < E; e++) {
          const i = (bh * N + t) * E + e;
          o[i] = at(o, i) + weight(bh, t, j) * product * at(v, (bh * N + j) * E + e);
        }
      }
    }
  }
  return o;
}

const qkv = (seed: number, { B = 0, H = 0, N = 0, D = 0, E = 0 }: Dims) => ({
  q: normal(seed, 'q', [B, H, N, D]),
  k: normal(seed, 'k', [B, H, N, D]),
  v: normal(seed, 'v', [B, H, N, E]),
});

describe('lightning forward', () => {
  it('is the quadratic form with weights exp(-slope (t - j))', () => {
    fc.assert(
      fc.property(
        fc.record({ ...heads, ...widths, N: fc.integer({ min: 0, max: 20 }) }),
        fc.integer(),
        fc.array(decayLog, { minLength: 3, maxLength: 3 }),
        (dims, seed, slopes) => {
          const inputs = { ...qkv(seed, dims), slope: Float64Array.from(slopes.slice(0, dims.H)) };
          const { o } = call(lightningFwd, dims, inputs);
          const weight = (bh: number, t: number, j: number) => Math.exp(-at(inputs.slope, bh % dims.H) * (t - j));
          close(o, quadratic(dims, inputs, weight));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is simple GLA without its scale, with decays by token and with states', () => {
    fc.assert(
      fc.property(
        fc.record({ ...heads, ...widths, N: fc.integer({ min: 0, max: 12 }) }),
        fc.integer(),
        (dims, seed) => {
          const { B, H, N, D, E } = dims;
          const g = normal(seed, 'g', [B, H, N]).map((x) => -Math.abs(x));
          const inputs = { ...qkv(seed, dims), g, h0: normal(seed, 'h0', [B, H, D, E]) };
          const states = { initialState: true, finalState: true };
          const want = call(simpleGlaFwd, dims, inputs, states);
          const got = call(lightningFwd, dims, inputs, { ...states, tokenDecay: true });
          close(got.o, want.o?.map((x) => x * Math.sqrt(D)) ?? new Float64Array(0));
          close(got.hT, want.hT ?? new Float64Array(0));

          // No decay is a decay of 0; reversed tokens in reverse time are tokens in time.
          const none = call(lightningFwd, dims, inputs, { ...states, noDecay: true });
          close(none.o, call(lightningFwd, dims, { ...inputs, slope: new Float64Array(H) }, states).o ?? g);
          const backwards = (x: Float64Array, row: number) =>
            x.map((_, i) => at(x, (Math.floor(i / row / N) * N + N - 1 - (Math.floor(i / row) % N)) * row + (i % row)));
          const { q, k, v } = inputs;
          const turned = { ...inputs, q: backwards(q, D), k: backwards(k, D), v: backwards(v, E), g: backwards(g, 1) };
          const back = call(lightningFwd, dims, turned, { ...states, tokenDecay: true, reverse: true });
          close(backwards(back.o ?? g, E), got.o ?? g);
          close(back.hT, got.hT ?? g);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has heads of queries share those of keys in order', () => {
    const dims = { B: 2, H: 4, HK: 2, N: 5, D: 3, E: 2 };
    const inputs = { ...qkv(5, dims), slope: Float64Array.of(0, 0.1, 0.2, 0.3) };
    const keys = qkv(6, { ...dims, H: 2 });
    const own = (x: Float64Array, row: number) =>
      Float64Array.from({ length: 8 * 5 * row }, (_, i) =>
        at(x, Math.floor(i / (10 * row)) * 5 * row + (i % (5 * row))),
      );
    const { o } = call(lightningFwd, dims, { ...inputs, k: keys.k, v: keys.v });
    const want = call(lightningFwd, { ...dims, HK: 4 }, { ...inputs, k: own(keys.k, 3), v: own(keys.v, 2) }).o;
    close(o, want ?? new Float64Array(0));
  });

  it('lets a NaN reach the outputs at and after its position, and no earlier one', () => {
    const dims = { B: 1, H: 1, N: 12, D: 3, E: 2 };
    const inputs = { ...qkv(1, dims), slope: Float64Array.of(0.1) };
    inputs.k[7 * 3] = Number.NaN;
    const o = call(lightningFwd, dims, inputs).o ?? new Float64Array(0);
    expect(o.subarray(0, 14).some(Number.isNaN)).toBe(false);
    expect(o.subarray(14).every(Number.isNaN)).toBe(true);
  });
});

describe('simple GLA forward', () => {
  it('is the quadratic form with the decays between, and carries its state', () => {
    fc.assert(
      fc.property(
        fc.record({ ...heads, ...widths, N: fc.integer({ min: 0, max: 16 }) }),
        fc.integer(),
        fc.array(decayLog, { minLength: 96, maxLength: 96 }),
        (dims, seed, decays) => {
          const { B, H, N, D, E } = dims;
          const g = Float64Array.from({ length: B * H * N }, (_, i) => -(decays[i] ?? 0));
          const h0 = normal(seed, 'h0', [B, H, D, E]);
          const inputs = { ...qkv(seed, dims), g, h0 };
          const decayLogSum = (bh: number, t: number, j: number): number =>
            g.subarray(bh * N + j + 1, bh * N + t + 1).reduce((s, x) => s + x, 0);
          const want = quadratic(dims, inputs, (bh, t, j) => Math.exp(decayLogSum(bh, t, j)) / Math.sqrt(D));
          close(call(simpleGlaFwd, dims, inputs).o, want);

          const { o, hT } = call(simpleGlaFwd, dims, inputs, { initialState: true, finalState: true });
          const wantT = new Float64Array(B * H * D * E);
          for (let bh = 0; bh < B * H; bh++) {
            for (let d = 0; d < D; d++) {
              for (let e = 0; e < E; e++) {
                const i = (bh * D + d) * E + e;
                for (let t = 0; t < N; t++) {
                  const from = (at(inputs.q, (bh * N + t) * D + d) * Math.exp(decayLogSum(bh, t, -1))) / Math.sqrt(D);
                  want[(bh * N + t) * E + e] = at(want, (bh * N + t) * E + e) + from * at(h0, i);
                  const kv = at(inputs.k, (bh * N + t) * D + d) * at(inputs.v, (bh * N + t) * E + e);
                  wantT[i] = at(wantT, i) + Math.exp(decayLogSum(bh, N - 1, t)) * kv;
                }
                wantT[i] = at(wantT, i) + Math.exp(decayLogSum(bh, N - 1, -1)) * at(h0, i);
              }
            }
          }
          close(o, want);
          close(hT, wantT);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives the same from two segments as from one', () => {
    const [whole, half] = [
      { B: 1, H: 1, N: 10, D: 3, E: 4 },
      { B: 1, H: 1, N: 5, D: 3, E: 4 },
    ];
    const inputs = { ...qkv(3, whole), g: normal(3, 'g', [10]).map((x) => -Math.abs(x)) };
    const cut = (from: number): Record<string, Float64Array> => ({
      q: inputs.q.slice(from * 3, (from + 5) * 3),
      k: inputs.k.slice(from * 3, (from + 5) * 3),
      v: inputs.v.slice(from * 4, (from + 5) * 4),
      g: inputs.g.slice(from, from + 5),
    });
    const options = { initialState: true };
    const first = call(simpleGlaFwd, half, cut(0));
    const second = call(simpleGlaFwd, half, { ...cut(5), h0: first.hT ?? new Float64Array(0) }, options);
    const both = call(simpleGlaFwd, whole, inputs);
    close(Float64Array.of(...(first.o ?? []), ...(second.o ?? [])), both.o ?? new Float64Array(0));
    close(second.hT, both.hT ?? new Float64Array(0));
  });
});

describe('flash forward', () => {
  const sizes = fc.record({
    ...heads,
    D: widths.D,
    M: fc.integer({ min: 0, max: 12 }),
    N: fc.integer({ min: 1, max: 12 }),
  });

  it('is a ratio of sums of exp, with any score function', () => {
    fc.assert(
      fc.property(sizes, fc.integer(), fc.constantFrom('plain', 'causal', 'alibi'), (dims, seed, kind) => {
        const { B, H, M, N, D } = dims;
        const [q, k, v] = [
          normal(seed, 'q', [B, H, M, D]),
          normal(seed, 'k', [B, H, N, D]),
          normal(seed, 'v', [B, H, N, D]),
        ];
        const reference = kind === 'alibi' ? alibiFwd : flashFwd;
        const { o, lse } = call(reference, dims, { q, k, v }, { causal: kind === 'causal' }, { scale: 0.4 });
        const score = (bh: number, i: number, j: number): number => {
          let s = 0;
          for (let d = 0; d < D; d++) s += 0.4 * at(q, (bh * M + i) * D + d) * at(k, (bh * N + j) * D + d);
          return kind === 'alibi' ? s - (i - j) / Math.SQRT2 ** ((bh % H) + 1) : s;
        };
        const visible = (i: number, j: number): boolean => kind === 'plain' || j <= i;
        const wantO = new Float64Array(B * H * M * D);
        const wantLse = new Float64Array(B * H * M);
        for (let row = 0; row < B * H * M; row++) {
          const [bh, i] = [Math.floor(row / M), row % M];
          const p = Float64Array.from({ length: N }, (_, j) => (visible(i, j) ? Math.exp(score(bh, i, j)) : 0));
          const total = p.reduce((a, b) => a + b, 0);
          wantLse[row] = Math.log(total);
          for (let d = 0; d < D; d++) {
            const weighed = p.reduce((s, w, j) => s + w * at(v, (bh * N + j) * D + d), 0);
            wantO[row * D + d] = weighed / total;
          }
        }
        close(o, wantO);
        close(lse, wantLse);
      }),
      { numRuns: 60 },
    );
  });

  it('survives scores that overflow exp, and gives 0 and -Infinity without keys', () => {
    const dims = { B: 1, H: 1, M: 1, N: 2, D: 1 };
    const inputs = { q: Float64Array.of(1), k: Float64Array.of(5000, 4999), v: Float64Array.of(1, 0) };
    const { o, lse } = call(flashFwd, dims, inputs, {}, { scale: 1 });
    expect(at(o, 0)).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
    expect(at(lse, 0)).toBeCloseTo(5000 + Math.log1p(Math.exp(-1)), 9);
    const empty = call(flashFwd, { ...dims, N: 0 }, { q: inputs.q, k: new Float64Array(0), v: new Float64Array(0) });
    expect([at(empty.o, 0), at(empty.lse, 0)]).toEqual([0, -Infinity]);
  });
});

describe('add + RMSNorm', () => {
  it('has rows of mean square 1, whatever their scale, when eps and weight do nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 }), fc.integer(), (M, K, seed) => {
        const [x, residual] = [normal(seed, 'x', [M, K]).map((a) => a * 1e3), normal(seed, 'r', [M, K])];
        const weight = new Float64Array(K).fill(1);
        const { r, y } = call(addRmsNorm, { M, K }, { x, residual, weight }, {}, { eps: 0 });
        for (let m = 0; m < M; m++) {
          const row = y?.subarray(m * K, (m + 1) * K) ?? new Float64Array(0);
          expect(row.reduce((s: number, a: number) => s + a * a, 0) / K).toBeCloseTo(1, 10);
          expect(at(y, m * K) * at(r, m * K)).toBeGreaterThanOrEqual(0);
          expect(at(r, m * K)).toBe(at(x, m * K) + at(residual, m * K));
        }
      }),
      { numRuns: 40 },
    );
  });
});
