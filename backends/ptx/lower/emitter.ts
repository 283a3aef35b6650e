import { type Multiples, multiplesIn } from '../../../compiler/analysis/multiple.js';
import type { ArgFacts, BindingSpec, ParamSlot } from '../../../compiler/artifact.js';
import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Kernel, ScalarParam, Value } from '../../../compiler/ir/module.js';
import { type DType, is16Bit } from '../../../compiler/ir/types.js';
import { bitRuns } from '../../../compiler/layout/axes.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { PtxBuilder } from '../isa/builder.js';
import { supports } from '../isa/instructions.js';
import { at, imm, type Operand, type Reg } from '../isa/operand.js';
import type { PtxTarget } from '../target.js';
import { Deferred } from './deferred.js';
import { type Maker, makeTile, type Tile } from './tile.js';
import type { ViewState } from './views.js';

/** What a kernel is emitted for. */
export interface PtxContext {
  readonly target: PtxTarget;
  /** What may be assumed of each tensor argument; nothing, where one is missing. */
  readonly facts: Readonly<Record<string, ArgFacts>>;
}

/** Images of the bits of the lane number and of the warp number under a linear map. */
export interface ThreadBases {
  readonly lane: readonly number[];
  readonly warp: readonly number[];
}

const NOTHING: ArgFacts = { contiguous: false, align: 1 };
const LANE_BITS = 5;

/** A scope that is open: what to forget when it ends. */
interface Scope {
  readonly forget: (() => void)[];
  /** Each list with the place of the element that was made in this scope. */
  readonly lists: unknown[][];
  readonly places: number[];
}

/** State of one emission. */
export class Emitter {
  readonly b: PtxBuilder;
  readonly kernel: Kernel;
  readonly ctx: PtxContext;
  readonly threads: number;
  readonly warps: number;
  /** Bytes of shared memory that the passes have planned; scratch lies behind them. */
  readonly plannedBytes: number;
  readonly params: ParamSlot[] = [];
  readonly bindings: BindingSpec[] = [];
  /** Divisors of scalars, for the alignment of accesses. */
  readonly multiple: Multiples;
  /** What the text relies on, of the facts that it was given. */
  readonly relied = new Map<string, ArgFacts>();
  /** Copies of the innermost block that wait for a product to run beside. */
  readonly deferred = new Deferred();
  readonly #tiles = new Map<Value, Tile>();
  readonly #scalars = new Map<Value, Operand>();
  readonly #views = new Map<Value, ViewState>();
  readonly #hoisted = new Map<string, Reg>();
  readonly #scopes: Scope[] = [];
  /** Loads of parameters wait for their place in the block: offsets are known when all slots are. */
  readonly #paramReads = new Map<string, Reg>();
  #scratchBytes = 0;

  constructor(kernel: Kernel, ctx: PtxContext, warps: number, plannedBytes: number) {
    this.kernel = kernel;
    this.ctx = ctx;
    this.warps = warps;
    this.threads = 32 * warps;
    this.plannedBytes = plannedBytes;
    this.b = new PtxBuilder(ctx.target);
    this.multiple = multiplesIn(kernel);
  }

  /** The target has stmatrix. */
  get stmatrix(): boolean {
    return supports(this.target, 'stmatrix.sync.aligned.m8n8.x4.shared.b16');
  }

  get target(): PtxTarget {
    return this.ctx.target;
  }

  // ---- values

  tile(v: Value): Tile {
    return this.#tiles.get(v) ?? missing(v, 'tile');
  }
  setTile(v: Value, tile: Tile): void {
    if (tile.registers !== registerCount(layoutOf(v)))
      throw new Bug(`%${nameOf(v)} has ${tile.registers} registers, its layout ${registerCount(layoutOf(v))}`);
    this.#tiles.set(v, tile);
  }
  /** A tile of the value's own dtype and layout. */
  define(v: Value, from: Maker): Tile {
    const tile = makeTile(this, dtypeOf(v), layoutOf(v), from);
    this.setTile(v, tile);
    return tile;
  }
  hasTile(v: Value): boolean {
    return this.#tiles.has(v);
  }

