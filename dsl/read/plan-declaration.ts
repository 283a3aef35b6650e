import type { ts as TS } from 'ts-morph';
import type { StepArg, TempSpec } from '../../compiler/artifact.js';
import type { Diagnostic, Span } from '../../compiler/diag/diagnostic.js';
import { type Expr, namesOf } from '../../compiler/expr.js';
import { arg, type Call, elementNode, nameNode, notDType, propertyNode, wrong } from '../lower/builtins/arguments.js';
import { isAsyncOrGenerator } from '../lower/call.js';
import { bare, Evaluator } from '../lower/evaluator.js';
import { isName } from '../lower/names.js';
import { propertyOf } from '../lower/pattern.js';
import {
  describe,
  type FnVal,
  type ObjVal,
  type PlanVal,
  POISON,
  sym,
  type TensorVal,
  type Val,
} from '../lower/value.js';
import { type KernelDecl, optionChanges, optionData, startOf } from './declaration.js';
import { Findings, spanOf } from './diagnostics.js';
import { readPlanBody } from './plan-body.js';
import { planExpr } from './plan-expr.js';
import { type Declaration, SpecReader, sizesOf } from './spec-reader.js';

/** A `run` of a plan. Expressions are over the dimensions, knobs and scalar arguments of the plan. */
export interface RunDecl {
  readonly kernel: KernelDecl | PlanDecl;
  readonly span: Span;
  /** The launch is left out where this is 0; null: never. */
  readonly when: Expr | null;
  readonly args: Readonly<Record<string, StepArg>>;
  readonly config: Readonly<Record<string, Expr>>;
  /** Dimensions of the kernel that its tensors show. */
  readonly dims: ReadonlyMap<string, Expr>;
  /** Dtype, or dtype parameter of the plan, of each dtype parameter of the kernel that its tensors show. */
  readonly dtypes: ReadonlyMap<string, string>;
}

/** A plan as its source declares it, for the options in force. */
export interface PlanDecl extends Declaration {
  readonly temps: readonly TempSpec[];
  readonly runs: readonly RunDecl[];
  /** Where each argument, knob and temporary is declared. */
  readonly names: ReadonlyMap<string, Span>;
  /** Of the options in force. */
  readonly values: ReadonlyMap<string, Val>;
  /** The plan with other options. Its body decides by them what runs, so that all of it is read again. */
  readonly reread: (changes: ReadonlyMap<string, Val>) => Reread;
}

/** Null where what the options bring in has errors. */
export interface Reread {
  readonly decl: PlanDecl | null;
  readonly diagnostics: readonly Diagnostic[];
}

export const isPlan = (decl: KernelDecl | PlanDecl): decl is PlanDecl => 'runs' in decl;

/** `temp(dtype, shape, { fill })`. */
export function declareTemp(call: Call): Val {
  const [d, shape, options] = [arg(call, 0), arg(call, 1), arg(call, 2)];
  if (call.ev.block !== null)
    return call.ev.error('LAC0314', call.node, 'temporaries belong in `temps` of a plan', {
      help: ['a tile of a kernel is made with zeros(shape, dtype) or full(shape, value, dtype)'],
    });
  if (d.val.kind !== 'dtype' && d.val.kind !== 'dtypeParam') {
    notDType(call, d);
    return POISON;
  }
  if (shape.val.kind === 'poison' || options.val.kind === 'poison') return POISON;
  if (shape.val.kind !== 'arr' || shape.val.items.length > 8)
    return call.ev.error('LAC0314', shape.node, `the shape of a temporary is a list of extents, at most 8`, {
      help: ['write temp(f32, [B, H, N])'],
    });
  const extents = shape.val.items.map((v, i) => extentExpr(call, elementNode(shape.node, i), v));
  const fill = fillOf(call, d.val.kind === 'dtype' ? d.val.dtype : '');
  if (fill === undefined || extents.some((e) => e === null)) return POISON;
  const [dtype, choices] = d.val.kind === 'dtype' ? [d.val.dtype, {}] : [d.val.name, { [d.val.name]: d.val.choices }];
  return {
    kind: 'tensor',
    name: '',
    dtype,
    choices,
    shape: extents.filter((e) => e !== null),
    dir: 'temp',
    fill,
    views: [],
  };
}

function extentExpr(call: Call, node: TS.Node, v: Val): Expr | null {
  const whole = v.kind === 'num' && Number.isSafeInteger(v.value) && v.value >= 0;
  if (whole || v.kind === 'sym') return planExpr(call.ev, node, v);
  if (v.kind !== 'poison')
    call.ev.error('LAC0314', node, `an extent is a whole number or arithmetic on sizes and knobs, not ${describe(v)}`, {
      help: ['cdiv(a, b) and idiv(a, b) give whole numbers'],
    });
  return null;
}

