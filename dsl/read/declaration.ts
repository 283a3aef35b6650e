import type { ts as TS } from 'ts-morph';
import type { ArgSpec } from '../../compiler/artifact.js';
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
import { callDeclared, isAsyncOrGenerator } from '../lower/call.js';
import type { Operand } from '../lower/convert.js';
import { bare } from '../lower/evaluator.js';
import { didYouMean, isName } from '../lower/names.js';
import { propertyOf } from '../lower/pattern.js';
import { describe, type FnVal, type KernelVal, NONE, type ObjVal, POISON, sym, type Val } from '../lower/value.js';
import { spanOf } from './diagnostics.js';
import type { SourceProject } from './project.js';
import { ts } from './typescript.js';

/** An option that holds a function, as data. */
export interface FunctionRef {
  readonly function: string;
  /** Null for a function of the language. */
  readonly span: Span | null;
}
export type OptionValue = boolean | number | FunctionRef;

/** The body, for `lowerKernel` only. */
export interface KernelBody {
  readonly project: SourceProject;
  readonly fn: FnVal;
  readonly options: ReadonlyMap<string, Val>;
  /** Where each argument, knob and option is declared. */
  readonly names: ReadonlyMap<string, Span>;
}

/** A kernel as its source declares it. Everything but `body` is plain data. */
export interface KernelDecl {
  readonly name: string;
  readonly file: string;
  /** The call of `kernel` or `.with`. */
  readonly span: Span;
  readonly args: readonly ArgSpec[];
  /** Choices of each dtype parameter that an argument uses. */
  readonly dtypes: Readonly<Record<string, readonly DType[]>>;
  /** Every dimension of the arguments, in order of appearance. */
  readonly dims: readonly string[];
  readonly comptime: readonly string[];
  /** Values in force: the defaults, with what `.with` changed. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly tune: Readonly<Record<string, readonly number[]>>;
  readonly prune: Expr | null;
  readonly tuneKey: readonly Expr[] | null;
  /** Program axes, fastest first, with their extents. */
  readonly grid: readonly (readonly [axis: string, extent: Expr])[];
  readonly body: KernelBody;
}

/** `input(T, ['B', 'N'])`, `output(...)`. */
export function declareTensor(call: Call, dir: Access): Val {
  const [d, dims] = [arg(call, 0), arg(call, 1)];
  if (d.val.kind === 'poison' || dims.val.kind === 'poison') return POISON;
  if (d.val.kind !== 'dtype' && d.val.kind !== 'dtypeParam') {
    notDType(call, d);
    return POISON;
  }
  const names = dimensionNames(call, dims);
  if (names === null) return POISON;
  const dtype = d.val.kind === 'dtype' ? d.val.dtype : d.val.name;
  const choices = d.val.kind === 'dtype' ? {} : { [d.val.name]: d.val.choices };
  return { kind: 'arg', spec: { name: '', dir, dtype, dims: names }, choices };
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

const SPEC_KEYS = ['args', 'comptime', 'options', 'tune', 'prune', 'tuneKey', 'grid'] as const;
type SpecKey = (typeof SPEC_KEYS)[number];

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
  const reader = new SpecReader(call, spec.val, spec.node);
  const decl = reader.read(body.val);
  return decl === null ? POISON : { kind: 'kernel', decl };
}

/** The first word alone: a whole function underlined says nothing. */
const startOf = (node: TS.Node): Span => ({
  ...spanOf(node),
  end: spanOf(node).start + (/^\w+/.exec(node.getText())?.[0].length ?? 1),
});

interface Names {
  readonly args: readonly ArgSpec[];
  readonly dtypes: Record<string, readonly DType[]>;
  readonly dims: readonly string[];
}

/** Reads one declaration; every method reports what it cannot use and the kernel is dropped at the end. */
class SpecReader {
  readonly #call: Call;
  readonly #spec: ObjVal;
  readonly #node: TS.Node;
  #ok = true;

  constructor(call: Call, spec: ObjVal, node: TS.Node) {
    this.#call = call;
    this.#spec = spec;
    this.#node = node;
  }