  scalar(v: Value): Operand {
    return this.#scalars.get(v) ?? missing(v, 'scalar');
  }
  setScalar(v: Value, x: Operand): void {
    this.#scalars.set(v, x);
  }

  view(v: Value): ViewState {
    return this.#views.get(v) ?? missing(v, 'view');
  }
  setView(v: Value, s: ViewState): void {
    this.#views.set(v, s);
  }

  // ---- scopes

  /** Emits `body` as a part of the program that may not run: what it computes is not known afterwards. */
  scope<T>(body: () => T): T {
    const scope: Scope = { forget: [], lists: [], places: [] };
    this.#scopes.push(scope);
    try {
      return body();
    } finally {
      this.#scopes.pop();
      for (const forget of scope.forget) forget();
      for (let i = 0; i < scope.lists.length; i++) (scope.lists[i] as unknown[])[scope.places[i] as number] = undefined;
    }
  }
  /** In a loop or a branch: not at the top of the program. */
  get inScope(): boolean {
    return this.#scopes.length > 0;
  }
  /** Scopes that are open. */
  get depth(): number {
    return this.#scopes.length;
  }
  onLeave(forget: () => void): void {
    this.#scopes.at(-1)?.forget.push(forget);
  }
  /** What the list holds at this place is undefined when the scope ends. */
  forgetOnLeave(list: unknown[], place: number): void {
    const scope = this.#scopes.at(-1);
    scope?.lists.push(list);
    scope?.places.push(place);
  }

  // ---- the thread

  /** %tid.x. */
  tid(): Reg {
    return this.b.special('%tid.x');
  }
  lane(): Reg {
    return this.hoisted('lane', () => this.b.op('and.b32', this.tid(), imm(31)));
  }
  /** Number of the warp. The shuffle tells ptxas that it is one number for the whole warp. */
  warp(): Reg {
    return this.hoisted('warp', () => {
      const own = this.b.op('shr.u32', this.tid(), imm(LANE_BITS));
      return this.b.op('shfl.sync.idx.b32', own, imm(0), imm(31), imm(0xffffffff));
    });
  }

  /** Computed once, at the top of the program: for functions of the thread and of parameters. */
  hoisted(key: string, make: () => Reg): Reg {
    const known = this.#hoisted.get(key);
    if (known !== undefined) return known;
    const made = this.b.inPrologue(make);
    this.#hoisted.set(key, made);
    return made;
  }

  /** XOR of the bases of the bits that are set in this thread's lane and warp number; an immediate 0 where none is. */
  threadPart({ lane, warp }: ThreadBases): Operand {
    const bases = [...Array.from({ length: LANE_BITS }, (_, i) => lane[i] ?? 0), ...warp];
    if (bases.every((x) => x === 0)) return imm(0);
    const onlyWarp = lane.every((x) => x === 0);
    return this.hoisted(`thread ${bases.join(' ')}`, () =>
      onlyWarp ? this.#bits(this.warp(), warp) : this.#bits(this.tid(), bases),
    );
  }

