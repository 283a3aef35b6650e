import type { DType } from './types.js';

export const f32: DType<'f32'> = { name: 'f32' };
export const f16: DType<'f16'> = { name: 'f16' };
export const bf16: DType<'bf16'> = { name: 'bf16' };
/** Two's complement; + - * wrap modulo 2^32. */
export const i32: DType<'i32'> = { name: 'i32' };
/** Unsigned; + - * wrap modulo 2^32; shifts are logical. */
export const u32: DType<'u32'> = { name: 'u32' };

/** A dtype parameter: one source kernel, one compiled variant per choice. */
export function dtypes<const N extends string, H extends string>(name: N, ...choices: DType<H>[]): DType<N, H> {
  return { name, choices } as DType<N, H>;
}

/** In `at`: keep this axis. q.at(b, all, h) is [N, D] of a [B, N, H, D] argument. */
export const all: unique symbol = Symbol('lac.all');