  read(fn: FnVal): KernelDecl | null {
    this.#keys();
    const names = this.#args();
    // Without its arguments a declaration has no names: what follows would only report that.
    if (!this.#ok) return null;
    const tune = this.#tune();
    // Without its knobs, every function of them would only report that.
    if (tune === null) return null;
    const options = this.#options();
    const comptime = this.#comptime(names.dims);
    this.#clashes(names.dims, Object.keys(tune), [...options.keys()]);
    const sizes = sizesOf([...names.dims, ...Object.keys(tune)]);
    const prune = this.#expression('prune', sizes);
    const tuneKey = this.#expressions('tuneKey', sizes);
    const grid = this.#grid(sizes);
    if (!this.#ok) return null;
    const span = spanOf(this.#call.node);
    const body = { project: this.#call.ev.project, fn, options, names: this.#places() };
    return {
      name: '',
      file: span.file,
      span,
      ...names,
      comptime,
      options: optionData(options),
      tune,
      prune,
      tuneKey,
      grid,
      body,
    };
  }

  #places(): Map<string, Span> {
    const found = new Map<string, Span>();
    for (const key of ['args', 'tune', 'options'] as const) {
      const [part, val] = [propertyNode(this.#node, key), propertyOf(this.#spec, key)];
      if (part === undefined || val?.kind !== 'obj') continue;
      for (const name of val.props.keys()) {
        const at = nameNode(part, name);
        if (at !== undefined) found.set(name, spanOf(at));
      }
    }
    return found;
  }

  #fail(...args: Parameters<Call['ev']['error']>): void {
    this.#ok = false;
    this.#call.ev.error(...args);
  }

  /** A part of the declaration, with the node to blame; `none` where it is absent, and null where it was reported. */
  #part(key: SpecKey): Operand | null {
    const val = propertyOf(this.#spec, key) ?? NONE;
    const node = propertyNode(this.#node, key) ?? this.#node;
    if (val.kind !== 'poison') return { val, node };
    this.#ok = false;
    return null;
  }

  #keys(): void {
    for (const key of this.#spec.props.keys()) {
      if (SPEC_KEYS.some((k) => k === key)) continue;
      const meant = didYouMean(key, SPEC_KEYS);
      this.#fail('LAC0301', nameNode(this.#node, key) ?? this.#node, `a kernel has no part ${key}`, {
        help: [meant ? renameHelp(this.#node, key, meant) : `the parts are ${SPEC_KEYS.join(', ')}`],
      });
    }
    if (!this.#ok) return;
    for (const key of ['args', 'grid'] as const)
      if (!this.#spec.props.has(key))
        this.#fail('LAC0301', this.#node, `this kernel has no ${key}`, {
          help: [key === 'grid' ? 'add grid: ({ N }) => ({ n: N })' : "add args: { x: input(f32, ['N']) }"],
        });
  }

  #args(): Names {
    const part = this.#part('args');
    const args: ArgSpec[] = [];
    const dtypes: Record<string, readonly DType[]> = {};
    if (part?.val.kind === 'obj')
      for (const [name, given] of part.val.props) {
        const val = typeof given === 'function' ? given() : given;
        const node = propertyNode(part.node, name) ?? part.node;
        if (val.kind !== 'arg' || !isName(name)) this.#notArgument(name, val, node);
        else {
          args.push({ ...val.spec, name });
          for (const [t, choices] of Object.entries(val.choices)) this.#addChoices(dtypes, t, choices, node);
        }
      }
    else if (part !== null && part.val.kind !== 'none')
      this.#fail('LAC0302', part.node, 'args is an object of arguments');
    return { args, dtypes, dims: [...new Set(args.flatMap((a) => (a.dir === 'scalar' ? [] : a.dims)))] };
  }

  #notArgument(name: string, val: Val, node: TS.Node): void {
    this.#ok = false;
    if (val.kind === 'poison') return;
    this.#fail('LAC0302', node, `${name} is ${describe(val)}, not an argument`, {
      help: ["write input(f32, ['N']), output(f32, ['N']) or scalar(f32)"],
    });
  }

