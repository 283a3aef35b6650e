import { Bug } from '../../compiler/diag/diagnostic.js';
import { type LibraryTemplate, MATH } from './math.js';
import { vectorType, type Width } from './registers.js';

/** Functions of lanes, by name without the width suffix. */
const TEMPLATES: Readonly<Record<string, LibraryTemplate>> = {
  ...MATH,
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
