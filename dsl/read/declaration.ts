import type { ts as TS } from 'ts-morph';
import type { Span } from '../../compiler/diag/diagnostic.js';
import type { Expr } from '../../compiler/expr.js';
import type { Access, DType } from '../../compiler/ir/types.js';
import {
  arg,
  type Call,
  elementNode,
  nameNode,
  notDType,
  propertyNode,
  renameHelp,
  wrong,
} from '../lower/builtins/arguments.js';
import { isAsyncOrGenerator } from '../lower/call.js';
import type { Operand } from '../lower/convert.js';
import { bare } from '../lower/evaluator.js';
import { didYouMean, isName } from '../lower/names.js';
import { propertyOf } from '../lower/pattern.js';
import { describe, type FnVal, type KernelVal, NONE, type ObjVal, POISON, type Val } from '../lower/value.js';
import { spanOf } from './diagnostics.js';
import type { SourceProject } from './project.js';
import { type Declaration, type OptionValue, SpecReader, sizesOf } from './spec-reader.js';

/** The body, for `lowerKernel` only. */
export interface KernelBody {
  readonly project: SourceProject;
  readonly fn: FnVal;
  readonly options: ReadonlyMap<string, Val>;
  /** Where each argument, knob and option is declared. */
  readonly names: ReadonlyMap<string, Span>;
}

/** A kernel as its source declares it. Everything but `body` is plain data. */
export interface KernelDecl extends Declaration {
  /** Of configurations, for dimensions, knobs and DEVICE_NAMES: the least is tried first. Null: in order of declaration. */
  readonly prefer: Expr | null;
  /** Program axes, fastest first, with their extents. */
  readonly grid: readonly (readonly [axis: string, extent: Expr])[];
  readonly body: KernelBody;
}

/** `input(T, ['B', 'N'])`, `output(...)`. */
export function declareTensor(call: Call, dir: Access): Val {
  const [d, dims, more] = [arg(call, 0), arg(call, 1), arg(call, 2)];
  if (d.val.kind === 'poison' || dims.val.kind === 'poison' || more.val.kind === 'poison') return POISON;
  if (d.val.kind !== 'dtype' && d.val.kind !== 'dtypeParam') {
    notDType(call, d);
    return POISON;
  }
  const names = dimensionNames(call, dims);
  const optional = names === null ? null : isOptional(call, more);
  if (names === null || optional === null) return POISON;
  const dtype = d.val.kind === 'dtype' ? d.val.dtype : d.val.name;
  const choices = d.val.kind === 'dtype' ? {} : { [d.val.name]: d.val.choices };
  return { kind: 'arg', spec: { name: '', dir, dtype, dims: names, ...(optional && { optional }) }, choices };
}

/** `{ optional: true }`; null: something else, which was reported. */
function isOptional(call: Call, { val, node }: Operand): boolean | null {
  if (val.kind === 'none') return false;
  const names = val.kind === 'obj' ? [...val.props.keys()] : [];
  const given = propertyOf(val, 'optional');
  if (names.length === 1 && given?.kind === 'bool') return given.value;
  call.ev.error('LAC0302', node, `an argument takes { optional: true } here, not ${describe(val)}`, {
    help: ["write input(f32, ['N'], { optional: true })"],
  });
  return null;
}

function dimensionNames(call: Call, dims: Operand): string[] | null {
  const { val, node } = dims;
  if (val.kind !== 'arr' || val.items.length > 8) {
    const brackets = val.kind === 'str' && isName(val.value);
    call.ev.error('LAC0302', node, 'the dimensions of an argument are a list of names, at most 8', {
      help: [
        brackets
          ? { text: 'write it in brackets', edit: { span: spanOf(node), newText: `['${val.value}']` } }
          : "write input(f32, ['B', 'H', 'N', 'D'])",
      ],
    });
    return null;
  }
  const names = val.items.flatMap((v, i) => {
    if (v.kind === 'str' && isName(v.value)) return [v.value];
    if (v.kind !== 'poison') notDimensionName(call, elementNode(node, i), v);
    return [];
  });
  return names.length === val.items.length ? names : null;
}

function notDimensionName(call: Call, node: TS.Node, v: Val): void {
  const help =
    v.kind === 'num' || (v.kind === 'str' && /^\d+$/.test(v.value))
      ? 'give the axis a name; a size that the kernel needs at compile time is named in comptime too'
      : v.kind === 'str' && v.value !== ''
        ? 'give the axis a name of its own: sizes that depend on each other are checked by the host program'
        : "write input(f32, ['B', 'H', 'N', 'D'])";
  call.ev.error('LAC0302', node, `a dimension is a name, not ${describe(v)}`, { help: [help] });
}

