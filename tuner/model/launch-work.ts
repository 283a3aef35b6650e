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
const SAMPLED_PROGRAMS = 32;

/** What a launch does, over all its programs. */
interface LaunchWork {
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
  const places = sampled(grid, programs);
  const [sum, bytes] = [new WorkSum(), new Map<string, number>()];
  const blocks = new Blocks(workOf);
  for (const place of places) {
    const program = programWork(kernel, dims, place, blocks);
    sum.add(program.total, 1 / places.length);
    for (const [name, n] of program.bytes) bytes.set(name, (bytes.get(name) ?? 0) + (n * programs) / places.length);
  }
  const work = sum.total;
  const most = Math.max(0, ...ends(grid).map((place) => programWork(kernel, dims, place, blocks).total.issued));
  const longest = work.issued === 0 ? 1 : Math.max(1, most / work.issued);
  return { programs, work, longest, uniqueBytes: unique(decl, bytes, dims, dtypes) };
}

type Grid = ReturnType<typeof gridOf>;
type Place = Readonly<Record<string, number>>;

/**
 * Places of the programs that are walked. Of a large grid they are those of a sequence that fills a cube evenly (Roberts'
 * R sequence: steps along axis k are the powers of one root), so that no two axes go together.
 */
function sampled(grid: Grid, programs: number): readonly Place[] {
  if (programs <= ALL_PROGRAMS) return Array.from({ length: programs }, (_, i) => placeOf(i, grid));
  const root = generalGolden(grid.length);
  return Array.from({ length: SAMPLED_PROGRAMS }, (_, i) =>
    Object.fromEntries(
      grid.map(([axis, extent], k) => [axis, Math.floor(((0.5 + i * root ** -(k + 1)) % 1) * extent)] as const),
    ),
  );
}

/** The positive root of x^(d+1) = x + 1; for one axis the golden section. */
function generalGolden(d: number): number {
  let x = 2;
  for (let i = 0; i < 32; i++) x = (1 + x) ** (1 / (d + 1));
  return x;
}

/** First and last programs of each axis, the others in the middle: where one is longer than the mean, it is among these. */
function ends(grid: Grid): readonly Place[] {
  const middle = grid.map(([axis, extent]) => [axis, extent >> 1] as const);
  if (grid.some(([, extent]) => extent === 0)) return [];
  return grid.flatMap(([axis, extent]) =>
    [0, extent - 1].map((at) => Object.fromEntries([...middle, [axis, at] as const])),
  );
}

/** Index along each axis of the grid of program number n. */
function placeOf(n: number, grid: Grid): Place {
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
