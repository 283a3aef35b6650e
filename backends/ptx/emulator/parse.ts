import type { IToken } from 'chevrotain';
import type { Code } from '../../../compiler/diag/codes.js';
import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import * as g from './grammar.js';
import {
  type AddressBase,
  type Instruction,
  type Operand,
  PTX_LIMITS,
  type PtxEntry,
  type PtxProgram,
  RESERVED_SHARED_BYTES,
  type RegisterClass,
  type SourcePlace,
} from './program.js';

/**
 * Reads a PTX module and resolves its names. Throws LacError LAC0420 with the line for text that is not PTX, LAC0421 for
 * directives and types that the emulator does not know. Opcodes are looked at when an entry is decoded.
 */
export function parsePtx(text: string): PtxProgram {
  if (text.length > PTX_LIMITS.textLength) refuse('LAC0420', `${text.length} characters are too many`, 1);
  const { tokens, errors } = g.lexer.tokenize(text);
  const bad = errors[0];
  if (bad !== undefined) refuse('LAC0420', `unexpected character ${JSON.stringify(text[bad.offset])}`, bad.line ?? 1);
  limitDepth(tokens);
  const result = g.parseTokens(tokens);
  if ('fault' in result) return refuse('LAC0420', result.fault.message, result.fault.line);
  const { module } = result;
  const entries = module.entries.map((e) => new EntryReader(module, e).entry());
  return { version: module.version, target: module.target, entries };
}

function refuse(code: Code, message: string, line: number): never {
  throw new LacError(diagnostic(code, `PTX line ${line}: ${message}`));
}

function limitDepth(tokens: readonly IToken[]): void {
  let depth = 0;
  for (const t of tokens) {
    if (g.opensBlock(t)) depth++;
    else if (g.closesBlock(t)) depth--;
    if (depth > PTX_LIMITS.depth) refuse('LAC0420', 'braces are nested too deeply', lineOf(t));
  }
}

const lineOf = (t: IToken): number => t.startLine ?? 1;

const WIDTHS: Readonly<Record<string, number>> = {
  '.pred': 0,
  '.b8': 1,
  '.u8': 1,
  '.s8': 1,
  '.b16': 2,
  '.u16': 2,
  '.s16': 2,
  '.f16': 2,
  '.bf16': 2,
  '.b32': 4,
  '.u32': 4,
  '.s32': 4,
  '.f32': 4,
  '.f16x2': 4,
  '.bf16x2': 4,
  '.b64': 8,
  '.u64': 8,
  '.s64': 8,
  '.f64': 8,
};

function widthOf(type: IToken): number {
  return WIDTHS[type.image] ?? refuse('LAC0421', `type ${type.image} is not known to the emulator`, lineOf(type));
}

const classOf = (width: number): RegisterClass =>
  width === 0 ? 'pred' : width <= 2 ? 'b16' : width === 4 ? 'b32' : 'b64';

const alignUp = (n: number, align: number): number => Math.ceil(n / align) * align;

/** Registers declared as a family, `%r<8>`, or alone (`count` null). */
interface Declared {
  readonly cls: RegisterClass;
  readonly first: number;
  readonly count: number | null;
}

class EntryReader {
  readonly #syntax: g.EntrySyntax;
  readonly #files: ReadonlyMap<number, string>;
  readonly #scopes: Map<string, Declared>[] = [new Map()];
  readonly #classes: RegisterClass[] = [];
  readonly #params = new Map<string, number>();
  readonly #shared = new Map<string, number>();
  readonly #labels = new Map<string, number>();
  readonly #code: Instruction[] = [];
  /** Instructions are resolved when all labels are known: pairs of place and the rest. */
  readonly #pending: (() => void)[] = [];
  #place: SourcePlace | null = null;
  #staticEnd = RESERVED_SHARED_BYTES;
  #dynamicBase = 0;
  #instructions = 0;

  constructor(module: g.ModuleSyntax, syntax: g.EntrySyntax) {
    this.#syntax = syntax;
    this.#files = module.files;
    for (const v of [...module.shared, ...sharedIn(syntax.body)]) this.#placeShared(v);
    this.#placeDynamic([...module.shared, ...sharedIn(syntax.body)]);
  }