  #addChoices(into: Record<string, readonly DType[]>, name: string, choices: readonly DType[], node: TS.Node): void {
    const known = into[name];
    if (known !== undefined && known.join() !== choices.join())
      this.#fail('LAC0310', node, `the dtype parameter ${name} has two lists of choices`, {
        help: ['give one of them another name'],
      });
    into[name] = choices;
  }

  #comptime(dims: readonly string[]): string[] {
    const part = this.#part('comptime');
    if (part === null || part.val.kind === 'none') return [];
    if (part.val.kind !== 'arr') {
      this.#fail('LAC0303', part.node, 'comptime is a list of dimensions', { help: ["write comptime: ['D']"] });
      return [];
    }
    const names: string[] = [];
    for (const [i, v] of part.val.items.entries()) {
      if (v.kind === 'str' && names.includes(v.value))
        this.#fail('LAC0303', elementNode(part.node, i), `comptime names ${v.value} twice`, {
          help: ['leave one away'],
        });
      else if (v.kind === 'str' && dims.includes(v.value)) names.push(v.value);
      else this.#notDimension(elementNode(part.node, i), v, dims);
    }
    return names;
  }

  #notDimension(node: TS.Node, v: Val, dims: readonly string[]): void {
    const meant = v.kind === 'str' ? didYouMean(v.value, dims) : undefined;
    const tune = propertyOf(this.#spec, 'tune');
    const isKnob = v.kind === 'str' && tune?.kind === 'obj' && tune.props.has(v.value);
    this.#fail('LAC0303', node, `no argument has the dimension ${v.kind === 'str' ? v.value : describe(v)}`, {
      help: [
        isKnob
          ? 'knobs are known at compile time anyway: leave it away'
          : meant
            ? { text: `did you mean ${meant}?`, edit: { span: spanOf(node), newText: `'${meant}'` } }
            : `the dimensions are ${dims.join(', ')}`,
      ],
    });
  }

  /** Null if there are no knobs to go on with. */
  #tune(): Record<string, readonly number[]> | null {
    const part = this.#part('tune');
    if (part === null) return null;
    if (part.val.kind === 'none') return {};
    if (part.val.kind !== 'obj') {
      this.#fail('LAC0304', part.node, 'tune is an object of knobs', { help: ['write tune: { C: [32, 64] }'] });
      return null;
    }
    const tune: Record<string, readonly number[]> = {};
    for (const name of part.val.props.keys()) {
      const val = propertyOf(part.val, name) ?? NONE;
      if (val.kind === 'poison') this.#ok = false;
      tune[name] = knobValues(val);
      if (val.kind === 'poison' || (isName(name) && knobValues(val).length > 0)) continue;
      const node = propertyNode(part.node, name) ?? part.node;
      const help =
        val.kind === 'num'
          ? { text: 'write it in brackets', edit: { span: spanOf(node), newText: `[${node.getText()}]` } }
          : `write ${name}: [32, 64]`;
      this.#fail('LAC0304', node, `the knob ${name} needs a list of different whole numbers >= 1`, { help: [help] });
    }
    return tune;
  }

  #options(): Map<string, Val> {
    const part = this.#part('options');
    const options = new Map<string, Val>();
    if (part === null || part.val.kind === 'none') return options;
    if (part.val.kind !== 'obj')
      this.#fail('LAC0307', part.node, 'options is an object', { help: ['write options: { causal: false }'] });
    else
      for (const [name, given] of part.val.props) {
        const val = typeof given === 'function' ? given() : given;
        if (isOption(val) && isName(name)) options.set(name, val);
        else if (val.kind === 'poison') this.#ok = false;
        else
          this.#fail('LAC0307', propertyNode(part.node, name) ?? part.node, `the option ${name} is ${describe(val)}`, {
            help: ['an option is true, false, a number or a function'],
          });
      }
    return options;
  }

  #clashes(dims: readonly string[], knobs: readonly string[], options: readonly string[]): void {
    const seen = new Map<string, string>();
    for (const [what, names] of [
      ['dimension', dims],
      ['knob', knobs],
      ['option', options],
    ] as const)
      for (const name of names) {
        const other = seen.get(name);
        if (other !== undefined)
          this.#fail(
            'LAC0312',
            this.#node,
            `${name} is a ${other} and also ${what === 'option' ? 'an' : 'a'} ${what}`,
            { help: ['rename one of them'] },
          );
        seen.set(name, what);
      }
  }

  /** The value of a function of sizes; null if there is none, or it was reported. */
  #call1(key: SpecKey, sizes: ObjVal): Operand | null {
    const part = this.#part(key);
    if (part === null || part.val.kind === 'none') return null;
    if (part.val.kind !== 'fn') {
      this.#fail('LAC0306', part.node, `${key} is a function of the sizes`, {
        help: [`write ${key}: ({ N, C }) => ...`],
      });
      return null;
    }
    const fn = part.val;
    if (!this.#returns(key, fn)) return null;
    const before = this.#call.ev.findings.list.length;
    const val = callDeclared(this.#call.ev, fn, { val: sizes, node: part.node });
    if (val.kind === 'poison' || this.#call.ev.findings.list.length > before) this.#ok = false;
    return val.kind === 'poison' ? null : { val, node: fn.node.body ?? part.node };
  }

  /** `({ N }) => { n: N }` is a block with a label in it, not an object; a block without `return` gives nothing. */
  #returns(key: SpecKey, fn: FnVal): boolean {
    const { body } = fn.node;
    if (body === undefined || !ts.isBlock(body) || body.statements.some((s) => !isBare(s))) return true;
    const isObject = body.statements.some(ts.isLabeledStatement);
    const text = body.getText();
    const inner = text.slice(1, -1).trim().replace(/;$/, '');
    const help =
      text.length > 400 || body.statements.length !== 1
        ? 'write return'
        : {
            text: isObject ? 'put the object in parentheses' : 'leave the braces away',
            edit: { span: spanOf(body), newText: isObject ? `({ ${inner} })` : inner },
          };
    this.#fail('LAC0306', body, `${key} returns nothing: braces after => begin a block`, { help: [help] });
    return false;
  }

  #expression(key: SpecKey, sizes: ObjVal): Expr | null {
    const result = this.#call1(key, sizes);
    return result === null ? null : this.#expr(key, result);
  }

  #expressions(key: SpecKey, sizes: ObjVal): Expr[] | null {
    const result = this.#call1(key, sizes);
    if (result === null) return null;
    if (result.val.kind === 'arr')
      // An expression is a list itself: flatMap would take it apart.
      return result.val.items.map((val) => this.#expr(key, { val, node: result.node })).filter((e) => e !== null);
    this.#fail('LAC0306', result.node, `${key} gives a list of sizes, not ${describe(result.val)}`, {
      help: ['write ({ N }) => [N]'],
    });
    return null;
  }

  #grid(sizes: ObjVal): [string, Expr][] {
    const result = this.#call1('grid', sizes);
    if (result === null) return [];
    if (result.val.kind !== 'obj' || result.val.props.size === 0) {
      this.#fail('LAC0306', result.node, 'grid gives an object of named axes', {
        help: ['write ({ B, H }) => ({ h: H, b: B })'],
      });
      return [];
    }
    return [...result.val.props].flatMap(([axis, v]) => {
      if (!isName(axis)) this.#fail('LAC0306', result.node, `${axis} is no name for an axis`);
      const val = typeof v === 'function' ? v() : v;
      const node = propertyNode(bare(result.node as TS.Expression), axis) ?? result.node;
      if (val.kind === 'num' && !(Number.isInteger(val.value) && val.value >= 1)) {
        this.#fail('LAC0306', node, `the axis ${axis} has a whole number of programs >= 1, not ${val.value}`, {
          help: ['cdiv(N, C) counts blocks of C; an axis of one program is 1'],
        });
        return [];
      }
      const e = this.#expr(`the axis ${axis}`, { val, node });
      return e === null ? [] : [[axis, e] as [string, Expr]];
    });
  }

  #expr(what: string, o: Operand): Expr | null {
    if (o.val.kind === 'sym') return o.val.expr;
    if (o.val.kind === 'num') return o.val.value;
    if (o.val.kind === 'bool') return o.val.value ? 1 : 0;
    if (o.val.kind === 'poison') this.#ok = false;
    else this.#fail('LAC0306', o.node, `${what} must be arithmetic on sizes and knobs, not ${describe(o.val)}`);
    return null;
  }
}

