/**
 * Scalar instructions as a table: opcode, how operands are read (loops.ts), value. Only `.rn` rounds arithmetic here, so
 * it is left out of the names; `.ftz` is added to the rows that take it.
 */

import { flush, fused, maximum, minimum } from './float32.js';
import { f16Values, type Half, halfBits, halfValue } from './half.js';
import { type Execute, laneLoop } from './loops.js';

/** An instruction whose lanes are independent: `shape` as in loops.ts, and the maker of its loop. */
export interface Row {
  readonly shape: string;
  readonly make: (bases: readonly number[]) => Execute;
}

const numbers = (shape: string, f: (...sources: number[]) => number): Row => ({ shape, make: laneLoop(shape, f) });
const bigs = (shape: string, f: (...sources: bigint[]) => bigint | number): Row => ({
  shape,
  make: laneLoop(shape, f),
});

type Binary = (a: number, b: number) => number;
type Args = [number, number, number, number];

const ROWS = new Map<string, Row>();
const row = (name: string, shape: string, f: (...s: Args) => number): void => {
  ROWS.set(name, numbers(shape, f as (...sources: number[]) => number));
};
const big = (name: string, shape: string, f: (a: bigint, b: bigint, c: bigint) => bigint | number): void => {
  ROWS.set(name, bigs(shape, f as (...sources: bigint[]) => bigint | number));
};

const popcount = (x: number): number => {
  let n = 0;
  for (let v = x >>> 0; v !== 0; v = (v & (v - 1)) >>> 0) n++;
  return n;
};
const reversed = (x: number): number => {
  let r = 0;
  for (let i = 0; i < 32; i++) r |= ((x >>> i) & 1) << (31 - i);
  return r;
};

// ---- 32-bit integers

for (const t of ['s32', 'u32', 'b32'] as const) {
  row(`add.${t}`, 's=ss', (a, b) => (a + b) | 0);
  row(`sub.${t}`, 's=ss', (a, b) => (a - b) | 0);
  row(`mul.lo.${t}`, 's=ss', (a, b) => Math.imul(a, b));
  row(`mad.lo.${t}`, 's=sss', (a, b, c) => (Math.imul(a, b) + c) | 0);
  row(`selp.${t}`, 's=ssu', (a, b, p) => (p !== 0 ? a : b));
  row(`mov.${t}`, 's=s', (a) => a);
}
row('selp.f32', 's=ssu', (a, b, p) => (p !== 0 ? a : b));
row('mov.f32', 's=s', (a) => a);
row('mul.hi.s32', 's=ss', (a, b) => Number((BigInt(a) * BigInt(b)) >> 32n));
row('mul.hi.u32', 'u=uu', (a, b) => Number((BigInt(a) * BigInt(b)) >> 32n));
// What hardware gives for a division by zero: all ones, and the dividend as remainder.
row('div.s32', 's=ss', (a, b) => (b === 0 ? -1 : (a / b) | 0));
row('div.u32', 'u=uu', (a, b) => (b === 0 ? 0xffffffff : Math.floor(a / b)));
row('rem.s32', 's=ss', (a, b) => (b === 0 ? a : a % b));
row('rem.u32', 'u=uu', (a, b) => (b === 0 ? a : a % b));
row('min.s32', 's=ss', (a, b) => Math.min(a, b));
row('max.s32', 's=ss', (a, b) => Math.max(a, b));
row('min.u32', 'u=uu', (a, b) => Math.min(a, b));
row('max.u32', 'u=uu', (a, b) => Math.max(a, b));
row('neg.s32', 's=s', (a) => -a | 0);
row('abs.s32', 's=s', (a) => Math.abs(a) | 0);
for (const t of ['b32', 'b16', 'pred'] as const) {
  row(`and.${t}`, 's=ss', (a, b) => a & b);
  row(`or.${t}`, 's=ss', (a, b) => a | b);
  row(`xor.${t}`, 's=ss', (a, b) => a ^ b);
}
row('not.b32', 's=s', (a) => ~a);
row('not.b16', 's=s', (a) => ~a & 0xffff);
row('not.pred', 's=s', (a) => a ^ 1);
row('mov.pred', 's=s', (a) => a & 1);
row('selp.pred', 's=ssu', (a, b, p) => (p !== 0 ? a : b));
// Shifts by more than the width give what shifting bit by bit gives.
row('shl.b32', 's=su', (a, n) => (n > 31 ? 0 : a << n));
row('shr.u32', 'u=uu', (a, n) => (n > 31 ? 0 : a >>> n));
row('shr.b32', 'u=uu', (a, n) => (n > 31 ? 0 : a >>> n));
row('shr.s32', 's=su', (a, n) => a >> Math.min(n, 31));
row('popc.b32', 's=s', popcount);
row('clz.b32', 's=s', (a) => Math.clz32(a));
row('brev.b32', 's=s', reversed);
row('bfe.u32', 'u=uuu', (a, at, n) => field(a, at & 255, n & 255));
row('bfe.s32', 's=uuu', (a, at, n) => signedField(a, at & 255, n & 255));
row('bfi.b32', 's=uuuu', insertField);
row('shf.l.wrap.b32', 's=uuu', (a, b, n) => ((n & 31) === 0 ? b : (b << (n & 31)) | (a >>> (32 - (n & 31)))));
row('shf.r.wrap.b32', 's=uuu', (a, b, n) => ((n & 31) === 0 ? a : (a >>> (n & 31)) | (b << (32 - (n & 31)))));
row('prmt.b32', 's=uuu', permuteBytes);

