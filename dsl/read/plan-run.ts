import type { ts as TS } from 'ts-morph';
import { type ArgSpec, type StepArg, sizesOfView } from '../../compiler/artifact.js';
import { type Expr, namesOf } from '../../compiler/expr.js';
import { nameNode, propertyNode, renameHelp } from '../lower/builtins/arguments.js';
import type { Operand } from '../lower/convert.js';
import type { Evaluator } from '../lower/evaluator.js';
import { operand } from '../lower/expression.js';
import { didYouMean } from '../lower/names.js';
import { propertyOf } from '../lower/pattern.js';
import type { Scope } from '../lower/scope.js';
import { describe, type KernelVal, NONE, type ObjVal, type PlanVal, type TensorVal, type Val } from '../lower/value.js';
import { spanOf } from './diagnostics.js';
import type { RunDecl } from './plan-declaration.js';
import { planExpr } from './plan-expr.js';
import { ts } from './typescript.js';

/** `run(kernel, args, { config })`; `sizes`: dimensions and knobs of the plan. Null where something is wrong with it, which was reported. */
export function readRun(
  ev: Evaluator,
  node: TS.CallExpression,
  scope: Scope,
  when: Expr | null,
  sizes: ReadonlySet<string>,
): RunDecl | null {
  const [kernel, args, options] = node.arguments.map((a) => operand(ev, a, scope));
  if (kernel === undefined || args === undefined || node.arguments.length > 3) {
    ev.error('LAC0316', node, `run takes a kernel, its arguments and options, not ${node.arguments.length} values`, {
      help: ['write run(kernel, { x, y })'],
    });
    return null;
  }
  if ([kernel, args, options].some((o) => o?.val.kind === 'poison')) return null;
  if (kernel.val.kind !== 'kernel' && kernel.val.kind !== 'plan') {
    ev.error('LAC0316', kernel.node, `run takes a kernel or a plan, not ${describe(kernel.val)}`);
    return null;
  }
  if (args.val.kind !== 'obj') {
    ev.error('LAC0316', args.node, `the arguments of a run are an object, not ${describe(args.val)}`, {
      help: ['write run(kernel, { x, y })'],
    });
    return null;
  }
  const reader = new RunReader(ev, kernel.val, args.val, args.node, sizes);
  const config = reader.config(options);
  reader.read();
  if (!reader.ok) return null;
  const { dims, dtypes, passed } = reader;
  return { kernel: kernel.val.decl, span: spanOf(node), when, args: passed, config, dims, dtypes };
}

type TensorSpec = Exclude<ArgSpec, { dir: 'scalar' }>;
type ScalarSpec = Extract<ArgSpec, { dir: 'scalar' }>;

class RunReader {
  ok = true;
  readonly passed: Record<string, StepArg> = {};
  readonly dims = new Map<string, Expr>();
  readonly dtypes = new Map<string, string>();
  readonly #ev: Evaluator;
  readonly #decl: KernelVal['decl'] | PlanVal['decl'];
  readonly #given: ObjVal;
  readonly #node: TS.Node;
  /** Argument of the kernel that a tensor is passed to, with whether it is written there. */
  readonly #users = new Map<string, { readonly arg: string; readonly written: boolean }>();
  readonly #sizes: ReadonlySet<string>;

  constructor(ev: Evaluator, kernel: KernelVal | PlanVal, given: ObjVal, node: TS.Node, sizes: ReadonlySet<string>) {
    this.#sizes = sizes;
    this.#ev = ev;
    this.#decl = kernel.decl;
    this.#given = given;
    this.#node = node;
  }

