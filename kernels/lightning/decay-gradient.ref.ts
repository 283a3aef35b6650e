import type { Reference } from '../../driver/reference.js';
import { gradients } from './backward.ref.js';
import { lightningFwd } from './forward.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** In spans of 64 tokens, from the flux through the boundary after each; what misses that before it is taken off linearly. */
export const lightningBwdSpans: Reference = {
  shape: { B: 1, H: 4, P: 3, R: 2, N: 1000, A: ({ N = 0 }) => Math.floor(N / 64) + 1 },
  run({ inputs: { qdq, kdk, hdh, flux }, dims: { B = 0, H = 0, P = 0, R = 0, N = 0, A = 0 }, options }) {
    const dg = new Float64Array(B * H * N);
    const sum = (x: Float64Array | undefined, first: number, step: number, parts: number): number => {
      let total = 0;
      for (let p = 0; p < parts; p++) total += at(x, first + p * step);
      return total;
    };
    for (let bh = 0; bh < B * H; bh++)
      for (let n = 0; n < N; n += 64) {
        const rows = Math.min(64, N - n);
        const token = (step: number): number => (options.reverse ? n + rows - 1 - step : n + step);
        const through = (a: number): number => sum(flux, (bh * A + a) * P, 1, P);
        const isInside = (a: number): boolean => a > 0 && a * 64 < N;
        const [start, end] = options.reverse ? [n / 64 + 1, n / 64] : [n / 64, n / 64 + 1];
        let after = isInside(end) ? through(end) : sum(hdh, bh * P, 1, P);
        for (let step = rows - 1; step >= 0; step--) {
          const t = token(step);
          after += sum(qdq, bh * P * N + t, N, P) - sum(kdk, bh * R * N + t, N, R);
          dg[bh * N + t] = after;
        }
        const missed = after - through(isInside(start) ? start : 0);
        for (let step = 0; step < rows; step++) {
          const t = bh * N + token(step);
          dg[t] = at(dg, t) - (missed * (rows - step)) / rows;
        }
      }
    return { dg };
  },
};

/** All of it in one part: for as many columns as a program computes. */
export const lightningBwdSlopeParts: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 300, D: 32, E: 32, P: 1 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs: lightningFwd.inputs ?? {},
  run({ dims, inputs, ...rest }) {
    const { B = 0, H = 0, HK = H, N = 0, D = 0, E = 0 } = dims;
    const parts = new Float64Array(B * H);
    const sizes: Readonly<Record<string, number>> = {
      q: H * N * D,
      k: HK * N * D,
      v: HK * N * E,
      dout: H * N * E,
      h0: H * D * E,
      dhT: H * D * E,
    };
    for (let b = 0; b < B; b++) {
      const own = Object.entries(sizes).map(
        ([name, size]) => [name, inputs[name]?.subarray(b * size, (b + 1) * size)] as const,
      );
      const given = { ...inputs, ...Object.fromEntries(own.filter(([, x]) => x !== undefined)) };
      parts.set(gradients({ ...rest, inputs: given as typeof inputs, dims: { ...dims, B: 1 } }).dslope ?? [], b * H);
    }
    return { parts };
  },
};

export const lightningBwdSlopeSum: Reference = {
  shape: { B: 3, H: 4, P: 5 },
  run({ inputs: { parts }, dims: { B = 0, H = 0, P = 0 } }) {
    const dslope = new Float64Array(H);
    for (let b = 0; b < B; b++)
      for (let h = 0; h < H; h++)
        for (let p = 0; p < P; p++) dslope[h] = at(dslope, h) + at(parts, (b * H + h) * P + p);
    return { dslope };
  },
};