function field(a: number, at: number, n: number): number {
  const low = at > 31 ? 0 : a >>> at;
  return n > 31 ? low : low & (2 ** n - 1);
}

/** b with its n bits from bit `at` on replaced by the low ones of a. */
function insertField(a: number, b: number, at: number, n: number): number {
  const [from, width] = [at & 255, n & 255];
  if (width === 0 || from > 31) return b;
  const mask = (width > 31 ? -1 : 2 ** width - 1) << from;
  return (b & ~mask) | ((a << from) & mask);
}

/** Bits above the word repeat the sign of the field's last bit inside of it (PTX ISA, bfe). */
function signedField(a: number, at: number, n: number): number {
  if (n === 0) return 0;
  const last = Math.min(at + n - 1, 31);
  const sign = (a >>> last) & 1;
  const bits = field(a, at, n);
  const width = Math.max(0, last - at + 1);
  return sign === 1 && width < 32 ? bits | (-1 << width) : bits;
}

/** prmt in its default mode: each nibble of s picks one of eight bytes, or repeats its sign. */
function permuteBytes(a: number, b: number, s: number): number {
  let r = 0;
  for (let i = 0; i < 4; i++) {
    const pick = (s >>> (4 * i)) & 15;
    const byte = ((pick & 4 ? b : a) >>> (8 * (pick & 3))) & 255;
    r |= (pick & 8 ? (byte & 128 ? 255 : 0) : byte) << (8 * i);
  }
  return r;
}

// ---- 16-bit integers

for (const t of ['s16', 'u16', 'b16'] as const) {
  row(`add.${t}`, 's=ss', (a, b) => (a + b) & 0xffff);
  row(`sub.${t}`, 's=ss', (a, b) => (a - b) & 0xffff);
  row(`mul.lo.${t}`, 's=ss', (a, b) => Math.imul(a, b) & 0xffff);
  row(`selp.${t}`, 's=ssu', (a, b, p) => (p !== 0 ? a : b) & 0xffff);
  row(`mov.${t}`, 's=s', (a) => a & 0xffff);
}
row('shl.b16', 's=su', (a, n) => (n > 15 ? 0 : (a << n) & 0xffff));
row('shr.u16', 's=su', (a, n) => (n > 15 ? 0 : (a & 0xffff) >>> n));

// ---- 64-bit integers; the frequent ones have loops of their own in wide.ts

const shift64 = (n: bigint): bigint => BigInt.asUintN(32, n);
for (const t of ['s64', 'u64', 'b64'] as const) {
  big(`mul.lo.${t}`, 'q=qq', (a, b) => a * b);
  big(`mad.lo.${t}`, 'q=qqq', (a, b, c) => a * b + c);
}
big('and.b64', 'q=qq', (a, b) => a & b);
big('or.b64', 'q=qq', (a, b) => a | b);
big('xor.b64', 'q=qq', (a, b) => a ^ b);
big('not.b64', 'q=q', (a) => ~a);
big('neg.s64', 'q=q', (a) => -a);
big('abs.s64', 'q=q', (a) => (a < 0n ? -a : a));
const unsigned = (a: bigint): bigint => BigInt.asUintN(64, a);
const pick = (first: boolean, a: bigint, b: bigint): bigint => (first ? a : b);
big('div.s64', 'q=qq', (a, b) => (b === 0n ? -1n : a / b));
big('rem.s64', 'q=qq', (a, b) => (b === 0n ? a : a % b));
big('div.u64', 'q=qq', (a, b) => (b === 0n ? -1n : unsigned(a) / unsigned(b)));
big('rem.u64', 'q=qq', (a, b) => (b === 0n ? a : unsigned(a) % unsigned(b)));
big('min.s64', 'q=qq', (a, b) => pick(a < b, a, b));
big('max.s64', 'q=qq', (a, b) => pick(a > b, a, b));
big('min.u64', 'q=qq', (a, b) => pick(unsigned(a) < unsigned(b), a, b));
big('max.u64', 'q=qq', (a, b) => pick(unsigned(a) > unsigned(b), a, b));

