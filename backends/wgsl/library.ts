import { Bug } from '../../compiler/diag/diagnostic.js';
import { vectorType, type Width } from './registers.js';

type Template = (t: (lane: string) => string) => string;

/**
 * sin (`turns` 0) or cos (1): WGSL promises 2^-11 inside one period and nothing beyond. Whole quarter turns are taken away
 * in parts of few bits, so that their products with the number of turns are exact up to 2^17 (Cody and Waite); then
 * polynomials (Cephes). Absolute error 1.1e-7 up to 131072; beyond, a value between -1 and 1. NaN of NaN and Infinity, which clamp would hide.
 */
const sine =
  (turns: 0 | 1): Template =>
  (t) =>
    `let q = round(a * 0.63661975f);
  let p = (((a - q * 1.5625f) - q * 0.00830078125f) + q * 4.470348358154297e-6f) - q * 1.5832483768463135e-8f;
  let r = clamp(p - q * 6.077094383272197e-11f, ${t('f32')}(-0.8f), ${t('f32')}(0.8f));
  let n = ${t('i32')}(q)${turns === 1 ? ` + ${t('i32')}(1i)` : ''};
  let z = r * r;
  let s = r + r * z * (-0.16666654611f + z * (0.0083321608736f - z * 0.00019515295891f));
  let c = 1.0f - 0.5f * z + z * z * (0.04166664568298827f + z * (-0.001388731625493765f + z * 2.443315711809948e-5f));
  let v = select(c, s, (n & ${t('i32')}(1i)) == ${t('i32')}(0i));
  let u = bitcast<${t('u32')}>(a);
  let none = (u & ${t('u32')}(0x7f800000u)) == ${t('u32')}(0x7f800000u);
  let w = select(v, -v, (n & ${t('i32')}(2i)) != ${t('i32')}(0i));
  return select(w, bitcast<${t('f32')}>(u | ${t('u32')}(0x7fc00000u)), none);`;

/**
 * Functions that WGSL lacks, or whose built-in form WGSL leaves loose, by name without the width suffix. `t('f32')` is
 * the vector type at hand.
 */
const TEMPLATES: Readonly<
  Record<string, { readonly result: string; readonly params: readonly string[]; readonly body: Template }>
