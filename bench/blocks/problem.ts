import type { ArgFacts } from '../../compiler/artifact.js';
import type { Config } from '../../driver/configurations.js';
import type { Reference } from '../../driver/reference.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import type { Target } from '../../driver/target.js';
import * as backward from '../../kernels/lightning/backward.ref.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';

export type Dtype = 'f32' | 'f16' | 'bf16';

/** A kernel whose sizes and dtypes are settled as far as its program knows them. */
export interface Case {
  readonly kernel: KernelName;
  /** D and E. */
  readonly D: number;
  readonly dtype: Dtype;
}

/** What a program is launched for; `heads` is B * H. */
export interface Shape {
  readonly heads: number;
  readonly N: number;
}

/** The kernels whose blocks are measured: their files, references, and the arguments that a pass of whole sequences gives. */
export const KERNELS = {
  lightningFwd: { file: 'kernels/lightning/forward.ts', reference: lightningFwd, args: ['q', 'k', 'v', 'slope', 'o'] },
  lightningBwdDkDv: {
    file: 'kernels/lightning/backward.ts',
    reference: backward.lightningBwdDkDv,
    args: ['q', 'k', 'v', 'dout', 'slope', 'dk', 'dv'],
  },
  lightningBwdDq: {
    file: 'kernels/lightning/backward.ts',
    reference: backward.lightningBwdDq,
    args: ['k', 'v', 'dout', 'slope', 'dq'],
  },
  lightningBwdDk: {
    file: 'kernels/lightning/backward.ts',
    reference: backward.lightningBwdDk,
    args: ['q', 'v', 'dout', 'slope', 'dk'],
  },
  lightningBwdDv: {
    file: 'kernels/lightning/backward.ts',
    reference: backward.lightningBwdDv,
    args: ['q', 'k', 'dout', 'slope', 'dv'],
  },
} as const satisfies Readonly<Record<string, { file: string; reference: Reference; args: readonly string[] }>>;
export type KernelName = keyof typeof KERNELS;

const project = new SourceProject();

export function declarationOf(kernel: KernelName): KernelDecl {
  const { file } = KERNELS[kernel];
  const found = project.read(file).kernels.find((k) => k.name === kernel);
  if (found === undefined) throw new Error(`${file} has no kernel ${kernel}`);
  return found;
}

/** Every dimension that the arguments of one of these kernels may have. */
export const dimsOf = ({ D }: Case, { heads, N }: Shape): Readonly<Record<string, number>> => ({
  ...{ B: 1, H: heads, HK: heads, HG: heads, N, D, E: D, P: 1, A: 1 },
});

export const dtypesOf = ({ dtype }: Case, decl: KernelDecl): Record<string, Dtype> =>
  Object.fromEntries(Object.keys(decl.dtypes).map((name) => [name, dtype]));

export const caseText = ({ kernel, D, dtype }: Case): string => `${kernel} ${dtype} D=${D}`;

/** What a process compiles for another; the program comes back in a file. */
export interface CompileJob {
  readonly id: number;
  readonly of: Case;
  readonly config: Config;
  readonly facts: Readonly<Record<string, ArgFacts>>;
  readonly target: Target;
  /** Where the variant goes, as JSON. */
  readonly file: string;
}

/** Refused: the limit that it exceeds, or the error. */
export type CompileReply = { readonly id: number } & ({ readonly refused: string } | { readonly bytes: number });