const isI32 = (x: number): boolean => (x | 0) === x;
const isU32 = (x: number): boolean => x >>> 0 === x;

/** Null: none is given; undefined: it was reported. */
function fillOf(call: Call, dtype: string): Expr | null | undefined {
  const { val, node } = arg(call, 2);
  if (val.kind === 'none') return null;
  const names = val.kind === 'obj' ? [...val.props.keys()] : [];
  const fill = propertyOf(val, 'fill');
  if (names.length !== 1 || fill === undefined) {
    call.ev.error('LAC0314', node, `temp takes { fill } here, not ${describe(val)}`, { help: ['write { fill: 0 }'] });
    return undefined;
  }
  const integer = dtype === 'i32' ? isI32 : dtype === 'u32' ? isU32 : null;
  if (fill.kind === 'num' && (integer === null || integer(fill.value))) return planExpr(call.ev, node, fill);
  if (fill.kind !== 'poison')
    call.ev.error(
      'LAC0314',
      propertyNode(node, 'fill') ?? node,
      `fill is a number that ${dtype || 'the dtype'} holds, not ${describe(fill)}`,
      {
        help: ['what depends on sizes is stored by a kernel'],
      },
    );
  return undefined;
}

const KEYS = ['args', 'options', 'tune', 'prune', 'tuneKey', 'temps'];
const REQUIRED = { args: "add args: { x: input(f32, ['N']) }" };

/** `plan(spec, body)`: everything is read here, the body too. */
export function declarePlan(call: Call): Val {
  const [spec, body] = [arg(call, 0), arg(call, 1)];
  if (call.ev.block !== null)
    return call.ev.error('LAC0103', call.node, 'a plan cannot be declared inside a kernel', {
      help: ['declare it at the top level'],
    });
  if (spec.val.kind === 'poison' || body.val.kind === 'poison') return POISON;
  if (spec.val.kind !== 'obj') return wrong(call, spec, 'the declaration, { args, ... }') ?? POISON;
  if (body.val.kind !== 'fn') return wrong(call, body, 'the body, a function') ?? POISON;
  if (isAsyncOrGenerator(body.val.node))
    return call.ev.error('LAC0315', startOf(body.node), 'the body of a plan is an ordinary function', {
      help: ['leave `async` or `*` away: run() waits for nothing, its launches follow one another by themselves'],
    });
  const decl = readSpec({ call, spec: spec.val, node: spec.node, fn: body.val }, new Map());
  return decl === null ? POISON : { kind: 'plan', decl };
}

/** `p.with({ initialState: true })`: another plan, with these options in force. */
export function derivePlan(call: Call, base: PlanVal, method: string): Val {
  const changes = optionChanges(call, { options: base.decl.values, tune: base.decl.tune }, method);
  if (changes === null) return POISON;
  const { decl, diagnostics } = base.decl.reread(changes);
  for (const d of diagnostics) call.ev.findings.add(d);
  if (decl === null) return POISON;
  return {
    kind: 'plan',
    decl: { ...decl, name: base.decl.name, file: spanOf(call.node).file, span: spanOf(call.node) },
  };
}

/** The source of a plan. */
interface Source {
  readonly call: Call;
  readonly spec: ObjVal;
  readonly node: TS.Node;
  readonly fn: FnVal;
}

function reread(source: Source, options: ReadonlyMap<string, Val>): Reread {
  const findings = new Findings();
  const ev = new Evaluator(source.call.ev.project, findings, null, null);
  const decl = readSpec({ ...source, call: { ...source.call, ev } }, options);
  return { decl, diagnostics: findings.list };
}

