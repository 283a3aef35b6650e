import { Bug } from '../../diag/diagnostic.js';
import type { AnyOp, Block, Kernel, Op, Value } from '../../ir/module.js';
import { constantOf, isLoop, loopParts, yielded } from '../../ir/rewrite.js';
import type { TileType } from '../../ir/types.js';
import { project, transpose } from '../../layout/axes.js';
import type { Layout } from '../../layout/layout.js';
import { partLayout } from '../../layout/parts.js';
import { dropDuplicateRegisters, reshapeLayout } from '../../layout/shape.js';
import { isElementwise } from '../../ops/table.js';

/** What a backend asks for. Both must be the same for every call with the same argument. */
export interface LayoutAnchors {
  /** Layout of the accumulator of a dot. */
  dot(op: Op<'dot'>): Layout;
  /** Layout of a coalesced access, and of everything nobody else has an opinion on. */
  blocked(type: TileType): Layout;
  /** Lanes and warps, where the hardware has them: operands of dots are fragments in registers. Absent: all is staged. */
  readonly warps?: WarpAnchors;
}

export interface WarpAnchors {
  /** Layout in which a dot reads operand 0 or 1. */
  operand(op: Op<'dot'>, i: 0 | 1): Layout;
  /** Layout in which a tile is stored that lies in `layout`. */
  store(type: TileType, layout: Layout): Layout;
  /** Layout for folding along an axis what nobody else has an opinion on. */
  fold(type: TileType, axis: number): Layout;
  /** May a load read global memory in this layout? */
  reads(type: TileType, layout: Layout): boolean;
}

/**
 * `strong`: dot accumulators, reductions, loop-carried tiles: their layout is decided by the hardware. `weak`: loads of
 * rank 2 and more, which prefer the coalesced layout but can be read in another. `computed`: scans, which are made in one
 * layout only. `free`: constants, iotas, broadcasts and rank-1 loads, and arithmetic on them only: made anew wherever they
 * are wanted.
 */
export interface Opinion {
  readonly strength: 'strong' | 'weak' | 'computed' | 'free';
  readonly layout: Layout | null;
}

export type Folding = Op<'reduce'> | Op<'scan'> | Op<'reduce_by'> | Op<'scan_by'>;

const FREE: Opinion = { strength: 'free', layout: null };
const RANK = { strong: 3, weak: 2, computed: 1, free: 0 } as const;
/** Loads of rank 1 up to here are repeated in as many layouts as are wanted. */
const FREE_LOAD_ELEMENTS = 4096;
/** The second walk lets inner loops see what outer ones decided; each is linear in the size of the kernel. */
const LEARNING_WALKS = 2;

export const isTile = (v: Value): boolean => v.type.kind === 'tile' && v.type.shape.length > 0;

export function tileOf(v: Value): TileType {
  if (v.type.kind !== 'tile') throw new Bug('layout of a view');
  return v.type;
}

/** What each tile of a kernel would like, from the anchors forward. */
export class Opinions {
  readonly warps: WarpAnchors | undefined;
  readonly #anchors: LayoutAnchors;
  readonly #known = new Map<Value, Opinion>();
  /** Tiles that loops carry, as the last walk decided. */
  readonly #carried = new Map<Value, Opinion>();
  readonly #dots = new Map<Op, Layout>();
  /** Results of loops that were decided by nobody, and the layout of those that go on with them. */
  readonly #wishes = new Map<Value, Layout>();
  #learning = true;

  constructor(kernel: Kernel, anchors: LayoutAnchors) {
    this.#anchors = anchors;
    this.warps = anchors.warps;
    for (let walk = 0; walk < LEARNING_WALKS; walk++) this.#block(kernel.body);
    // With the decisions about loops fixed, one more walk leaves opinions that agree with each other.
    this.#learning = false;
    this.#block(kernel.body);
  }

  of(v: Value): Opinion {
    return this.#known.get(v) ?? FREE;
  }

  /** The layout that a value will have: the coalesced one where nobody cares. */
  settled(v: Value): Layout {
    return this.of(v).layout ?? this.#anchors.blocked(tileOf(v));
  }

  /** The layout in which a fold or scan takes its operands. */
  folded(op: Folding): Layout {
    const x = op.operands.toSorted((a, b) => RANK[this.of(b).strength] - RANK[this.of(a).strength])[0] as Value;
    return this.of(x).layout ?? this.warps?.fold(tileOf(x), op.attrs.axis) ?? this.settled(x);
  }