export function scalarArgument(call: Call): Val {
  const d = arg(call, 0);
  if (d.val.kind === 'dtype')
    return { kind: 'arg', spec: { name: '', dir: 'scalar', dtype: d.val.dtype }, choices: {} };
  if (d.val.kind === 'poison') return POISON;
  return call.ev.error('LAC0302', d.node, `a scalar has one dtype, not ${describe(d.val)}`, {
    help: ['write scalar(f32), scalar(i32) or scalar(u32)'],
  });
}

export function dtypeParameter(call: Call): Val {
  const name = arg(call, 0);
  const choices: DType[] = [];
  for (const o of call.args.slice(1)) {
    if (o.val.kind === 'dtype') choices.push(o.val.dtype);
    else if (o.val.kind === 'poison') return POISON;
    else
      return call.ev.error('LAC0310', o.node, `a choice of a dtype parameter is a dtype, not ${describe(o.val)}`, {
        help: ["write the dtypes one after another: dtypes('T', f16, bf16)"],
      });
  }
  if (name.val.kind === 'str' && isName(name.val.value) && new Set(choices).size === choices.length)
    return { kind: 'dtypeParam', name: name.val.value, choices };
  return call.ev.error('LAC0310', call.node, 'a dtype parameter has a name and different choices', {
    help: ["write dtypes('T', f16, bf16)"],
  });
}

/** `kernel(spec, body)`: checks the declaration; the body is only remembered. */
export function declareKernel(call: Call): Val {
  const [spec, body] = [arg(call, 0), arg(call, 1)];
  if (call.ev.block !== null)
    return call.ev.error('LAC0103', call.node, 'a kernel cannot be declared inside a kernel', {
      help: ['declare it at the top level'],
    });
  if (spec.val.kind === 'poison') return POISON;
  if (spec.val.kind !== 'obj') return wrong(call, spec, 'the declaration, { args, grid, ... }') ?? POISON;
  if (body.val.kind !== 'fn') return wrong(call, body, 'the body, a function') ?? POISON;
  if (isAsyncOrGenerator(body.val.node))
    return call.ev.error('LAC0103', startOf(body.node), 'the body of a kernel is an ordinary function', {
      help: ['leave `async` or `*` away: nothing in a kernel waits'],
    });
  const decl = readSpec(new SpecReader(call, spec.val, spec.node), call, body.val);
  return decl === null ? POISON : { kind: 'kernel', decl };
}

/** The first word alone: a whole function underlined says nothing. */
export const startOf = (node: TS.Node): Span => ({
  ...spanOf(node),
  end: spanOf(node).start + (/^\w+/.exec(node.getText())?.[0].length ?? 1),
});

const KEYS = ['args', 'comptime', 'options', 'tune', 'prune', 'prefer', 'tuneKey', 'grid'];

/** What `prefer` may ask of the device and of dtypes, besides dimensions and knobs. */
const DEVICE_NAMES = ['processors', 'sharedBytes', 'elementBytes'] as const;
export type DeviceName = (typeof DEVICE_NAMES)[number];

const REQUIRED = { args: "add args: { x: input(f32, ['N']) }", grid: 'add grid: ({ N }) => ({ n: N })' };

function readSpec(reader: SpecReader, call: Call, fn: FnVal): KernelDecl | null {
  reader.keys('kernel', KEYS, REQUIRED);
  const names = reader.args();
  // Without its arguments a declaration has no names: what follows would only report that.
  if (!reader.ok) return null;
  const tune = reader.tune();
  // Without its knobs, every function of them would only report that.
  if (tune === null) return null;
  const options = reader.options();
  const comptime = reader.comptime(names.dims);
  reader.clashes(['dimension', names.dims], ['knob', Object.keys(tune)], ['option', [...options.keys()]]);
  const own = [...names.dims, ...Object.keys(tune)];
  const sizes = sizesOf('kernel', own);
  const prune = reader.expression('prune', sizes);
  const prefer = reader.expression(
    'prefer',
    sizesOf('kernel', [...own, ...DEVICE_NAMES.filter((n) => !own.includes(n))]),
  );
  const tuneKey = reader.expressions('tuneKey', sizes);
  const grid = readGrid(reader, sizes);
  if (!reader.ok) return null;
  const span = spanOf(call.node);
  const body = { project: call.ev.project, fn, options, names: reader.places('args', 'tune', 'options') };
  return {
    name: '',
    file: span.file,
    span,
    declaredIn: span.file,
    ...names,
    comptime,
    options: optionData(options),
    tune,
    prune,
    prefer,
    tuneKey,
    grid,
    body,
  };
}

