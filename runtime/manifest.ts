import { basename, dirname, join } from 'node:path';
import type {
  ArgFacts,
  ArgSpec,
  BindingSpec,
  CudaVariant,
  Manifest,
  ParamSlot,
  PlanManifest,
  StepArg,
  StepSpec,
  TempSpec,
  Variant,
  ViewStep,
  WgslVariant,
} from '../compiler/artifact.js';
import { type Expr, isExpr, namesOf } from '../compiler/expr.js';
import { DTYPES, type DType } from '../compiler/ir/types.js';
import { JsonValue } from './json-value.js';
import { readTextFile } from './read-text-file.js';

/** Bytes of a manifest, and of one program. */
const MAX_BYTES = 2 ** 26;
const CODE = 'LAC0625';

/**
 * A manifest and the programs beside it, as `lac compile` writes them. Everything that a launch relies on is looked at:
 * the file may come from elsewhere. Throws LacError LAC0625.
 */
export function readManifest(path: string): Manifest | PlanManifest {
  const top = JsonValue.parse(readTextFile(path, MAX_BYTES, CODE), path, CODE);
  if (top.optional('lac')?.raw !== 1)
    throw top.wrong('is no manifest of this version of lac', 'compile it again: lac compile');
  return top.optional('steps') === undefined ? kernelIn(top, dirname(path)) : planIn(top, dirname(path));
}

function kernelIn(top: JsonValue, folder: string): Manifest {
  const manifest: Manifest = {
    ...declared(top),
    options: top.get('options').record(option),
    grid: top.get('grid').array().map(axis),
    variants: [],
  };
  const variants = top.get('variants').array();
  return { ...manifest, variants: variants.map((v) => variant(v, manifest, folder)) };
}

/** What kernels and plans declare alike. */
function declared(top: JsonValue) {
  const source = top.get('source');
  const dtypes = top.get('dtypes').record((list) => list.array().map(dtype));
  return {
    lac: 1 as const,
    kernel: top.get('kernel').string(),
    source: { file: source.get('file').string(), sha256: source.get('sha256').string() },
    args: top
      .get('args')
      .array()
      .map((a) => argument(a, dtypes)),
    dtypes,
    comptime: names(top.get('comptime')),
    tune: top.get('tune').record((list) => list.array().map((v) => v.whole())),
    prune: top.get('prune').raw === null ? null : expression(top.get('prune')),
    tuneKey: top.get('tuneKey').raw === null ? null : top.get('tuneKey').array().map(expression),
  };
}

function planIn(top: JsonValue, folder: string): PlanManifest {
  const own = declared(top);
  const kernels = top.get('kernels').record((kernel) => kernelIn(kernel, folder));
  const temps = top
    .get('temps')
    .array()
    .map((t) => temporary(t, own.dtypes));
  const tensors = [...own.args.filter((a) => a.dir !== 'scalar'), ...temps].map((t) => t.name);
  const steps = top
    .get('steps')
    .array()
    .map((s) => step(s, kernels, tensors));
  return { ...own, config: top.get('config').record((value) => value.whole()), temps, steps, kernels };
}

function temporary(t: JsonValue, dtypes: PlanManifest['dtypes']): TempSpec {
  const [name, own, fill] = [nameIn(t.get('name')), tensorDType(t.get('dtype'), dtypes), t.get('fill')];
  const value = fill.raw === null ? null : expression(fill);
  if (value !== null && namesOf(value).size > 0) throw fill.wrong('is no number');
  return { name, dtype: own, shape: t.get('shape').array().map(expression), fill: value };
}

/** A dtype, or a parameter that stands for one. */
function tensorDType(value: JsonValue, dtypes: PlanManifest['dtypes']): string {
  const own = value.string();
  if (!Object.hasOwn(dtypes, own) && !DTYPES.some((d) => d === own)) throw value.wrong('is no dtype');
  return own;
}

/** Sizes, tensors and programs are looked up by name in objects, which have some names by themselves. */
function nameIn(value: JsonValue): string {
  const name = value.string();
  if (name in {}) throw value.wrong('is no name: every object has it');
  return name;
}

/** A step passes on what the plan has, to a kernel that the manifest has. */
function step(s: JsonValue, kernels: PlanManifest['kernels'], tensors: readonly string[]): StepSpec {
  const kernel = s.get('kernel').string();
  if (!Object.hasOwn(kernels, kernel)) throw s.get('kernel').wrong('is none of the kernels');
  const when = s.get('when').raw === null ? null : expression(s.get('when'));
  const args = s.get('args').record((arg) => stepArgument(arg, tensors));
  return { kernel, when, args, config: s.get('config').record(expression) };
}

function stepArgument(arg: JsonValue, tensors: readonly string[]): StepArg {
  if (arg.raw === null) return null;
  const number = arg.optional('number');
  if (number !== undefined) return { number: expression(number) };
  const tensor = arg.get('tensor').string();
  if (!tensors.includes(tensor)) throw arg.get('tensor').wrong('is neither an argument nor a temporary');
  const view = arg.optional('view')?.array().map(viewStep);
  return view === undefined ? { tensor } : { tensor, view };
}

function viewStep(step: JsonValue): ViewStep {
  const [[kind, list] = ['nothing', step]] = step.entries();
  if (kind === 'reshape') return { reshape: list.array().map(expression) };
  if (kind === 'permute') return { permute: list.array().map((axis) => axis.whole()) };
  const [begin, end, more] = kind === 'slice' ? list.array().map(expression) : [];
  if (begin === undefined || end === undefined || more !== undefined) throw step.wrong('is no view of a tensor');
  return { slice: [begin, end] };
}