> = {
  // Nearest even; NaN stays NaN (bits of the f32, not of a comparison that may be assumed away).
  lac_round_bf16_: {
    result: 'f32',
    params: ['f32'],
    body: (t) => `let u = bitcast<${t('u32')}>(a);
  let r = (u + ${t('u32')}(0x7fffu) + ((u >> ${t('u32')}(16u)) & ${t('u32')}(1u))) & ${t('u32')}(0xffff0000u);
  let nan = (u & ${t('u32')}(0x7fffffffu)) > ${t('u32')}(0x7f800000u);
  return bitcast<${t('f32')}>(select(r, u, nan));`,
  },
  // f32 rounded to the nearest f16, as f32: adding and taking away 1.5 * 2^(e+13) rounds at the last kept bit.
  lac_round_f16_: {
    result: 'f32',
    params: ['f32'],
    body: (t) => `let u = bitcast<${t('u32')}>(a);
  let m = u & ${t('u32')}(0x7fffffffu);
  let normal = (m + ${t('u32')}(0xfffu) + ((m >> ${t('u32')}(13u)) & ${t('u32')}(1u))) & ${t('u32')}(0xffffe000u);
  let tiny = bitcast<${t('u32')}>(round(bitcast<${t('f32')}>(m) * 16777216.0f) * 5.9604644775390625e-8f);
  let r = select(select(normal, ${t('u32')}(0x7f800000u), normal > ${t('u32')}(0x477fe000u)), tiny, m < ${t('u32')}(0x38800000u));
  return bitcast<${t('f32')}>(select(r, m, m > ${t('u32')}(0x7f800000u)) | (u & ${t('u32')}(0x80000000u)));`,
  },
  lac_to_i32_: {
    result: 'i32',
    params: ['f32'],
    body: (t) => `let c = ${t('i32')}(clamp(a, ${t('f32')}(-2147483648.0f), ${t('f32')}(2147483520.0f)));
  let big = select(c, ${t('i32')}(2147483647i), a >= ${t('f32')}(2147483648.0f));
  let nan = (bitcast<${t('u32')}>(a) & ${t('u32')}(0x7fffffffu)) > ${t('u32')}(0x7f800000u);
  return select(big, ${t('i32')}(0i), nan);`,
  },
  lac_to_u32_: {
    result: 'u32',
    params: ['f32'],
    body: (t) => `let c = ${t('u32')}(clamp(a, ${t('f32')}(0.0f), ${t('f32')}(4294967040.0f)));
  let big = select(c, ${t('u32')}(4294967295u), a >= ${t('f32')}(4294967296.0f));
  let nan = (bitcast<${t('u32')}>(a) & ${t('u32')}(0x7fffffffu)) > ${t('u32')}(0x7f800000u);
  return select(big, ${t('u32')}(0u), nan);`,
  },
  // Remainder toward 0. One step of correction covers the rounding of the quotient while it is below 2^24.
  lac_fmod: {
    result: 'f32',
    params: ['f32', 'f32'],
    body: (t) => `let m = abs(b);
  let x = abs(a);
  let r0 = fma(-trunc(x / m), m, x);
  let r1 = select(r0, r0 + m, r0 < ${t('f32')}(0.0f));
  let r2 = select(r1, r1 - m, r1 >= m);
  return select(r2, -r2, a < ${t('f32')}(0.0f));`,
  },
  // x log(u)/(u-1) with u = 1 + x cancels the rounding of u (Goldberg 1991, theorem 4).
  lac_log1p: {
    result: 'f32',
    params: ['f32'],
    body: (t) => `let u = a + ${t('f32')}(1.0f);
  let d = u - ${t('f32')}(1.0f);
  let flat = d == ${t('f32')}(0.0f);
  return select(a * (log(u) / select(d, ${t('f32')}(1.0f), flat)), a, flat);`,
  },
  // The exponent is never positive, so nothing overflows.
  lac_sigmoid: {
    result: 'f32',
    params: ['f32'],
    body: (t) => `let e = exp(-abs(a));
  let s = ${t('f32')}(1.0f) / (${t('f32')}(1.0f) + e);
  return select(e * s, s, a >= ${t('f32')}(0.0f));`,
  },
  // e is 0 where |tanh x| rounds to 1; below 0.1 the odd series, to 1e-8. No clamp: it would hide NaN.
  lac_tanh: {
    result: 'f32',
    params: ['f32'],
    body: (t) => `let e = exp(-2.0f * abs(a));
  let big = (${t('f32')}(1.0f) - e) / (${t('f32')}(1.0f) + e);
  let q = a * a;
  let small = a * (1.0f + q * (-0.33333334f + q * (0.13333334f - q * 0.053968254f)));
  return select(select(-big, big, a >= ${t('f32')}(0.0f)), small, abs(a) < ${t('f32')}(0.1f));`,
  },
  // Series below 0.5; above, Abramowitz & Stegun 7.1.26 (absolute error 1.5e-7).
  lac_erf: {
    result: 'f32',
    params: ['f32'],
    body: (t) => `let x = abs(a);
  let q = a * a;
  let small = a * (1.1283792f + q * (-0.37612638f + q * (0.11283792f + q * (-0.026866170f + q * 0.0052239777f))));
  let k = 1.0f / (1.0f + 0.3275911f * x);
  let p = k * (0.254829592f + k * (-0.284496736f + k * (1.421413741f + k * (-1.453152027f + k * 1.061405429f))));
  let big = 1.0f - p * exp(-q);
  return select(select(-big, big, a >= ${t('f32')}(0.0f)), small, x < ${t('f32')}(0.5f));`,
  },
  lac_sin: { result: 'f32', params: ['f32'], body: sine(0) },
  lac_cos: { result: 'f32', params: ['f32'], body: sine(1) },
  lac_mulhi: {
    result: 'u32',
    params: ['u32', 'u32'],
    body: (t) => `let m = ${t('u32')}(0xffffu);
  let s = ${t('u32')}(16u);
  let al = a & m; let ah = a >> s; let bl = b & m; let bh = b >> s;
  let mid = ah * bl + ((al * bl) >> s);
  let low = al * bh + (mid & m);
  return ah * bh + (mid >> s) + (low >> s);`,
  },
};

