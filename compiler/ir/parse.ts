import type { IToken } from 'chevrotain';
import type { Code } from '../diag/codes.js';
import { type Diagnostic, diagnostic, type Span } from '../diag/diagnostic.js';
import type { InDim, Layout } from '../layout/layout.js';
import { inDimOf, parseBasis } from '../layout/text.js';
import type { AttrKind, AttrValue } from '../ops/schema.js';
import { type AttrsOf, isOpName, OP_NAMES, type OpName, opRow } from '../ops/table.js';
import * as g from './grammar.js';
import { LIMITS } from './limits.js';
import {
  type Block,
  type Kernel,
  type Loc,
  type Module,
  newBlock,
  newOp,
  type Op,
  type Param,
  type Value,
} from './module.js';
import { parseType } from './type-text.js';
import { DTYPES, type DType, type Type } from './types.js';
import { verifyModule } from './verify.js';

export interface ParseResult {
  /** Null where there is an error. */
  readonly module: Module | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Thrown inside this file only: the first fault ends the reading. */
class Refusal extends Error {
  readonly diagnostic: Diagnostic;
  constructor(d: Diagnostic) {
    super(d.message);
    this.diagnostic = d;
  }
}

/**
 * Reads textual IR and verifies it. `file` names the text in spans. Text from anywhere is safe: sizes and nesting are
 * limited (limits.ts) before anything recurses over them.
 */
export function parseModule(text: string, file = 'ir.lac'): ParseResult {
  try {
    const reader = new Reader(file);
    const module = reader.module(readSyntax(text, file));
    const diagnostics = verifyModule(module, { spanOf: (op) => reader.spans.get(op) ?? null });
    return { module: diagnostics.some((d) => d.severity === 'error') ? null : module, diagnostics };
  } catch (error) {
    if (error instanceof Refusal) return { module: null, diagnostics: [error.diagnostic] };
    throw error;
  }
}

const refuse = (code: Code, message: string, span: Span | null): never => {
  throw new Refusal(diagnostic(code, message, span));
};

function readSyntax(text: string, file: string): g.KernelSyntax[] {
  if (text.length > LIMITS.textLength)
    refuse('LAC0402', `the text has ${text.length} characters; ${LIMITS.textLength} are read at most`, null);
  const { tokens, errors } = g.lexer.tokenize(text);
  const bad = errors[0];
  if (bad !== undefined) {
    const span = { file, start: bad.offset, end: bad.offset + Math.max(1, bad.length) };
    refuse('LAC0401', `no token of textual IR begins with ${JSON.stringify(text[bad.offset] ?? '')}`, span);
  }
  limitNesting(tokens, file);
  const parsed = g.parseTokens(tokens);
  if ('kernels' in parsed) return parsed.kernels;
  const { message, start, end } = parsed.fault;
  return refuse('LAC0401', message, { file, start, end: Math.min(end, text.length) });
}

function limitNesting(tokens: readonly IToken[], file: string): void {
  let depth = 0;
  for (const t of tokens) {
    if (g.opensScope(t)) depth++;
    else if (g.closesScope(t)) depth--;
    if (depth > LIMITS.depth)
      refuse('LAC0402', `braces are nested more than ${LIMITS.depth} deep`, {
        file,
        start: t.startOffset,
        end: t.startOffset + 1,
      });
  }
}

/** Values by name, and the names that the regions around the current one have added, innermost last. */
class Scope {
  readonly #values = new Map<string, Value>();
  readonly #frames: string[][] = [[]];

  get(name: string): Value | undefined {
    return this.#values.get(name);
  }
  define(name: string, value: Value): boolean {
    if (this.#values.has(name)) return false;
    this.#values.set(name, value);
    this.#frames.at(-1)?.push(name);
    return true;
  }
  push(): void {
    this.#frames.push([]);
  }
  pop(): void {
    for (const name of this.#frames.pop() ?? []) this.#values.delete(name);
  }
}

class Reader {
  /** Where each op stands in the text. */
  readonly spans = new Map<Op, Span>();
  readonly #file: string;
  #scope = new Scope();

  constructor(file: string) {
    this.#file = file;
  }

  module(kernels: readonly g.KernelSyntax[]): Module {
    return { kernels: kernels.map((k) => this.#kernel(k)) };
  }

  #span(t: IToken): Span {
    return { file: this.#file, start: t.startOffset, end: t.startOffset + t.image.length };
  }
  #refuse(code: Code, message: string, at: IToken): never {
    return refuse(code, message, this.#span(at));
  }

  #text(t: IToken): string {
    try {
      return JSON.parse(t.image) as string;
    } catch {
      return this.#refuse('LAC0401', `${t.image.slice(0, 40)} has an escape that JSON does not know`, t);
    }
  }
  #name(t: IToken): string {
    return g.isText(t) ? this.#text(t) : t.image;
  }
  #number(t: IToken): number {
    if (g.isNumber(t)) return t.image === '-inf' ? -Infinity : Number(t.image);
    if (t.image === 'inf') return Infinity;
    if (t.image === 'nan') return NaN;
    return this.#refuse('LAC0407', `a number is expected, not ${t.image.slice(0, 40)}`, t);
  }
  #offset(t: IToken): number {
    const x = this.#number(t);
    return Number.isSafeInteger(x) && x >= 0 ? x : this.#refuse('LAC0407', 'offsets are whole and not negative', t);
  }

