/** Sine and cosine on f32, for every finite argument. */
import type { PtxBuilder } from '../../isa/builder.js';
import { f32, imm, type Operand, type Reg } from '../../isa/operand.js';
import { horner } from './polynomial.js';

/** pi / 2 in three floats: the first is the nearest, each next one the nearest to what is left. */
const HALF_PI = [1.5707963705062866, -4.371138828673793e-8, -1.7151245100058819e-15] as const;

/** Up to here the number of quarter turns is known from one product. */
const MODERATE = 2 ** 17;

/** x = n pi / 2 + r with |r| < 0.8; n counts modulo 4. */
interface Reduced {
  readonly n: Reg;
  readonly r: Reg;
}

/**
 * Cody and Waite: n pi / 2 is taken away in three fused steps, of which the first is exact (x and n HALF_PI[0] are
 * multiples of 2^-23), so that r is right to its last bit where x is close to a multiple of pi / 2 too. Beyond MODERATE a
 * branch that few programs take overwrites both.
 */
function reduce(b: PtxBuilder, x: Operand): Reduced {
  const q = b.op('cvt.rni.f32.f32', b.op('mul.f32', x, f32(2 / Math.PI)));
  const minus = b.op('neg.f32', q);
  const r = HALF_PI.reduce((rest: Operand, part) => b.op('fma.rn.f32', minus, f32(part), rest), x) as Reg;
  const n = b.op('cvt.rni.s32.f32', q);
  const end = b.newLabel('reduced');
  b.branch(end, b.op('setp.gt.f32', b.op('abs.f32', x), f32(MODERATE)), true);
  reduceLarge(b, x, { n, r });
  b.place(end);
  return { n, r };
}

/** 2 / pi in words, after one word of its integral part. */
const TWO_OVER_PI = [0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab];

/** pi / 2 in units of the fixed-point number below. */
const UNIT = (Math.PI / 2) * 2 ** -62;

/**
 * Payne and Hanek, in place: |x| = m 2^e times the 96 bits of 2 / pi whose products matter modulo 4 quarter turns. The
 * upper 64 of the lower 96 bits of the product are a fixed-point number of quarter turns with 62 bits behind the point.
 * No f32 is closer than 2^-30 to a multiple of pi / 2, so that 32 of them remain. NaN for infinities.
 */
function reduceLarge(b: PtxBuilder, x: Operand, to: Reduced): void {
  const m = b.op('or.b32', b.op('and.b32', x, imm(0x7fffff)), imm(0x800000));
  const first = b.op('sub.s32', b.op('shr.u32', b.op('and.b32', x, imm(0x7fffffff)), imm(23)), imm(120));
  const [high, middle, low] = bitsFrom(b, first);
  const carry = b.op('cvt.u64.u32', b.op('mul.hi.u32', low, m));
  const sum = b.op('mad.wide.u32', middle, m, carry);
  const [below, above] = b.ops('unpack.b64', sum) as [Reg, Reg];
  const top = b.op('mad.lo.s32', high, m, above);
  const turns = b.op('shr.u32', b.op('add.s32', top, imm(0x20000000)), imm(30));
  const rest = b.op('sub.s32', top, b.op('shl.b32', turns, imm(30)));
  const fixed = b.op('cvt.rn.f32.s64', b.op('pack.b64', [below, rest]));
  const magnitude = b.op('fma.rn.f32', fixed, f32(UNIT), b.op('mul.f32', fixed, f32(UNIT - Math.fround(UNIT))));
  const negative = b.op('setp.lt.f32', x, f32(0));
  b.into('selp.b32', to.n, b.op('neg.s32', turns), turns, negative);
  const signed = b.op('selp.f32', b.op('neg.f32', magnitude), magnitude, negative);
  // x - x is 0, or NaN for infinities.
  b.into('add.rn.f32', to.r, signed, b.op('sub.rn.f32', x, x));
}

/** The 96 bits of TWO_OVER_PI from bit `first` (24 .. 135) on, as three words: by words in halving steps, then by bits. */
function bitsFrom(b: PtxBuilder, first: Reg): readonly [Operand, Operand, Operand] {
  let words: Operand[] = TWO_OVER_PI.map((w) => imm(w));
  for (const [step, left] of [
    [128, 7],
    [64, 5],
    [32, 4],
  ] as const) {
    const skip = b.op('setp.ne.s32', b.op('and.b32', first, imm(step)), imm(0));
    words = Array.from({ length: left }, (_, i) => {
      const [stay, moved] = [words[i] ?? imm(0), words[i + step / 32] ?? imm(0)];
      return b.op('selp.b32', moved, stay, skip);
    });
  }
  const word = (i: number): Operand => b.op('shf.l.wrap.b32', words[i + 1] as Operand, words[i] as Operand, first);
  return [word(0), word(1), word(2)];
}

/** sin (`turns` 0) or cos (1): 2.5 ulp; polynomials (Cephes) in the remainder. NaN of NaN and infinities; sin(-0) is 0. */
function sine(b: PtxBuilder, x: Operand, turns: 0 | 1): Reg {
  const { n: whole, r } = reduce(b, x);
  const n = turns === 0 ? whole : b.op('add.s32', whole, imm(1));
  const z = b.op('mul.f32', r, r);
  const sinTail = horner(b, z, [-1.95152956e-4, 8.33216087e-3, -0.166666546]);
  const sin = b.op('fma.rn.f32', b.op('mul.f32', z, r), sinTail, r);
  const cosTail = horner(b, z, [2.44331571e-5, -1.38873162e-3, 4.16666456e-2]);
  const cos = b.op('fma.rn.f32', b.op('mul.f32', z, z), cosTail, b.op('fma.rn.f32', z, f32(-0.5), f32(1)));
  const odd = b.op('setp.ne.s32', b.op('and.b32', n, imm(1)), imm(0));
  const value = b.op('selp.f32', cos, sin, odd);
  // Bit 1 of n is the sign, moved to bit 31.
  return b.op('xor.b32', value, b.op('shl.b32', b.op('and.b32', n, imm(2)), imm(30)));
}

export const sin = (b: PtxBuilder, x: Operand): Reg => sine(b, x, 0);
export const cos = (b: PtxBuilder, x: Operand): Reg => sine(b, x, 1);
