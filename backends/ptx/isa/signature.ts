import type { PtxVersion } from '../target.js';
import type { Address, Imm, Operand, RegClass } from './operand.js';

/**
 * How an instruction reads a scalar operand. The kind decides the register class and how an immediate is written:
 * b* are bits, s* and u* integers, f32 a float. f16 (one, 16 bits) and f16x2 (two, 32 bits) stand for both half types,
 * fragment for the one register of a small matrix, which PTX writes in braces. PTX has no immediates of these three and
 * in vectors: the builder moves such an immediate into a register.
 */
export type ScalarKind =
  | 'pred'
  | 'b16'
  | 'f16'
  | 'b32'
  | 's32'
  | 'u32'
  | 'f32'
  | 'f16x2'
  | 'fragment'
  | 'b64'
  | 's64'
  | 'u64';

/** Operands in braces. */
export type VectorKind = 'b16x2' | 'b16x4' | 'b32x2' | 'b32x4' | 'b64x2';

/** Addresses, by state space: the base is a b64 register (global), a b32 register or symbol (shared), a parameter (param). */
export type SpaceKind = 'global' | 'shared' | 'param';

/** `int`: an integer that must be an immediate. `word`: as b32, or the name of shared memory, which is its address. */
export type SourceKind = ScalarKind | VectorKind | SpaceKind | 'int' | 'word';

/** One instruction: what the table says about it. */
export interface InstructionRow {
  /** What it writes; several registers are written in braces. */
  readonly dst: readonly ScalarKind[];
  readonly src: readonly SourceKind[];
  /** One line; `a`, `b`, `c` are the sources in order, `d` is the destination. */
  readonly meaning: string;
  /**
   * The text, where it is not the name, the destinations and the sources in order: %d stands for the destinations,
   * %0, %1 ... for the sources.
   */
  readonly text?: string;
  /** Least compute capability times ten; 80 if absent. */
  readonly sm?: number;
  /** Least version of PTX; 7.0 if absent. */
  readonly ptx?: PtxVersion;
  /** Only on `sm_XXa` targets: such a program runs on that architecture and no other. */
  readonly specific?: true;
}

/** What a caller passes for a source of kind K. Classes of registers and ranges of immediates are checked when it runs. */
export type SourceOf<K extends SourceKind> = K extends SpaceKind
  ? Address
  : K extends VectorKind
    ? readonly Operand[]
    : K extends 'int'
      ? Imm
      : K extends 'word'
        ? Operand | string
        : Operand;

export type SourcesOf<S extends readonly SourceKind[]> = { -readonly [I in keyof S]: SourceOf<S[I]> };

export type Source = Operand | Address | readonly Operand[] | string;

const CLASSES: { readonly [K in ScalarKind]: RegClass } = {
  pred: 'pred',
  b16: 'b16',
  f16: 'b16',
  b32: 'b32',
  s32: 'b32',
  u32: 'b32',
  f32: 'b32',
  f16x2: 'b32',
  fragment: 'b32',
  b64: 'b64',
  s64: 'b64',
  u64: 'b64',
};

/** The class of registers that hold operands of a kind. */
export const classOf = (kind: ScalarKind): RegClass => CLASSES[kind];

const isScalar = (kind: SourceKind): kind is ScalarKind => kind in CLASSES;

/** The scalar kind by which an operand that is no vector, address or name is read. */
export const scalarOf = (kind: SourceKind): ScalarKind => (isScalar(kind) ? kind : kind === 'int' ? 's32' : 'b32');

const VECTORS: { readonly [K in VectorKind]: readonly [ScalarKind, number] } = {
  b16x2: ['b16', 2],
  b16x4: ['b16', 4],
  b32x2: ['b32', 2],
  b32x4: ['b32', 4],
  b64x2: ['b64', 2],
};

/** Kind and number of the elements of a vector operand; null for other kinds. */
export function vectorOf(kind: SourceKind): readonly [ScalarKind, number] | null {
  return kind in VECTORS ? VECTORS[kind as VectorKind] : null;
}

/** One row; the literal types of its operands are kept, so that the builder checks calls. */
export function row<
  const D extends readonly ScalarKind[],
  const S extends readonly SourceKind[],
  const M extends Partial<InstructionRow> = object,
>(dst: D, src: S, meaning: string, more?: M): { dst: D; src: S; meaning: string } & M {
  return { dst, src, meaning, ...(more as M) };
}

/** The same row under several names. */
export function rows<const N extends string, R extends InstructionRow>(names: readonly N[], shared: R): Record<N, R> {
  return Object.fromEntries(names.map((name) => [name, shared])) as Record<N, R>;
}

/** Every `a.b`. */
export function suffixed<const A extends string, const B extends string>(
  stems: readonly A[],
  suffixes: readonly B[],
): `${A}.${B}`[] {
  return stems.flatMap((a) => suffixes.map((b) => `${a}.${b}` as const));
}
