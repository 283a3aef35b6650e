import type { ts as TS } from 'ts-morph';
import type { ArgSpec } from '../../compiler/artifact.js';
import type { Span } from '../../compiler/diag/diagnostic.js';
import type { Expr } from '../../compiler/expr.js';
import type { DType } from '../../compiler/ir/types.js';
import { type Call, elementNode, nameNode, propertyNode, renameHelp } from '../lower/builtins/arguments.js';
import { callDeclared } from '../lower/call.js';
import type { Operand } from '../lower/convert.js';
import { didYouMean, isName } from '../lower/names.js';
import { propertyOf } from '../lower/pattern.js';
import { describe, type FnVal, NONE, type ObjVal, sym, type Val } from '../lower/value.js';
import { spanOf } from './diagnostics.js';
import { ts } from './typescript.js';

/** An option that holds a function, as data. */
export interface FunctionRef {
  readonly function: string;
  /** Null for a function of the language. */
  readonly span: Span | null;
}
export type OptionValue = boolean | number | FunctionRef;

/** What kernels and plans declare alike. All of it is plain data. */
export interface Declaration {
  readonly name: string;
  readonly file: string;
  /** The call of `kernel`, `plan` or `.with`. */
  readonly span: Span;
  /** The file of `kernel` or `plan`, where `.with` lies in another one. */
  readonly declaredIn: string;
  readonly args: readonly ArgSpec[];
  /** Choices of each dtype parameter that an argument uses. */
  readonly dtypes: Readonly<Record<string, readonly DType[]>>;
  /** Every dimension of the arguments, in order of appearance. */
  readonly dims: readonly string[];
  /** Dimensions that programs are compiled for. */
  readonly comptime: readonly string[];
  /** Values in force: the defaults, with what `.with` changed. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly tune: Readonly<Record<string, readonly number[]>>;
  readonly prune: Expr | null;
  readonly tuneKey: readonly Expr[] | null;
}

interface Names {
  readonly args: readonly ArgSpec[];
  readonly dtypes: Record<string, readonly DType[]>;
  readonly dims: readonly string[];
}

/** Reads the parts of a declaration; every method reports what it cannot use, after which `ok` is false. */
export class SpecReader {
  readonly #call: Call;
  readonly #spec: ObjVal;
  readonly #node: TS.Node;
  ok = true;

  constructor(call: Call, spec: ObjVal, node: TS.Node) {
    this.#call = call;
    this.#spec = spec;
    this.#node = node;
  }