function readGrid(reader: SpecReader, sizes: ObjVal): [string, Expr][] {
  const result = reader.valueAt('grid', sizes);
  if (result === null) return [];
  if (result.val.kind !== 'obj' || result.val.props.size === 0) {
    reader.fail('LAC0306', result.node, 'grid gives an object of named axes', {
      help: ['write ({ B, H }) => ({ h: H, b: B })'],
    });
    return [];
  }
  return [...result.val.props].flatMap(([axis, v]) => {
    if (!isName(axis)) reader.fail('LAC0306', result.node, `${axis} is no name for an axis`);
    const val = typeof v === 'function' ? v() : v;
    const node = propertyNode(bare(result.node as TS.Expression), axis) ?? result.node;
    if (val.kind === 'num' && !(Number.isInteger(val.value) && val.value >= 1)) {
      reader.fail('LAC0306', node, `the axis ${axis} has a whole number of programs >= 1, not ${val.value}`, {
        help: ['cdiv(N, C) counts blocks of C; an axis of one program is 1'],
      });
      return [];
    }
    const e = reader.expr(`the axis ${axis}`, { val, node });
    return e === null ? [] : [[axis, e] as [string, Expr]];
  });
}

/** Options as data: a function is its name and place. */
export function optionData(options: ReadonlyMap<string, Val>): Record<string, OptionValue> {
  return Object.fromEntries([...options].map(([name, v]) => [name, optionValue(v)]));
}

function optionValue(v: Val): OptionValue {
  if (v.kind === 'fn') return { function: v.name, span: spanOf(v.node) };
  if (v.kind === 'builtin') return { function: v.name, span: null };
  return v.kind === 'bool' || v.kind === 'num' ? v.value : false;
}

/** `k.with({ causal: true })`: another kernel, with these options in force. */
export function deriveKernel(call: Call, base: KernelVal, method: string): Val {
  const changes = optionChanges(call, { ...base.decl, ...base.decl.body }, method);
  if (changes === null) return POISON;
  return {
    kind: 'kernel',
    decl: { ...withValues(base.decl, changes), file: spanOf(call.node).file, span: spanOf(call.node) },
  };
}

export function withValues(decl: KernelDecl, changes: ReadonlyMap<string, Val>): KernelDecl {
  const options = new Map([...decl.body.options, ...changes]);
  return { ...decl, options: optionData(options), body: { ...decl.body, options } };
}

/** What the options of a declaration may be replaced by. */
interface Replaceable {
  readonly options: ReadonlyMap<string, Val>;
  readonly tune: Readonly<Record<string, readonly number[]>>;
}

/** The options that a call of `.with` gives; null where something is wrong with them, which was reported. */
export function optionChanges(call: Call, base: Replaceable, method: string): ReadonlyMap<string, Val> | null {
  const given = arg(call, 0);
  if (method !== 'with' || call.ev.block !== null) {
    call.ev.error('LAC0103', call.node, `${method} belongs in host programs`, { help: [] });
    return null;
  }
  if (given.val.kind === 'poison') return null;
  if (given.val.kind !== 'obj') {
    wrong(call, given, 'options, { name: value }');
    return null;
  }
  const changes = new Map<string, Val>();
  for (const name of given.val.props.keys()) {
    const val = propertyOf(given.val, name) ?? NONE;
    if (!mayReplace(call, base, name, val, given.node)) return null;
    changes.set(name, val);
  }
  return changes;
}

function mayReplace(call: Call, { options, tune }: Replaceable, name: string, val: Val, node: TS.Node): boolean {
  const old = options.get(name);
  if (val.kind === 'poison') return false;
  const isFunction = (v: Val | undefined): boolean => v?.kind === 'fn' || v?.kind === 'builtin';
  if (old?.kind === val.kind || (isFunction(old) && isFunction(val))) return true;
  const meant = didYouMean(name, options.keys());
  const message =
    old === undefined
      ? `there is no option ${name}`
      : `the option ${name} was ${describe(old)} and cannot be ${describe(val)}`;
  const names = [...options.keys()].join(', ');
  const help =
    old !== undefined
      ? []
      : [
          meant
            ? renameHelp(node, name, meant)
            : Object.hasOwn(tune, name)
              ? `${name} is a knob: the host chooses it, { config: { ${name}: ... } }`
              : names === ''
                ? 'it has no options'
                : `the options are ${names}`,
        ];
  const at = old === undefined ? nameNode(node, name) : propertyNode(node, name);
  call.ev.error('LAC0307', at ?? node, message, { help });
  return false;
}
