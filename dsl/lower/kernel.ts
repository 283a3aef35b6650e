import type { ts as TS } from 'ts-morph';
import { Bug, type Diagnostic } from '../../compiler/diag/diagnostic.js';
import { type Kernel, type Module, newBlock, newValue, type Param } from '../../compiler/ir/module.js';
import { type DType, scalarType, type Type, viewType } from '../../compiler/ir/types.js';
import type { KernelDecl } from '../read/declaration.js';
import { Findings } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { bindBodyParameters } from './body-parameters.js';
import { Abandon, Evaluator } from './evaluator.js';
import { evaluate } from './expression.js';
import type { Observer } from './observer.js';
import type { Frame } from './scope.js';
import { runBody } from './statement.js';
import { describe, type NumVal, num, type ObjVal, tileOf, type Val } from './value.js';

/** One variant of a kernel. Values are needed for every dtype parameter, comptime dimension and knob. */
export interface Specialisation {
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly comptime: Readonly<Record<string, number>>;
  readonly config: Readonly<Record<string, number>>;
}

export interface Lowered {
  /** Null if there is an error among the diagnostics. */
  readonly module: Module | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Sizes, knobs and options that the body names; others cannot change what it becomes. */
  readonly named: ReadonlySet<string>;
}

/** Source of a kernel to tile IR, for one specialisation. Calls are `inline` regions; extents are concrete. */
export function lowerKernel(decl: KernelDecl, spec: Specialisation, observer: Observer | null = null): Lowered {
  const findings = new Findings();
  const kernel = emptyKernel(decl, spec);
  const ev = new Evaluator(decl.body.project, findings, kernel.body, { ...spec.dtypes });
  ev.observer = observer;
  observer?.begins(decl, spec);
  const named = new Set<string>();
  try {
    lowerBody(ev, decl, spec, kernel, named);
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
    findings.add(error.diagnostic);
  }
  if (ev.poisoned && !findings.hasErrors) throw new Bug(`a value of ${decl.name} was lost, and no diagnostic says why`);
  kernel.body.ops.unshift(...ev.prologue.ops);
  return { module: findings.hasErrors ? null : { kernels: [kernel] }, diagnostics: findings.list, named };
}

function chosen<T>(from: Readonly<Record<string, T>>, name: string, what: string): T {
  const value = from[name];
  if (value === undefined) throw new Bug(`no value was given for the ${what} ${name}`);
  return value;
}

function emptyKernel(decl: KernelDecl, spec: Specialisation): Kernel {
  const pick = (names: readonly string[], from: Readonly<Record<string, number>>, what: string) =>
    Object.fromEntries(names.map((n) => [n, chosen(from, n, what)]));
  const comptime = pick(decl.comptime, spec.comptime, 'comptime dimension');
  const types = decl.args.map((a): Type => {
    if (a.dir === 'scalar') return scalarType(a.dtype);
    const dtype =
      decl.dtypes[a.dtype] === undefined ? (a.dtype as DType) : chosen(spec.dtypes, a.dtype, 'dtype parameter');
    return viewType(
      dtype,
      a.dir,
      a.dims.map((d) => comptime[d] ?? null),
    );
  });
  const body = newBlock(
    types,
    decl.args.map((a) => a.name),
  );
  const params = decl.args.map((a, i): Param => {
    const value = body.args[i] ?? newValue(scalarType('i32'), body);
    return a.dir === 'scalar'
      ? { kind: 'scalar', name: a.name, dtype: a.dtype, value }
      : { kind: 'view', name: a.name, dims: a.dims, value };
  });
  const config = pick(Object.keys(decl.tune), spec.config, 'knob');
  return { name: decl.name, params, axes: decl.grid.map(([axis]) => axis), comptime, config, body };
}