/** Shift counts are 32-bit registers; the loop reads them as numbers, so these rows mix both kinds. */
const mixed = (name: string, f: (a: bigint, n: number) => bigint): void => {
  const make = laneLoop('q=qu', f as unknown as (...s: bigint[]) => bigint);
  ROWS.set(name, { shape: 'q=qu', make });
};
mixed('shl.b64', (a, n) => (n > 63 ? 0n : a << BigInt(n)));
mixed('shr.s64', (a, n) => a >> BigInt(Math.min(n, 63)));
for (const t of ['u64', 'b64']) mixed(`shr.${t}`, (a, n) => unsigned(a) >> shift64(BigInt(n)));

// ---- f32

const float = (name: string, shape: string, f: (...s: Args) => number): void => {
  row(`${name}.f32`, shape, f);
  row(`${name}.ftz.f32`, shape, (a, b, c, d) => flush(f(flush(a), flush(b), flush(c), d)));
};
float('add', 'f=ff', (a, b) => a + b);
float('sub', 'f=ff', (a, b) => a - b);
float('mul', 'f=ff', (a, b) => a * b);
float('fma', 'f=fff', fused);
// f64 has more than twice the bits of f32, so that rounding its quotient or root once more is rounding once.
for (const name of ['div', 'div.full', 'div.approx']) float(name, 'f=ff', (a, b) => a / b);
for (const name of ['rcp', 'rcp.approx']) float(name, 'f=f', (a) => 1 / a);
for (const name of ['sqrt', 'sqrt.approx']) float(name, 'f=f', (a) => Math.sqrt(a));
float('rsqrt.approx', 'f=f', (a) => 1 / Math.sqrt(a));
float('ex2.approx', 'f=f', (a) => 2 ** a);
float('lg2.approx', 'f=f', (a) => Math.log2(a));
float('sin.approx', 'f=f', (a) => Math.sin(a));
float('cos.approx', 'f=f', (a) => Math.cos(a));
row('tanh.approx.f32', 'f=f', (a) => Math.tanh(a));
float('min', 'f=ff', minimum);
float('max', 'f=ff', maximum);
row('min.NaN.f32', 'f=ff', (a, b) => Math.min(a, b));
row('max.NaN.f32', 'f=ff', (a, b) => Math.max(a, b));
// Signs are bits: a NaN keeps its payload.
row('neg.f32', 'u=u', (a) => a ^ 0x80000000);
row('abs.f32', 'u=u', (a) => a & 0x7fffffff);
row('copysign.f32', 'u=uu', (a, b) => (b & 0x7fffffff) | (a & 0x80000000));

for (const [name, test] of [
  ['finite', (x: number) => Number.isFinite(x)],
  ['infinite', (x: number) => x === Infinity || x === -Infinity],
  ['notanumber', (x: number) => Number.isNaN(x)],
  ['subnormal', (x: number) => x !== 0 && flush(x) === 0],
] as const)
  row(`testp.${name}.f32`, 'u=f', (a) => (test(a) ? 1 : 0));

// ---- 16-bit floats, alone and two to a word

function halves(t: Half): void {
  const one =
    (f: (...v: Args) => number): ((...s: Args) => number) =>
    (a, b, c, d) =>
      halfBits(t, f(halfValue(t, a), halfValue(t, b), halfValue(t, c), d));
  const two = (f: (...v: Args) => number): ((...s: Args) => number) => {
    const each = one(f);
    return (a, b, c, d) => each(a, b, c, d) | (each(a >>> 16, b >>> 16, c >>> 16, d) << 16);
  };
  const half = (name: string, arity: number, f: (...v: Args) => number): void => {
    const shape = `s=${'u'.repeat(arity)}`;
    row(`${name}.${t}`, shape, one(f));
    row(`${name}.${t}x2`, shape, two(f));
  };
  half('add', 2, (a, b) => a + b);
  half('sub', 2, (a, b) => a - b);
  half('mul', 2, (a, b) => a * b);
  half('fma', 3, fused);
  half('min', 2, minimum);
  half('max', 2, maximum);
  half('tanh.approx', 1, (a) => Math.tanh(a));
  half('ex2.approx', 1, (a) => 2 ** a);
  half('ex2.approx.ftz', 1, (a) => 2 ** a);
  row(`neg.${t}`, 's=s', (a) => (a ^ 0x8000) & 0xffff);
  row(`abs.${t}`, 's=s', (a) => a & 0x7fff);
  row(`neg.${t}x2`, 's=s', (a) => a ^ 0x80008000);
  row(`abs.${t}x2`, 's=s', (a) => a & 0x7fff7fff);
}
f16Values();
halves('f16');
halves('bf16');

