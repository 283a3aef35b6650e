import type { ArgFacts, ArgSpec, CudaVariant, Variant, WgslVariant } from '../../compiler/artifact.js';
import type { Expr } from '../../compiler/expr.js';
import { interpretKernel } from '../../compiler/interp/interpret.js';
import { rowMajor } from '../../compiler/interp/lanes.js';
import type { TensorArg } from '../../compiler/interp/machine.js';
import type { Kernel, ViewParam } from '../../compiler/ir/module.js';
import { sizeOf, type ViewType } from '../../compiler/ir/types.js';
import type { PassContext } from '../../compiler/passes/pass.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { bindLaunch, type Device, factsOf, type Tensor } from '../../runtime/index.js';

type Facts = Readonly<Record<string, ArgFacts>>;
type ProgramOf<V> = Omit<V, 'when' | 'config'> & { readonly facts: Facts };

/** What IR is compiled to, and where that runs. */
export interface Backend {
  readonly device: () => Promise<Device>;
  readonly context: Omit<PassContext, 'grid'>;
  /** From the IR that the common pipeline leaves; also which of the facts the program relies on. */
  readonly compile: (kernel: Kernel, facts: Facts) => ProgramOf<WgslVariant> | ProgramOf<CudaVariant>;
}

export interface RunSpec {
  readonly build: () => Kernel;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly scalars?: Readonly<Record<string, number>>;
  readonly grid: Readonly<Record<string, Expr>>;
  readonly config?: Readonly<Record<string, number>>;
  /** Values of an input (`in` and `inout`) by element number. */
  readonly value?: (arg: string, i: number) => number;
  /** Interpreter mode of the reference; default f64. */
  readonly mode?: 'f64' | 'round';
}

const noise = (arg: string, i: number): number => Math.sin(i * 12.9898 + arg.length * 78.233 + arg.charCodeAt(0)) * 1.5;

type Values = Readonly<Record<string, Float64Array>>;

export interface Outcome {
  /** Output values, by argument: on the device, and in the interpreter. */
  readonly got: Values;
  readonly want: Values;
  readonly text: string;
}

/** Runs one kernel in the interpreter (as built) and on a backend (after the pipeline), on the same inputs. */
export async function runBoth(spec: RunSpec, backend: Backend): Promise<Outcome> {
  const { got, text, interpreted } = await runOn(spec, backend);
  return { got, text, want: interpreted() };
}

/** Runs a kernel on a backend (after the pipeline); `interpreted` gives what it is (as built) on the same inputs. */
export async function runOn(
  spec: RunSpec,
  backend: Backend,
): Promise<Omit<Outcome, 'want'> & { readonly interpreted: () => Values }> {
  const dev = await backend.device();
  const kernel = spec.build();
  kernel.config = { warps: 2, ...spec.config };
  const views = kernel.params.filter((p): p is ViewParam => p.kind === 'view');
  const dims: Record<string, number> = {};
  for (const p of views) for (const [i, d] of p.dims.entries()) dims[d] = spec.shapes[p.name]?.[i] ?? 0;
  const tensors: Record<string, Tensor> = {};
  const args: Record<string, TensorArg | number> = { ...spec.scalars };
  for (const p of views) {
    const type = p.value.type as ViewType;
    const shape = [...(spec.shapes[p.name] ?? [])];
    const data = new Float64Array(sizeOf(shape)).map((_, i) => (spec.value ?? noise)(p.name, i));
    const t = dev.empty(type.dtype as 'f32', shape);
    if (type.access === 'out') t.fill(NaN);
    else t.write(data);
    const values = type.access === 'out' ? new Float64Array(data.length).fill(NaN) : await t.read();
    tensors[p.name] = t;
    args[p.name] = { data: values, dtype: type.dtype, shape, strides: rowMajor(shape), offset: 0 };
  }
  runPipeline({ kernels: [kernel] }, { ...backend.context, grid: spec.grid }, { verify: true });
  const facts = Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, factsOf(t)]));
  const { facts: relied, ...program } = backend.compile(kernel, facts);
  const specs = kernel.params.map(
    (p): ArgSpec =>
      p.kind === 'scalar'
        ? { name: p.name, dir: 'scalar', dtype: p.dtype }
        : {
            name: p.name,
            dir: (p.value.type as ViewType).access,
            dtype: (p.value.type as ViewType).dtype,
            dims: p.dims,
          },
  );
  const grid = kernel.axes.map((axis) => [axis, spec.grid[axis] ?? 1] as const);
  const variant: Variant = {
    when: { dtypes: {}, comptime: kernel.comptime, facts: relied },
    config: kernel.config,
    ...program,
  };
  const plan = bindLaunch(dev, { kernel: kernel.name, args: specs, dtypes: {}, grid }, variant, {
    ...tensors,
    ...spec.scalars,
  });
  await dev.launch(plan);
  const outputs = views.filter((p) => (p.value.type as ViewType).access !== 'in').map((p) => p.name);
  const got: Record<string, Float64Array> = {};
  for (const name of outputs) got[name] = await (tensors[name] as Tensor).read();
  for (const t of Object.values(tensors)) t.free();
  const interpreted = (): Values => {
    interpretKernel(spec.build(), args, { mode: spec.mode ?? 'f64', grid: plan.grid, dims });
    return Object.fromEntries(outputs.map((name) => [name, (args[name] as TensorArg).data]));
  };
  return { got, text: program.text, interpreted };
}

/** Largest |got - want| over 1 + |want|; NaN in one only counts as Infinity. */
export function worst(o: Outcome): number {
  let w = 0;
  for (const [name, want] of Object.entries(o.want))
    want.forEach((x, i) => {
      const y = o.got[name]?.[i] ?? NaN;
      const bothNaN = Number.isNaN(x) && Number.isNaN(y);
      const d = bothNaN ? 0 : Math.abs(x - y) / (1 + Math.abs(x));
      w = Math.max(w, Number.isNaN(d) ? Infinity : d);
    });
  return w;
}