  entry(): PtxEntry {
    const paramBytes = this.#placeParams();
    this.#block(this.#syntax.body);
    for (const resolve of this.#pending) resolve();
    return {
      name: this.#syntax.name.image,
      paramBytes,
      params: this.#params,
      block: this.#syntax.block,
      registers: this.#classes.length,
      classes: this.#classes,
      code: this.#code,
      staticSharedEnd: this.#staticEnd,
      dynamicSharedBase: this.#dynamicBase,
    };
  }

  #placeParams(): number {
    let end = 0;
    for (const p of this.#syntax.params) {
      const width = widthOf(p.type);
      const begin = alignUp(end, Math.max(p.align, width));
      this.#params.set(p.name.image, begin);
      end = begin + width * (p.count ?? 1);
    }
    return end;
  }

  #placeShared(v: g.VariableSyntax): void {
    if (v.count === 0) return;
    const width = widthOf(v.type);
    const begin = alignUp(this.#staticEnd, Math.max(v.align, width));
    this.#shared.set(v.name.image, begin);
    this.#staticEnd = begin + width * (v.count ?? 1);
  }

  /** All arrays without a size are the same memory, behind the variables that have one. */
  #placeDynamic(variables: readonly g.VariableSyntax[]): void {
    const dynamic = variables.filter((v) => v.count === 0);
    const align = Math.max(16, ...dynamic.map((v) => v.align));
    this.#dynamicBase = alignUp(this.#staticEnd, align);
    for (const v of dynamic) this.#shared.set(v.name.image, this.#dynamicBase);
  }

  #block(body: readonly g.StatementSyntax[]): void {
    for (const s of body) this.#statement(s);
  }

  #statement(s: g.StatementSyntax): void {
    switch (s.kind) {
      case 'registers':
        for (const r of s.names) this.#declare(s.type, r);
        return;
      case 'loc':
        this.#place = { file: this.#files.get(s.file) ?? `file ${s.file}`, line: s.line, column: s.column };
        return;
      case 'label':
        if (this.#labels.has(s.name.image)) refuse('LAC0420', `label ${s.name.image} is there twice`, lineOf(s.name));
        this.#labels.set(s.name.image, this.#instructions);
        return;
      case 'block':
        this.#scopes.push(new Map());
        this.#block(s.body);
        this.#scopes.pop();
        return;
      case 'instruction':
        this.#instruction(s);
        return;
      case 'shared':
        return;
    }
  }

  #declare(type: IToken, r: g.RegisterSyntax): void {
    const cls = classOf(widthOf(type));
    const first = this.#classes.length;
    const count = r.count ?? 1;
    if (first + count > PTX_LIMITS.registers) refuse('LAC0420', 'too many registers', lineOf(r.name));
    for (let i = 0; i < count; i++) this.#classes.push(cls);
    this.#scopes.at(-1)?.set(r.name.image, { cls, first, count: r.count });
  }

  #instruction(s: Extract<g.StatementSyntax, { kind: 'instruction' }>): void {
    const place = this.#place;
    const scopes = this.#scopes.slice();
    this.#instructions++;
    this.#pending.push(() => {
      const names = new Names(scopes, this.#shared, this.#params, this.#labels);
      const operands = s.operands.map((o) => names.operand(o));
      const predicate = s.predicate === null ? null : names.predicate(s.predicate.token, s.predicate.negated);
      this.#code.push({ opcode: s.opcode.image, predicate, operands, line: lineOf(s.opcode), place });
    });
  }
}

const sharedIn = (body: readonly g.StatementSyntax[]): g.VariableSyntax[] =>
  body.flatMap((s) => (s.kind === 'shared' ? [s.variable] : s.kind === 'block' ? sharedIn(s.body) : []));

/** What names mean at one instruction. */
class Names {
  readonly #scopes: readonly ReadonlyMap<string, Declared>[];
  readonly #shared: ReadonlyMap<string, number>;
  readonly #params: ReadonlyMap<string, number>;
  readonly #labels: ReadonlyMap<string, number>;