function lowerBody(ev: Evaluator, decl: KernelDecl, spec: Specialisation, kernel: Kernel, named: Set<string>): void {
  const { fn } = decl.body;
  const frame: Frame = { callee: null, node: fn.node, call: null, parent: null, depth: 0 };
  const scope = fn.scope.child(frame);
  const values = aware([argsOf(decl, kernel), noting(envOf(ev, decl, spec), named), programOf(ev, decl)]);
  ev.call(frame, () => {
    bindBodyParameters(ev, fn.node, scope, { of: 'kernel', names: GIVEN, values });
    const { body } = fn.node;
    if (body === undefined) return;
    const result = ts.isBlock(body) ? runBody(ev, body, scope) : evaluate(ev, body, scope);
    if (result.kind !== 'none' && result.kind !== 'poison') returnsNothing(ev, body, result);
  });
}

function returnsNothing(ev: Evaluator, body: TS.Block | TS.Expression, result: Val): void {
  const last = ts.isBlock(body) ? body.statements.find(ts.isReturnStatement) : undefined;
  const at = ts.isBlock(body) ? (last?.expression ?? last) : body;
  ev.error('LAC0103', at ?? body, `a kernel returns nothing, but its body gives ${describe(result)}`, {
    help: ['declare an output, and write to it: y.store(origin, tile)'],
  });
}

const GIVEN = ['its arguments', 'its sizes, knobs and options', 'its program axes'];
const PARAMETERS = [
  'the arguments: the first parameter of the body',
  'the sizes, knobs and options: the second parameter of the body',
  'the program axes: the third parameter of the body',
];

/** The parameters of the body, each of which knows what the others hold. */
function aware(values: readonly ObjVal[]): ObjVal[] {
  const elsewhere = (name: string): string | undefined => PARAMETERS[values.findIndex((v) => v.props.has(name))];
  return values.map((v) => ({ ...v, elsewhere }));
}

function argsOf(decl: KernelDecl, kernel: Kernel): ObjVal {
  const props = new Map<string, Val>();
  for (const p of kernel.params)
    props.set(p.name, p.kind === 'view' ? { kind: 'view', v: p.value, arg: p.name, dims: p.dims } : tileOf(p.value));
  return { kind: 'obj', props, what: `the arguments of ${decl.name || 'this kernel'}` };
}

/** Sizes, knobs and options. Dimensions known at launch only become `dim` ops, made when they are first asked for. */
function envOf(ev: Evaluator, decl: KernelDecl, spec: Specialisation): ObjVal {
  const props = new Map<string, Val | (() => Val)>();
  const constant = (name: string, value: number): NumVal => num(value, name);
  for (const d of decl.dims)
    if (decl.comptime.includes(d)) props.set(d, constant(d, chosen(spec.comptime, d, 'comptime dimension')));
    else
      props.set(
        d,
        once(() => tileOf(ev.into(ev.prologue, () => ev.value(decl.body.fn.node, 'dim', [], { name: d })))),
      );
  for (const knob of Object.keys(decl.tune)) props.set(knob, constant(knob, chosen(spec.config, knob, 'knob')));
  for (const [name, v] of decl.body.options) props.set(name, v.kind === 'num' ? num(v.value, name) : v);
  return { kind: 'obj', props, what: `the sizes, knobs and options of ${decl.name || 'this kernel'}` };
}

/** The same object, which writes down the names that are asked for. */
function noting(env: ObjVal, named: Set<string>): ObjVal {
  const props = [...env.props].map(([name, v]) => {
    const get = (): Val => {
      named.add(name);
      return typeof v === 'function' ? v() : v;
    };
    return [name, get] as const;
  });
  return { ...env, props: new Map(props) };
}

function programOf(ev: Evaluator, decl: KernelDecl): ObjVal {
  const props = new Map<string, Val | (() => Val)>();
  for (const [axis] of decl.grid)
    props.set(
      axis,
      once(() => tileOf(ev.into(ev.prologue, () => ev.value(decl.body.fn.node, 'program_id', [], { axis })))),
    );
  return { kind: 'obj', props, what: `the program axes of ${decl.name || 'this kernel'}` };
}

function once(make: () => Val): () => Val {
  let made: Val | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