  #fail(...args: Parameters<Evaluator['error']>): void {
    this.ok = false;
    this.#ev.error(...args);
  }

  /** One that `with` made has no name of its own. */
  get #name(): string {
    return this.#decl.name || 'this kernel';
  }

  /** Where an argument gets its value. */
  #at(name: string): TS.Node {
    return propertyNode(this.#node, name) ?? this.#node;
  }

  read(): void {
    this.#names();
    if (!this.ok) return;
    for (const a of this.#decl.args) {
      const val = propertyOf(this.#given, a.name) ?? NONE;
      if (val.kind === 'poison') this.ok = false;
      else if (a.dir === 'scalar') this.#scalar(a, val);
      else this.#tensor(a, val);
    }
  }

  #names(): void {
    const known = this.#decl.args.map((a) => a.name);
    const [name, list] = [this.#name, known.join(', ')];
    for (const given of this.#given.props.keys()) {
      if (known.includes(given)) continue;
      const meant = didYouMean(given, known);
      this.#fail('LAC0316', nameNode(this.#node, given) ?? this.#node, `${name} has no argument ${given}`, {
        help: [meant ? renameHelp(this.#node, given, meant) : `its arguments are ${list}`],
      });
    }
    for (const given of twice(this.#node))
      this.#fail('LAC0316', given, `${given.getText()} is given twice`, { help: ['leave one away'] });
    const needed = this.#decl.args.filter((a) => a.dir === 'scalar' || a.optional !== true).map((a) => a.name);
    const missing = needed.filter((k) => !this.#given.props.has(k));
    if (this.ok && missing.length > 0)
      this.#fail('LAC0316', this.#node, `this run gives ${name} no ${missing.join(', ')}`, {
        help: [`its arguments are ${list}`],
      });
  }

  #scalar(a: ScalarSpec, val: Val): void {
    const node = this.#at(a.name);
    if (val.kind !== 'num' && val.kind !== 'sym') {
      this.#fail('LAC0316', node, `${a.name} takes a number (${a.dtype}), not ${describe(val)}`, {
        help: ['give it arithmetic on sizes, knobs and scalar arguments of the plan'],
      });
      return;
    }
    const [least, most] = a.dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
    const whole = val.kind === 'sym' || (Number.isInteger(val.value) && val.value >= least && val.value <= most);
    if ((a.dtype === 'i32' || a.dtype === 'u32') && !whole)
      this.#fail('LAC0316', node, `${a.name} takes a whole number from ${least} to ${most}, not ${describe(val)}`);
    else this.passed[a.name] = { number: planExpr(this.#ev, node, val) };
  }

  #tensor(a: TensorSpec, val: Val): void {
    if (val.kind === 'none') {
      this.passed[a.name] = null;
      return;
    }
    if (val.kind !== 'tensor') {
      this.#fail('LAC0316', this.#at(a.name), `${a.name} takes a tensor, not ${describe(val)}`, {
        help: ['pass an argument of the plan or a temporary: temps: ({ N }) => ({ partial: temp(f32, [N]) })'],
      });
      return;
    }
    if (!this.#sizesOnly(a, val)) return;
    this.#direction(a, val);
    this.#dtype(a, val);
    this.#shape(a, val);
    this.passed[a.name] = { tensor: val.name, ...(val.views.length > 0 && { view: val.views }) };
  }

  /** What a step sees depends on sizes and knobs, as do the temporaries. */
  #sizesOnly(a: TensorSpec, val: TensorVal): boolean {
    const stray = val.views
      .flatMap(sizesOfView)
      .flatMap((e) => [...namesOf(e)])
      .find((n) => !this.#sizes.has(n));
    if (stray !== undefined)
      this.#fail('LAC0318', this.#at(a.name), `a view depends on sizes and knobs, not on ${stray}`);
    return stray === undefined;
  }

  #direction(a: TensorSpec, val: TensorVal): void {
    const [node, written] = [this.#at(a.name), a.dir !== 'in'];
    const user = this.#users.get(val.name);
    if (written && val.dir === 'in')
      this.#fail('LAC0317', node, `${val.name} is an input of the plan, and ${this.#name} writes its ${a.name}`, {
        help: ['pass an output, an inout argument or a temporary'],
      });
    // Parts that do not meet too: WebGPU binds no buffer twice where one of the two is written.
    else if (user !== undefined && (written || user.written))
      this.#fail('LAC0317', node, `${val.name} is both ${user.arg} and ${a.name}, and one of them is written`, {
        help: ['give the output a tensor of its own: a temporary'],
      });
    this.#users.set(val.name, { arg: a.name, written });
  }

  #dtype(a: TensorSpec, val: TensorVal): void {
    const has = val.choices[val.dtype] ?? [val.dtype];
    const takes: readonly string[] = this.#decl.dtypes[a.dtype] ?? [a.dtype];
    const bound = this.dtypes.get(a.dtype);
    const stray = has.filter((d) => !takes.includes(d));
    if (stray.length > 0)
      this.#fail(
        'LAC0317',
        this.#at(a.name),
        `${val.name} is ${has.join(' or ')}, but ${a.name} takes ${takes.join(' or ')}`,
        {
          help: ['pass a tensor of that dtype; a temporary may have any'],
        },
      );
    else if (this.#decl.dtypes[a.dtype] !== undefined && bound !== undefined && bound !== val.dtype)
      this.#fail(
        'LAC0317',
        this.#at(a.name),
        `${val.name} is ${val.dtype}, but ${a.dtype} of ${this.#name} is ${bound} already`,
        {
          help: [`all arguments of dtype ${a.dtype} have one dtype`],
        },
      );
    if (this.#decl.dtypes[a.dtype] !== undefined) this.dtypes.set(a.dtype, val.dtype);
  }

  #shape(a: TensorSpec, val: TensorVal): void {
    const node = this.#at(a.name);
    if (val.shape.length !== a.dims.length) {
      this.#fail(
        'LAC0317',
        node,
        `${val.name} has ${val.shape.length} axes, but ${a.name} takes ${a.dims.length}: [${a.dims.join(', ')}]`,
      );
      return;
    }
    for (const [axis, dim] of a.dims.entries()) {
      const extent = val.shape[axis] ?? 0;
      const known = this.dims.get(dim);
      if (known === undefined) this.dims.set(dim, extent);
      else if (isPlain(known) && isPlain(extent) && known !== extent)
        this.#fail(
          'LAC0317',
          node,
          `${dim} of ${this.#name} is ${known} already, but ${extent} in ${val.name} (axis ${axis})`,
          {
            help: ['give both axes one name in the plan, which makes sure that they are equal'],
          },
        );
    }
  }

  /** `{ config: { C: 64 } }`. */
  config(options: Operand | undefined): Record<string, Expr> {
    const config: Record<string, Expr> = {};
    if (options === undefined || options.val.kind === 'none') return config;
    const given = propertyOf(options.val, 'config');
    const names = options.val.kind === 'obj' ? [...options.val.props.keys()] : [];
    if (names.some((n) => n !== 'config') || given?.kind !== 'obj') {
      this.#fail('LAC0316', options.node, 'the options of a run are { config: { knob: value } }');
      return config;
    }
    const node = propertyNode(options.node, 'config') ?? options.node;
    for (const knob of given.props.keys()) {
      const val = propertyOf(given, knob) ?? NONE;
      const e = this.#knob(knob, val, node);
      const stray = [...namesOf(e ?? 0)].find((n) => !this.#sizes.has(n));
      if (stray !== undefined)
        this.#fail('LAC0316', propertyNode(node, knob) ?? node, `a knob depends on sizes and knobs, not on ${stray}`);
      if (e !== null) config[knob] = e;
    }
    return config;
  }

  #knob(knob: string, val: Val, node: TS.Node): Expr | null {
    const { tune } = this.#decl;
    const name = this.#name;
    const values = Object.hasOwn(tune, knob) ? tune[knob] : undefined;
    if (values === undefined) {
      const meant = didYouMean(knob, Object.keys(tune));
      this.#fail('LAC0316', nameNode(node, knob) ?? node, `${name} has no knob ${knob}`, {
        help: [meant ? renameHelp(node, knob, meant) : `its knobs are ${Object.keys(tune).join(', ') || 'none'}`],
      });
      return null;
    }
    if (val.kind === 'sym' || (val.kind === 'num' && values.includes(val.value))) return planExpr(this.#ev, node, val);
    if (val.kind === 'poison') this.ok = false;
    else
      this.#fail(
        'LAC0316',
        propertyNode(node, knob) ?? node,
        `the knob ${knob} of ${name} cannot be ${describe(val)}`,
        {
          help: [`declared values: ${values.join(', ')}`],
        },
      );
    return null;
  }
}

const isPlain = (e: Expr): boolean => typeof e !== 'object';

/** Names that a literal gives again; what JavaScript keeps of them is the last. */
function twice(node: TS.Node): TS.Node[] {
  if (!ts.isObjectLiteralExpression(node)) return [];
  const seen = new Set<string>();
  return node.properties.flatMap(({ name }) => {
    if (name === undefined) return [];
    const again = seen.has(name.getText());
    seen.add(name.getText());
    return again ? [name] : [];
  });
}
