import { Bug } from '../diag/diagnostic.js';
import { combine, rank } from './gf2.js';

/** Hardware index spaces that a layout maps from. `invocation` is WGSL's local index; `lane` and `warp` are CUDA's. */
export type InDim = 'register' | 'lane' | 'warp' | 'invocation' | 'offset';

/** The order in which input bits are listed and preferred: what is nearest to the thread comes first. */
export const IN_DIMS: readonly InDim[] = ['register', 'lane', 'warp', 'invocation', 'offset'];

export type Ins = { readonly [D in InDim]?: readonly number[] };

/** One number for each hardware index; what is left out is 0. */
export type HardwareIndex = { readonly [D in InDim]?: number };

/**
 * A linear map over GF(2) from hardware index bits to tile index bits (Zhou et al., "Linear Layouts", arXiv 2505.23819).
 * An output index is one unsigned integer: the row-major index of the element, the last axis in the low bits. Every
 * extent is a power of two, so XOR of bases never crosses an axis. `ins[d][b]` is the image of bit b of hardware index d.
 * Dependent bases (a zero basis is one) mean that several holders have the same element.
 */
export interface Layout {
  readonly shape: readonly number[];
  readonly ins: Ins;
}

const isPowerOfTwo = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= 2 ** 30 && (n & (n - 1)) === 0;

/** log2 of a power of two. Throws `Bug` otherwise. */
export function log2(n: number): number {
  if (!isPowerOfTwo(n)) throw new Bug(`layout: ${n} is not a power of two`);
  return 31 - Math.clz32(n);
}

/** Number of bits of the tile index. */
export function tileBits(shape: readonly number[]): number {
  let bits = 0;
  for (let i = 0; i < shape.length; i++) bits += log2(shape[i] as number);
  return bits;
}

/** A checked layout. Throws `Bug` where an extent is not a power of two or a basis lies outside the tile. */
export function makeLayout(shape: readonly number[], ins: Ins): Layout {
  const bits = tileBits(shape);
  if (bits > 30) throw new Bug(`layout: tile of 2^${bits} elements`);
  const layout: Layout = { shape: [...shape], ins };
  const all = basesOf(layout);
  if (all.length > 31) throw new Bug(`layout: ${all.length} hardware bits`);
  const inside = (basis: number): boolean => Number.isInteger(basis) && basis >= 0 && basis < 2 ** bits;
  const wrong = all.find((basis) => !inside(basis));
  if (wrong !== undefined) throw new Bug(`layout: basis ${wrong} outside a tile of ${shape.join('x')}`);
  return layout;
}

/** Images of all input bits, in the order of IN_DIMS; of the listed dims only, where given. */
export function basesOf(l: Layout, dims: readonly InDim[] = IN_DIMS): number[] {
  const all: number[] = [];
  for (const d of dims) {
    const bases = l.ins[d];
    if (bases !== undefined) all.push(...bases);
  }
  return all;
}

/** The input dims that the layout names, in the order of IN_DIMS. */
export const dimsOf = (l: Layout): InDim[] => IN_DIMS.filter((d) => l.ins[d] !== undefined);

/** Row-major index of the element that this piece of hardware holds. */
export function apply(l: Layout, at: HardwareIndex): number {
  let out = 0;
  for (let i = 0; i < IN_DIMS.length; i++) {
    const d = IN_DIMS[i] as InDim;
    const bases = l.ins[d];
    const index = at[d];
    if (bases !== undefined && index !== undefined) out ^= combine(bases, index);
  }
  return out;
}

/** The same inputs, with every basis replaced by f(basis). */
export function mapBases(l: Layout, shape: readonly number[], f: (basis: number) => number): Layout {
  const ins: { [D in InDim]?: readonly number[] } = {};
  for (const d of dimsOf(l)) ins[d] = (l.ins[d] ?? []).map(f);
  return makeLayout(shape, ins);
}

/** Registers that one thread holds. */
export const registerCount = (l: Layout): number => 2 ** (l.ins.register?.length ?? 0);

/** Threads of a program: invocations, or lanes times warps. */
export const threadCount = (l: Layout): number => 2 ** basesOf(l, ['lane', 'warp', 'invocation']).length;

/** Every element has a holder. */
export const isSurjective = (l: Layout): boolean => rank(basesOf(l)) === tileBits(l.shape);

/** No element has two holders. */
export function isInjective(l: Layout): boolean {
  const bases = basesOf(l);
  return rank(bases) === bases.length;
}

/** The same map from the same hardware bits. A dim that is missing equals a dim without bits. */
export function equalLayouts(a: Layout, b: Layout): boolean {
  return (
    a.shape.length === b.shape.length &&
    a.shape.every((e, i) => e === b.shape[i]) &&
    IN_DIMS.every((d) => sameList(a.ins[d] ?? [], b.ins[d] ?? []))
  );
}

const sameList = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);
