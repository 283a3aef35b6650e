import { Bug } from '../diag/diagnostic.js';
import { type AnyOp, type Block, type Kernel, newOp, type Op, type Value } from '../ir/module.js';
import type { TileType } from '../ir/types.js';
import { project, transpose } from '../layout/axes.js';
import type { Layout } from '../layout/layout.js';
import { collapseBroadcast, dropDuplicateRegisters, layoutKey, reshapeLayout } from '../layout/shape.js';
import { isElementwise } from '../ops/table.js';

/**
 * Enters: a kernel whose tile extents are powers of two. Leaves: every tile that lives in registers has `layout`; where a
 * use needs another layout than the one at hand there is a `convert`, or, for values that are cheap to make, a second copy
 * of the op that makes them (rematerialisation).
 *
 * Sound because a layout never changes a value: copies of pure ops, and of loads that no store of the kernel can reach,
 * give the same tile, and `convert` is the identity.
 *
 * Three strengths of opinion. `strong`: dot accumulators, reductions, loop-carried tiles: their layout is decided by the
 * hardware. `weak`: loads of rank 2 and more, which prefer the coalesced layout but can be read in another. `free`:
 * constants, iotas, broadcasts and rank-1 loads, and arithmetic on them only: made anew wherever they are wanted.
 */
export interface LayoutAnchors {
  /** Layout of the accumulator of a dot. */
  dot(op: Op<'dot'>): Layout;
  /** Layout of a coalesced access, and of everything nobody else has an opinion on. */
  blocked(type: TileType): Layout;
}

interface Opinion {
  readonly strength: 'strong' | 'weak' | 'free';
  readonly layout: Layout | null;
}

interface Request {
  readonly layout: Layout | null;
  readonly assign: (v: Value) => void;
}

const FREE: Opinion = { strength: 'free', layout: null };
const RANK = { strong: 2, weak: 1, free: 0 } as const;
const FREE_LOAD_ELEMENTS = 4096;

export function inferLayouts(kernel: Kernel, anchors: LayoutAnchors): void {
  new Inference(anchors).run(kernel);
}

const tileOf = (v: Value): TileType => {
  if (v.type.kind !== 'tile') throw new Bug('layout of a view');
  return v.type;
};
const isTile = (v: Value): boolean => v.type.kind === 'tile' && v.type.shape.length > 0;
const isBlock = (d: Op | Block): d is Block => d.kind === 'block';

class Inference {
  readonly anchors: LayoutAnchors;
  readonly opinions = new Map<Value, Opinion>();
  readonly requests = new Map<Value, Request[]>();
  /** `trans` ops that a dot reads through. */
  readonly readTransposed = new Set<Op>();

  constructor(anchors: LayoutAnchors) {
    this.anchors = anchors;
  }

  run(kernel: Kernel): void {
    this.forward(kernel.body);
    kernel.body.ops = this.backward(kernel.body);
  }

  // ------------------------------------------------------------------ forward: what each value would like

  forward(block: Block): void {
    for (const op of block.ops as AnyOp[]) {
      for (const [i, opinion] of this.opinionsOf(op).entries()) {
        const result = op.results[i];
        if (result !== undefined && isTile(result)) this.opinions.set(result, opinion);
      }
    }
  }

  opinion(v: Value): Opinion {
    return this.opinions.get(v) ?? FREE;
  }

  opinionsOf(op: AnyOp): Opinion[] {
    if (isElementwise(op.name)) return [this.strongest(op.operands)];
    switch (op.name) {
      case 'dot':
        return [{ strength: 'strong', layout: this.anchors.dot(op) }];
      case 'load': {
        const type = tileOf(op.results[0] as Value);
        const free = type.shape.length === 1 && (type.shape[0] ?? 0) <= FREE_LOAD_ELEMENTS;
        return [free ? FREE : { strength: 'weak', layout: this.anchors.blocked(type) }];
      }
      case 'reduce':
        return [
          {
            strength: 'strong',
            layout: dropDuplicateRegisters(project(this.settled(op.operands[0] as Value), op.attrs.axis)),
          },
        ];
      case 'scan':
      case 'convert':
        return [{ strength: 'weak', layout: this.settled(op.operands[0] as Value) }];
      case 'trans':
        return [this.mapped(op.operands[0] as Value, transpose)];
      case 'reshape':
        return [this.mapped(op.operands[0] as Value, (l) => reshapeLayout(l, tileOf(op.results[0] as Value).shape))];
      case 'for':
        return this.loopOpinions(op);
      case 'if': {
        for (const region of op.regions) this.forward(region);
        return op.results.map((_, i) =>
          this.settledOpinion(
            op.regions.map((r) => yieldOf(r)[i] as Value),
            op.results[i] as Value,
          ),
        );
      }
      case 'inline':
        throw new Bug('infer-layouts runs after inline');
      default:
        return op.results.map(() => FREE);
    }
  }

