/**
 * @page Kernels
 *
 * `export const name = kernel(declaration, body)` at the top level of a file. Both are read as source and never run. A
 * launch runs one *program* for each point of the grid; a program is written as one thread of control over whole tiles.
 */
import {
  cast,
  cdiv,
  dtypes,
  f16,
  f32,
  i32,
  inout,
  input,
  iota,
  kernel,
  output,
  range,
  scalar,
  sum,
  type Tile,
} from 'lac';

/**
 * @entry kernel; KernelSpec
 *
 * The body gets the arguments, then sizes, knobs and options, then the axes of the grid, each by name.
 * @errors LAC0001 LAC0002 LAC0003 LAC0101 LAC0301 LAC0305 LAC0308 LAC0312 LAC0313 LAC0506
 */
export const addVectors = kernel(
  {
    args: { x: input(f32, ['N']), y: input(f32, ['N']), z: output(f32, ['N']) },
    tune: { C: [1024, 256] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, y, z }, { C }, { n }) => {
    z.store([n * C], x.load([n * C], [C]) + y.load([n * C], [C]));
  },
);
// x = [1, 2, 3]
// y = [10, 20, 30]
// z -> [11, 22, 33]

/**
 * @entry KernelSpec.args; input; output; inout; scalar; ArgOptions
 * @title Arguments
 *
 * The arguments by name. A dimension is a name; used twice it means equal extents, which is checked at each launch
 * (LAC0605). In the body a dimension is an i32 scalar. Argument tensors have rank 0 to 8, any strides, and dimensions
 * of extent 0 too; what no program writes keeps its bytes.
 *
 * An `output` is written only, an `inout` is read and written. Neither may overlap any other argument; inputs may
 * overlap each other. `scalar` is a number passed at each launch. An argument that the options in force never touch may
 * be `null`; one declared with `{ optional: true }` may then be left out.
 * @dtypes f32, f16, bf16, i32, u32, or a parameter made by `dtypes`.
 * @errors LAC0302 LAC0310 LAC0601 LAC0602 LAC0603 LAC0604 LAC0605 LAC0607 LAC0608 LAC0611 LAC0612
 */
export const axpy = kernel(
  { args: { a: scalar(f32), x: input(f32, ['N']), y: inout(f32, ['N']) }, grid: ({ N }) => ({ n: cdiv(N, 64) }) },
  ({ a, x, y }, _sizes, { n }) => {
    y.store([n * 64], a * x.load([n * 64], [64]) + y.load([n * 64], [64]));
  },
);
// a = 2
// x = [1, 2, 3]
// y = [10, 10, 10]
// y -> [12, 14, 16]

/**
 * @entry KernelSpec.comptime
 * @title comptime
 *
 * These dimensions are compile-time integers in the body, fit for shapes: each size has a variant of its own.
 * @errors LAC0303 LAC0606
 */
export const rowMeans = kernel(
  { args: { x: input(f32, ['M', 'D']), y: output(f32, ['M']) }, comptime: ['D'], grid: ({ M }) => ({ m: M }) },
  ({ x, y }, { D }, { m }) => {
    y.scatter([m], sum(x.at(m).load([0], [D]), 0) / D);
  },
);
// x = [[1, 2, 3], [4, 5, 9]]
// y -> [2, 6]

/**
 * @entry KernelSpec.options
 * @title options
 *
 * What changes results: flags, numbers, and functions to be inlined. `.with({ ... })` gives other values: another
 * kernel.
 * @errors LAC0307
 */
export const activate = kernel(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['N']) },
    options: { f: (t: Tile<'f32'>) => t * t, shift: 0 },
    grid: () => ({ p: 1 }),
  },
  ({ x, y }, { f, shift }) => {
    y.store([0], f(x.load([0], [4])) + shift);
  },
);
export const activateShifted = activate.with({ shift: 100 });
// x = [1, 2, 3]
// y -> [101, 104, 109]