const dtype = (value: JsonValue): DType => value.oneOf(DTYPES);
const names = (list: JsonValue): string[] => list.array().map(nameIn);

function argument(arg: JsonValue, dtypes: PlanManifest['dtypes']): ArgSpec {
  const [name, dir] = [nameIn(arg.get('name')), arg.get('dir').oneOf(['in', 'out', 'inout', 'scalar'])];
  if (dir === 'scalar') return { name, dir, dtype: dtype(arg.get('dtype')) };
  return { name, dir, dtype: tensorDType(arg.get('dtype'), dtypes), dims: names(arg.get('dims')), ...optionality(arg) };
}

const optionality = (arg: JsonValue): { optional?: true } =>
  arg.optional('optional')?.raw === true ? { optional: true } : {};

function option(value: JsonValue): boolean | number | string {
  const { raw } = value;
  if (typeof raw === 'boolean' || typeof raw === 'number' || typeof raw === 'string') return raw;
  throw value.wrong('is no value of an option');
}

function expression(value: JsonValue): Expr {
  if (isExpr(value.raw)) return value.raw;
  throw value.wrong('is no expression');
}

function axis(pair: JsonValue): readonly [string, Expr] {
  const [name, extent, more] = pair.array();
  if (name === undefined || extent === undefined || more !== undefined)
    throw pair.wrong('is no pair of axis and extent');
  return [nameIn(name), expression(extent)];
}

type Declared = Pick<Manifest, 'args' | 'grid'>;

function variant(v: JsonValue, declared: Declared, folder: string): Variant {
  const target = v.get('target').oneOf(['webgpu', 'cuda']);
  const file = v.get('file').string();
  // A program lies beside its manifest: a name is not to lead elsewhere.
  if (basename(file) !== file || file === '' || file === '..')
    throw v.get('file').wrong('is no name of a file beside the manifest');
  const when = v.get('when');
  const common = {
    when: {
      dtypes: when.get('dtypes').record(dtype),
      comptime: when.get('comptime').record((size) => size.whole()),
      facts: when.get('facts').record(facts),
    },
    file,
    text: readTextFile(join(folder, file), MAX_BYTES, CODE),
    entry: v.get('entry').string(),
    config: v.get('config').record((value) => value.whole()),
    block: block(v.get('block')),
    params: v
      .get('params')
      .array()
      .map((slot) => param(slot, declared)),
    bindings: v
      .get('bindings')
      .array()
      .map((b) => binding(b, declared)),
    unused: names(v.get('unused')),
    sharedBytes: v.get('sharedBytes').whole(),
  };
  if (target === 'cuda')
    return { ...common, target, sm: v.get('sm').whole({ least: 10, most: 999 }) } satisfies CudaVariant;
  const own = { paramsBinding: v.get('paramsBinding').whole(), features: names(v.get('features')) };
  return { ...common, target, ...own } satisfies WgslVariant;
}

function facts(value: JsonValue): ArgFacts {
  const contiguous = value.get('contiguous').raw;
  if (typeof contiguous !== 'boolean') throw value.get('contiguous').wrong('is not true or false');
  return { contiguous, align: value.get('align').whole({ least: 1 }) };
}

function block(value: JsonValue): readonly [number, number, number] {
  const [x, y, z, more] = value.array().map((extent) => extent.whole({ least: 1 }));
  if (x === undefined || y === undefined || z === undefined || more !== undefined)
    throw value.wrong('has not three extents');
  return [x, y, z];
}

function binding(value: JsonValue, { args }: Declared): BindingSpec {
  const arg = value.get('arg').string();
  if (rankOf(arg, args) === null) throw value.get('arg').wrong('is no tensor argument');
  const access = value.get('access').oneOf(['read', 'read_write']);
  return { arg, index: value.get('index').whole(), access };
}

/** Axes of a tensor argument; null where there is none of that name. */
function rankOf(name: string, args: readonly ArgSpec[]): number | null {
  const arg = args.find((a) => a.name === name);
  return arg === undefined || arg.dir === 'scalar' ? null : arg.dims.length;
}

/** A slot names what the launch has: no value would be there for another name. */
function param(slot: JsonValue, { args, grid }: Declared): ParamSlot {
  const [[kind, value] = ['nothing', slot]] = slot.entries();
  if (kind === 'stride') return { stride: strideOf(value, args) };
  const name = value.string();
  const dims = args.flatMap((a) => (a.dir === 'scalar' ? [] : a.dims));
  if (kind === 'dim' && dims.includes(name)) return { dim: name };
  if (kind === 'offset' && rankOf(name, args) !== null) return { offset: name };
  if (kind === 'grid' && grid.some(([axis]) => axis === name)) return { grid: name };
  if (kind === 'scalar' && args.some((a) => a.dir === 'scalar' && a.name === name))
    return { scalar: name, dtype: dtype(slot.get('dtype')) };
  throw slot.wrong('is no slot that a launch could fill');
}

function strideOf(value: JsonValue, args: readonly ArgSpec[]): readonly [string, number] {
  const [arg, axis] = value.array();
  const rank = arg === undefined ? null : rankOf(arg.string(), args);
  if (arg === undefined || axis === undefined || rank === null) throw value.wrong('is no stride of a tensor argument');
  return [arg.string(), axis.whole({ most: rank - 1 })];
}
