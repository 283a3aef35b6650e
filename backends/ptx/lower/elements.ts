import { type DType, is16Bit } from '../../../compiler/ir/types.js';
import { registerRun } from '../../../compiler/layout/algebra.js';
import { indexParts, spanInOrder } from '../../../compiler/layout/axes.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { type Address, at, imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { unpackHalf } from './halves.js';
import { add32, and32, known, scale32, xor32 } from './integers.js';
import type { Published } from './published.js';
import { fromWord } from './shuffle.js';
import { makeTile, type Tile } from './tile.js';

/** Where a box begins in a published tile. */
export interface BoxOrigin {
  /** One operand an axis, such that the box lies in the tile or `wraps` says otherwise. */
  readonly at: readonly Operand[];
  /** Axes on which positions may leave the tile: they go on at its beginning. */
  readonly wraps: readonly boolean[];
  /** Neighbours along the last axis that the origin is a multiple of. */
  readonly multiple: number;
}

/** The box that is the whole tile. */
export const wholeTile = (rank: number): BoxOrigin => ({
  at: Array.from({ length: rank }, () => imm(0)),
  wraps: Array.from({ length: rank }, () => false),
  multiple: 2 ** 20,
});

type Addresses = (register: number) => Address;

const stridesOf = ({ shape, elementBytes }: Published): number[] =>
  shape.map((_, axis) => shape.slice(axis + 1).reduce((n, x) => n * x, elementBytes));

/** What is computed for each of a few keys. */
export function memo<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const before = made.get(key);
    if (before !== undefined) return before;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/**
 * Addresses of the elements of a box, for the registers of a layout over its shape. Along most axes thread and register
 * meet in no bit, so that the register's part is the offset of the instruction.
 */
export function boxAddresses(
  e: Emitter,
  from: Published,
  layout: Layout,
  { at: origins, wraps }: BoxOrigin,
): Addresses {
  const { b } = e;
  const strides = stridesOf(from);
  const axes = layout.shape.map((_, axis) => ({
    parts: indexParts(layout, axis),
    origin: origins[axis] ?? imm(0),
    stride: strides[axis] ?? 0,
    extent: from.shape[axis] ?? 1,
    wraps: wraps[axis] === true,
  }));
  const isSum = (a: (typeof axes)[number]): boolean => a.parts.disjoint && !a.wraps;
  const plain = axes.filter(isSum);
  const bases = (of: 'laneBases' | 'warpBases', bit: number): number =>
    plain.reduce((n, a) => n + (a.parts[of][bit] ?? 0) * a.stride, 0);
  const bits = (of: 'lane' | 'warp'): number[] => (layout.ins[of] ?? []).map((_, bit) => bases(`${of}Bases`, bit));
  const thread = e.threadPart({ lane: bits('lane'), warp: bits('warp') });
  const start = plain.reduce((sum, a) => add32(b, sum, scale32(b, a.origin, a.stride)), thread);
  const rest = axes
    .filter((a) => !isSum(a))
    .map(({ parts, origin, stride, extent, wraps: wrapped }) => {
      const own = e.threadPart({ lane: parts.laneBases, warp: parts.warpBases });
      const term = memo((register: number) => {
        const position = add32(b, origin, xor32(b, own, imm(register)));
        return scale32(b, wrapped ? and32(b, position, extent - 1) : position, stride);
      });
      return (r: number) => term(parts.register[r] ?? 0);
    });
  const sum = summed(e, from.offset);
  return (r) => {
    const offset = plain.reduce((n, a) => n + (a.parts.register[r] ?? 0) * a.stride, 0);
    return sum([start, ...rest.map((term) => term(r))], offset);
  };
}

