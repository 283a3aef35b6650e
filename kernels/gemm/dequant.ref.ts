import type { InputContext, Reference, ReferenceContext } from '../../driver/reference.js';

/** e4m3fn: one sign, four bits of exponent with bias 7, three of mantissa; no infinity, all ones is NaN. */
export function e4m3(byte: number): number {
  const [exponent, mantissa] = [(byte >> 3) & 15, byte & 7];
  if (exponent === 15 && mantissa === 7) return Number.NaN;
  const magnitude = exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10);
  return byte >= 128 ? -magnitude : magnitude;
}

const int8 = (byte: number): number => (byte >= 128 ? byte - 256 : byte);

/** Bytes of every value but the two that are NaN in e4m3: one of them would be all that is seen of a column. */
function words({ shape, uniform }: InputContext): Float64Array {
  const byte = (): number => {
    const b = Math.floor(uniform() * 254);
    return b < 127 ? b : b + 1;
  };
  const length = shape.reduce((n, x) => n * x, 1);
  return Float64Array.from({ length }, () => byte() + 256 * (byte() + 256 * (byte() + 256 * byte())));
}

const scales = ({ shape, uniform }: InputContext): Float64Array =>
  Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => (0.5 + uniform()) / 64);

/** y_mn = sum over k of a_mk w_kn scale_kn, in f64. */
function product({ inputs: { a, w, scale }, dims: { M = 0, N = 0, K = 0 }, options }: ReferenceContext) {
  if (!a || !w || !scale) throw new Error('dequantGemm: a, w and scale are needed');
  const value = options.fp8 === true ? e4m3 : int8;
  const block = Number(options.QB);
  const y = new Float64Array(M * N);
  for (let k = 0; k < K; k++)
    for (let n = 0; n < N; n++) {
      const byte = Math.floor((w[(k >> 2) * N + n] ?? 0) / 256 ** (k % 4)) % 256;
      const weight = value(byte) * (scale[Math.floor(k / block) * N + n] ?? 0);
      for (let m = 0; m < M; m++) y[m * N + n] = (y[m * N + n] ?? 0) + (a[m * K + k] ?? 0) * weight;
    }
  return { y };
}

export const dequantGemm: Reference = {
  // Scales of blocks of 32, as the option QB has it.
  shape: { M: 50, N: 136, K: 200, K4: ({ K = 0 }) => Math.ceil(K / 4), KB: ({ K = 0 }) => Math.ceil(K / 32) },
  inputs: { w: words, scale: scales },
  run: product,
};
export const dequantGemmFp8: Reference = dequantGemm;