/**
 * @entry KernelSpec.tune
 * @title tune
 *
 * Knobs: each lists the whole numbers from 1 that it may be, the best guess first. They are compile-time integers in
 * the body and change no result beyond rounding. Two names mean something by themselves: `warps` is how many groups of
 * 32 threads (invocations in WGSL) run a program, `stages` how many trips of loads its loops have under way.
 * Configurations are tried as `prefer` has them, equal ones in order of declaration, the first knob slowest; on a CPU few
 * `warps` come first, then few `stages`, then, of a kernel with `stages`, few programs; of a plan, little memory in `temps`.
 * `--config`, `{ config }` and rows of `x.tune.json` choose.
 * @errors LAC0304 LAC0313 LAC0501 LAC0502 LAC0503 LAC0906 LAC0916 LAC0917
 */
export const blocks = kernel(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['N']) },
    tune: { C: [64, 128], warps: [1, 2], stages: [2, 1] },
    grid: ({ N, C }) => ({ n: cdiv(N, 4 * C) }),
  },
  ({ x, y }, { C }, { n }) => {
    for (const k of range(4 * n, 4 * n + 4)) y.store([k * C], x.load([k * C], [C]) + 1);
  },
);
// x = [1, 2, 3]
// y -> [2, 3, 4]

/**
 * @entry KernelSpec.prune; KernelSpec.prefer; KernelSpec.tuneKey; DeviceEnv
 * @title prune, prefer and tuneKey
 *
 * `prune` says which configurations are worth compiling for the sizes at hand; `tuneKey` which sizes, besides dtypes
 * and comptime dimensions, want a configuration of their own. `prefer` is a number for each configuration: where nothing
 * was tuned, the least is tried first, and of equal ones that which comes first without it (`tune`); the first that fits the
 * device is taken. It also sees `processors`, the multiprocessors of the device (1 of a CPU), `sharedBytes`, the shared memory that a
 * program may have, and `elementBytes`, those of an element of the first tensor argument. All are kept as data: arithmetic, comparisons, `cdiv`, `idiv`, `minimum`, `maximum` and Math.min, max,
 * floor, ceil, sqrt, log2, abs on dimensions and knobs.
 * @errors LAC0305 LAC0306 LAC0309
 */
export const pruned = kernel(
  {
    args: { x: input(f32, ['N', 'D']), y: output(f32, ['N']) },
    comptime: ['D'],
    tune: { BD: [64, 32, 16, 8, 4] },
    prune: ({ BD, D }) => BD < 2 * D || BD === 4, // no block is more than half padding
    prefer: ({ BD, D }) => Math.abs(BD - D), // a block for the whole row, or almost
    tuneKey: ({ N }) => [N],
    grid: ({ N }) => ({ n: N }),
  },
  ({ x, y }, { D, BD }, { n }) => {
    let total = cast(0, f32);
    for (const d of range(0, D, BD)) total += sum(x.at(n).load([d], [BD]), 0);
    y.scatter([n], total);
  },
);
// x = [[1, 2, 3], [4, 5, 6]]
// y -> [6, 15]

/**
 * @entry KernelSpec.grid
 * @title grid
 *
 * Named axes, fastest first, with the number of programs along each: any number of axes, 0 programs launch nothing. In
 * the body each axis is an i32 scalar. Neighbours along the first axis run close in time: let it be the one that shares
 * reads.
 * @errors LAC0301 LAC0305 LAC0306 LAC0616
 */
export const numbered = kernel(
  { args: { y: output(i32, ['H', 'B']) }, grid: ({ H, B }) => ({ b: B, h: H }) },
  ({ y }, { B }, { b, h }) => {
    y.scatter([h, b], h * B + b);
  },
);
// y -> [[0, 1, 2], [3, 4, 5]]

/**
 * @entry Arg; ScalarArg; AnyArg; DimName; Params; Env; GridEnv; AnyFn
 * @title Types of declarations
 *
 * Types that tie the parts of a declaration together: `DimName<A>` are the dimensions of the arguments, `Params<A>` the
 * views that the body gets, `Env` its sizes, knobs and options, `GridEnv` what `grid` and `prune` see. A name that is
 * not there does not compile.
 * @errors LAC0305
 */
const T = dtypes('T', f32, f16);
const vector = input(T, ['N']); // Arg<'T', 'f32' | 'f16', readonly ['N'], 'in'>
export const first = kernel({ args: { x: vector, y: output(T, ['R']) }, grid: ({ N }) => ({ n: N }) }, ({ x, y }) => {
  y.store([0], x.load([0], [1]) + cast(0 * iota(1), f32));
});
// x = [5]
// y -> [5]
