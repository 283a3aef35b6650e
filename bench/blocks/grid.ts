import { type Config, combinations } from '../../driver/configurations.js';
import type { KernelDecl } from '../../driver/source.js';
import type { Case, Dtype, KernelName, Shape } from './problem.js';

/** How much a device can do: a GPU with CUDA, one through WebGPU, a CPU. */
export type Scale = 'cuda' | 'webgpu' | 'software';

/** The usual, few long ones, many short ones, half of what fills a GPU, and little in all; most important first. */
const SHAPES: Readonly<Record<Scale, readonly Shape[]>> = {
  cuda: [
    { heads: 128, N: 8192 },
    { heads: 16, N: 16384 },
    { heads: 2048, N: 512 },
    { heads: 64, N: 4096 },
    { heads: 16, N: 1024 },
  ],
  webgpu: [
    { heads: 128, N: 2048 },
    { heads: 16, N: 8192 },
    { heads: 1024, N: 256 },
  ],
  software: [
    { heads: 4, N: 256 },
    { heads: 1, N: 1024 },
    { heads: 16, N: 64 },
  ],
};
export const shapesOf = (scale: Scale): readonly Shape[] => SHAPES[scale];

const BACKWARD: readonly KernelName[] = ['lightningBwdDkDv', 'lightningBwdDq', 'lightningBwdDk', 'lightningBwdDv'];

const casesFor = (kernels: readonly KernelName[], dtypes: readonly Dtype[], sizes: readonly number[]): Case[] =>
  dtypes.flatMap((dtype) => kernels.flatMap((kernel) => sizes.map((D) => ({ kernel, D, dtype }))));

/** Most important first: time may be up before the last. */
export function casesOf(scale: Scale): readonly Case[] {
  if (scale === 'software') return casesFor(['lightningFwd', ...BACKWARD.slice(0, 2)], ['f32'], [64, 32, 128]);
  const [first = 'f32', ...others]: Dtype[] = scale === 'cuda' ? ['bf16', 'f32', 'f16'] : ['f32', 'f16'];
  const sizes = [64, 128];
  const more = [32, 256];
  return [
    ...casesFor(['lightningFwd'], [first], sizes),
    ...casesFor(BACKWARD, [first], sizes),
    ...casesFor(['lightningFwd'], [first], more),
    ...casesFor(['lightningFwd'], others, sizes),
    ...casesFor(BACKWARD, [first], more),
    ...casesFor(['lightningFwd'], others, more),
    ...casesFor(BACKWARD, others, sizes),
    ...casesFor(BACKWARD, others, more),
  ].filter(({ kernel, D }) => kernel !== 'lightningBwdDkDv' || D <= 128);
}

/** The columns of a program: the knob of the kernel that says so. */
const columnsOf = (config: Config): number | undefined => config.BE ?? config.BD;

/**
 * Every block size of a case, at the depth of pipeline that is declared first, on a CPU at none, whole sequences for a program:
 * what is measured first. What `prune` says of memory is left to the compiler.
 */
export function blocksOf({ D }: Case, decl: KernelDecl, scale: Scale): readonly Config[] {
  const shallow = Object.entries(decl.tune).map(([name, values]) => {
    if (name === 'stages' && scale === 'software') return [name, values.filter((s) => s === 1)] as const;
    const fixed = name === 'stages' || name === 'G';
    return [name, fixed ? values.slice(0, 1) : values] as const;
  });
  return [...combinations(Object.fromEntries(shallow))].filter((config) => {
    const columns = columnsOf(config) ?? D;
    // Compiling takes a software driver seconds, and every invocation of a program costs it alike.
    if (scale === 'software' && (columns < 16 || (config.C ?? 0) < 16 || (config.warps ?? 0) > 4)) return false;
    return (columns < 2 * D || columns === 8) && (config.C ?? 0) * columns >= 16 * 16;
  });
}

/** Variations of good blocks: other depths, and sequences in parts where `parts`. */
export function variationsOf(decl: KernelDecl, good: readonly Config[], parts: boolean): readonly Config[] {
  const { stages = [], G = [] } = decl.tune;
  return good.flatMap((config) => [
    ...stages.filter((s) => s !== config.stages).map((s) => ({ ...config, stages: s })),
    ...(parts ? G.filter((g) => g > 1).map((g) => ({ ...config, G: g })) : []),
  ]);
}

/** Whether parts of a sequence may be worth their price: the kernel's own rule, without its block sizes. */
export const inParts = ({ heads, N }: Shape): boolean => heads <= 64 && N >= 2048;

export const configKey = (config: Config): string => Object.values(config).join(',');
