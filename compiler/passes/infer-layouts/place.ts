import { Bug } from '../../diag/diagnostic.js';
import { type AnyOp, type Block, newOp, type Op, type Value } from '../../ir/module.js';
import { loopParts } from '../../ir/rewrite.js';
import { bytesOf } from '../../ir/types.js';
import { project, transpose } from '../../layout/axes.js';
import { type Layout, registerCount } from '../../layout/layout.js';
import { collapseBroadcast, dropDuplicateRegisters, layoutKey, reshapeLayout } from '../../layout/shape.js';
import { isElementwise } from '../../ops/table.js';
import { isTile, type Opinions, tileOf } from './opinions.js';

/** A use of a value. `layout` null: in whatever layout there is. */
interface Request {
  readonly layout: Layout | null;
  readonly reach: Reach;
  readonly assign: (v: Value) => void;
}

/** What becomes of a use: `fragment`: the operand of a dot in the end. `depth`: loops around the use. */
interface Reach {
  readonly fragment: boolean;
  readonly depth: number;
}

/** A layout that is wanted, and the furthest reach of those who want it. */
interface Wanted extends Reach {
  readonly layout: Layout;
}

/** A fragment of more 32-bit registers than this is not held over a loop: it is read anew in each trip. */
const HELD_REGISTERS = 8;

/** 32-bit registers of a thread. */
const registersOf = (v: Value, l: Layout): number => (registerCount(l) * bytesOf(tileOf(v).dtype)) / 4;

/** Ops whose operands can be had in any layout that the result is wanted in. */
const isPushed = (op: AnyOp): boolean => isElementwise(op.name) || op.name === 'trans' || op.name === 'reshape';

const isBlock = (d: Op | Block): d is Block => d.kind === 'block';

/** Walks backward, so that all uses of a value have said what they need before its op is placed. */
export class Placement {
  readonly #opinions: Opinions;
  readonly #requests = new Map<Value, Request[]>();
  /** `trans` ops that a dot reads through. */
  readonly #readTransposed = new Set<Op>();
  #depth = 0;

  constructor(opinions: Opinions) {
    this.#opinions = opinions;
  }

  /** The ops of the block, laid out, and the converts between them. */
  block(block: Block): Op[] {
    const out: Op[] = [];
    for (let i = block.ops.length - 1; i >= 0; i--) out.push(...this.#place(block.ops[i] as AnyOp).reverse());
    const converts = block.args.flatMap((arg) => this.#serveFixed(arg));
    return [...converts, ...out.reverse()];
  }

  /** Asks for operand i of `op` in `layout`. */
  #need(op: Op, i: number, layout: Layout | null, reach: Reach = this.#here()): void {
    const v = op.operands[i];
    if (v === undefined || !isTile(v)) return;
    const request: Request = {
      layout,
      reach,
      assign: (made) => {
        op.operands[i] = made;
      },
    };
    const list = this.#requests.get(v);
    if (list === undefined) this.#requests.set(v, [request]);
    else list.push(request);
  }

  #here = (fragment = false): Reach => ({ fragment, depth: this.#depth });

  #needAll(op: Op, layout: Layout, reach?: Reach): void {
    for (let i = 0; i < op.operands.length; i++) this.#need(op, i, layout, reach);
  }

