import type { Instruction } from './program.js';

/** Classes of instructions that counters tell apart: by the unit that runs them. */
export type InstructionClass =
  | 'mma'
  | 'ldmatrix'
  | 'stmatrix'
  | 'cp.async'
  | 'ld.shared'
  | 'st.shared'
  | 'ld.global'
  | 'st.global'
  | 'atomic'
  | 'shuffle'
  | 'barrier'
  | 'mufu'
  | 'float'
  | 'half'
  | 'convert'
  | 'integer'
  | 'move'
  | 'control';

const MUFU = new Set(['ex2', 'lg2', 'rcp', 'rsqrt', 'sqrt', 'sin', 'cos', 'tanh', 'div']);
const ARITHMETIC = new Set(['add', 'sub', 'mul', 'fma', 'min', 'max', 'neg', 'abs', 'copysign']);
const CONTROL = new Set(['bra', 'ret', 'exit', 'trap', 'fence', 'membar', 'griddepcontrol', 'setmaxnreg', 'prefetch']);

export function classOfOpcode(opcode: string): InstructionClass {
  const [head = '', ...modifiers] = opcode.split('.');
  if (head === 'mma' || head === 'ldmatrix' || head === 'stmatrix') return head;
  if (head === 'cp') return 'cp.async';
  if (head === 'ld' || head === 'st') return memoryClass(head, modifiers);
  if (head === 'atom' || head === 'red') return 'atomic';
  if (['shfl', 'vote', 'redux', 'movmatrix'].includes(head)) return 'shuffle';
  if (head === 'bar' || head === 'barrier') return 'barrier';
  if (CONTROL.has(head)) return 'control';
  if (head === 'cvt') return 'convert';
  if (['mov', 'selp', 'cvta'].includes(head)) return 'move';
  return arithmeticClass(head, modifiers);
}

const memoryClass = (head: 'ld' | 'st', modifiers: readonly string[]): InstructionClass =>
  modifiers.includes('shared') ? `${head}.shared` : modifiers.includes('global') ? `${head}.global` : 'move';

function arithmeticClass(head: string, modifiers: readonly string[]): InstructionClass {
  const type = modifiers.at(-1) ?? '';
  const isHalf = /^(b?f16)(x2)?$/.test(type);
  if (MUFU.has(head) && (type === 'f32' || isHalf)) return 'mufu';
  if (isHalf) return 'half';
  return type === 'f32' && (ARITHMETIC.has(head) || head === 'setp' || head === 'testp') ? 'float' : 'integer';
}

/** What a launch did, summed over its CTAs. Exact; nothing here is a time. */
export interface Counters {
  /** Instructions that a warp issued (with at least one lane; predicated off ones count too), by class. */
  readonly instructions: Readonly<Record<InstructionClass, number>>;
  /** Likewise for each instruction of the entry, in order, with its line. */
  readonly perInstruction: readonly { readonly line: number; readonly opcode: string; readonly count: number }[];
  /** Wavefronts of shared memory, by class; without bank conflicts one for each 128 bytes of an access. */
  readonly sharedWavefronts: Readonly<Partial<Record<InstructionClass, number>>>;
  /** What the same accesses take where no two lanes of a phase meet in a bank. */
  readonly sharedIdeal: Readonly<Partial<Record<InstructionClass, number>>>;
  /** 32-byte sectors of global memory that accesses touched, counted once an access. */
  readonly globalSectors: Readonly<Partial<Record<InstructionClass, number>>>;
}

/** Counts while a launch runs; indices are those of instructions. */
export class Tally {
  readonly issued: Float64Array;
  readonly wavefronts: Float64Array;
  readonly ideal: Float64Array;
  readonly sectors: Float64Array;

  constructor(instructions: number) {
    this.issued = new Float64Array(instructions);
    this.wavefronts = new Float64Array(instructions);
    this.ideal = new Float64Array(instructions);
    this.sectors = new Float64Array(instructions);
  }

  counters(code: readonly Instruction[]): Counters {
    const sum = (values: Float64Array): Partial<Record<InstructionClass, number>> => {
      const sums: Partial<Record<InstructionClass, number>> = {};
      code.forEach((i, pc) => {
        const cls = classOfOpcode(i.opcode);
        if (values[pc] !== 0) sums[cls] = (sums[cls] ?? 0) + (values[pc] as number);
      });
      return sums;
    };
    return {
      instructions: { ...NOTHING, ...sum(this.issued) },
      perInstruction: code.map(({ line, opcode }, pc) => ({ line, opcode, count: this.issued[pc] as number })),
      sharedWavefronts: sum(this.wavefronts),
      sharedIdeal: sum(this.ideal),
      globalSectors: sum(this.sectors),
    };
  }
}

const NOTHING: Readonly<Record<InstructionClass, number>> = {
  mma: 0,
  ldmatrix: 0,
  stmatrix: 0,
  'cp.async': 0,
  'ld.shared': 0,
  'st.shared': 0,
  'ld.global': 0,
  'st.global': 0,
  atomic: 0,
  shuffle: 0,
  barrier: 0,
  mufu: 0,
  float: 0,
  half: 0,
  convert: 0,
  integer: 0,
  move: 0,
  control: 0,
};
