import { type InstructionRow, row, rows, suffixed } from '../signature.js';

/** Moves, packing and selection (PTX ISA 9.7.9.10 "mov", 9.7.6.3 "selp"). Packing has no spelling of its own in PTX. */
export const MOVE = {
  'mov.pred': row(['pred'], ['pred'], 'a.'),
  'mov.b16': row(['b16'], ['b16'], 'a.'),
  'mov.b32': row(['b32'], ['word'], 'a, or the address of shared memory.'),
  'mov.b64': row(['b64'], ['b64'], 'a.'),
  'pack.b32': row(['b32'], ['b16x2'], 'Two halves, the first in the low bits.', { text: 'mov.b32 %d, %0' }),
  'unpack.b32': row(['b16', 'b16'], ['b32'], 'Low half and high half.', { text: 'mov.b32 %d, %0' }),
  'pack.b64': row(['b64'], ['b32x2'], 'Two words, the first in the low bits.', { text: 'mov.b64 %d, %0' }),
  'unpack.b64': row(['b32', 'b32'], ['b64'], 'Low word and high word.', { text: 'mov.b64 %d, %0' }),
  'selp.b16': row(['b16'], ['b16', 'b16', 'pred'], 'c ? a : b.'),
  'selp.b32': row(['b32'], ['b32', 'b32', 'pred'], 'c ? a : b.'),
  'selp.f32': row(['f32'], ['f32', 'f32', 'pred'], 'c ? a : b.'),
  'selp.b64': row(['b64'], ['b64', 'b64', 'pred'], 'c ? a : b.'),
} as const satisfies Record<string, InstructionRow>;

const ORDERED = suffixed(['setp'], ['eq', 'ne', 'lt', 'le', 'gt', 'ge']);
const UNSIGNED = suffixed(['setp'], ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'lo', 'ls', 'hi', 'hs']);
const UNORDERED = suffixed(['setp'], ['equ', 'neu', 'ltu', 'leu', 'gtu', 'geu']);

/** Comparisons (PTX ISA 9.7.6.2 "setp"). */
export const COMPARE = {
  ...rows(suffixed(ORDERED, ['s32']), row(['pred'], ['s32', 's32'], 'Whether the relation holds.')),
  ...rows(suffixed(UNSIGNED, ['u32']), row(['pred'], ['u32', 'u32'], 'Whether the relation holds.')),
  ...rows(suffixed(ORDERED, ['s64']), row(['pred'], ['s64', 's64'], 'Whether the relation holds.')),
  ...rows(suffixed(UNSIGNED, ['u64']), row(['pred'], ['u64', 'u64'], 'Whether the relation holds.')),
  ...rows(suffixed(ORDERED, ['f32']), row(['pred'], ['f32', 'f32'], 'Whether it holds; not (`ne` too) if one is NaN.')),
  ...rows(suffixed(UNORDERED, ['f32']), row(['pred'], ['f32', 'f32'], 'Whether it holds or one is NaN.')),
  'setp.num.f32': row(['pred'], ['f32', 'f32'], 'Whether neither is NaN.'),
  'setp.nan.f32': row(['pred'], ['f32', 'f32'], 'Whether one is NaN.'),
} as const satisfies Record<string, InstructionRow>;

const ROUNDINGS = ['rni', 'rzi', 'rmi', 'rpi'] as const;
const integral = suffixed(['cvt'], ROUNDINGS);
const TO_INTEGER = 'Nearest even, toward 0, down or up; saturates, NaN gives 0.';
const NARROWER = 'Low bits.';

/** Conversions (PTX ISA 9.7.9.22 "cvt"). */
export const CONVERT = {
  'cvt.rn.f32.s32': row(['f32'], ['s32'], 'Rounded to nearest even.'),
  'cvt.rn.f32.u32': row(['f32'], ['u32'], 'Rounded to nearest even.'),
  'cvt.rn.f32.s64': row(['f32'], ['s64'], 'Rounded to nearest even.'),
  'cvt.rn.f32.u64': row(['f32'], ['u64'], 'Rounded to nearest even.'),
  ...rows(suffixed(integral, ['s32.f32']), row(['s32'], ['f32'], TO_INTEGER)),
  ...rows(suffixed(integral, ['u32.f32']), row(['u32'], ['f32'], TO_INTEGER)),
  ...rows(
    suffixed(integral, ['f32.f32']),
    row(['f32'], ['f32'], 'An integral float: nearest even, toward 0, down, up.'),
  ),
  'cvt.f32.f16': row(['f32'], ['f16'], 'Exact.'),
  'cvt.f32.bf16': row(['f32'], ['f16'], 'Exact.', { ptx: [7, 1] }),
  'cvt.rn.f16.f32': row(['f16'], ['f32'], 'Rounded to nearest even.'),
  'cvt.rn.bf16.f32': row(['f16'], ['f32'], 'Rounded to nearest even.'),
  'cvt.rn.f16x2.f32': row(['f16x2'], ['f32', 'f32'], 'a in the high half, b in the low one; to nearest even.'),
  'cvt.rn.bf16x2.f32': row(['f16x2'], ['f32', 'f32'], 'a in the high half, b in the low one; to nearest even.'),
  'cvt.rna.tf32.f32': row(['b32'], ['f32'], 'Ten bits of mantissa: nearest, ties away from 0.'),
  'cvt.rn.tf32.f32': row(['b32'], ['f32'], 'Ten bits of mantissa: nearest even.', { sm: 90, ptx: [7, 8] }),
  'cvt.s64.s32': row(['s64'], ['s32'], 'Sign extended.'),
  'cvt.u64.u32': row(['u64'], ['u32'], 'Zero extended.'),
  'cvt.s32.s64': row(['s32'], ['s64'], NARROWER),
  'cvt.u32.u64': row(['u32'], ['u64'], NARROWER),
  'cvt.u16.u32': row(['b16'], ['u32'], NARROWER),
  'cvt.u32.u16': row(['u32'], ['b16'], 'Zero extended.'),
  'cvt.s32.s16': row(['s32'], ['b16'], 'Sign extended.'),
  'cvt.s32.s8': row(['s32'], ['s32'], 'The low byte, sign extended.'),
  'cvta.to.global.u64': row(['b64'], ['b64'], 'Generic address to global.'),
  'cvta.global.u64': row(['b64'], ['b64'], 'Global address to generic.'),
} as const satisfies Record<string, InstructionRow>;