/** The row of an opcode: `.rn` of arithmetic is what rows do, and `.uni`-like hints have no effect. */
export const scalarRow = (opcode: string): Row | undefined =>
  ROWS.get(opcode) ?? ROWS.get(opcode.replace(/^(add|sub|mul|fma|div|rcp|sqrt)\.rn\b/, '$1'));

// ---- comparisons

const COMPARISONS: Readonly<Record<string, Binary>> = {
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b && !Number.isNaN(a) && !Number.isNaN(b) ? 1 : 0),
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  gt: (a, b) => (a > b ? 1 : 0),
  ge: (a, b) => (a >= b ? 1 : 0),
  equ: (a, b) => (a === b || Number.isNaN(a) || Number.isNaN(b) ? 1 : 0),
  neu: (a, b) => (a !== b ? 1 : 0),
  ltu: (a, b) => (a >= b ? 0 : 1),
  leu: (a, b) => (a > b ? 0 : 1),
  gtu: (a, b) => (a <= b ? 0 : 1),
  geu: (a, b) => (a < b ? 0 : 1),
  num: (a, b) => (!Number.isNaN(a) && !Number.isNaN(b) ? 1 : 0),
  nan: (a, b) => (!Number.isNaN(a) && !Number.isNaN(b) ? 0 : 1),
};
/** Unsigned comparisons by their own names. */
const UNSIGNED_NAMES: Readonly<Record<string, string>> = { lo: 'lt', ls: 'le', hi: 'gt', hs: 'ge' };
const BOOLEANS: Readonly<Record<string, Binary>> = { and: (x, c) => x & c, or: (x, c) => x | c, xor: (x, c) => x ^ c };
const COMPARED: Readonly<Record<string, string>> = {
  s32: 's',
  u32: 'u',
  b32: 'u',
  f32: 'f',
  s64: 'q',
  u64: 'q',
  b64: 'q',
};
const comparisons = new Map<string, Row | null>();

/** setp.CMP{.BOOL}{.ftz}.TYPE; `negated`: the predicate that BOOL joins is read as `!p`. Null for what is not built. */
export function comparisonRow(opcode: string, negated: boolean): Row | null {
  const key = `${opcode} ${negated}`;
  const known = comparisons.get(key);
  if (known !== undefined) return known;
  const made = makeComparison(opcode.split('.').slice(1), negated);
  comparisons.set(key, made);
  return made;
}

function makeComparison(modifiers: readonly string[], negated: boolean): Row | null {
  const rest = modifiers.filter((m) => m !== 'ftz');
  const [name = '', second = '', third = ''] = rest;
  const join = BOOLEANS[second];
  const type = join === undefined ? second : third;
  const letter = COMPARED[type];
  const compare = COMPARISONS[UNSIGNED_NAMES[name] ?? name];
  if (letter === undefined || compare === undefined || rest.length > (join === undefined ? 2 : 3)) return null;
  const prepared = modifiers.includes('ftz') ? (a: number, b: number) => compare(flush(a), flush(b)) : compare;
  const test = letter === 'q' ? wideTest(compare, type === 'u64') : prepared;
  if (join === undefined) return numbers(`u=${letter}${letter}`, test);
  const flip = negated ? 1 : 0;
  return numbers(`u=${letter}${letter}u`, (...s) =>
    join(test(s[0] as number, s[1] as number), (s[2] as number) ^ flip),
  );
}

/** The letters q make the loop pass bigints, whose comparison operators are the same. */
const wideTest = (compare: Binary, isUnsigned: boolean): Binary =>
  isUnsigned
    ? (a, b) =>
        compare(
          unsigned(a as unknown as bigint) as unknown as number,
          unsigned(b as unknown as bigint) as unknown as number,
        )
    : compare;