  #block(block: Block): void {
    for (const op of block.ops as AnyOp[])
      for (const [i, opinion] of this.#opinionsOf(op).entries()) {
        const result = op.results[i];
        if (result !== undefined && isTile(result)) this.#known.set(result, opinion);
      }
  }

  #opinionsOf(op: AnyOp): readonly Opinion[] {
    if (isElementwise(op.name)) return [this.#strongest(op.operands)];
    const x = op.operands[0] as Value;
    switch (op.name) {
      case 'dot':
        this.#wish(op.operands[2], this.#dot(op));
        return [{ strength: 'strong', layout: this.#dot(op) }];
      case 'load':
        return [this.#load(tileOf(op.results[0] as Value))];
      case 'reduce':
      case 'reduce_by': {
        const layout = dropDuplicateRegisters(project(this.folded(op), op.attrs.axis));
        return op.results.map(() => ({ strength: 'strong', layout }));
      }
      case 'scan':
      case 'scan_by':
        return op.results.map(() => ({ strength: 'computed', layout: this.folded(op) }));
      case 'gather':
      case 'take':
        return [this.#made(op.results[0] as Value, this.#strongest(op.operands.slice(1)).layout)];
      case 'slice':
        return [this.#made(op.results[0] as Value, this.partIn(op, this.of(x).layout))];
      case 'insert':
        return [this.#made(op.results[0] as Value, this.of(x).layout)];
      case 'convert':
        return [{ strength: 'weak', layout: this.settled(x) }];
      case 'trans':
        return [this.#mapped(x, transpose)];
      case 'reshape':
        return [this.#mapped(x, (l) => reshapeLayout(l, tileOf(op.results[0] as Value).shape))];
      case 'for':
      case 'while':
        return this.#loop(op);
      case 'if':
        return this.#branch(op);
      case 'inline':
        throw new Bug('infer-layouts runs after inline');
      default:
        return op.results.map(() => FREE);
    }
  }

  #dot(op: Op<'dot'>): Layout {
    const layout = this.#dots.get(op) ?? this.#anchors.dot(op);
    this.#dots.set(op, layout);
    return layout;
  }

  #load(type: TileType): Opinion {
    const free = type.shape.length === 1 && (type.shape[0] ?? 0) <= FREE_LOAD_ELEMENTS;
    return free ? FREE : { strength: 'weak', layout: this.#anchors.blocked(type) };
  }

  /** A tile that is read from memory, or made like that: in a layout that it suggests, else the coalesced one. */
  #made(v: Value, layout: Layout | null): Opinion {
    return isTile(v) ? { strength: 'weak', layout: layout ?? this.#anchors.blocked(tileOf(v)) } : FREE;
  }

  /** Where a part lies in a tile of this layout, if no data has to move. */
  partIn(op: Op<'slice'> | Op<'insert'>, whole: Layout | null): Layout | null {
    const part = op.name === 'slice' ? op.results[0] : op.operands[1];
    const origin = op.operands.slice(op.name === 'slice' ? 1 : 2).map(constantOf);
    return whole === null || part === undefined ? null : partLayout(whole, tileOf(part).shape, origin);
  }

  #strongest(values: readonly Value[]): Opinion {
    let best = FREE;
    for (const v of values) if (isTile(v) && RANK[this.of(v).strength] > RANK[best.strength]) best = this.of(v);
    return best;
  }

  #mapped(x: Value, f: (l: Layout) => Layout): Opinion {
    const { strength, layout } = this.of(x);
    return layout === null ? FREE : { strength, layout: f(layout) };
  }

  /**
   * The strongest of some values that stand for one tile, which thereby has a layout of its own; with warps, that of those
   * who go on with it where none is strong.
   */
  #decided(candidates: readonly Value[], like: Value): Opinion {
    if (!isTile(like)) return FREE;
    const best = this.#strongest(candidates);
    const wish = this.#wishes.get(like);
    if (wish !== undefined && best.strength !== 'strong') return { strength: 'strong', layout: wish };
    const strength = this.warps === undefined || best.strength === 'strong' ? 'strong' : 'weak';
    return { strength, layout: best.layout ?? this.#anchors.blocked(tileOf(like)) };
  }

  #wish(v: Value | undefined, layout: Layout): void {
    if (this.warps === undefined || v === undefined || !isTile(v) || this.of(v).strength === 'strong') return;
    if (v.def.kind === 'op' && isLoop(v.def)) this.#wishes.set(v, layout);
  }

  #branch(op: Op<'if'>): readonly Opinion[] {
    for (const region of op.regions) this.#block(region);
    return op.results.map((result, i) =>
      this.#decided(
        op.regions.map((region) => yielded(region)[i] as Value),
        result,
      ),
    );
  }

  /**
   * Carried values have one layout on all four faces (initial, argument, yield, result). While learning, arguments
   * without a strong initial value hold what the last walk made of them, at first nothing.
   */
  #loop(op: Op<'for'> | Op<'while'>): readonly Opinion[] {
    const { inits, args, body, condition } = loopParts(op);
    args.forEach((arg, i) => {
      const init = this.of(inits[i] as Value);
      const held = this.#carried.get(arg) ?? FREE;
      const opinion = this.#learning && init.strength === 'strong' ? init : held;
      this.#known.set(arg, opinion);
      const tested = condition?.args[i];
      if (tested !== undefined) this.#known.set(tested, opinion);
    });
    if (condition !== null) this.#block(condition);
    this.#block(body);
    if (this.#learning) {
      const ends = yielded(body);
      args.forEach((arg, i) => {
        const decided = this.#decided([ends[i] as Value, inits[i] as Value], op.results[i] as Value);
        this.#carried.set(arg, decided);
        if (decided.strength === 'strong' && decided.layout !== null) this.#wish(inits[i], decided.layout);
      });
    }
    return args.map((arg) => this.#carried.get(arg) ?? FREE);
  }
}
