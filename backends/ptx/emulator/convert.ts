/** cvt: conversions between numbers (PTX ISA, "Data Movement and Conversion Instructions: cvt"). */
import { flush, INTEGER_ROUNDING } from './float32.js';
import { bf16Bits, type Half, halfBits, halfValue } from './half.js';
import { laneLoop } from './loops.js';
import type { Row } from './scalar.js';

const INTEGERS: Readonly<Record<string, { bits: number; signed: boolean }>> = {
  s8: { bits: 8, signed: true },
  u8: { bits: 8, signed: false },
  s16: { bits: 16, signed: true },
  u16: { bits: 16, signed: false },
  s32: { bits: 32, signed: true },
  u32: { bits: 32, signed: false },
  s64: { bits: 64, signed: true },
  u64: { bits: 64, signed: false },
};
const isHalf = (t: string): t is Half => t === 'f16' || t === 'bf16';
const isFloat = (t: string): boolean => t === 'f32' || isHalf(t);

const rows = new Map<string, Row | null>();

/** The row of a `cvt` with a single source, or with two that are packed; null for what is not built. */
export function conversionRow(opcode: string): Row | null {
  const known = rows.get(opcode);
  if (known !== undefined) return known;
  const made = makeRow(opcode.split('.').slice(1));
  rows.set(opcode, made);
  return made;
}

function makeRow(modifiers: readonly string[]): Row | null {
  const [to = '', from = ''] = modifiers.slice(-2);
  const flags = modifiers.slice(0, -2);
  const how: How = { rounding: flags.find((f) => f !== 'ftz' && f !== 'sat') ?? null, saturate: flags.includes('sat') };
  if (flags.length !== (how.rounding ? 1 : 0) + (how.saturate ? 1 : 0) + (flags.includes('ftz') ? 1 : 0)) return null;
  if (from === 'f32' && to === 'tf32')
    return how.rounding === 'rna' || how.rounding === 'rn' ? tf32Row(how.rounding) : null;
  if (from === 'f32' && (to === 'bf16x2' || to === 'f16x2'))
    return how.rounding === 'rn' ? packRow(to === 'bf16x2') : null;
  const value = reader(from);
  const convert = converter(to, from, how);
  if (value === null || convert === null) return null;
  const clean = flags.includes('ftz') && from === 'f32' ? (x: number) => convert(flush(x)) : convert;
  const shape = `${letterOf(to)}=${letterOf(from)}`;
  const f =
    flags.includes('ftz') && to === 'f32' ? (x: number) => flush(clean(value(x))) : (x: number) => clean(value(x));
  return { shape, make: laneLoop<number>(shape, f) };
}

interface How {
  readonly rounding: string | null;
  readonly saturate: boolean;
}

const letterOf = (t: string): string => (t === 'f32' ? 'f' : t === 's64' || t === 'u64' ? 'q' : 's');

const packRow = (bf16: boolean): Row => {
  const bits = bf16 ? bf16Bits : (x: number) => halfBits('f16', x);
  return {
    shape: 's=ff',
    make: laneLoop<number>('s=ff', (high, low) => (bits(high as number) << 16) | bits(low as number)),
  };
};

/** 10 stored bits of significand: `rna` rounds ties away from zero, `rn` to even. */
const tf32Row = (rounding: 'rna' | 'rn'): Row => {
  const f = (bits: number): number => {
    if ((bits & 0x7f800000) === 0x7f800000) return bits & 0x7fffff ? 0x7fffffff : bits;
    const add = rounding === 'rna' ? 0x1000 : 0xfff + ((bits >>> 13) & 1);
    return (bits + add) & ~0x1fff;
  };
  return { shape: 's=s', make: laneLoop<number>('s=s', f as (...s: number[]) => number) };
};

