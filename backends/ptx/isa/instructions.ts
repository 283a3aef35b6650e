import { newerVersion, type PtxTarget, type PtxVersion } from '../target.js';
import { FLOAT } from './rows/float.js';
import { INTEGER } from './rows/integer.js';
import { MATRIX } from './rows/matrix.js';
import { COPY, MEMORY } from './rows/memory.js';
import { COMPARE, CONVERT, MOVE } from './rows/move.js';
import { SYNC } from './rows/sync.js';
import type { InstructionRow, SourcesOf } from './signature.js';

/**
 * Every instruction that the backend emits, once. The key is the spelling of the PTX ISA, wherever one spelling has one
 * signature; rows with `text` say how the others are written. All are tested against ptxas, for the least target and
 * version that they claim.
 */
export const INSTRUCTIONS = {
  ...MOVE,
  ...INTEGER,
  ...FLOAT,
  ...COMPARE,
  ...CONVERT,
  ...MEMORY,
  ...COPY,
  ...MATRIX,
  ...SYNC,
} as const satisfies Record<string, InstructionRow>;

type Table = typeof INSTRUCTIONS;
export type InstructionName = keyof Table;

/** Names of the instructions with one destination, with several, with none. */
export type ValueName = {
  [N in InstructionName]: Table[N]['dst'] extends readonly [unknown] ? N : never;
}[InstructionName];
export type EffectName = { [N in InstructionName]: Table[N]['dst'] extends readonly [] ? N : never }[InstructionName];
export type VectorName = Exclude<InstructionName, ValueName | EffectName>;

/** What the builder takes for the sources of each instruction. */
type Calls = { readonly [N in InstructionName]: SourcesOf<Table[N]['src']> };
export type Sources<N extends InstructionName> = Calls[N];

export const instruction = (name: InstructionName): InstructionRow => INSTRUCTIONS[name];

const BASE: PtxVersion = [7, 0];

/** Least version of PTX that has the instruction. */
export const versionOf = (name: InstructionName): PtxVersion => newerVersion(BASE, instruction(name).ptx ?? BASE);

/** Whether the GPUs of a target have the instruction. */
export function supports(target: PtxTarget, name: InstructionName): boolean {
  const { sm = 80, specific = false } = instruction(name);
  return target.sm >= sm && (!specific || target.specificVersion !== null);
}