  strongest(values: readonly Value[]): Opinion {
    let best = FREE;
    for (const v of values)
      if (isTile(v) && RANK[this.opinion(v).strength] > RANK[best.strength]) best = this.opinion(v);
    return best;
  }

  mapped(x: Value, f: (l: Layout) => Layout): Opinion {
    const o = this.opinion(x);
    return o.layout === null ? FREE : { strength: o.strength, layout: f(o.layout) };
  }

  /** The layout a value will have, deciding now for the coalesced one where nobody cares. */
  settled(v: Value): Layout {
    return this.opinion(v).layout ?? this.anchors.blocked(tileOf(v));
  }

  settledOpinion(candidates: readonly Value[], like: Value): Opinion {
    if (!isTile(like)) return FREE;
    return { strength: 'strong', layout: this.strongest(candidates).layout ?? this.anchors.blocked(tileOf(like)) };
  }

  /**
   * Carried values have one layout on all four faces (initial, argument, yield, result). The first walk through the body
   * treats them as free to learn what the body makes of them; the second one knows.
   */
  loopOpinions(op: Op<'for'>): Opinion[] {
    const body = op.regions[0] as Block;
    const inits = op.operands.slice(3);
    const carried = body.args.slice(1);
    carried.forEach((arg, i) => {
      const init = this.opinion(inits[i] as Value);
      this.opinions.set(arg, init.strength === 'strong' ? init : FREE);
    });
    this.forward(body);
    const yields = yieldOf(body);
    const decided = carried.map((arg, i) => this.settledOpinion([yields[i] as Value, inits[i] as Value], arg));
    carried.forEach((arg, i) => {
      if (isTile(arg)) this.opinions.set(arg, decided[i] as Opinion);
    });
    this.forward(body);
    return decided;
  }

  // ------------------------------------------------------------------ backward: who needs what

  request(v: Value, layout: Layout | null, assign: (v: Value) => void): void {
    const list = this.requests.get(v);
    if (list === undefined) this.requests.set(v, [{ layout, assign }]);
    else list.push({ layout, assign });
  }

  /** Asks for operand i of `op` in `layout`; null: in whatever layout there is. */
  need(op: Op, i: number, layout: Layout | null): void {
    const v = op.operands[i];
    if (v === undefined || !isTile(v)) return;
    this.request(v, layout, (made) => {
      op.operands[i] = made;
    });
  }

  needAll(op: Op, layout: Layout): void {
    for (let i = 0; i < op.operands.length; i++) this.need(op, i, layout);
  }

  backward(block: Block): Op[] {
    const out: Op[] = [];
    for (let i = block.ops.length - 1; i >= 0; i--) {
      const op = block.ops[i] as AnyOp;
      for (const made of this.place(op).reverse()) out.push(made);
    }
    const converts = block.args.flatMap((arg) => this.serveFixed(arg));
    return [...converts, ...out.reverse()];
  }

  /** Gives a block argument or a result of fixed layout its layout, and returns the converts its users need. */
  serveFixed(v: Value): Op[] {
    if (!isTile(v)) return [];
    const layout = this.settled(v);
    v.layout = layout;
    return this.serve(v, layout);
  }

  serve(v: Value, layout: Layout): Op[] {
    const converts = new Map<string, Op<'convert'>>();
    const key = layoutKey(layout);
    for (const { layout: wanted, assign } of this.requests.get(v) ?? []) {
      if (wanted === null || layoutKey(wanted) === key) {
        assign(v);
        continue;
      }
      const k = layoutKey(wanted);
      let convert = converts.get(k);
      if (convert === undefined) {
        convert = newOp('convert', [v], {}, [v.type], [], isBlock(v.def) ? null : v.def.loc);
        (convert.results[0] as Value).layout = wanted;
        converts.set(k, convert);
      }
      assign(convert.results[0] as Value);
    }
    this.requests.delete(v);
    return [...converts.values()] as Op[];
  }

  /** Operands of a dot are read from memory in either order: a transposed one needs its source only. */
  needStaged(op: Op, i: number): void {
    const v = op.operands[i] as Value;
    if (!isBlock(v.def) && v.def.name === 'trans') this.readTransposed.add(v.def);
    else this.need(op, i, null);
  }

  /** The ops that stand for `op` from now on, in order. */
  place(op: AnyOp): Op[] {
    if (this.readTransposed.has(op) && !this.requests.has(op.results[0] as Value)) {
      this.need(op, 0, null);
      return [op];
    }
    switch (op.name) {
      case 'for':
        return this.placeFor(op);
      case 'if':
        return this.placeIf(op);
      case 'yield':
        return [op];
      case 'store':
        return this.placeStore(op);
    }
    const result = op.results[0];
    if (result === undefined || !isTile(result)) {
      if (op.name === 'reduce') this.need(op, 0, this.settled(op.operands[0] as Value));
      return [op];
    }
    const opinion = this.opinion(result);
    if (opinion.strength === 'free') return this.placeCopies(op, result);
    if (opinion.strength === 'weak' && op.name === 'load') return this.placeLoad(op, result, opinion.layout as Layout);
    const layout = opinion.layout as Layout;
    result.layout = layout;
    const converts = this.serve(result, layout);
    this.needOperands(op, layout);
    return [op, ...converts];
  }