  /** Operands of a dot: a fragment of a warp, or staged in memory, where either order will do: a transpose is read through. */
  #needFactor(op: Op<'dot'>, i: 0 | 1): void {
    const { warps } = this.#opinions;
    if (warps !== undefined) {
      this.#need(op, i, warps.operand(op, i), this.#here(true));
      return;
    }
    const v = op.operands[i] as Value;
    if (!isBlock(v.def) && v.def.name === 'trans') this.#readTransposed.add(v.def);
    else this.#need(op, i, null);
  }

  /** Gives a block argument or a result of fixed layout its layout, and returns the converts that its users need. */
  #serveFixed(v: Value): Op[] {
    return isTile(v) ? this.#serve(v, this.#opinions.settled(v)) : [];
  }

  #serve(v: Value, layout: Layout): Op[] {
    v.layout = layout;
    const made = new Map<string, Value>([[layoutKey(layout), v]]);
    const converts: Op[] = [];
    for (const { layout: wanted, assign } of this.#requests.get(v) ?? []) {
      const key = layoutKey(wanted ?? layout);
      let here = made.get(key);
      if (here === undefined) {
        const convert = newOp('convert', [v], {}, [v.type], [], isBlock(v.def) ? null : v.def.loc);
        converts.push(convert);
        here = convert.results[0] as Value;
        here.layout = wanted as Layout;
        made.set(key, here);
      }
      assign(here);
    }
    this.#requests.delete(v);
    return converts;
  }

  /** The ops that stand for `op` from now on, in order. */
  #place(op: AnyOp): Op[] {
    const [result] = op.results;
    if (this.#readTransposed.has(op) && !this.#requests.has(result as Value)) {
      this.#need(op, 0, null);
      return [op];
    }
    switch (op.name) {
      case 'for':
      case 'while':
        return this.#placeLoop(op);
      case 'if':
        return this.#placeIf(op);
      case 'yield':
        return [op];
      case 'store':
      case 'atomic_add':
        return this.#placeStore(op);
      case 'scatter':
      case 'scatter_add':
        return this.#placeScatter(op);
      case 'reduce_by':
      case 'scan_by':
        return this.#placeFold(op);
    }
    if (result === undefined || !isTile(result)) {
      if (op.name === 'reduce') this.#need(op, 0, this.#opinions.folded(op));
      else if (op.name === 'take') this.#need(op, 0, null);
      return [op];
    }
    const { strength, layout } = this.#opinions.of(result);
    if (layout === null) return this.#placeCopies(op, result);
    if (strength === 'weak' && (op.name === 'load' || op.name === 'gather'))
      return this.#placeIn(op, result, this.#loadedIn(result, layout));
    if (this.#opinions.warps !== undefined && isPushed(op)) {
      if (strength === 'weak') return this.#placeWeak(op, result, layout);
      if (strength === 'computed') return this.#placeComputed(op, result, layout);
    }
    return this.#placeIn(op, result, layout);
  }

  #placeIn(op: AnyOp, result: Value, layout: Layout): Op[] {
    const reach = this.#reachOf(result, layout);
    const converts = this.#serve(result, layout);
    this.#needOperands(op, layout, reach);
    return [op, ...converts];
  }

  /** The furthest reach of the uses of `v` in this layout. */
  #reachOf(v: Value, layout: Layout): Reach {
    const key = layoutKey(layout);
    const same = this.#wanted(v).find((w) => layoutKey(w.layout) === key);
    return same ?? this.#here();
  }

  /**
   * A load wanted in one layout only is read in that one, unless it is a fragment or would waste bandwidth; else it is
   * read coalesced and converted.
   */
  #loadedIn(result: Value, blocked: Layout): Layout {
    const [only, ...others] = this.#wanted(result);
    const anyUse = (this.#requests.get(result) ?? []).some((r) => r.layout === null);
    if (only === undefined || others.length > 0 || anyUse) return blocked;
    const { warps } = this.#opinions;
    const direct = warps === undefined || (!only.fragment && warps.reads(tileOf(result), only.layout));
    return direct ? only.layout : blocked;
  }

  /**
   * Arithmetic on loads runs in the layout that is wanted of it, once for each where all are fragments, so that what is
   * converted is the load. It stays coalesced where somebody wants that, and where fragments would be held over a loop.
   */
  #placeWeak(op: AnyOp, result: Value, layout: Layout): Op[] {
    const wanted = this.#wanted(result);
    const own = layoutKey(layout);
    const held = (w: Wanted) => w.depth > this.#depth && registersOf(result, w.layout) > HELD_REGISTERS;
    const stays = wanted.length === 0 || wanted.some((w) => layoutKey(w.layout) === own || held(w));
    if (stays || (wanted.length > 1 && !wanted.every((w) => w.fragment))) return this.#placeIn(op, result, layout);
    return this.#placeCopies(op, result);
  }

  /**
   * Arithmetic on what a scan made is placed like that on loads, but where every warp has all of the scan: there it runs
   * before a convert, if threads would have more to do behind it.
   */
  #placeComputed(op: AnyOp, result: Value, layout: Layout): Op[] {
    const inEveryWarp = (layout.ins.warp ?? []).every((basis) => basis === 0);
    const grows = this.#wanted(result).some((w) => registerCount(w.layout) > registerCount(layout));
    return inEveryWarp && grows ? this.#placeIn(op, result, layout) : this.#placeWeak(op, result, layout);
  }

  /** Distinct layouts in which uses of `v` want it. */
  #wanted(v: Value): Wanted[] {
    const byKey = new Map<string, Wanted>();
    for (const { layout, reach } of this.#requests.get(v) ?? []) {
      if (layout === null) continue;
      const key = layoutKey(layout);
      const known = byKey.get(key);
      const fragment = reach.fragment || known?.fragment === true;
      byKey.set(key, { layout, fragment, depth: Math.max(reach.depth, known?.depth ?? 0) });
    }
    return [...byKey.values()];
  }

  /** One copy of a free op for each layout in which its result is wanted. */
  #placeCopies(op: AnyOp, result: Value): Op[] {
    const requests = this.#requests.get(result) ?? [];
    if (requests.length === 0) return [];
    const wanted = this.#wanted(result);
    if (wanted.length === 0) wanted.push({ layout: this.#opinions.settled(result), ...this.#here() });
    this.#requests.delete(result);
    return wanted.map(({ layout, ...reach }, n) => {
      const copy = n === 0 ? op : newOp(op.name, op.operands, { ...op.attrs }, [result.type], [], op.loc);
      const made = copy.results[0] as Value;
      made.layout = layout;
      if (result.hint !== undefined) made.hint = result.hint;
      const key = layoutKey(layout);
      for (const r of requests) {
        const mine = r.layout === null ? n === 0 : layoutKey(r.layout) === key;
        if (mine) r.assign(made);
      }
      this.#needOperands(copy as AnyOp, layout, reach);
      return copy;
    });
  }

  /** Layouts in which the operands must be, given the result's. */
  #needOperands(op: AnyOp, layout: Layout, reach: Reach): void {
    const x = op.operands[0] as Value;
    if (isElementwise(op.name)) {
      this.#needAll(op, layout, reach);
      return;
    }
    switch (op.name) {
      case 'dot':
        this.#needFactor(op, 0);
        this.#needFactor(op, 1);
        this.#need(op, 2, layout);
        return;
      case 'reduce':
      case 'scan':
        this.#need(op, 0, this.#opinions.folded(op));
        return;
      case 'convert':
        this.#need(op, 0, this.#opinions.settled(x));
        return;
      case 'load':
      case 'gather':
        this.#needAll(op, layout);
        return;
      case 'slice': {
        const whole = this.#opinions.of(x).layout;
        const stays = this.#opinions.partIn(op, whole);
        this.#need(op, 0, stays !== null && layoutKey(stays) === layoutKey(layout) ? whole : null);
        return;
      }
      case 'insert':
        this.#need(op, 0, layout);
        this.#need(op, 1, this.#opinions.partIn(op, layout));
        return;
      case 'take':
        this.#need(op, 0, null);
        for (let i = 1; i < op.operands.length; i++) this.#need(op, i, layout);
        return;
      case 'trans':
        this.#need(op, 0, transpose(layout), reach);
        return;
      case 'reshape':
        this.#need(op, 0, reshapeLayout(layout, tileOf(x).shape), reach);
        return;
      case 'expand':
        this.#need(op, 0, dropDuplicateRegisters(project(layout, op.attrs.axis)));
        return;
      case 'broadcast':
        this.#need(op, 0, dropDuplicateRegisters(collapseBroadcast(layout, tileOf(x).shape)));
        return;
      case 'const':
      case 'iota':
      case 'splat':
        return;
      default:
        throw new Bug(`infer-layouts does not know ${op.name}`);
    }
  }

  #placeFold(op: Op<'reduce_by'> | Op<'scan_by'>): Op[] {
    const converts = op.results.flatMap((v) => this.#serveFixed(v));
    this.#needAll(op, this.#opinions.folded(op));
    return [op, ...converts];
  }

  #placeScatter(op: Op<'scatter'> | Op<'scatter_add'>): Op[] {
    const value = op.operands[1] as Value;
    if (isTile(value)) this.#needAll(op, this.#opinions.settled(value));
    return [op];
  }

  #placeStore(op: Op<'store'> | Op<'atomic_add'>): Op[] {
    const value = op.operands[1] as Value;
    if (!isTile(value)) return [op];
    const layout = this.#opinions.settled(value);
    this.#needAll(op, this.#opinions.warps?.store(tileOf(value), layout) ?? layout);
    return [op];
  }

  #placeIf(op: Op<'if'>): Op[] {
    const converts = op.results.flatMap((v) => this.#serveFixed(v));
    for (const region of op.regions) {
      this.#needYields(region, op.results);
      region.ops = this.block(region);
    }
    return [op, ...converts];
  }

  #placeLoop(op: Op<'for'> | Op<'while'>): Op[] {
    const { inits, args, body, condition } = loopParts(op);
    const first = op.operands.length - inits.length;
    const converts = op.results.flatMap((v) => this.#serveFixed(v));
    this.#depth++;
    this.#needYields(body, args);
    body.ops = this.block(body);
    if (condition !== null) condition.ops = this.block(condition);
    this.#depth--;
    args.forEach((arg, i) => {
      if (isTile(arg)) this.#need(op, first + i, this.#opinions.settled(arg));
    });
    return [op, ...converts];
  }

  #needYields(region: Block, like: readonly Value[]): void {
    const end = region.ops.at(-1) as Op;
    like.forEach((v, i) => {
      if (isTile(v)) this.#need(end, i, this.#opinions.settled(v));
    });
  }
}
