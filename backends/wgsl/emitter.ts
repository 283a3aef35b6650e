import { type Multiples, multiplesIn } from '../../compiler/analysis/multiple.js';
import type { ArgFacts, BindingSpec, ParamSlot } from '../../compiler/artifact.js';
import { Bug, diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel, Op, Value } from '../../compiler/ir/module.js';
import { type DType, is16Bit, type TileType } from '../../compiler/ir/types.js';
import { bitRuns, indexParts } from '../../compiler/layout/axes.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import type { Staged } from './memory.js';
import { Order } from './order.js';
import { component, laneType, type RegTile, vectorType, widthOf } from './registers.js';
import { type Buffer, type Statement, text } from './statement.js';
import { MAX_TILE_REGISTERS, type WgslLimits } from './target.js';
import { nonUniformValues } from './uniformity.js';
import type { ViewState } from './views.js';

export interface WgslContext {
  readonly limits: WgslLimits;
  /** What may be assumed of each tensor argument; nothing, where one is missing. */
  readonly facts: Readonly<Record<string, ArgFacts>>;
  /** Operands of dots may go through workgroup memory in slabs where they do not fit: slow, and the last resort. */
  readonly slabs?: boolean;
}

/** Names of types that a prefix and a number could spell. */
const PREDECLARED = new Set(['i32', 'u32', 'f32', 'f16', 'i8', 'u8', 'i16', 'u16', 'i64', 'u64', 'f64']);

/** State of one emission: names, bindings, parameters, and the statements written so far. */
export class Emitter {
  readonly kernel: Kernel;
  readonly ctx: WgslContext;
  readonly threads: number;
  /** Tiles of 16-bit dtypes lie packed in workgroup memory: half the bytes, for some arithmetic. */
  readonly packed: boolean;
  /** Operands of dots of a longer sum go through workgroup memory in slabs of so many terms. */
  readonly slab: number;
  readonly tiles = new Map<Value, RegTile>();
  /** Names or literals; those of a 16-bit dtype are rounded to it. */
  readonly scalars = new Map<Value, string>();
  readonly views = new Map<Value, ViewState>();
  readonly staged = new Map<Value, Staged>();
  readonly needsStage = new Set<Value>();
  /** Values of `needsStage` that are written where they are first read, not where they are made. */
  readonly stagesLate = new Set<Value>();
  /** Which accesses of arguments keep their order. */
  readonly order: Order;
  /** Scalars that WGSL's uniformity analysis does not know to be uniform. */
  readonly nonUniform: ReadonlySet<Value>;
  /** Divisors of scalars, for the alignment of accesses. */
  readonly multiple: Multiples;
  readonly library = new Set<string>();
  /** Text of functions by name: on this program's bindings, and of the kernel's own. */
  readonly helpers = new Map<string, string>();
  readonly params: ParamSlot[] = [];
  readonly paramNames = new Map<string, string>();
  readonly bindings: BindingSpec[] = [];
  readonly buffers: Buffer[] = [];
  /** Lines at the top of main: functions of the parameters and of the invocation index. */
  readonly prologue: string[] = [];
  private readonly prologueNames = new Map<string, string>();
  statements: Statement[] = [];
  /** Loops around what is being emitted. */
  depth = 0;
  private counter = 0;

  constructor(kernel: Kernel, ctx: WgslContext, threads: number, staging: { packed: boolean; slab: number }) {
    this.packed = staging.packed;
    this.slab = staging.slab;
    this.kernel = kernel;
    this.ctx = ctx;
    this.threads = threads;
    this.nonUniform = nonUniformValues(kernel);
    this.multiple = multiplesIn(kernel);
    this.order = new Order(kernel, () => this.buffer('storage', 1));
  }

  name(prefix = 'v'): string {
    const name = `${prefix}${this.counter++}`;
    return PREDECLARED.has(name) ? this.name(prefix) : name;
  }

  line(s: string, reads: readonly Buffer[] = [], writes: readonly Buffer[] = []): void {
    this.statements.push(text(s, reads, writes));
  }

  /** A named copy of an expression, so that it is evaluated once. */
  let(expr: string, prefix = 'v', reads: readonly Buffer[] = []): string {
    if (/^\w+$/.test(expr)) return expr;
    const name = this.name(prefix);
    this.line(`let ${name} = ${expr};`, reads);
    return name;
  }

  /** A function of this program by its name, written where it is first called for. */
  helper(name: string, write: (name: string) => string): string {
    if (!this.helpers.has(name)) this.helpers.set(name, write(name));
    return name;
  }

  /** A name for an expression in parameters and the invocation index, computed once at the top of main. */
  hoisted(expr: string, prefix = 'p'): string {
    if (/^\w+$/.test(expr)) return expr;
    const known = this.prologueNames.get(expr);
    if (known !== undefined) return known;
    const name = this.name(prefix);
    this.prologue.push(`let ${name} = ${expr};`);
    this.prologueNames.set(expr, name);
    return name;
  }

  /** The word of the parameter block that holds `slot`, as i32, or as the scalar's own type. */
  param(slot: ParamSlot): string {
    const key = JSON.stringify(slot);
    const known = this.paramNames.get(key);
    if (known !== undefined) return known;
    const i = this.params.length;
    this.params.push(slot);
    const lane = 'scalar' in slot ? laneType(slot.dtype) : 'i32';
    const word = `params[${Math.floor(i / 4)}].${'xyzw'[i % 4]}`;
    const expr = lane === 'bool' ? `${word} != 0u` : lane === 'u32' ? word : `bitcast<${lane}>(${word})`;
    const name = this.hoisted(expr, 'a');
    this.paramNames.set(key, name);
    return name;
  }