const isOption = (v: Val): boolean => v.kind === 'bool' || v.kind === 'num' || v.kind === 'fn' || v.kind === 'builtin';

/** Different whole numbers >= 1; none where the value is no such list. */
function knobValues(val: Val): number[] {
  const values = val.kind === 'arr' ? val.items.map((v) => (v.kind === 'num' ? v.value : Number.NaN)) : [];
  const fit = values.every((v) => Number.isInteger(v) && v >= 1 && v <= 1 << 22);
  return fit && new Set(values).size === values.length ? values : [];
}

/** A statement that cannot end a function with a value. */
const isBare = (s: TS.Statement): boolean => ts.isLabeledStatement(s) || ts.isExpressionStatement(s);

function sizesOf(names: readonly string[]): ObjVal {
  return {
    kind: 'obj',
    what: 'the dimensions and knobs of this kernel',
    props: new Map(names.map((n) => [n, sym(n)])),
  };
}

function optionData(options: ReadonlyMap<string, Val>): Record<string, OptionValue> {
  return Object.fromEntries([...options].map(([name, v]) => [name, optionValue(v)]));
}

function optionValue(v: Val): OptionValue {
  if (v.kind === 'fn') return { function: v.name, span: spanOf(v.node) };
  if (v.kind === 'builtin') return { function: v.name, span: null };
  return v.kind === 'bool' || v.kind === 'num' ? v.value : false;
}

