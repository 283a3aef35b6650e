import type { Layout } from '../layout/layout.js';
import { layoutText } from '../layout/text.js';
import type { AttrKind, AttrValue } from '../ops/schema.js';
import { opRow } from '../ops/table.js';
import { isKeyword } from './keywords.js';
import type { Block, Kernel, Loc, Module, Op, Param, Value } from './module.js';
import { typeText } from './types.js';

export interface PrintOptions {
  /** Print source locations, `loc("file":start:end callee, ...)`; default false. */
  readonly locs?: boolean;
}

/** A number that `parse` reads back bit for bit: -0, inf, -inf and nan included. */
function numberText(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  return Object.is(x, -0) ? '-0' : String(x);
}

const quote = (s: string): string => JSON.stringify(s);

/** A name as a bare word where the grammar allows it, else in quotes. */
export const nameText = (s: string): string => (/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(s) && !isKeyword(s) ? s : quote(s));

/** Names of values in text: the hint, numbered where it is taken; a running number where there is none. */
export class ValueNames {
  readonly #names = new Map<Value, string>();
  readonly #taken = new Set<string>();
  readonly #suffix = new Map<string, number>();
  #next = 0;

  of(value: Value, hint = value.hint): string {
    let name = this.#names.get(value);
    if (name === undefined) {
      name = hint === undefined ? String(this.#next++) : this.#unique(wordOf(hint));
      this.#names.set(value, name);
    }
    return `%${name}`;
  }

  /** All values that were named, in the order in which they were. */
  entries(): (readonly [name: string, value: Value])[] {
    return [...this.#names].map(([value, name]) => [name, value]);
  }

  #unique(base: string): string {
    let name = base;
    for (let n = this.#suffix.get(base) ?? 1; this.#taken.has(name); n++) {
      name = `${base}_${n}`;
      this.#suffix.set(base, n + 1);
    }
    this.#taken.add(name);
    return name;
  }
}

/** A hint as a word; never all digits, so that it cannot meet a running number. */
function wordOf(hint: string): string {
  const word = hint.replaceAll(/[^A-Za-z0-9_$]/g, '_').slice(0, 64);
  return /^[0-9]*$/.test(word) ? `v${word}` : word;
}

function attrText(value: AttrValue, kind: AttrKind | undefined): string {
  if (Array.isArray(value)) return `[${value.map((v: number | boolean) => attrText(v, undefined)).join(', ')}]`;
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  return kind?.startsWith('dtype') ? String(value) : quote(String(value));
}

/** ` {a = 1, b = "x"}`, in the order of the op table; empty where the op has no attribute set. */
export function attrsText(op: Op): string {
  const kinds = opRow(op.name).attrs;
  const attrs = op.attrs as Readonly<Record<string, AttrValue | undefined>>;
  const order = [...Object.keys(kinds), ...Object.keys(attrs).filter((k) => !Object.hasOwn(kinds, k))];
  const parts = order.flatMap((k) => {
    const value = attrs[k];
    return value === undefined ? [] : [`${nameText(k)} = ${attrText(value, kinds[k])}`];
  });
  return parts.length === 0 ? '' : ` {${parts.join(', ')}}`;
}

/** Type and layout. A layout that fits no tile has no notation; the verifier tells what is wrong with it. */
export const typedText = (v: Value): string =>
  typeText(v.type) + (v.layout === undefined ? '' : ` @ ${fitText(v.layout)}`);
const fitText = (l: Layout): string =>
  l.shape.length <= 3 && l.shape.every((e) => isPowerOfTwo(e)) ? layoutText(l) : '?';
const isPowerOfTwo = (e: number): boolean => Number.isInteger(Math.log2(e));

/** The op without its regions and location: one line. */
export function opLine(op: Op, names: ValueNames): string {
  const results = op.results.map((v) => names.of(v)).join(', ');
  const operands = op.operands.map((v) => names.of(v)).join(', ');
  const types = op.results.map(typedText).join(', ');
  const head = `${results === '' ? '' : `${results} = `}${op.name}${operands === '' ? '' : ` ${operands}`}`;
  return `${head}${attrsText(op)}${types === '' ? '' : ` : ${types}`}`;
}

function locText(loc: Loc): string {
  const chain: string[] = [];
  for (let at: Loc | undefined = loc; at !== undefined; at = at.caller) {
    const callee = at.callee === undefined ? '' : ` ${nameText(at.callee)}`;
    chain.push(`${quote(at.span.file)}:${at.span.start}:${at.span.end}${callee}`);
  }
  return `loc(${chain.join(', ')})`;
}

class Printer {
  readonly lines: string[] = [];
  readonly names = new ValueNames();
  readonly #locs: boolean;

  constructor(options: PrintOptions) {
    this.#locs = options.locs ?? false;
  }

  kernel(k: Kernel): void {
    const params = k.params.map((p) => this.#param(p)).join(', ');
    const sizes = (word: string, r: Readonly<Record<string, number>>): string => {
      const parts = Object.entries(r).map(([name, x]) => `${nameText(name)} = ${numberText(x)}`);
      return parts.length === 0 ? '' : ` ${word} {${parts.join(', ')}}`;
    };
    const axes = ` axes [${k.axes.map(nameText).join(', ')}]`;
    const header = `${axes}${sizes('comptime', k.comptime)}${sizes('config', k.config)}`;
    this.lines.push(`kernel ${nameText(k.name)}(${params})${header} {`);
    for (const op of k.body.ops) this.#op(op, '  ');
    this.lines.push('}');
  }

  #param(p: Param): string {
    const name = this.names.of(p.value, p.name);
    const as = name === `%${p.name}` ? '' : ` as ${quote(p.name)}`;
    const dims = p.kind === 'view' ? ` [${p.dims.map(nameText).join(', ')}]` : '';
    return `${name}${as}: ${typedText(p.value)}${dims}`;
  }

  #op(op: Op, indent: string): void {
    const loc = this.#locs && op.loc !== null ? ` ${locText(op.loc)}` : '';
    let line = `${indent}${opLine(op, this.names)}`;
    for (const region of op.regions) {
      this.lines.push(`${line}${this.#regionHead(region)}`);
      for (const inner of region.ops) this.#op(inner, `${indent}  `);
      line = `${indent}}`;
    }
    this.lines.push(line + loc);
  }

  #regionHead(region: Block): string {
    const args = region.args.map((v) => `${this.names.of(v)}: ${typedText(v)}`).join(', ');
    return args === '' ? ' {' : ` (${args}) {`;
  }
}

/** Textual IR. Deterministic: the same structure and hints give the same text, whatever the ids of the values. */
export const printModule = (m: Module, options: PrintOptions = {}): string =>
  m.kernels.map((k) => printKernel(k, options)).join('\n');

export function printKernel(k: Kernel, options: PrintOptions = {}): string {
  const printer = new Printer(options);
  printer.kernel(k);
  return `${printer.lines.join('\n')}\n`;
}

/** Values by the names that `printKernel` gives them, without `%`, in the order of the text. */
export function namedValues(k: Kernel): ReadonlyMap<string, Value> {
  const printer = new Printer({});
  printer.kernel(k);
  return new Map(printer.names.entries());
}