/** Functions on packed words, of one width each. */
const FIXED: Readonly<Record<string, string>> = {
  // Half h (0 or 1) of a word. f16: a subnormal must not be flushed on the way to f32, so it is made from its integer.
  lac_f16_at: `fn lac_f16_at(w: u32, h: i32) -> f32 {
  let b = (w >> (u32(h) * 16u)) & 0xffffu;
  let tiny = f32(b & 0x3ffu) * 5.9604644775390625e-8f;
  return select(unpack2x16float(b).x, select(tiny, -tiny, b >= 0x8000u), (b & 0x7c00u) == 0u);
}`,
  lac_bf16_at: `fn lac_bf16_at(w: u32, h: i32) -> f32 {
  return bitcast<f32>((w >> (u32(h) * 16u)) << 16u);
}`,
  lac_f16_four: `fn lac_f16_four(w: vec2<u32>) -> vec4<f32> {
  let v = vec4<f32>(unpack2x16float(w.x), unpack2x16float(w.y));
  let b = vec4<u32>(w.x & 0xffffu, w.x >> 16u, w.y & 0xffffu, w.y >> 16u);
  let tiny = vec4<f32>(b & vec4<u32>(0x3ffu)) * 5.9604644775390625e-8f;
  return select(v, select(tiny, -tiny, b >= vec4<u32>(0x8000u)), (b & vec4<u32>(0x7c00u)) == vec4<u32>(0u));
}`,
  lac_bf16_four: `fn lac_bf16_four(w: vec2<u32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));
}`,
  lac_f16_pack: `fn lac_f16_pack(v: vec4<f32>) -> vec2<u32> {
  let b = lac_f16_bits(v);
  return vec2<u32>(b.x | (b.y << 16u), b.z | (b.w << 16u));
}`,
  lac_bf16_pack: `fn lac_bf16_pack(v: vec4<f32>) -> vec2<u32> {
  let b = bitcast<vec4<u32>>(v);
  return vec2<u32>((b.x >> 16u) | (b.y & 0xffff0000u), (b.z >> 16u) | (b.w & 0xffff0000u));
}`,
  // Bits of a value that is already rounded to the dtype.
  lac_f16_bits: `fn lac_f16_bits(v: vec4<f32>) -> vec4<u32> {
  let u = bitcast<vec4<u32>>(v);
  let m = u & vec4<u32>(0x7fffffffu);
  let normal = (m - vec4<u32>(0x38000000u)) >> vec4<u32>(13u);
  let tiny = vec4<u32>(bitcast<vec4<f32>>(m) * 16777216.0f);
  let special = select(vec4<u32>(0x7c00u), vec4<u32>(0x7e00u), m > vec4<u32>(0x7f800000u));
  let r = select(select(normal, special, m >= vec4<u32>(0x7f800000u)), tiny, m < vec4<u32>(0x38800000u));
  return r | ((u >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
}`,
  lac_bf16_bits: `fn lac_bf16_bits(v: vec4<f32>) -> vec4<u32> {
  return bitcast<vec4<u32>>(v) >> vec4<u32>(16u);
}`,
};

/** Text of a library function by its full name: `lac_erf4` is the vec4 form of `lac_erf`. */
export function libraryFunction(name: string): string {
  const fixed = FIXED[name];
  if (fixed !== undefined) return fixed;
  const width = Number(name.at(-1)) as Width;
  const f = TEMPLATES[name.slice(0, -1)];
  if (f === undefined || ![1, 2, 4].includes(width)) throw new Bug(`no library function ${name}`);
  const t = (lane: string): string => vectorType(lane, width);
  const params = f.params.map((p, i) => `${'ab'[i]}: ${t(p)}`).join(', ');
  return `fn ${name}(${params}) -> ${t(f.result)} {\n  ${f.body(t)}\n}`;
}
