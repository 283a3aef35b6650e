import type { DType, Type } from '../ir/types.js';

/** Kinds of attribute; a trailing `?` marks one that may be absent. */
export interface AttrKinds {
  num: number;
  int: number;
  str: string;
  bool: boolean;
  ints: readonly number[];
  bools: readonly boolean[];
  dtype: DType;
}
export type AttrKind = keyof AttrKinds | `${keyof AttrKinds}?`;
export type AttrValue = AttrKinds[keyof AttrKinds];

export type AttrTypes<A extends Record<string, AttrKind>> = {
  -readonly [K in keyof A as A[K] extends `${string}?` ? never : K]: A[K] extends keyof AttrKinds
    ? AttrKinds[A[K]]
    : never;
} & {
  -readonly [K in keyof A as A[K] extends `${string}?` ? K : never]?: A[K] extends `${infer B}?`
    ? B extends keyof AttrKinds
      ? AttrKinds[B]
      : never
    : never;
};

/** What a type rule looks at. `declared` holds the result types written in IR text or given to the builder, if any. */
export interface TypeRuleInput {
  readonly operands: readonly Type[];
  readonly attrs: Readonly<Record<string, AttrValue | undefined>>;
  readonly declared: readonly Type[] | undefined;
}

/** A broken type rule: `operand` is the index of the operand to blame, -1 for an attribute or a result. */
export class TypeRuleError extends Error {
  readonly operand: number;
  constructor(message: string, operand = -1) {
    super(message);
    this.operand = operand;
  }
}

/** pure: may be removed, moved, shared. read: depends on memory. write: changes memory. control: holds regions or ends one. */
export type Effect = 'pure' | 'read' | 'write' | 'control';

export interface OpRow {
  /** One sentence: the meaning. */
  readonly meaning: string;
  /** Operand names, for messages and the assembly format; `name?` optional, `name*` any number (last only). */
  readonly operands: readonly string[];
  readonly attrs: Readonly<Record<string, AttrKind>>;
  readonly effect: Effect;
  readonly regions: number;
  /** Result types; throws TypeRuleError. */
  readonly rule: (input: TypeRuleInput) => readonly Type[];
  /**
   * Elementwise ops only: the value of one lane, from operands that already have their dtype. Integers come and go as
   * exact JavaScript integers (u32 as 0..2^32-1), masks as 0 and 1, floats as f64 before rounding to the result's dtype.
   */
  readonly evaluate?: (
    x: readonly number[],
    dtype: DType,
    attrs: Readonly<Record<string, AttrValue | undefined>>,
  ) => number;
}

export type Elementwise = NonNullable<OpRow['evaluate']>;