  #kernel(k: g.KernelSyntax): Kernel {
    this.#scope = new Scope();
    const types = k.params.map((p) => this.#type(p.type));
    const body = newBlock(types);
    const params = k.params.map((p, i) => this.#param(p, body.args[i]));
    this.#ops(k.ops, body);
    return {
      name: this.#name(k.name),
      params,
      axes: k.axes.map((t) => this.#name(t)),
      comptime: this.#sizes(k.comptime),
      config: this.#sizes(k.config),
      body,
    };
  }

  #param(p: g.ParamSyntax, value: Value | undefined): Param {
    if (value === undefined) return this.#refuse('LAC0401', 'a parameter has no type', p.name);
    this.#define(p.name, value, p.type);
    const name = p.as === null ? p.name.image.slice(1) : this.#text(p.as);
    if (value.type.kind === 'view') {
      if (p.dims === null) this.#refuse('LAC0409', `the axes of view ${name} need names: [...]`, p.name);
      return { kind: 'view', name, dims: p.dims.map((t) => this.#name(t)), value };
    }
    if (p.dims !== null) this.#refuse('LAC0409', `${name} is no view and has no named axes`, p.name);
    if (value.type.shape.length !== 0 || value.type.kind !== 'tile')
      this.#refuse('LAC0409', `parameter ${name} is a ${value.type.kind}: pass a view`, p.name);
    return { kind: 'scalar', name, dtype: value.type.dtype, value };
  }

  #sizes(entries: readonly g.EntrySyntax[]): Record<string, number> {
    const pairs = entries.map((e): [string, number] => {
      if ('items' in e.value) return this.#refuse('LAC0407', 'a number is expected, not a list', e.name);
      return [this.#name(e.name), this.#number(e.value)];
    });
    this.#distinct(entries);
    return Object.fromEntries(pairs);
  }

  #distinct(entries: readonly g.EntrySyntax[]): void {
    const seen = new Set<string>();
    for (const e of entries) {
      const name = this.#name(e.name);
      if (seen.has(name)) this.#refuse('LAC0407', `${name} is given twice`, e.name);
      seen.add(name);
    }
  }

  #define(token: IToken, value: Value, type: g.TypeSyntax | undefined): void {
    const name = token.image.slice(1);
    if (!this.#scope.define(name, value)) this.#refuse('LAC0404', `${token.image} is defined twice`, token);
    if (!/^[0-9]+$/.test(name)) value.hint = name;
    const layout = type === undefined ? null : this.#layout(type, value.type);
    if (layout !== null) value.layout = layout;
  }

  #type(t: g.TypeSyntax): Type {
    const type = parseType(t.token.image);
    return typeof type === 'string' ? this.#refuse('LAC0403', type, t.token) : type;
  }

  #layout(t: g.TypeSyntax, type: Type): Layout | null {
    if (t.layout === null) return null;
    if (type.kind !== 'tile') return this.#refuse('LAC0408', `a ${type.kind} has no layout`, t.token);
    const fits = type.shape.length <= LIMITS.tileRank && type.shape.every((e) => Number.isInteger(Math.log2(e)));
    if (!fits)
      return this.#refuse('LAC0408', `${t.token.image} has a layout, but extents that are no powers of two`, t.token);
    const ins: { [D in InDim]?: number[] } = {};
    for (const { dim, bases } of t.layout) {
      const name = inDimOf(dim.image);
      if (name === undefined || ins[name] !== undefined)
        return this.#refuse('LAC0408', `${dim.image} is unknown or named twice: reg, lane, warp, inv, off`, dim);
      ins[name] = bases.map((b) => {
        const basis = parseBasis(b.image, type.shape);
        return typeof basis === 'string' ? this.#refuse('LAC0408', basis, b) : basis;
      });
    }
    return { shape: type.shape, ins };
  }

  #ops(ops: readonly g.OpSyntax[], block: Block): void {
    for (const syntax of ops) block.ops.push(this.#op(syntax));
  }

