import { Bug } from '../../diag/diagnostic.js';
import { type AnyOp, type Block, newOp, type Op, type Value } from '../../ir/module.js';
import { project, transpose } from '../../layout/axes.js';
import type { Layout } from '../../layout/layout.js';
import { collapseBroadcast, dropDuplicateRegisters, layoutKey, reshapeLayout } from '../../layout/shape.js';
import { isElementwise } from '../../ops/table.js';
import { isTile, type Opinions, tileOf } from './opinions.js';

/** A use of a value. `layout` null: in whatever layout there is. */
interface Request {
  readonly layout: Layout | null;
  readonly assign: (v: Value) => void;
}

const isBlock = (d: Op | Block): d is Block => d.kind === 'block';

/** Walks backward, so that all uses of a value have said what they need before its op is placed. */
export class Placement {
  readonly #opinions: Opinions;
  readonly #requests = new Map<Value, Request[]>();
  /** `trans` ops that a dot reads through. */
  readonly #readTransposed = new Set<Op>();

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

  #request(v: Value, layout: Layout | null, assign: (v: Value) => void): void {
    const list = this.#requests.get(v);
    if (list === undefined) this.#requests.set(v, [{ layout, assign }]);
    else list.push({ layout, assign });
  }

  /** Asks for operand i of `op` in `layout`. */
  #need(op: Op, i: number, layout: Layout | null): void {
    const v = op.operands[i];
    if (v === undefined || !isTile(v)) return;
    this.#request(v, layout, (made) => {
      op.operands[i] = made;
    });
  }

  #needAll(op: Op, layout: Layout): void {
    for (let i = 0; i < op.operands.length; i++) this.#need(op, i, layout);
  }

  /** Operands of a dot are read from memory in either order: a transposed one needs its source only. */
  #needStaged(op: Op, i: number): void {
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
        return this.#placeFor(op);
      case 'if':
        return this.#placeIf(op);
      case 'yield':
        return [op];
      case 'store':
        return this.#placeStore(op);
    }
    if (result === undefined || !isTile(result)) {
      if (op.name === 'reduce') this.#need(op, 0, this.#opinions.settled(op.operands[0] as Value));
      return [op];
    }
    const { strength, layout } = this.#opinions.of(result);
    if (layout === null) return this.#placeCopies(op, result);
    if (strength === 'weak' && op.name === 'load') return this.#placeIn(op, result, this.#loadedIn(result, layout));
    return this.#placeIn(op, result, layout);
  }

  #placeIn(op: AnyOp, result: Value, layout: Layout): Op[] {
    const converts = this.#serve(result, layout);
    this.#needOperands(op, layout);
    return [op, ...converts];
  }

  /** A load wanted in one layout only is read in that one; else it is read coalesced and converted. */
  #loadedIn(result: Value, blocked: Layout): Layout {
    const [only, ...others] = this.#distinct(result);
    const anyUse = (this.#requests.get(result) ?? []).some((r) => r.layout === null);
    return only !== undefined && others.length === 0 && !anyUse ? only : blocked;
  }

  #distinct(v: Value): Layout[] {
    const byKey = new Map<string, Layout>();
    for (const { layout } of this.#requests.get(v) ?? []) if (layout !== null) byKey.set(layoutKey(layout), layout);
    return [...byKey.values()];
  }

  /** One copy of a free op for each layout in which its result is wanted. */
  #placeCopies(op: AnyOp, result: Value): Op[] {
    const requests = this.#requests.get(result) ?? [];
    if (requests.length === 0) return [];
    const layouts = this.#distinct(result);
    if (layouts.length === 0) layouts.push(this.#opinions.settled(result));
    this.#requests.delete(result);
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
      this.#needOperands(copy as AnyOp, layout);
      return copy;
    });
  }

  /** Layouts in which the operands must be, given the result's. */
  #needOperands(op: AnyOp, layout: Layout): void {
    const x = op.operands[0] as Value;
    if (isElementwise(op.name)) {
      this.#needAll(op, layout);
      return;
    }
    switch (op.name) {
      case 'dot':
        this.#needStaged(op, 0);
        this.#needStaged(op, 1);
        this.#need(op, 2, layout);
        return;
      case 'reduce':
      case 'scan':
      case 'convert':
        this.#need(op, 0, this.#opinions.settled(x));
        return;
      case 'load':
        this.#needAll(op, layout);
        return;
      case 'trans':
        this.#need(op, 0, transpose(layout));
        return;
      case 'reshape':
        this.#need(op, 0, reshapeLayout(layout, tileOf(x).shape));
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

  #placeStore(op: Op<'store'>): Op[] {
    const value = op.operands[1] as Value;
    if (isTile(value)) this.#needAll(op, this.#opinions.settled(value));
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

  #placeFor(op: Op<'for'>): Op[] {
    const body = op.regions[0] as Block;
    const carried = body.args.slice(1);
    const converts = op.results.flatMap((v) => this.#serveFixed(v));
    this.#needYields(body, carried);
    body.ops = this.block(body);
    carried.forEach((arg, i) => {
      if (isTile(arg)) this.#need(op, i + 3, this.#opinions.settled(arg));
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
