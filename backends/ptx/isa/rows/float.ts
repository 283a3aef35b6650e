import { type InstructionRow, row, rows, suffixed } from '../signature.js';

const f1 = (meaning: string) => row(['f32'], ['f32'], meaning);
const f2 = (meaning: string) => row(['f32'], ['f32', 'f32'], meaning);
const f3 = (meaning: string) => row(['f32'], ['f32', 'f32', 'f32'], meaning);

const half = row(['f16'], ['f16', 'f16'], 'Of one 16-bit float.');
const half2 = row(['f16x2'], ['f16x2', 'f16x2'], 'Of two 16-bit floats in a register.');
const HOPPER = { sm: 90, ptx: [7, 8] } as const;

/** f32 arithmetic (PTX ISA 9.7.3) and that of 16-bit floats (9.7.4). `.ftz` takes and gives subnormals as 0. */
export const FLOAT = {
  'add.f32': f2('a + b; ptxas may fuse it with a product that has no rounding either.'),
  'sub.f32': f2('a - b; ptxas may fuse it with a product that has no rounding either.'),
  'mul.f32': f2('a * b; ptxas may fuse it with a sum that has no rounding either.'),
  'add.rn.f32': f2('a + b, rounded to nearest even, never fused.'),
  'sub.rn.f32': f2('a - b, rounded to nearest even, never fused.'),
  'mul.rn.f32': f2('a * b, rounded to nearest even, never fused.'),
  'mul.ftz.f32': f2('a * b without subnormals.'),
  'fma.rn.f32': f3('a * b + c, rounded once.'),
  'fma.rn.ftz.f32': f3('a * b + c, rounded once, without subnormals.'),
  'div.rn.f32': f2('a / b, rounded to nearest even.'),
  'div.full.f32': f2('a / b within 2 ulp over the whole range.'),
  'div.approx.f32': f2('a / b within 2 ulp for |b| in 2^-126 .. 2^126.'),
  'rcp.rn.f32': f1('1 / a, rounded to nearest even.'),
  'rcp.approx.f32': f1('1 / a within 1 ulp.'),
  'rcp.approx.ftz.f32': f1('1 / a within 1 ulp, without subnormals.'),
  'sqrt.rn.f32': f1('Square root, rounded to nearest even.'),
  'sqrt.approx.f32': f1('Square root, relative error 2^-23.'),
  'sqrt.approx.ftz.f32': f1('Square root, relative error 2^-23, without subnormals.'),
  'rsqrt.approx.f32': f1('1 / sqrt(a), relative error 2^-22.9.'),
  'rsqrt.approx.ftz.f32': f1('1 / sqrt(a), relative error 2^-22.9, without subnormals.'),
  'ex2.approx.f32': f1('2^a within 2 ulp.'),
  'ex2.approx.ftz.f32': f1('2^a within 2 ulp, without subnormals.'),
  'lg2.approx.f32': f1('log2(a), absolute error 2^-22.6 for a in 0.5 .. 2, relative elsewhere.'),
  'lg2.approx.ftz.f32': f1('log2(a) likewise, without subnormals.'),
  'sin.approx.f32': f1('sin(a), absolute error 2^-20.5 for a in -pi .. pi.'),
  'cos.approx.f32': f1('cos(a), absolute error 2^-20.5 for a in -pi .. pi.'),
  'tanh.approx.f32': f1('tanh(a), relative error 2^-11.'),
  'min.f32': f2('The smaller; if one is NaN, the other.'),
  'max.f32': f2('The larger; if one is NaN, the other.'),
  'min.NaN.f32': f2('The smaller; NaN if one is.'),
  'max.NaN.f32': f2('The larger; NaN if one is.'),
  'neg.f32': f1('-a.'),
  'abs.f32': f1('|a|.'),
  'copysign.f32': f2('|b| with the sign of a.'),
  ...rows(
    suffixed(['testp'], ['finite.f32', 'infinite.f32', 'notanumber.f32', 'subnormal.f32']),
    row(['pred'], ['f32'], 'Whether a is of that class.'),
  ),

  ...rows(suffixed(['add.rn', 'sub.rn', 'mul.rn', 'min', 'max'], ['f16']), half),
  ...rows(suffixed(['add.rn', 'sub.rn', 'mul.rn', 'min', 'max'], ['f16x2']), half2),
  ...rows(suffixed(['min', 'max'], ['bf16']), half),
  ...rows(suffixed(['min', 'max'], ['bf16x2']), half2),
  ...rows(suffixed(['add.rn', 'sub.rn', 'mul.rn'], ['bf16']), row(half.dst, half.src, half.meaning, HOPPER)),
  ...rows(suffixed(['add.rn', 'sub.rn', 'mul.rn'], ['bf16x2']), row(half2.dst, half2.src, half2.meaning, HOPPER)),
  ...rows(
    suffixed(['fma.rn'], ['f16', 'bf16']),
    row(['f16'], ['f16', 'f16', 'f16'], 'a * b + c, rounded once, of one 16-bit float.'),
  ),
  ...rows(
    suffixed(['fma.rn'], ['f16x2', 'bf16x2']),
    row(['f16x2'], ['f16x2', 'f16x2', 'f16x2'], 'a * b + c, rounded once, of two 16-bit floats in a register.'),
  ),
  ...rows(suffixed(['neg', 'abs'], ['f16', 'bf16']), row(['f16'], ['f16'], 'Of one 16-bit float.')),
  ...rows(suffixed(['neg', 'abs'], ['f16x2', 'bf16x2']), row(['f16x2'], ['f16x2'], 'Of two 16-bit floats.')),
  'ex2.approx.f16x2': row(['f16x2'], ['f16x2'], '2^a of two f16.'),
  'tanh.approx.f16x2': row(['f16x2'], ['f16x2'], 'tanh(a) of two f16.'),
  'ex2.approx.ftz.bf16x2': row(['f16x2'], ['f16x2'], '2^a of two bf16.', HOPPER),
  'tanh.approx.bf16x2': row(['f16x2'], ['f16x2'], 'tanh(a) of two bf16.', HOPPER),
} as const satisfies Record<string, InstructionRow>;
