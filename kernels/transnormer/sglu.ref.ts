import type { InputContext, Reference } from '../../driver/reference.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** Weights of a layer of so many inputs, so that outputs are about as large as inputs. */
export const weights =
  (inputs: (dims: Readonly<Record<string, number>>) => number) =>
  ({ dims, shape, random }: InputContext): Float64Array => {
    const scale = 1 / Math.sqrt(Math.max(1, inputs(dims)));
    return Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => random() * scale);
  };

const inputs: NonNullable<Reference['inputs']> = {
  w: weights(({ K = 1 }) => K),
  wOut: weights(({ F = 1 }) => F),
};
const shape = { M: 70, K: 40, R: 2, F: 72 };

/** One token: y = (v u) wOut with v = x w_0, u = x w_1. */
export const sglu: Reference = {
  shape,
  dtypes: { T: 'f32' },
  inputs,
  tolerance: { rmse16: 0.01 },
  tokens: ({ M = 0 }) => M,
  run({ inputs: { x, w, wOut }, dims: { M = 0, K = 0, F = 0 } }) {
    const y = new Float64Array(M * K);
    for (let m = 0; m < M; m++)
      for (let f = 0; f < F; f++) {
        let [v, u] = [0, 0];
        for (let k = 0; k < K; k++) {
          v += at(x, m * K + k) * at(w, 2 * k * F + f);
          u += at(x, m * K + k) * at(w, (2 * k + 1) * F + f);
        }
        for (let k = 0; k < K; k++) y[m * K + k] = at(y, m * K + k) + v * u * at(wOut, f * K + k);
      }
    return { y };
  },
};

/** The chain rule, feature by feature of every token. */
export const sgluBwd: Reference = {
  shape,
  dtypes: { T: 'f32' },
  inputs,
  tolerance: { rmse16: 0.01 },
  tokens: ({ M = 0 }) => M,
  run({ inputs: { x, w, wOut, dy }, dims: { M = 0, K = 0, F = 0 } }) {
    const [dx, dw, dwOut] = [new Float64Array(M * K), new Float64Array(2 * K * F), new Float64Array(F * K)];
    for (let m = 0; m < M; m++)
      for (let f = 0; f < F; f++) {
        let [v, u, dp] = [0, 0, 0];
        for (let k = 0; k < K; k++) {
          v += at(x, m * K + k) * at(w, 2 * k * F + f);
          u += at(x, m * K + k) * at(w, (2 * k + 1) * F + f);
          dp += at(dy, m * K + k) * at(wOut, f * K + k);
        }
        for (let k = 0; k < K; k++) {
          const [i, wv, wu] = [m * K + k, 2 * k * F + f, (2 * k + 1) * F + f];
          dwOut[f * K + k] = at(dwOut, f * K + k) + v * u * at(dy, i);
          dw[wv] = at(dw, wv) + dp * u * at(x, i);
          dw[wu] = at(dw, wu) + dp * v * at(x, i);
          dx[i] = at(dx, i) + dp * (u * at(w, wv) + v * at(w, wu));
        }
      }
    return { dx, dw, dwOut };
  },
};
