import { emitPtx } from '../../backends/ptx/emit.js';
import { targetFor } from '../../backends/ptx/target.js';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { rowMajor } from '../../compiler/interp/lanes.js';
import type { TensorArg } from '../../compiler/interp/machine.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import type { Kernel } from '../../compiler/ir/module.js';
import { type DType, sizeOf, type ViewType } from '../../compiler/ir/types.js';
import type { AccuracyBackend } from '../../compiler/ops/accuracy.js';
import { lowerKernel, SourceProject } from '../../dsl/source.js';
import { type Device, openDevice } from '../../runtime/index.js';
import { type Backend, type Outcome, runOn } from '../ir/differential.js';
import { ROOMY } from '../wgsl/run.js';
import { type Bounded, boundedRun } from './bounds.js';
import type { Program } from './programs.js';
import { Uncertain } from './uncertain.js';

const project = new SourceProject({ root: process.cwd() });
const FILE = 'test/random/generated.kernel.ts';

/** The kernel of a program. What the front end says of a generated program is a fault of either. */
export function lowered({ text, warps }: Program): Kernel {
  project.override(FILE, text);
  const { kernels, diagnostics } = project.read(FILE);
  const [decl] = kernels;
  if (decl === undefined) throw new LacError(diagnostics);
  const { module, diagnostics: more } = lowerKernel(decl, { dtypes: {}, comptime: {}, config: { warps } });
  const [kernel] = module?.kernels ?? [];
  if (kernel === undefined) throw new LacError(more);
  return kernel;
}

/** Where programs are compared, and how exact arithmetic is there. */
export interface Place {
  readonly name: string;
  readonly accuracy: AccuracyBackend;
  readonly backend: Backend;
}

/** WebGPU on a device, opened when it is first needed. */
export function webgpuOn(which: string): Place {
  let device: Promise<Device> | undefined;
  return {
    name: which,
    accuracy: 'wgsl',
    backend: {
      device: () => {
        device ??= openDevice(which);
        return device;
      },
      context: { target: 'webgpu', maxStorageElements: 2 ** 30 },
      compile: (kernel, facts) => ({ target: 'webgpu', ...emitWgsl(kernel, { limits: ROOMY, facts }) }),
    },
  };
}

/** CUDA on a device, emulated ones included. */
export function cudaOn(which: string, sm: number): Place {
  let device: Promise<Device> | undefined;
  const target = targetFor(sm);
  return {
    name: which,
    accuracy: 'ptx',
    backend: {
      device: () => {
        device ??= openDevice(which);
        return device;
      },
      context: { target: 'cuda', maxStorageElements: Number.MAX_SAFE_INTEGER },
      compile: (kernel, facts) => ({ target: 'cuda', sm, ...emitPtx(kernel, { target, facts }) }),
    },
  };
}

const WITHOUT_GPU: readonly Place[] = [webgpuOn('webgpu:software'), cudaOn('emulate:sm_90', 90)];

/** Multiples of 1/16, exact in every float dtype; small whole numbers for integers. */
function element(arg: string, dtype: DType, i: number): number {
  const whole = ((i * 37 + arg.charCodeAt(0) * 11) % 41) - 20;
  if (dtype === 'i32') return arg === 'sums' ? whole : ((i * 5) % 7) - 1;
  return dtype === 'u32' ? Math.abs(whole) : whole / 16;
}

const accessOf = (kernel: Kernel, name: string): ViewType =>
  kernel.params.find((p) => p.name === name)?.value.type as ViewType;

/** The bounds of a program on a backend; null where a decision may differ between devices. */
function bounds(kernel: Kernel, program: Program, backend: AccuracyBackend): Bounded | null {
  const args: Record<string, TensorArg | number> = { ...program.scalars };
  const dims: Record<string, number> = {};
  for (const p of kernel.params) {
    if (p.kind !== 'view') continue;
    const shape = program.shapes[p.name] as readonly number[];
    p.dims.forEach((d, i) => {
      dims[d] = shape[i] as number;
    });
    const { access, dtype } = accessOf(kernel, p.name);
    const data = new Float64Array(sizeOf(shape)).map((_, i) => (access === 'out' ? NaN : element(p.name, dtype, i)));
    args[p.name] = { data, dtype, shape, strides: rowMajor(shape), offset: 0 };
  }
  try {
    return boundedRun(cloneKernel(kernel), args, { grid: { p: dims.P as number }, dims }, backend);
  } catch (error) {
    if (error instanceof Uncertain) return null;
    throw error;
  }
}

export type Verdict = 'agrees' | 'uncertain' | 'traps' | 'refused';

export interface Disagreement {
  readonly place: string;
  readonly message: string;
  /** The program that the backend made. */
  readonly text: string;
}

/** Compares a program in several places, at one time: drivers compile on threads of their own. */
export async function compareAll(
  program: Program,
  places: readonly Place[] = WITHOUT_GPU,
): Promise<readonly (Verdict | Disagreement)[]> {
  const kernel = lowered(program);
  const settled = await Promise.allSettled(places.map((place) => compare(program, place, kernel)));
  return settled.map((s) => {
    if (s.status === 'rejected') throw s.reason;
    return s.value;
  });
}

/** Traps of the interpreter: the program does what devices leave unspecified. Limits of a device. */
const trapped = (e: unknown): boolean => e instanceof LacError && /^LAC080/.test(e.diagnostics[0]?.code ?? '');
const isRefused = (e: unknown): boolean =>
  e instanceof LacError && /^LAC05|^LAC0402/.test(e.diagnostics[0]?.code ?? '');

/** Runs a program in the interpreter and in a place; a Disagreement where an element is further away than it may be. */
export async function compare(
  program: Program,
  { name, accuracy, backend }: Place,
  kernel = lowered(program),
): Promise<Verdict | Disagreement> {
  let want: Bounded | null;
  try {
    want = bounds(kernel, program, accuracy);
  } catch (error) {
    if (trapped(error)) return 'traps';
    throw error;
  }
  if (want === null) return 'uncertain';
  let outcome: Omit<Outcome, 'want'>;
  try {
    outcome = await runOn(
      {
        build: () => cloneKernel(kernel),
        shapes: program.shapes,
        scalars: program.scalars,
        grid: { p: 'P' },
        config: { warps: program.warps },
        value: (arg, i) => element(arg, accessOf(kernel, arg).dtype, i),
      },
      backend,
    );
  } catch (error) {
    if (isRefused(error)) return 'refused';
    throw error;
  }
  const message = disagreement(want, outcome, accuracy);
  return message === null ? 'agrees' : { place: name, message, text: outcome.text };
}

function disagreement(want: Bounded, { got }: Pick<Outcome, 'got'>, backend: AccuracyBackend): string | null {
  for (const [name, values] of Object.entries(want.values)) {
    const errors = want.errors[name] as Float64Array;
    for (const [i, x] of values.entries()) {
      const [y, e] = [got[name]?.[i] ?? NaN, errors[i] as number];
      if (!Number.isFinite(e)) continue;
      if (isWithin(x, y, e, backend)) continue;
      return `${name}[${i}] is ${y}, not ${x} +- ${e}`;
    }
  }
  return null;
}

/** Infinity is the largest finite number in WGSL. An element that nobody wrote is as it was: NaN. */
function isWithin(x: number, y: number, e: number, backend: AccuracyBackend): boolean {
  if (Number.isNaN(x)) return Number.isNaN(y);
  if (!Number.isFinite(x))
    return y === x || (backend === 'wgsl' && Math.sign(y) === Math.sign(x) && Math.abs(y) > 3e38);
  return Math.abs(x - y) <= e;
}
