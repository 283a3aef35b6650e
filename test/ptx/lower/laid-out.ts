import { lowerPtx, type PtxProgram } from '../../../backends/ptx/emit.js';
import { emulate, GlobalMemory, parsePtx } from '../../../backends/ptx/emulator/index.js';
import { targetFor } from '../../../backends/ptx/target.js';
import { type ArgFacts, paramLayout } from '../../../compiler/artifact.js';
import { interpretKernel } from '../../../compiler/interp/interpret.js';
import { rowMajor } from '../../../compiler/interp/lanes.js';
import type { Kernel, ViewParam } from '../../../compiler/ir/module.js';
import { parseModule } from '../../../compiler/ir/parse.js';
import { bytesOf, type DType } from '../../../compiler/ir/types.js';
import { verifyModule } from '../../../compiler/ir/verify.js';
import { placeBarriers } from '../../../compiler/passes/place-barriers.js';
import { decode, encode, rawOf, type TensorDType } from '../../../runtime/codec.js';
import { factsOf } from '../../../runtime/facts.js';
import { assemble, PTXAS } from '../isa/ptxas.js';

/** A kernel written as laid-out tile IR: what the passes of the target would leave. */
export function laidOut(text: string, warps: number): Kernel {
  const { module, diagnostics } = parseModule(text);
  if (module === null) throw new Error(`${diagnostics.map((d) => d.message).join('\n')}\n${text}`);
  const found = verifyModule(module);
  if (found.length > 0) throw new Error(`${found.map((d) => d.message).join('\n')}\n${text}`);
  const [kernel] = module.kernels;
  if (kernel === undefined) throw new Error('no kernel');
  kernel.config = { ...kernel.config, warps };
  return kernel;
}

export interface TensorSpec {
  readonly shape: readonly number[];
  /** In elements; without gaps where absent. */
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** Values by element of the buffer; outputs begin as NaN. */
  readonly value?: (i: number) => number;
}

export interface LaidOutRun {
  readonly text: string;
  readonly warps: number;
  readonly tensors: Readonly<Record<string, TensorSpec>>;
  readonly scalars?: Readonly<Record<string, number>>;
  readonly grid?: Readonly<Record<string, number>>;
  /** What the emission may assume; what holds of the tensors where absent. */
  readonly facts?: Readonly<Record<string, ArgFacts>>;
  readonly sm?: number;
  /** Have barriers placed, as the last passes do. */
  readonly ordered?: boolean;
}

export interface LaidOutOutcome {
  /** All elements of the buffers of outputs, the gaps included. */
  readonly got: Readonly<Record<string, Float64Array>>;
  readonly want: Readonly<Record<string, Float64Array>>;
  readonly program: PtxProgram;
}

interface Filled {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly data: Float64Array;
  readonly output: boolean;
}

/** Elements around a tensor that belong to nobody. */
const FENCE = 16;

function fill(p: ViewParam, spec: TensorSpec): Filled {
  const { shape, strides = rowMajor(shape), offset = 0 } = spec;
  const output = p.value.type.kind === 'view' && p.value.type.access !== 'in';
  const end = shape.reduce((n, extent, i) => n + Math.max(0, extent - 1) * (strides[i] ?? 0), offset + 1);
  const value = spec.value ?? (() => NaN);
  const dtype = p.value.type.dtype as TensorDType;
  const raw = encode(
    dtype,
    Float64Array.from({ length: Math.ceil(end / 4) * 4 + FENCE }, (_, i) => value(i)),
  );
  return { name: p.name, dtype, shape, strides, offset, data: Float64Array.from(decode(dtype, raw)), output };
}

