import { Bug } from '../diag/diagnostic.js';
import { type Kernel, type Param, walk } from '../ir/module.js';
import type { ViewType } from '../ir/types.js';
import { toInt } from '../ops/evaluate.js';
import { roundTo } from '../ops/round.js';
import { compileBlock } from './control.js';
import { Machine, type Memory, type Mode, type TensorArg } from './machine.js';

export interface InterpretOptions {
  readonly mode: Mode;
  /** Number of programs on each axis. */
  readonly grid: Readonly<Record<string, number>>;
  /** Extents of the argument dimensions, by name; comptime ones may be left out. */
  readonly dims: Readonly<Record<string, number>>;
  /** Operations (not lanes) before LAC0809; default 2^30. */
  readonly maxSteps?: number;
  /** Asked now and then: why the launch has taken too long (LAC0714); null: it has not. */
  readonly overdue?: () => string | null;
}

/**
 * Runs every program of a launch, in order, and stores into the tensors' `data`. This is the meaning of the tile IR
 * (semantics.md): where the result is unspecified on devices, it throws a LacError of class LAC08xx with the op's span.
 * An argument that the kernel never touches may be absent.
 */
export function interpretKernel(
  kernel: Kernel,
  args: Readonly<Record<string, TensorArg | number>>,
  options: InterpretOptions,
): void {
  const dims = { ...kernel.comptime, ...options.dims };
  const m = new Machine(options.mode, options.grid, dims, options.maxSteps ?? 2 ** 30);
  if (options.overdue !== undefined) m.overdue = options.overdue;
  const scatters = [...walk(kernel.body)].some((op) => op.name === 'scatter');
  for (const p of kernel.params) bindParam(p, args[p.name], m, scatters);
  const run = compileBlock(kernel.body, m);
  forEachProgram(kernel.axes, options.grid, m, run);
}

/** Programs in order, the fastest axis first. */
export function forEachProgram(
  axes: readonly string[],
  grid: Readonly<Record<string, number>>,
  m: Machine,
  run: () => void,
): void {
  const extents = axes.map((axis) => grid[axis] ?? missing(`the grid has no axis ${axis}`));
  const total = extents.reduce((n, e) => n * e, 1);
  for (let program = 0; program < total; program++) {
    let rest = program;
    axes.forEach((axis, i) => {
      m.pid[axis] = rest % (extents[i] as number);
      rest = Math.floor(rest / (extents[i] as number));
    });
    m.program = program + 1;
    run();
  }
}

const missing = (message: string): never => {
  throw new Bug(`interpreter: ${message}`);
};

export function bindParam(p: Param, arg: TensorArg | number | undefined, m: Machine, scatters: boolean): void {
  if (p.kind === 'scalar') {
    if (typeof arg !== 'number') missing(`${p.name} must be a number`);
    m.tile(p.value)[0] = scalarValue(p, arg as number, m.mode);
  } else if (arg === undefined) m.view(p.value);
  else if (typeof arg === 'number') missing(`${p.name} must be a tensor`);
  else bindView(p, arg, m, scatters);
}

function scalarValue(p: Param & { kind: 'scalar' }, x: number, mode: Mode): number {
  if (p.dtype === 'i32' || p.dtype === 'u32') return toInt(x, 'f32', p.dtype);
  return mode === 'round' ? roundTo(p.dtype, x) : x;
}

function bindView(p: Param & { kind: 'view' }, t: TensorArg, m: Machine, scatters: boolean): void {
  p.dims.forEach((name, axis) => {
    if (m.dims[name] !== t.shape[axis])
      missing(`axis ${axis} of ${p.name} has extent ${t.shape[axis]}, dimension ${name} is ${m.dims[name]}`);
  });
  const view = m.view(p.value);
  view.memory = memoryOf(p, t, scatters);
  view.base = t.offset;
  view.strides = [...t.strides];
  view.lo = t.shape.map(() => 0);
  view.hi = [...t.shape];
  view.empty = false;
}

/** Lanes can only meet in an element where strides let them, or where each has an address of its own. */
function memoryOf(p: Param & { kind: 'view' }, t: TensorArg, scatters: boolean): Memory {
  const { access } = p.value.type as ViewType;
  const marks = (): Int32Array => new Int32Array(t.data.length);
  return {
    name: p.name,
    data: t.data,
    written: t.written ?? null,
    writer: access === 'in' ? null : marks(),
    reader: access === 'inout' ? marks() : null,
    stamp: access === 'in' || (distinctAddresses(t) && !scatters) ? null : marks(),
  };
}

/** Enough for distinct elements to have distinct addresses: each stride steps over all that the smaller ones span. */
function distinctAddresses(t: Pick<TensorArg, 'shape' | 'strides'>): boolean {
  const axes = t.shape
    .map((extent, i) => ({ extent, stride: Math.abs(t.strides[i] as number) }))
    .filter((a) => a.extent > 1)
    .sort((a, b) => a.stride - b.stride);
  let span = 0;
  for (const { extent, stride } of axes) {
    if (stride <= span) return false;
    span += (extent - 1) * stride;
  }
  return true;
}
