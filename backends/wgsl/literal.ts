import type { DType } from '../../compiler/ir/types.js';
import { roundTo } from '../../compiler/ops/round.js';

const LOWEST = '-0x1.fffffep+127f';
const HIGHEST = '0x1.fffffep+127f';

/**
 * A constant as WGSL text. Infinity becomes the largest finite value (semantics.md, "Infinity and NaN at all"): WGSL
 * implementations may assume infinities away, and reject constant expressions that overflow.
 */
export function literal(value: number, d: DType): string {
  if (d === 'i1') return value === 0 ? 'false' : 'true';
  if (d === 'u32') return `${value >>> 0}u`;
  if (d === 'i32') return value === -(2 ** 31) ? '(-2147483647i - 1i)' : value < 0 ? `(${value}i)` : `${value}i`;
  const x = roundTo(d, value);
  if (Number.isNaN(x)) return 'bitcast<f32>(0x7fc00000u + (inv & 0u))';
  const s = x === Infinity ? HIGHEST : x === -Infinity ? LOWEST : finite(x);
  return s.startsWith('-') ? `(${s})` : s;
}

function finite(x: number): string {
  if (Object.is(x, -0)) return '-0.0f';
  const s = String(x);
  return /[.e]/.test(s) ? `${s}f` : `${s}.0f`;
}