  /** Where the names in these parts are declared. */
  places(...keys: readonly string[]): Map<string, Span> {
    const found = new Map<string, Span>();
    for (const key of keys) {
      const [part, val] = [propertyNode(this.#node, key), propertyOf(this.#spec, key)];
      if (part === undefined || val?.kind !== 'obj') continue;
      for (const name of val.props.keys()) {
        const at = nameNode(part, name);
        if (at !== undefined) found.set(name, spanOf(at));
      }
    }
    return found;
  }

  fail(...args: Parameters<Call['ev']['error']>): void {
    this.ok = false;
    this.#call.ev.error(...args);
  }

  /** A part of the declaration, with the node to blame; `none` where it is absent, and null where it was reported. */
  part(key: string): Operand | null {
    const val = propertyOf(this.#spec, key) ?? NONE;
    const node = propertyNode(this.#node, key) ?? this.#node;
    if (val.kind !== 'poison') return { val, node };
    this.ok = false;
    return null;
  }

  /** Refuses parts that there are not, then misses those that have to be there. */
  keys(what: string, known: readonly string[], required: Readonly<Record<string, string>>): void {
    for (const key of this.#spec.props.keys()) {
      if (known.includes(key)) continue;
      const meant = didYouMean(key, known);
      this.fail('LAC0301', nameNode(this.#node, key) ?? this.#node, `a ${what} has no part ${key}`, {
        help: [meant ? renameHelp(this.#node, key, meant) : `the parts are ${known.join(', ')}`],
      });
    }
    if (!this.ok) return;
    for (const [key, help] of Object.entries(required))
      if (!this.#spec.props.has(key)) this.fail('LAC0301', this.#node, `this ${what} has no ${key}`, { help: [help] });
  }

  args(): Names {
    const part = this.part('args');
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
      this.fail('LAC0302', part.node, 'args is an object of arguments');
    return { args, dtypes, dims: [...new Set(args.flatMap((a) => (a.dir === 'scalar' ? [] : a.dims)))] };
  }

  #notArgument(name: string, val: Val, node: TS.Node): void {
    this.ok = false;
    if (val.kind === 'poison') return;
    this.fail('LAC0302', node, `${name} is ${describe(val)}, not an argument`, {
      help: ["write input(f32, ['N']), output(f32, ['N']) or scalar(f32)"],
    });
  }

  #addChoices(into: Record<string, readonly DType[]>, name: string, choices: readonly DType[], node: TS.Node): void {
    const known = into[name];
    if (known !== undefined && known.join() !== choices.join())
      this.fail('LAC0310', node, `the dtype parameter ${name} has two lists of choices`, {
        help: ['give one of them another name'],
      });
    into[name] = choices;
  }

  comptime(dims: readonly string[]): string[] {
    const part = this.part('comptime');
    if (part === null || part.val.kind === 'none') return [];
    if (part.val.kind !== 'arr') {
      this.fail('LAC0303', part.node, 'comptime is a list of dimensions', { help: ["write comptime: ['D']"] });
      return [];
    }
    const names: string[] = [];
    for (const [i, v] of part.val.items.entries()) {
      if (v.kind === 'str' && names.includes(v.value))
        this.fail('LAC0303', elementNode(part.node, i), `comptime names ${v.value} twice`, {
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
    this.fail('LAC0303', node, `no argument has the dimension ${v.kind === 'str' ? v.value : describe(v)}`, {
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
  tune(): Record<string, readonly number[]> | null {
    const part = this.part('tune');
    if (part === null) return null;
    if (part.val.kind === 'none') return {};
    if (part.val.kind !== 'obj') {
      this.fail('LAC0304', part.node, 'tune is an object of knobs', { help: ['write tune: { C: [32, 64] }'] });
      return null;
    }
    const tune: Record<string, readonly number[]> = {};
    for (const name of part.val.props.keys()) {
      const val = propertyOf(part.val, name) ?? NONE;
      if (val.kind === 'poison') this.ok = false;
      tune[name] = knobValues(val);
      if (val.kind === 'poison' || (isName(name) && knobValues(val).length > 0)) continue;
      const node = propertyNode(part.node, name) ?? part.node;
      const help =
        val.kind === 'num'
          ? { text: 'write it in brackets', edit: { span: spanOf(node), newText: `[${node.getText()}]` } }
          : `write ${name}: [32, 64]`;
      this.fail('LAC0304', node, `the knob ${name} needs a list of different whole numbers >= 1`, { help: [help] });
    }
    return tune;
  }

  options(kinds: readonly Val['kind'][] = OPTION_KINDS): Map<string, Val> {
    const part = this.part('options');
    const options = new Map<string, Val>();
    if (part === null || part.val.kind === 'none') return options;
    if (part.val.kind !== 'obj')
      this.fail('LAC0307', part.node, 'options is an object', { help: ['write options: { causal: false }'] });
    else
      for (const [name, given] of part.val.props) {
        const val = typeof given === 'function' ? given() : given;
        if (kinds.includes(val.kind) && isName(name)) options.set(name, val);
        else if (val.kind === 'poison') this.ok = false;
        else
          this.fail('LAC0307', propertyNode(part.node, name) ?? part.node, `the option ${name} is ${describe(val)}`, {
            help: [`an option is true, false${kinds.includes('fn') ? ', a number or a function' : ' or a number'}`],
          });
      }
    return options;
  }

  /** Refuses a name that stands for two things. */
  clashes(...lists: readonly (readonly [what: string, names: readonly string[]])[]): void {
    const seen = new Map<string, string>();
    for (const [what, names] of lists)
      for (const name of names) {
        const other = seen.get(name);
        if (other !== undefined)
          this.fail('LAC0312', this.#node, `${name} is a ${other} and also ${what === 'option' ? 'an' : 'a'} ${what}`, {
            help: ['rename one of them'],
          });
        seen.set(name, what);
      }
  }

  /** The value of a function of sizes; null if there is none, or it was reported. */
  valueAt(key: string, sizes: ObjVal): Operand | null {
    const part = this.part(key);
    if (part === null || part.val.kind === 'none') return null;
    if (part.val.kind !== 'fn') {
      this.fail('LAC0306', part.node, `${key} is a function of the sizes`, {
        help: [`write ${key}: ({ N, C }) => ...`],
      });
      return null;
    }
    const fn = part.val;
    if (!this.#returns(key, fn)) return null;
    const before = this.#call.ev.findings.list.length;
    const val = callDeclared(this.#call.ev, fn, { val: sizes, node: part.node });
    if (val.kind === 'poison' || this.#call.ev.findings.list.length > before) this.ok = false;
    return val.kind === 'poison' ? null : { val, node: fn.node.body ?? part.node };
  }

  /** `({ N }) => { n: N }` is a block with a label in it, not an object; a block without `return` gives nothing. */
  #returns(key: string, fn: FnVal): boolean {
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
    this.fail('LAC0306', body, `${key} returns nothing: braces after => begin a block`, { help: [help] });
    return false;
  }

  expression(key: string, sizes: ObjVal): Expr | null {
    const result = this.valueAt(key, sizes);
    return result === null ? null : this.expr(key, result);
  }

  expressions(key: string, sizes: ObjVal): Expr[] | null {
    const result = this.valueAt(key, sizes);
    if (result === null) return null;
    if (result.val.kind === 'arr')
      // An expression is a list itself: flatMap would take it apart.
      return result.val.items.map((val) => this.expr(key, { val, node: result.node })).filter((e) => e !== null);
    this.fail('LAC0306', result.node, `${key} gives a list of sizes, not ${describe(result.val)}`, {
      help: ['write ({ N }) => [N]'],
    });
    return null;
  }

  expr(what: string, o: Operand): Expr | null {
    if (o.val.kind === 'sym') return o.val.expr;
    if (o.val.kind === 'num') return o.val.value;
    if (o.val.kind === 'bool') return o.val.value ? 1 : 0;
    if (o.val.kind === 'poison') this.ok = false;
    else this.fail('LAC0306', o.node, `${what} must be arithmetic on sizes and knobs, not ${describe(o.val)}`);
    return null;
  }
}

const OPTION_KINDS: readonly Val['kind'][] = ['bool', 'num', 'fn', 'builtin'];

/** Different whole numbers >= 1; none where the value is no such list. */
function knobValues(val: Val): number[] {
  const values = val.kind === 'arr' ? val.items.map((v) => (v.kind === 'num' ? v.value : Number.NaN)) : [];
  const fit = values.every((v) => Number.isInteger(v) && v >= 1 && v <= 1 << 22);
  return fit && new Set(values).size === values.length ? values : [];
}

/** A statement that cannot end a function with a value. */
const isBare = (s: TS.Statement): boolean => ts.isLabeledStatement(s) || ts.isExpressionStatement(s);

/** Dimensions and knobs of a declaration, as its functions see them. */
export function sizesOf(what: string, names: readonly string[]): ObjVal {
  return {
    kind: 'obj',
    what: `the dimensions and knobs of this ${what}`,
    props: new Map(names.map((n) => [n, sym(n)])),
  };
}
