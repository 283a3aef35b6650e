import type { AnyOp, Kernel, Op, Value } from '../../compiler/ir/module.js';
import { isElementwise, opRow } from '../../compiler/ops/table.js';
import type { Dims } from '../../driver/reference.js';

/** An extent, or a scalar; null where it is not known before the launch. */
type Known = number | null;

/** What is known of the scalars of one program at the problem's sizes: a partial evaluation of the IR as it is walked. */
export class Point {
  readonly #dims: Dims;
  readonly #programs: Readonly<Record<string, number>>;
  readonly #scalars = new Map<Value, Known>();
  readonly #extents = new Map<Value, readonly Known[]>();

  /** `programs`: the index of the program along each axis of the grid. */
  constructor(kernel: Kernel, dims: Dims, programs: Readonly<Record<string, number>>) {
    this.#dims = { ...dims, ...kernel.comptime };
    this.#programs = programs;
    for (const p of kernel.params)
      if (p.kind === 'view')
        this.#extents.set(
          p.value,
          p.dims.map((d) => this.#dims[d] ?? null),
        );
  }

  /** Value of a scalar; null: it is loaded, or follows from what is. */
  of(v: Value | undefined): Known {
    return v === undefined ? null : (this.#scalars.get(v) ?? null);
  }

  set(v: Value | undefined, x: Known): void {
    if (v !== undefined) this.#scalars.set(v, x);
  }

  /** Evaluates one op: a scalar, or a view. Others are passed over. */
  visit(op: AnyOp): void {
    const [result] = op.results;
    if (result === undefined) return;
    if (op.name === 'view_at') this.#extents.set(result, this.#kept(op));
    else if (op.name === 'view_slice') this.#extents.set(result, this.#sliced(op));
    else if (result.type.kind === 'tile' && result.type.shape.length === 0) this.#scalars.set(result, this.#scalar(op));
  }

  #scalar(op: AnyOp): Known {
    if (op.name === 'const') return op.attrs.value;
    if (op.name === 'dim') return this.#dims[op.attrs.name] ?? null;
    if (op.name === 'program_id') return this.#programs[op.attrs.axis] ?? null;
    if (!isElementwise(op.name)) return null;
    const x = op.operands.map((v) => this.of(v));
    if (x.some((n) => n === null)) return null;
    const dtype = op.operands[0]?.type.dtype ?? 'i32';
    if ((op.name === 'idiv' || op.name === 'rem') && x[1] === 0) return null;
    return opRow(op.name).evaluate?.(x as number[], dtype, op.attrs) ?? null;
  }

  #kept(op: Op<'view_at'>): readonly Known[] {
    const from = this.extentsOf(op.operands[0]);
    return from.filter((_, i) => op.attrs.keep[i] === true);
  }

  #sliced(op: Op<'view_slice'>): readonly Known[] {
    const [view, begin, end] = op.operands;
    const [first = null, ...others] = this.extentsOf(view);
    const [from, to] = [this.of(begin), this.of(end)];
    if (from === null || to === null || first === null) return [null, ...others];
    return [Math.max(0, Math.min(to, first) - from), ...others];
  }

  extentsOf(view: Value | undefined): readonly Known[] {
    return view === undefined ? [] : (this.#extents.get(view) ?? []);
  }

  /** Lanes of a box at `origins` that lie inside the view; an origin that is not known is taken to be inside. */
  inside(view: Value | undefined, origins: readonly Value[], shape: readonly number[]): readonly number[] {
    const extents = this.extentsOf(view);
    const before = extents.length - shape.length;
    return shape.map((extent, i) => {
      const [at, end] = [this.of(origins[before + i]), extents[before + i] ?? null];
      if (at === null || end === null) return extent;
      return Math.max(0, Math.min(at + extent, end) - Math.max(at, 0));
    });
  }
}