/** `k.with({ causal: true })`: another kernel, with these options in force. */
export function deriveKernel(call: Call, base: KernelVal, method: string): Val {
  const given = arg(call, 0);
  if (method !== 'with' || call.ev.block !== null)
    return call.ev.error('LAC0103', call.node, `${method} belongs in host programs`, { help: [] });
  if (given.val.kind === 'poison') return POISON;
  if (given.val.kind !== 'obj') return wrong(call, given, 'options, { name: value }') ?? POISON;
  const changes = new Map<string, Val>();
  for (const name of given.val.props.keys()) {
    const val = propertyOf(given.val, name) ?? NONE;
    if (!mayReplace(call, base.decl, name, val, given.node)) return POISON;
    changes.set(name, val);
  }
  return {
    kind: 'kernel',
    decl: { ...withValues(base.decl, changes), file: spanOf(call.node).file, span: spanOf(call.node) },
  };
}

export function withValues(decl: KernelDecl, changes: ReadonlyMap<string, Val>): KernelDecl {
  const options = new Map([...decl.body.options, ...changes]);
  return { ...decl, options: optionData(options), body: { ...decl.body, options } };
}

function mayReplace(call: Call, decl: KernelDecl, name: string, val: Val, node: TS.Node): boolean {
  const old = decl.body.options.get(name);
  if (val.kind === 'poison') return false;
  const isFunction = (v: Val | undefined): boolean => v?.kind === 'fn' || v?.kind === 'builtin';
  if (old?.kind === val.kind || (isFunction(old) && isFunction(val))) return true;
  const meant = didYouMean(name, decl.body.options.keys());
  const message =
    old === undefined
      ? `there is no option ${name}`
      : `the option ${name} was ${describe(old)} and cannot be ${describe(val)}`;
  const names = [...decl.body.options.keys()].join(', ');
  const help =
    old !== undefined
      ? []
      : [
          meant
            ? renameHelp(node, name, meant)
            : Object.hasOwn(decl.tune, name)
              ? `${name} is a knob: the host chooses it, { config: { ${name}: ... } }`
              : names === ''
                ? 'this kernel has no options'
                : `the options are ${names}`,
        ];
  const at = old === undefined ? nameNode(node, name) : propertyNode(node, name);
  call.ev.error('LAC0307', at ?? node, message, { help });
  return false;
}
