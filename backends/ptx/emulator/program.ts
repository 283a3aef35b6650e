/** A PTX module whose names are resolved: what `parsePtx` gives and `decodeEntry` takes. */

/** Registers by width. Types of equal width share a class: an instruction says what the bits mean. */
export type RegisterClass = 'pred' | 'b16' | 'b32' | 'b64';

export type Operand =
  | { readonly kind: 'register'; readonly cls: RegisterClass; readonly id: number }
  | { readonly kind: 'not'; readonly cls: RegisterClass; readonly id: number }
  /** %tid.x and the like. */
  | { readonly kind: 'special'; readonly name: string }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number; readonly bits: number }
  /** The shared address of a variable. */
  | { readonly kind: 'shared'; readonly address: number }
  | { readonly kind: 'label'; readonly target: number }
  | { readonly kind: 'vector'; readonly items: readonly Operand[] }
  | { readonly kind: 'pair'; readonly first: Operand; readonly second: Operand }
  | { readonly kind: 'address'; readonly base: AddressBase; readonly offset: number }
  /** `_`: the result is dropped. */
  | { readonly kind: 'sink' };

export type AddressBase =
  | { readonly kind: 'register'; readonly cls: RegisterClass; readonly id: number }
  | { readonly kind: 'shared'; readonly address: number }
  | { readonly kind: 'param'; readonly offset: number };

/** A place in the source that the PTX was made from, as `.loc` gives it. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Instruction {
  /** With all modifiers: `ld.global.v4.b32`. */
  readonly opcode: string;
  readonly predicate: { readonly id: number; readonly negated: boolean } | null;
  readonly operands: readonly Operand[];
  /** Line of the PTX text, from 1. */
  readonly line: number;
  readonly place: SourcePlace | null;
}

export interface PtxEntry {
  readonly name: string;
  /** Bytes of the parameter block, and where each parameter lies in it. */
  readonly paramBytes: number;
  readonly params: ReadonlyMap<string, number>;
  /** Threads along x, y, z that `.maxntid` or `.reqntid` allows; null without either. */
  readonly block: readonly number[] | null;
  /** Registers of all classes; ids are below. */
  readonly registers: number;
  readonly classes: readonly RegisterClass[];
  readonly code: readonly Instruction[];
  /** Bytes of `.shared` variables with a size, reserved bytes at the bottom included. Dynamic memory follows. */
  readonly staticSharedEnd: number;
  /** Where `.extern .shared` arrays begin. */
  readonly dynamicSharedBase: number;
}

export interface PtxProgram {
  readonly version: string;
  readonly target: string;
  readonly entries: readonly PtxEntry[];
}

/** Limits on PTX text, so that text from anywhere ends in a diagnostic. */
export const PTX_LIMITS = {
  textLength: 16 * 1024 * 1024,
  depth: 64,
  registers: 1 << 18,
} as const;

/**
 * Bytes at the bottom of shared memory that belong to the system (1 KB on sm_90), so that a program which takes 0 for the
 * address of its memory is found out.
 */
export const RESERVED_SHARED_BYTES = 1024;
