import { evaluateExpr } from '../../compiler/expr.js';
import type { Kernel } from '../../compiler/ir/module.js';
import { bytesOf, type DType } from '../../compiler/ir/types.js';
import type { Config } from '../../driver/configurations.js';
import { dtypeOf, isTensorArg } from '../../driver/inputs.js';
import type { Dims } from '../../driver/reference.js';
import type { KernelDecl } from '../../driver/source.js';
import { Blocks, programWork, type WorkOf } from './program-work.js';
import { type Work, WorkSum } from './work.js';

/** Programs that are walked: all of a small grid, of a larger one some that lie evenly in it. */
const ALL_PROGRAMS = 64;
const SAMPLED_PROGRAMS = 16;

/** What a launch does, over all its programs. */
export interface LaunchWork {
  readonly programs: number;
  /** Of the mean program. */
  readonly work: Work;
  /** Instructions of the longest program over those of the mean one. */
  readonly longest: number;
  /** Bytes of tensors that are touched at all. */
  readonly uniqueBytes: number;
}

/** Extents of the grid, the fastest axis first. */
export const gridOf = (decl: KernelDecl, dims: Dims, config: Config): readonly (readonly [string, number])[] =>
  decl.grid.map(([axis, extent]) => [axis, Math.max(0, Math.ceil(evaluateExpr(extent, { ...dims, ...config })))]);

/** What a kernel of these sizes does: `kernel` is its IR after the passes of the target. */
export function launchWork(
  decl: KernelDecl,
  kernel: Kernel,
  { dims, dtypes, config }: { dims: Dims; dtypes: Readonly<Record<string, DType>>; config: Config },
  workOf: WorkOf,
): LaunchWork {
  const grid = gridOf(decl, dims, config);
  const programs = grid.reduce((n, [, extent]) => n * extent, 1);
  const count = programs <= ALL_PROGRAMS ? programs : SAMPLED_PROGRAMS;
  const [sum, bytes] = [new WorkSum(), new Map<string, number>()];
  const blocks = new Blocks(workOf);
  let most = 0;
  for (let i = 0; i < count; i++) {
    const program = programWork(kernel, dims, placeOf(Math.floor(((i + 0.5) * programs) / count), grid), blocks);
    sum.add(program.total, 1 / count);
    most = Math.max(most, program.total.issued);
    for (const [name, n] of program.bytes) bytes.set(name, (bytes.get(name) ?? 0) + (n * programs) / count);
  }
  const work = sum.total;
  const longest = work.issued === 0 ? 1 : most / work.issued;
  return { programs, work, longest, uniqueBytes: unique(decl, bytes, dims, dtypes) };
}

/** Index along each axis of the grid of program number n. */
function placeOf(n: number, grid: readonly (readonly [string, number])[]): Record<string, number> {
  let rest = n;
  return Object.fromEntries(
    grid.map(([axis, extent]) => {
      const at = rest % extent;
      rest = Math.floor(rest / extent);
      return [axis, at];
    }),
  );
}

/** Of each tensor what is read, and what is written, but no more than there is of it. */
function unique(
  decl: KernelDecl,
  moved: ReadonlyMap<string, number>,
  dims: Dims,
  dtypes: Readonly<Record<string, DType>>,
): number {
  return decl.args.filter(isTensorArg).reduce((sum, arg) => {
    const size = arg.dims.reduce((n, d) => n * (dims[d] ?? 1), bytesOf(dtypeOf(arg, dtypes)));
    const once = (way: 'in' | 'out'): number => Math.min(size, moved.get(`${way} ${arg.name}`) ?? 0);
    return sum + once('in') + once('out');
  }, 0);
}