  programId(axis: string): string {
    return `pid${this.kernel.axes.indexOf(axis)}`;
  }

  use(name: string): string {
    if (name === 'lac_f16_pack') this.library.add('lac_f16_bits');
    this.library.add(name);
    return name;
  }

  buffer(memory: Buffer['memory'], size: number): Buffer {
    const b: Buffer = { id: this.buffers.length, memory, size };
    this.buffers.push(b);
    return b;
  }

  scalar(v: Value): string {
    const s = this.scalars.get(v);
    if (s === undefined) throw new Bug(`scalar %${v.hint ?? v.id} is not emitted`);
    return s;
  }

  tile(v: Value): RegTile {
    const t = this.tiles.get(v);
    if (t === undefined) throw new Bug(`tile %${v.hint ?? v.id} is not in registers`);
    return t;
  }

  view(v: Value): ViewState {
    const s = this.views.get(v);
    if (s === undefined) throw new Bug(`view %${v.hint ?? v.id} is not emitted`);
    return s;
  }

  /** Binds one expression a register group and records the tile. */
  define(v: Value, exprs: readonly string[], rounded: boolean): RegTile {
    const { dtype } = tileOf(v);
    const groups = exprs.map((x) => this.let(x));
    const tile: RegTile = { dtype, registers: registerCount(layoutOf(v)), groups, rounded };
    this.tiles.set(v, tile);
    return tile;
  }

  /** Values of a 16-bit dtype, rounded to it. What is exact already comes back unchanged. */
  rounded(t: RegTile): RegTile {
    if (t.rounded || !is16Bit(t.dtype)) return t;
    const f = this.use(`lac_round_${t.dtype}_${widthOf(t.registers)}`);
    return { ...t, groups: t.groups.map((g) => this.let(`${f}(${g})`)), rounded: true };
  }

  roundedScalar(text: string, d: DType): string {
    return is16Bit(d) ? this.let(`${this.use(`lac_round_${d}_1`)}(${text})`) : text;
  }
}

export function layoutOf(v: Value): Layout {
  if (v.layout === undefined) throw new Bug(`%${v.hint ?? v.id} has no layout`);
  return v.layout;
}

export function tileOf(v: Value): TileType {
  if (v.type.kind !== 'tile') throw new Bug('a view where a tile is expected');
  return v.type;
}

export const rankOf = (v: Value): number => (v.type.kind === 'tile' ? v.type.shape.length : -1);

/** Refuses tiles that would spill, before any text is made for them. */
export function checkRegisters(op: Op): void {
  for (const v of op.results) {
    if (v.layout === undefined || registerCount(v.layout) <= MAX_TILE_REGISTERS) continue;
    const shape = tileOf(v).shape.join(', ');
    throw new LacError(
      diagnostic(
        'LAC0503',
        `tile [${shape}] takes ${registerCount(v.layout)} registers an invocation, the limit is ${MAX_TILE_REGISTERS}`,
        op.loc?.span ?? null,
        {
          help: ['use a smaller block, or more warps'],
        },
      ),
    );
  }
}

/** Position along `axis` contributed by the invocation index, as an i32 expression, and by each register. */
export interface AxisIndex {
  readonly invocation: string;
  readonly register: readonly number[];
  readonly disjoint: boolean;
}

export function axisIndexOf(e: Emitter, l: Layout, axis: number): AxisIndex {
  const parts = indexParts(l, axis);
  const { runs } = bitRuns(parts.invocationBases);
  const terms = runs.map((r) => {
    const low = r.from === 0 ? 'inv' : `(inv >> ${r.from}u)`;
    const whole = 2 ** (r.from + r.width) >= e.threads;
    const masked = whole ? low : `(${low} & ${2 ** r.width - 1}u)`;
    return r.to === 0 ? masked : `(${masked} << ${r.to}u)`;
  });
  const invocation = terms.length === 0 ? '0i' : e.hoisted(`i32(${terms.join(' ^ ')})`, 'i');
  return { invocation, register: parts.register, disjoint: parts.disjoint };
}

/** Sum of i32 terms without the zeros. */
export function sum(...terms: readonly (string | number)[]): string {
  const constant = terms.reduce<number>((n, t) => (typeof t === 'number' ? n + t : n), 0);
  const rest = terms.filter((t): t is string => typeof t === 'string' && t !== '0i' && t !== '0');
  if (rest.length === 0) return `${constant}i`;
  const joined = rest.length === 1 ? `${rest[0]}` : `(${rest.join(' + ')})`;
  return constant === 0 ? joined : `(${joined} + ${constant}i)`;
}

export function product(a: string, b: string | number): string {
  if (b === 1 || b === '1i') return a;
  if (a === '1i') return `${b}`;
  if (b === 0 || a === '0i' || b === '0i') return '0i';
  return `(${a} * ${typeof b === 'number' ? `${b}i` : b})`;
}

/** Position of register r along an axis, from a name that already holds origin + invocation part. */
export const position = (base: string, a: AxisIndex, r: number): string =>
  a.disjoint ? sum(base, a.register[r] ?? 0) : `(${base} ^ ${a.register[r] ?? 0}i)`;

export { component, vectorType };