  /** A load wanted in one layout only is read in that one; else it is read coalesced and converted. */
  placeLoad(op: Op, result: Value, blocked: Layout): Op[] {
    const wanted = this.distinct(result);
    const only = wanted.length === 1 ? wanted[0] : undefined;
    const anyUse = (this.requests.get(result) ?? []).some((r) => r.layout === null);
    const layout = only !== undefined && !anyUse ? only : blocked;
    result.layout = layout;
    const converts = this.serve(result, layout);
    this.needOperands(op as AnyOp, layout);
    return [op, ...converts];
  }

  distinct(v: Value): Layout[] {
    const byKey = new Map<string, Layout>();
    for (const { layout } of this.requests.get(v) ?? []) if (layout !== null) byKey.set(layoutKey(layout), layout);
    return [...byKey.values()];
  }

  /** One copy of a free op for each layout in which its result is wanted. */
  placeCopies(op: Op, result: Value): Op[] {
    const requests = this.requests.get(result) ?? [];
    if (requests.length === 0) return [];
    const layouts = this.distinct(result);
    if (layouts.length === 0) layouts.push(this.anchors.blocked(tileOf(result)));
    this.requests.delete(result);
    return layouts.map((layout, n) => {
      const copy = n === 0 ? op : newOp(op.name, op.operands, { ...op.attrs }, [result.type], [], op.loc);
      const made = copy.results[0] as Value;
      made.layout = layout;
      if (result.hint !== undefined) made.hint = result.hint;
      const key = layoutKey(layout);
      for (const r of requests) {
        const mine = r.layout === null ? n === 0 : layoutKey(r.layout) === key;
        if (mine) r.assign(made);
      }
      this.needOperands(copy as AnyOp, layout);
      return copy;
    });
  }

  /** Layouts in which the operands must be, given the result's. */
  needOperands(typed: AnyOp, layout: Layout): void {
    const op = typed;
    if (isElementwise(op.name)) {
      this.needAll(op, layout);
      return;
    }
    switch (typed.name) {
      case 'dot':
        this.needStaged(op, 0);
        this.needStaged(op, 1);
        this.need(op, 2, layout);
        return;
      case 'reduce':
      case 'scan':
      case 'convert':
        this.need(op, 0, this.settled(op.operands[0] as Value));
        return;
      case 'load':
        this.needAll(op, layout);
        return;
      case 'trans':
        this.need(op, 0, transpose(layout));
        return;
      case 'reshape':
        this.need(op, 0, reshapeLayout(layout, tileOf(op.operands[0] as Value).shape));
        return;
      case 'expand':
        this.need(op, 0, dropDuplicateRegisters(project(layout, typed.attrs.axis)));
        return;
      case 'broadcast':
        this.need(op, 0, dropDuplicateRegisters(collapseBroadcast(layout, tileOf(op.operands[0] as Value).shape)));
        return;
      case 'const':
      case 'iota':
      case 'splat':
        return;
      default:
        throw new Bug(`infer-layouts does not know ${op.name}`);
    }
  }

  placeStore(op: Op<'store'>): Op[] {
    const value = op.operands[1] as Value;
    if (isTile(value)) {
      const layout = this.settled(value);
      this.needAll(op, layout);
    }
    return [op];
  }

  placeIf(op: Op<'if'>): Op[] {
    const converts = op.results.flatMap((v) => this.serveFixed(v));
    for (const region of op.regions) {
      this.needYields(region, op.results);
      region.ops = this.backward(region);
    }
    return [op, ...converts];
  }

  placeFor(op: Op<'for'>): Op[] {
    const body = op.regions[0] as Block;
    op.results.forEach((r, i) => {
      this.opinions.set(r, this.opinion(body.args[i + 1] as Value));
    });
    const converts = op.results.flatMap((v) => this.serveFixed(v));
    this.needYields(body, body.args.slice(1));
    body.ops = this.backward(body);
    body.args.slice(1).forEach((arg, i) => {
      if (isTile(arg)) this.need(op, i + 3, this.settled(arg));
    });
    return [op, ...converts];
  }

  needYields(region: Block, like: readonly Value[]): void {
    const end = region.ops[region.ops.length - 1] as Op;
    like.forEach((v, i) => {
      if (isTile(v)) this.need(end, i, this.settled(v));
    });
  }
}

function yieldOf(region: Block): Value[] {
  const end = region.ops[region.ops.length - 1];
  if (end?.name !== 'yield') throw new Bug('a region without yield');
  return end.operands;
}