  #op(s: g.OpSyntax): Op {
    const name = s.name.image;
    if (!isOpName(name)) return this.#refuse('LAC0403', `unknown op ${name}${suggest(name)}`, s.name);
    if (this.spans.size >= LIMITS.ops) this.#refuse('LAC0402', `more than ${LIMITS.ops} ops`, s.name);
    const arity = Math.max(s.operands.length, s.results.length, s.types.length, s.regions.length);
    if (arity > LIMITS.arity) this.#refuse('LAC0402', `more than ${LIMITS.arity} operands or results`, s.name);
    if (s.results.length !== s.types.length)
      this.#refuse('LAC0405', `${name} names ${s.results.length} results and ${s.types.length} types`, s.name);
    const operands = s.operands.map((t) => this.#use(t));
    const attrs = this.#attrs(name, s.attrs);
    const regions = s.regions.map((r) => this.#region(r));
    const op = newOp<OpName>(
      name,
      operands,
      attrs,
      s.types.map((t) => this.#type(t)),
      regions,
      this.#loc(s),
    );
    s.results.forEach((t, i) => {
      const value = op.results[i];
      if (value !== undefined) this.#define(t, value, s.types[i]);
    });
    this.spans.set(op, this.#span(s.name));
    return op;
  }

  #use(t: IToken): Value {
    return this.#scope.get(t.image.slice(1)) ?? this.#refuse('LAC0404', `${t.image} is not defined here`, t);
  }

  #region(r: g.RegionSyntax): Block {
    if (r.args.length > LIMITS.arity) refuse('LAC0402', `more than ${LIMITS.arity} region arguments`, null);
    const block = newBlock(r.args.map((a) => this.#type(a.type)));
    this.#scope.push();
    r.args.forEach((a, i) => {
      const value = block.args[i];
      if (value !== undefined) this.#define(a.name, value, a.type);
    });
    this.#ops(r.ops, block);
    this.#scope.pop();
    return block;
  }

  #attrs(name: OpName, entries: readonly g.EntrySyntax[]): AttrsOf<OpName> {
    const kinds = opRow(name).attrs;
    this.#distinct(entries);
    const pairs = entries.map((e): [string, AttrValue] => {
      const key = this.#name(e.name);
      const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
      if (kind === undefined) return this.#refuse('LAC0407', `${name} has no attribute ${key}`, e.name);
      return [key, this.#attr(kind, e)];
    });
    return Object.fromEntries(pairs) as AttrsOf<OpName>;
  }

  #attr(kind: AttrKind, e: g.EntrySyntax): AttrValue {
    const base = kind.replace('?', '');
    if ('items' in e.value) {
      if (base === 'ints') return e.value.items.map((t) => this.#number(t));
      if (base === 'bools') return e.value.items.map((t) => this.#bool(t));
      return this.#refuse('LAC0407', `${e.name.image} is ${base}, not a list`, e.name);
    }
    const t = e.value;
    if (base === 'num' || base === 'int') return this.#number(t);
    if (base === 'bool') return this.#bool(t);
    if (base === 'str' && g.isText(t)) return this.#text(t);
    if (base === 'dtype' && (DTYPES as readonly string[]).includes(t.image)) return t.image as DType;
    return this.#refuse('LAC0407', `${e.name.image} must be ${ATTR_WORDS[base] ?? base}`, t);
  }

  #bool(t: IToken): boolean {
    if (t.image === 'true' || t.image === 'false') return t.image === 'true';
    return this.#refuse('LAC0407', 'true or false is expected', t);
  }

  #loc(s: g.OpSyntax): Loc | null {
    if (s.loc === null) return null;
    if (s.loc.length > LIMITS.locChain)
      this.#refuse('LAC0402', `a location has more than ${LIMITS.locChain} calls`, s.name);
    let loc: Loc | null = null;
    for (const p of s.loc.toReversed()) {
      const span = { file: this.#text(p.file), start: this.#offset(p.start), end: this.#offset(p.end) };
      const callee: { callee?: string } = p.callee === null ? {} : { callee: this.#name(p.callee) };
      loc = { span, ...callee, ...(loc === null ? {} : { caller: loc }) };
    }
    return loc;
  }
}

const ATTR_WORDS: Readonly<Record<string, string>> = {
  ints: 'a list of integers',
  bools: 'a list of true and false',
  str: 'text in quotes',
  dtype: `one of ${DTYPES.join(', ')}`,
};

/** `; did you mean x?`, for another spelling of case, a beginning or an extension of the name. */
function suggest(name: string): string {
  const near = OP_NAMES.find((n) => n.toLowerCase() === name.toLowerCase() || n.startsWith(name) || name.startsWith(n));
  return near === undefined || name.length > 40 ? '' : `; did you mean ${near}?`;
}
