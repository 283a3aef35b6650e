import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../driver/random.js';
import type { Dims, Reference } from '../../../driver/reference.js';
import { normGate, normGateBwd } from '../../../kernels/transnormer/gate.ref.js';
import { gluFactorsBwd, gluProduct } from '../../../kernels/transnormer/glu.ref.js';
import { lrpe, lrpeBwdParts, swish, swishBwd } from '../../../kernels/transnormer/lrpe.ref.js';
import { tokenMixer, tokenMixerBwd } from '../../../kernels/transnormer/mixer.ref.js';
import { sglu, sgluBwd } from '../../../kernels/transnormer/sglu.ref.js';

type Arrays = Readonly<Record<string, Float64Array>>;
const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? Number.NaN;
const inner = (a: Float64Array | undefined, b: Float64Array): number => b.reduce((s, y, i) => s + at(a, i) * y, 0);
const STEP = 1e-5;

/** Slope of the loss <outputs, weights> along a direction of one input, by central differences. */
function slope(f: (inputs: Arrays) => Arrays, inputs: Arrays, name: string, along: Float64Array, weights: Arrays) {
  const loss = (step: number): number => {
    const moved = { ...inputs, [name]: (inputs[name] ?? along).map((x, i) => x + step * at(along, i)) };
    const outputs = f(moved);
    return Object.entries(weights).reduce((s, [output, w]) => s + inner(outputs[output], w), 0);
  };
  return (loss(STEP) - loss(-STEP)) / (2 * STEP);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const normal = (seed: number, name: string, length: number): Float64Array =>
  Float64Array.from({ length }, randomStream(seed, name).normal);
const close = (got: number, want: number): void => {
  expect(Math.abs(got - want)).toBeLessThan(1e-6 * (1 + Math.abs(want)));
};

describe('gradients are the slopes of what they are gradients of', () => {
  const scalars = { eps: 0.01, first: 7 };
  const call = (reference: Reference, dims: Dims, inputs: Arrays) =>
    reference.run({ inputs, dims, scalars, options: {} });

  it.each([
    { name: 'theta', of: ['dthetas'] },
    { name: 'x', of: ['dx'] },
  ])('of LRPE, by $name', ({ name, of: [output = ''] }) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const dims = { B: 2, N: 5, R: 2, H: 2, D: 3, F: 6, P: 2 };
        const inputs = { x: normal(seed, 'x', 120), theta: normal(seed, 'theta', 6) };
        const dy = normal(seed, 'dy', 240);
        const along = normal(seed, 'along', inputs[name as 'x'].length);
        const got = call(lrpeBwdParts, dims, { ...inputs, dy })[output] ?? dy;
        const whole = along.map((_, i) => (output === 'dx' ? at(got, i) : at(got, i) + at(got, i + along.length)));
        close(
          inner(whole, along),
          slope((x) => call(lrpe, dims, x), inputs, name, along, { y: dy }),
        );
      }),
      { numRuns: 10 },
    );
  });

  it('of swish', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const dims = { B: 1, N: 4, R: 1, H: 1, D: 3, F: 3 };
        const forward = (x: Arrays) => swish.run({ inputs: x, dims, scalars, options: { rotation: false } });
        const [x, dy, along] = [normal(seed, 'x', 12), normal(seed, 'dy', 12), normal(seed, 'along', 12)];
        const { dx } = call(swishBwd, dims, { x, dy });
        close(inner(dx, along), slope(forward, { x }, 'x', along, { y: dy }));
      }),
      { numRuns: 10 },
    );
  });

  it.each(['x', 'u'])('of the normalised gate, by %s', (name) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const dims = { M: 3, K: 7 };
        const inputs = { x: normal(seed, 'x', 21), u: normal(seed, 'u', 21) };
        const [dy, along] = [normal(seed, 'dy', 21), normal(seed, 'along', 21)];
        const got = call(normGateBwd, dims, { ...inputs, dy })[`d${name}`];
        close(
          inner(got, along),
          slope((x) => call(normGate, dims, x), inputs, name, along, { y: dy }),
        );
      }),
      { numRuns: 10 },
    );
  });

  it('of the product of two factors', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        // With x the identity, the factors are the weights.
        const [M, F] = [3, 4];
        const dims = { M, K: M, R: 2, F };
        const x = Float64Array.from({ length: M * M }, (_, i) => (i % (M + 1) === 0 ? 1 : 0));
        const [w, dp, along] = [normal(seed, 'w', 24), normal(seed, 'dp', 12), normal(seed, 'along', 24)];
        const { dvu, p } = call(gluFactorsBwd, dims, { vu: w, dp });
        expect(p).toEqual(call(gluProduct, dims, { x, w }).p);
        close(
          inner(dvu, along),
          slope((v) => call(gluProduct, dims, v), { x, w }, 'w', along, { p: dp }),
        );
      }),
      { numRuns: 10 },
    );
  });

  it.each(['x', 'w', 'wOut', 'theta'])('of the token mixer, by %s', (name) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const dims = { B: 2, N: 4, K: 3, P: 4, H: 2, D: 2, S: 4 };
        const options = { rotation: true };
        const run = (reference: Reference, inputs: Arrays) => reference.run({ inputs, dims, scalars, options });
        const lengths = { x: 24, w: 48, wOut: 12, theta: 4 };
        const inputs = {
          ...Object.fromEntries(Object.entries(lengths).map(([n, length]) => [n, normal(seed, n, length)])),
          slope: Float64Array.of(0.1, 1),
        };
        const [dy, along] = [normal(seed, 'dy', 24), normal(seed, 'along', lengths[name as 'x'])];
        const got = run(tokenMixerBwd, { ...inputs, dy })[`d${name}`];
        close(
          inner(got, along),
          slope((x) => run(tokenMixer, x), inputs, name, along, { y: dy }),
        );
      }),
      { numRuns: 10 },
    );
  });

  it.each(['x', 'w', 'wOut'])('of the gated unit, by %s', (name) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const dims = { M: 3, K: 2, R: 2, F: 4 };
        const lengths = { x: 6, w: 16, wOut: 8 };
        const inputs = Object.fromEntries(Object.entries(lengths).map(([n, length]) => [n, normal(seed, n, length)]));
        const [dy, along] = [normal(seed, 'dy', 6), normal(seed, 'along', lengths[name as 'x'])];
        const got = call(sgluBwd, dims, { ...inputs, dy })[`d${name}`];
        close(
          inner(got, along),
          slope((x) => call(sglu, dims, x), inputs, name, along, { y: dy }),
        );
      }),
      { numRuns: 10 },
    );
  });
});