/** Addresses of single elements: one index an axis and register, any number, taken modulo the extent. */
export function elementAddresses(
  e: Emitter,
  from: Published,
  index: (axis: number, register: number) => Operand,
): Addresses {
  const { b } = e;
  const terms = stridesOf(from).map((stride, axis) => {
    const term = memo((x: Operand | number | bigint) => {
      const i = typeof x === 'object' ? x : imm(x);
      return scale32(b, and32(b, i, (from.shape[axis] ?? 1) - 1), stride);
    });
    return (r: number) => {
      const i = index(axis, r);
      return term(i.kind === 'reg' ? i : i.value);
    };
  });
  const sum = summed(e, from.offset);
  return (r) =>
    sum(
      terms.map((term) => term(r)),
      0,
    );
}

/** Addresses in shared memory as sums, of which what was added before is known. */
function summed(e: Emitter, offset: number): (terms: readonly Operand[], more: number) => Address {
  const made = new Map<Operand, Map<Operand, Reg>>();
  const plus = (x: Reg, y: Reg): Reg => {
    const row = made.get(x) ?? new Map<Operand, Reg>();
    made.set(x, row);
    const z = row.get(y) ?? e.b.op('add.s32', x, y);
    row.set(y, z);
    return z;
  };
  return (terms, more) => {
    const constant = terms.reduce((n, x) => n + (known(x) ?? 0), offset + more);
    const registers = terms.filter((x): x is Reg => x.kind === 'reg');
    return at(registers.reduce(plus, e.sharedBase()), constant);
  };
}

const VECTOR_BYTES = 16;

/** Register bits that count neighbours in memory, for a box that begins at a multiple of so many. */
function neighbours(from: Published, layout: Layout, { wraps, multiple }: BoxOrigin): readonly number[] {
  const last = layout.shape.length - 1;
  if (last < 0 || wraps[last] === true) return [];
  const most = Math.min(VECTOR_BYTES / from.elementBytes, multiple & -multiple);
  return registerRun(layout, last, most).bits;
}

/** A box of a published tile, read now. */
export function loadBox(e: Emitter, from: Published, layout: Layout, origin: BoxOrigin): Tile {
  return loadElements(e, from, layout, boxAddresses(e, from, layout, origin), neighbours(from, layout, origin));
}

/** Elements of a published tile, one address a register, read now. */
export const takeElements = (e: Emitter, from: Published, layout: Layout, address: Addresses): Tile =>
  loadElements(e, from, layout, address, []);

function loadElements(e: Emitter, from: Published, layout: Layout, address: Addresses, run: readonly number[]): Tile {
  const span = spanInOrder(run.map((bit) => 2 ** bit));
  const inRun = span.reduce((m, r) => m | r, 0);
  const perWord = 4 / from.elementBytes;
  const words: Reg[] = [];
  for (let first = 0; first < registerCount(layout); first++) {
    if ((first & inRun) !== 0) continue;
    const read = loadWords(e, (span.length * from.elementBytes) / 4, address(first));
    span.forEach((r, i) => {
      words[first ^ r] = read[Math.floor(i / perWord)] as Reg;
    });
  }
  if (is16Bit(from.dtype) && run[0] === 0) return makeTile(e, from.dtype, layout, { pair: (i) => words[2 * i] as Reg });
  const half = (r: number): number => (run[0] === undefined ? 0 : (r >>> run[0]) & 1);
  return makeTile(e, from.dtype, layout, { lane: (r) => fromBits(e, words[r] as Reg, half(r), from.dtype) });
}

function loadWords({ b }: Emitter, words: number, address: Address): Reg[] {
  if (words === 4) return b.ops('ld.shared.v4.b32', address);
  if (words === 2) return b.ops('ld.shared.v2.b32', address);
  return [words === 1 ? b.op('ld.shared.b32', address) : b.op('cvt.u32.u16', b.op('ld.shared.b16', address))];
}

const fromBits = (e: Emitter, word: Reg, half: number, d: DType): Operand =>
  is16Bit(d) ? unpackHalf(e, word, half, d) : fromWord(e, word, d);