/** Runs a kernel that is laid out already, in the interpreter (rounding as the dtypes do) and in the emulator. */
export function runLaidOut(run: LaidOutRun): LaidOutOutcome {
  const kernel = laidOut(run.text, run.warps);
  if (run.ordered === true) placeBarriers.run(kernel, { target: 'cuda', maxStorageElements: Number.MAX_SAFE_INTEGER });
  const views = kernel.params.filter((p): p is ViewParam => p.kind === 'view');
  const tensors = views.map((p) => fill(p, run.tensors[p.name] ?? { shape: [] }));
  const dims: Record<string, number> = {};
  for (const [i, p] of views.entries())
    for (const [axis, d] of p.dims.entries()) dims[d] = tensors[i]?.shape[axis] ?? 0;
  const facts = run.facts ?? Object.fromEntries(tensors.map((t) => [t.name, factsOf(t)]));
  const program = lowerPtx(kernel, { target: targetFor(run.sm ?? 80), facts });
  const got = launch(program, tensors, dims, run);
  const want = Object.fromEntries(tensors.map((t) => [t.name, { ...t, data: Float64Array.from(t.data) }]));
  interpretKernel(kernel, { ...run.scalars, ...want }, { mode: 'round', grid: run.grid ?? {}, dims });
  const outputs = tensors.filter((t) => t.output).map((t) => t.name);
  return {
    program,
    got: Object.fromEntries(outputs.map((name) => [name, got[name] as Float64Array])),
    want: Object.fromEntries(outputs.map((name) => [name, want[name]?.data as Float64Array])),
  };
}

function launch(
  program: PtxProgram,
  tensors: readonly Filled[],
  dims: Readonly<Record<string, number>>,
  run: LaidOutRun,
): Record<string, Float64Array> {
  const memory = new GlobalMemory();
  const buffers = tensors.map((t) => {
    const raw = encode(t.dtype, t.data);
    const bytes = raw.buffer as ArrayBuffer;
    return { t, bytes, address: memory.add(t.name, bytes, bytes.byteLength, t.output ? 'watched' : 'input') };
  });
  const { offsets, bytes } = paramLayout(program.params);
  const params = new DataView(new ArrayBuffer(8 * program.bindings.length + bytes));
  for (const { arg, index } of program.bindings) {
    const { t, address } = buffers.find((x) => x.t.name === arg) ?? never(arg);
    params.setBigUint64(8 * index, address + BigInt(t.offset * bytesOf(t.dtype)), true);
  }
  program.params.forEach((slot, i) => {
    const at = 8 * program.bindings.length + (offsets[i] ?? 0);
    if ('stride' in slot)
      params.setBigInt64(
        at,
        BigInt(tensors.find((t) => t.name === slot.stride[0])?.strides[slot.stride[1]] ?? 0),
        true,
      );
    else if ('dim' in slot) params.setInt32(at, dims[slot.dim] ?? 0, true);
    else if ('grid' in slot) params.setInt32(at, run.grid?.[slot.grid] ?? 1, true);
    else if ('scalar' in slot) writeScalar(params, at, slot.dtype, run.scalars?.[slot.scalar] ?? 0);
  });
  const programs = Object.values(run.grid ?? {}).reduce((n, x) => n * x, 1);
  emulate(parsePtx(program.text), {
    entry: program.entry,
    grid: [programs, 1, 1],
    block: program.block,
    sharedBytes: program.sharedBytes,
    params: new Uint8Array(params.buffer),
    memory,
  });
  return Object.fromEntries(
    buffers.map(({ t, bytes: b }) => [t.name, Float64Array.from(decode(t.dtype, rawOf(t.dtype, b)))]),
  );
}

function writeScalar(params: DataView, at: number, dtype: DType, x: number): void {
  if (dtype === 'i32' || dtype === 'u32') params.setInt32(at, x, true);
  else params.setFloat32(at, x, true);
}

const never = (arg: string): never => {
  throw new Error(`no tensor ${arg}`);
};

/** What ptxas says against some of these programs; nothing where it is not installed. */
export function refusedByPtxas(programs: readonly PtxProgram[], most = 6): string[] {
  if (PTXAS === null) return [];
  const step = Math.max(1, Math.ceil(programs.length / most));
  return programs
    .filter((_, i) => i % step === 0)
    .map(({ text }) => assemble(text, /\.target (sm_\w+)/.exec(text)?.[1] ?? 'sm_80'))
    .filter((a) => !a.ok)
    .map((a) => a.log);
}