  /** combine(bases, x), as shifted fields. */
  #bits(x: Reg, bases: readonly number[]): Reg {
    const { runs, disjoint } = bitRuns(bases);
    const fields = runs.map(({ from, to, width }) => {
      const low = from === 0 ? x : this.b.op('shr.u32', x, imm(from));
      const cut = this.b.op('and.b32', low, imm(2 ** width - 1));
      return to === 0 ? cut : this.b.op('shl.b32', cut, imm(to));
    });
    return fields.reduce((p, q) => this.b.op(disjoint ? 'or.b32' : 'xor.b32', p, q));
  }

  // ---- parameters

  /** The parameter in `slot`: b64 for strides, b32 otherwise. Read once, at the top. */
  param(slot: ParamSlot): Reg {
    const key = JSON.stringify(slot);
    const known = this.#paramReads.get(key);
    if (known !== undefined) return known;
    const wide = 'stride' in slot;
    const read = this.b.inPrologue(() =>
      this.b.op(wide ? 'ld.param.b64' : 'ld.param.b32', at('words', this.#placeOf(slot, wide ? 8 : 4))),
    );
    this.#paramReads.set(key, read);
    return read;
  }

  /** A scalar argument: 16-bit floats come as f32, masks as a word that is 0 or 1. */
  scalarParam(p: ScalarParam): Reg {
    const word = this.param({ scalar: p.name, dtype: p.dtype });
    if (p.dtype !== 'i1') return word;
    return this.hoisted(`mask ${p.name}`, () => this.b.op('setp.ne.s32', word, imm(0)));
  }

  /** Slots are packed in the order in which they are first needed: the rule of `paramLayout` in compiler/artifact.ts. */
  #placeOf(slot: ParamSlot, bytes: number): number {
    const before = this.params.reduce((end, p) => {
      const size = 'stride' in p ? 8 : 4;
      return Math.ceil(end / size) * size + size;
    }, 0);
    this.params.push(slot);
    return Math.ceil(before / bytes) * bytes;
  }

  /** Global address of element 0 of a tensor argument, b64. */
  pointer(arg: string): Reg {
    return this.hoisted(`pointer ${arg}`, () => {
      const access = this.kernel.params.find((p) => p.name === arg)?.value.type;
      if (access?.kind !== 'view') throw new Bug(`${arg} is no tensor argument`);
      const index = this.bindings.length;
      this.bindings.push({ arg, index, access: access.access === 'in' ? 'read' : 'read_write' });
      return this.b.op('cvta.to.global.u64', this.b.op('ld.param.b64', at(`b${index}`)));
    });
  }

  /** Index of this program along an axis. */
  programId(axis: string): Reg {
    return this.hoisted(`program ${axis}`, () => {
      const { axes } = this.kernel;
      let rest = this.b.special('%ctaid.x');
      for (const a of axes.slice(0, axes.indexOf(axis)))
        rest = this.hoisted(`after ${a}`, () => this.b.op('div.u32', rest, this.param({ grid: a })));
      return axis === axes.at(-1) ? rest : this.b.op('rem.u32', rest, this.param({ grid: axis }));
    });
  }

  facts(arg: string): ArgFacts {
    return this.ctx.facts[arg] ?? NOTHING;
  }
  reliesOn(arg: string, facts: ArgFacts): void {
    const before = this.relied.get(arg) ?? NOTHING;
    this.relied.set(arg, {
      contiguous: before.contiguous || facts.contiguous,
      align: Math.max(before.align, facts.align),
    });
  }

  // ---- shared memory

  /** Byte offset of shared memory behind what the passes planned; the caller's own. */
  scratch(bytes: number, align = 16): number {
    const start = Math.ceil((this.plannedBytes + this.#scratchBytes) / align) * align;
    this.#scratchBytes = start + bytes - this.plannedBytes;
    return start;
  }
  get sharedBytes(): number {
    return this.plannedBytes + this.#scratchBytes;
  }
  /** b32 address of the dynamic shared memory. */
  sharedBase(): Reg {
    return this.hoisted('shared', () => this.b.op('mov.b32', 'lac_shared'));
  }

  /** A 16-bit scalar as the f32 that it stands for: rounded to the dtype. */
  roundedScalar(x: Operand, d: DType): Operand {
    if (!is16Bit(d)) return x;
    const bits = this.b.op(d === 'f16' ? 'cvt.rn.f16.f32' : 'cvt.rn.bf16.f32', x);
    return this.b.op(d === 'f16' ? 'cvt.f32.f16' : 'cvt.f32.bf16', bits);
  }
}

const nameOf = (v: Value): string => v.hint ?? String(v.id);
const missing = (v: Value, what: string): never => {
  throw new Bug(`${what} %${nameOf(v)} is not emitted yet`);
};

export function layoutOf(v: Value): Layout {
  if (v.layout === undefined) throw new Bug(`%${nameOf(v)} has no layout`);
  return v.layout;
}

export const dtypeOf = (v: Value): DType => v.type.dtype;
export const rankOf = (v: Value): number => (v.type.kind === 'tile' ? v.type.shape.length : -1);
export const isTileValue = (v: Value): boolean => rankOf(v) > 0;