  constructor(
    scopes: readonly ReadonlyMap<string, Declared>[],
    shared: ReadonlyMap<string, number>,
    params: ReadonlyMap<string, number>,
    labels: ReadonlyMap<string, number>,
  ) {
    this.#scopes = scopes;
    this.#shared = shared;
    this.#params = params;
    this.#labels = labels;
  }

  predicate(token: IToken, negated: boolean): { id: number; negated: boolean } {
    const r = this.#register(token.image);
    if (r === null || r.cls !== 'pred') return refuse('LAC0420', `${token.image} is no predicate`, lineOf(token));
    return { id: r.id, negated };
  }

  operand(o: g.OperandSyntax): Operand {
    switch (o.kind) {
      case 'name':
        return this.#name(o.token);
      case 'not': {
        const r = this.#register(o.token.image);
        if (r === null) return refuse('LAC0420', `${o.token.image} is not declared`, lineOf(o.token));
        return { kind: 'not', cls: r.cls, id: r.id };
      }
      case 'number':
        return numberOf(o.token.image, o.negative);
      case 'vector':
        return { kind: 'vector', items: o.items.map((i) => this.operand(i)) };
      case 'pair':
        return { kind: 'pair', first: this.#name(o.first), second: this.#name(o.second) };
      case 'address':
        return { kind: 'address', base: this.#base(o.base), offset: o.offset };
    }
  }

  #name(t: IToken): Operand {
    if (t.image === '_') return { kind: 'sink' };
    const register = this.#register(t.image);
    if (register !== null) return register;
    if (t.image.startsWith('%')) return { kind: 'special', name: t.image };
    const address = this.#shared.get(t.image);
    if (address !== undefined) return { kind: 'shared', address };
    const target = this.#labels.get(t.image);
    if (target !== undefined) return { kind: 'label', target };
    return refuse('LAC0420', `${t.image} is not declared`, lineOf(t));
  }

  #base(t: IToken): AddressBase {
    const register = this.#register(t.image);
    if (register !== null) return register;
    const address = this.#shared.get(t.image);
    if (address !== undefined) return { kind: 'shared', address };
    const offset = this.#params.get(t.image);
    if (offset !== undefined) return { kind: 'param', offset };
    return refuse('LAC0420', `${t.image} is not declared`, lineOf(t));
  }

  #register(image: string): { kind: 'register'; cls: RegisterClass; id: number } | null {
    const digits = /\d+$/.exec(image)?.[0] ?? '';
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const scope = this.#scopes[i];
      const alone = scope?.get(image);
      if (alone !== undefined && alone.count === null) return { kind: 'register', cls: alone.cls, id: alone.first };
      // A family's stem may itself end in digits: try every split.
      for (let n = 1; n <= digits.length; n++) {
        const family = scope?.get(image.slice(0, image.length - n));
        const index = Number(image.slice(image.length - n));
        if (family !== undefined && family.count !== null && index < family.count)
          return { kind: 'register', cls: family.cls, id: family.first + index };
      }
    }
    return null;
  }
}

function numberOf(image: string, negative: boolean): Operand {
  if (/^0[fFdD]/.test(image)) return hexFloat(image, negative);
  if (image.includes('.')) return floatOf(negative ? -Number(image) : Number(image));
  const value = BigInt(image.replace(/U$/, ''));
  return { kind: 'int', value: negative ? -value : value };
}

function floatOf(value: number): Operand {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0] as number;
  return { kind: 'float', value, bits };
}

function hexFloat(image: string, negative: boolean): Operand {
  const view = new DataView(new ArrayBuffer(8));
  const single = image[1] === 'f' || image[1] === 'F';
  if (!single) {
    view.setBigUint64(0, BigInt(`0x${image.slice(2)}`));
    return floatOf(negative ? -view.getFloat64(0) : view.getFloat64(0));
  }
  const bits = (Number.parseInt(image.slice(2), 16) ^ (negative ? 0x80000000 : 0)) >>> 0;
  view.setUint32(0, bits);
  return { kind: 'float', value: view.getFloat32(0), bits };
}
