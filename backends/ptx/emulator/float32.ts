/** Arithmetic of f32 values held as f64: what each gives, rounded once when it is stored as an f32. */

const wide = new Float64Array(1);
const words = new Uint32Array(wide.buffer);

/**
 * The f64 nearest to s + e whose last bit is odd unless e is 0, where s + e is exact and |e| is below half an ulp of s.
 * Rounding that to f32 or less is rounding the exact sum once (Boldo and Melquiond, round to odd).
 */
function toOdd(s: number, e: number): number {
  if (e === 0 || !Number.isFinite(s)) return s;
  wide[0] = s;
  const low = words[0] as number;
  if ((low & 1) === 1) return s;
  if (e > 0 === s > 0) words[0] = low + 1;
  else if (low !== 0) words[0] = low - 1;
  else {
    words[0] = 0xffffffff;
    words[1] = (words[1] as number) - 1;
  }
  return wide[0] as number;
}

/** a * b + c before the one rounding. Products of f32 or narrower values are exact in f64. */
export function fused(a: number, b: number, c: number): number {
  const p = a * b;
  const s = p + c;
  const t = s - p;
  return toOdd(s, p - (s - t) + (c - t));
}

const TINY = 2 ** -126;

/** `.ftz`: subnormal values become zeros of their sign. */
export const flush = (x: number): number => (x < TINY && x > -TINY ? x * 0 : x);

/** min and max of PTX: a NaN loses against a number, and -0 is less than 0. */
export const minimum = (a: number, b: number): number => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b));
export const maximum = (a: number, b: number): number => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b));

/** Nearest even integer. */
export function nearestInteger(x: number): number {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  const magic = x < 0 || Object.is(x, -0) ? -(2 ** 52) : 2 ** 52;
  const r = x + magic - magic;
  return r === 0 && (x < 0 || Object.is(x, -0)) ? -0 : r;
}

/** Rounding to an integer by the letters of `cvt`: nearest even, towards zero, down, up. */
export const INTEGER_ROUNDING: Readonly<Record<string, (x: number) => number>> = {
  rni: nearestInteger,
  rzi: Math.trunc,
  rmi: Math.floor,
  rpi: Math.ceil,
};