function readSpec(source: Source, changes: ReadonlyMap<string, Val>): PlanDecl | null {
  const { call, fn } = source;
  const reader = new SpecReader(call, source.spec, source.node);
  reader.keys('plan', KEYS, REQUIRED);
  const names = reader.args();
  if (!reader.ok) return null;
  const tune = reader.tune();
  if (tune === null) return null;
  const knobs = Object.keys(tune);
  const scalars = names.args.filter((a) => a.dir === 'scalar').map((a) => a.name);
  const options = new Map([...reader.options(['bool', 'num']), ...changes]);
  reader.clashes(
    ['dimension', names.dims],
    ['knob', knobs],
    ['scalar argument', scalars],
    ['option', [...options.keys()]],
  );
  const sizes = sizesOf('plan', [...names.dims, ...knobs]);
  const prune = reader.expression('prune', sizes);
  const tuneKey = reader.expressions('tuneKey', sizes);
  const { temps, places } = readTemps(reader, withOptions(sizes, options), names);
  if (!reader.ok) return null;
  const before = call.ev.findings.list.length;
  const runs = readPlanBody(call.ev, fn, tensorsOf(names, temps), sizes, options);
  if (call.ev.findings.list.slice(before).some((d) => d.severity === 'error')) return null;
  const span = spanOf(call.node);
  const comptime = names.dims.filter((dim) => runs.some((run) => fixes(run, dim)));
  const kinds = {
    name: '',
    file: span.file,
    span,
    declaredIn: span.file,
    ...names,
    comptime,
    options: optionData(options),
    tune,
  };
  return {
    ...kinds,
    prune,
    tuneKey,
    temps,
    runs,
    names: new Map([...reader.places('args', 'tune', 'options'), ...places]),
    values: options,
    reread: (more) => reread(source, new Map([...changes, ...more])),
  };
}

/** What the first parameter of the body holds. */
function tensorsOf({ args, dtypes }: Names, temps: readonly TempSpec[]): ObjVal {
  const props = new Map<string, Val>();
  const choicesOf = (dtype: string): TensorVal['choices'] =>
    dtypes[dtype] === undefined ? {} : { [dtype]: dtypes[dtype] };
  for (const a of args) {
    if (a.dir === 'scalar') props.set(a.name, sym(a.name));
    else props.set(a.name, { ...a, kind: 'tensor', shape: a.dims, choices: choicesOf(a.dtype), fill: null, views: [] });
  }
  for (const t of temps)
    props.set(t.name, { ...t, kind: 'tensor', dir: 'temp', choices: choicesOf(t.dtype), views: [] });
  return { kind: 'obj', props, what: 'the arguments and temporaries of this plan' };
}

/** Whether a kernel is compiled for a size that follows from this dimension. */
const fixes = ({ kernel, dims }: RunDecl, dim: string): boolean =>
  kernel.comptime.some((own) => namesOf(dims.get(own) ?? 0).has(dim));

/** What `temps` and the body are given. */
const withOptions = (sizes: ObjVal, options: ReadonlyMap<string, Val>): ObjVal => ({
  ...sizes,
  what: 'the dimensions, knobs and options of this plan',
  props: new Map<string, Val>([...options, ...([...sizes.props] as [string, Val][])]),
});

interface Temps {
  readonly temps: readonly TempSpec[];
  readonly places: ReadonlyMap<string, Span>;
}
type Names = Pick<Declaration, 'args' | 'dtypes'>;

function readTemps(reader: SpecReader, sizes: ObjVal, declared: Names): Temps {
  const result = reader.valueAt('temps', sizes);
  const temps: TempSpec[] = [];
  const places = new Map<string, Span>();
  if (result === null) return { temps, places };
  if (result.val.kind !== 'obj') {
    const help = ['write temps: ({ N }) => ({ partial: temp(f32, [N]) })'];
    reader.fail('LAC0314', result.node, `temps gives an object of temporaries, not ${describe(result.val)}`, { help });
    return { temps, places };
  }
  const literal = bare(result.node as TS.Expression);
  for (const name of result.val.props.keys()) {
    const val = propertyOf(result.val, name) ?? POISON;
    const why = refusal(name, val, declared);
    if (val.kind === 'poison') reader.ok = false;
    else if (why !== null)
      reader.fail('LAC0314', propertyNode(literal, name) ?? literal, why.message, { help: [why.help] });
    else if (val.kind === 'tensor') temps.push({ name, dtype: val.dtype, shape: val.shape, fill: val.fill });
    places.set(name, spanOf(nameNode(literal, name) ?? literal));
  }
  return { temps, places };
}

/** Why a value is no temporary; null where it is one. */
function refusal(name: string, val: Val, { args, dtypes }: Names): { message: string; help: string } | null {
  if (val.kind !== 'tensor')
    return { message: `${name} is ${describe(val)}, not a temporary`, help: 'write temp(f32, [N])' };
  if (val.views.length > 0)
    return { message: `${name} is a view`, help: 'take views of a temporary in the body of the plan' };
  if (!isName(name)) return { message: `${name} is no name for a temporary`, help: 'give it another name' };
  if (args.some((a) => a.name === name))
    return { message: `${name} is an argument and also a temporary`, help: 'rename one of them' };
  if (Object.entries(val.choices).every(([t, choices]) => dtypes[t]?.join() === choices.join())) return null;
  const message = `no argument of this plan has the dtype parameter ${val.dtype}`;
  return { message, help: 'use a dtype, or a dtype parameter of an argument' };
}
