import { erf, roundHalfEven } from '../../../compiler/ops/evaluate.js';
import { roundTo } from '../../../compiler/ops/round.js';
import type { InputContext, Reference } from '../../../driver/reference.js';

export const ROWS: readonly ((t: number, positive: number) => number)[] = [
  (t) => Math.exp(t),
  (t) => 2 ** t,
  (_, p) => Math.log(p),
  (_, p) => Math.log2(p),
  (_, p) => Math.log1p(p),
  (_, p) => Math.sqrt(p),
  (_, p) => 1 / Math.sqrt(p),
  (t) => 1 / (1 + Math.exp(-t)),
  (t) => Math.tanh(t),
  (t) => erf(t),
  (t) => Math.sin(t),
  (t) => Math.cos(t),
  (t) => Math.floor(t) + Math.ceil(t) * 4,
  (t) => roundHalfEven(t * 2),
  (t, p) => t * t * t - p ** t,
  (t) => (t * 3) % 2,
  (t) => Math.min(Math.max(t, -1), 1.5),
];

/** Multiples of 1/64 in [-4, 4): ties, zeros and both signs occur, and no function is near a singularity. */
const grid = ({ shape: [n = 0], uniform }: InputContext): Float64Array =>
  Float64Array.from({ length: n }, () => Math.floor((uniform() - 0.5) * 512) / 64);

/** WGSL promises of sin and cos an absolute error of 2^-11 only; the test looks at every row by itself too. */
export const math: Reference = {
  shape: { N: 150, F: ROWS.length },
  tolerance: { rmse: 1e-4, element: 1e-3 },
  inputs: { x: grid },
  run({ inputs: { x = new Float64Array(0) }, dims: { N = 0 } }) {
    const y = new Float64Array(ROWS.length * N);
    ROWS.forEach((f, row) => {
      y.set(
        x.map((t) => f(t, Math.abs(t) + 0.125)),
        row * N,
      );
    });
    return { y };
  },
};

const SPECIAL = [0, -0.5, 65504, 65519, -65520, 1e9, -1e9, 3e9, 4.5e9, 6e-8, 1.00048828125, 1.00390625, -2147483904];
const bitsOf = (x: number): number => new DataView(Float32Array.of(x).buffer).getInt32(0, true) & 0x7fffffff;
const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, Math.trunc(x))) + 0;

export const conversions: Reference = {
  shape: { N: 100 },
  tolerance: { rmse: 0, element: 0 },
  inputs: {
    x: ({ shape: [n = 0], random }) => Float64Array.from({ length: n }, (_, i) => SPECIAL[i] ?? random() * 1000),
  },
  run: ({ inputs: { x = new Float64Array(0) } }) => ({
    half: x.map((t) => roundTo('f16', t)),
    brain: x.map((t) => roundTo('bf16', t)),
    through: x.map((t) => roundTo('bf16', t) + roundTo('f16', t / 1024)),
    whole: x.map((t) => clamp(t, -(2 ** 31), 2 ** 31 - 1)),
    natural: x.map((t) => clamp(t, 0, 2 ** 32 - 1)),
    bits: x.map(bitsOf),
  }),
};