/** Value of a source register as a number; 64-bit sources stay bigints inside the loop and come as such. */
function reader(from: string): ((x: number) => number) | null {
  if (from === 'f32') return (x) => x;
  if (isHalf(from)) return (x) => halfValue(from, x);
  const type = INTEGERS[from];
  if (type === undefined) return null;
  if (type.bits === 64)
    return type.signed ? (x) => x : (x) => BigInt.asUintN(64, x as unknown as bigint) as unknown as number;
  const shift = 32 - type.bits;
  return type.signed ? (x) => (x << shift) >> shift : (x) => (x << shift) >>> shift;
}

function converter(to: string, from: string, how: How): ((x: number) => number) | null {
  const integer = INTEGERS[to];
  if (integer !== undefined) return isFloat(from) ? floatToInt(integer, how) : intToInt(integer, from, how);
  if (!isFloat(to)) return null;
  const integral = how.rounding === null ? undefined : INTEGER_ROUNDING[how.rounding];
  if (how.rounding !== null && how.rounding !== 'rn' && integral === undefined) return null;
  const rounded = integral !== undefined && isFloat(from) ? integral : (x: number) => x;
  const number = isFloat(from) ? rounded : (x: number) => Number(x);
  const clamped = how.saturate ? (x: number) => (x > 0 ? Math.min(x, 1) : 0) : (x: number) => x;
  if (isHalf(to)) return (x) => halfBits(to, clamped(number(x)));
  // A 64-bit integer goes to f64 first, which may round: then rounding to f32 could fall on the wrong side of a tie.
  if (from === 's64' || from === 'u64') return (x) => wideToFloat(x as unknown as bigint);
  return (x) => clamped(number(x));
}

/** Nearest f32: what f64 cannot hold is made sticky in its lowest bit before the one rounding. */
function wideToFloat(x: bigint): number {
  const magnitude = x < 0n ? -x : x;
  if (magnitude < 1n << 53n) return Math.fround(Number(x));
  const dropped = magnitude & 0xfffn;
  const sticky = (magnitude & ~0xfffn) | (dropped === 0n ? 0n : 0x1000n);
  return Math.fround(Number(x < 0n ? -sticky : sticky));
}

/** Out of range gives the nearest end of the range, NaN gives 0. */
function floatToInt(to: { bits: number; signed: boolean }, how: How): ((x: number) => number) | null {
  const round = INTEGER_ROUNDING[how.rounding ?? ''];
  if (round === undefined) return null;
  const low = to.signed ? -(2 ** (to.bits - 1)) : 0;
  const high = to.signed ? 2 ** (to.bits - 1) - 1 : 2 ** to.bits - 1;
  const clamp = (x: number): number => (Number.isNaN(x) ? 0 : Math.min(Math.max(round(x), low), high));
  if (to.bits < 64) return clamp;
  const most = (1n << BigInt(to.signed ? 63 : 64)) - 1n;
  return (x) => {
    const r = clamp(x);
    return (r >= Number(most) ? most : BigInt(r)) as unknown as number;
  };
}

/** Narrowing keeps the low bits, or with `.sat` the nearest value; widening extends by the sign of the source. */
function intToInt(to: { bits: number; signed: boolean }, from: string, how: How): (x: number) => number {
  const wideSource = INTEGERS[from]?.bits === 64;
  const value = wideSource ? (x: number) => x as unknown as bigint : (x: number) => BigInt(x);
  const low = to.signed ? -(1n << BigInt(to.bits - 1)) : 0n;
  const high = to.signed ? (1n << BigInt(to.bits - 1)) - 1n : (1n << BigInt(to.bits)) - 1n;
  const within = (x: bigint): bigint => (how.saturate ? (x < low ? low : x > high ? high : x) : x);
  if (to.bits === 64) return (x) => within(value(x)) as unknown as number;
  const keep = (x: bigint): number => Number(to.signed ? BigInt.asIntN(to.bits, x) : BigInt.asUintN(to.bits, x));
  if (wideSource || how.saturate) return (x) => keep(within(value(x)));
  const shift = 32 - to.bits;
  return to.signed ? (x) => (x << shift) >> shift : (x) => (x << shift) >>> shift;
}
