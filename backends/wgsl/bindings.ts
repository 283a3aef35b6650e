import { rootOf } from '../../compiler/analysis/view-root.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import { type AnyOp, type Op, type Value, type ViewParam, walk } from '../../compiler/ir/module.js';
import { type Access, type DType, is16Bit, type ViewType } from '../../compiler/ir/types.js';
import { holdsRunsOfFour } from '../../compiler/layout/shape.js';
import { type Emitter, tileOf } from './emitter.js';
import { laneType, vectorType } from './registers.js';
import type { ViewAxis } from './views.js';

/**
 * How an argument's buffer is declared. `wide`: four elements an array entry; 16-bit entries are u32 or vec2<u32>.
 * `atomic`: entries are atomic words, for additions, and for 16-bit elements that are written one by one.
 */
export interface ArgState {
  readonly name: string;
  readonly dtype: DType;
  readonly access: Access;
  readonly wide: boolean;
  readonly atomic: boolean;
  readonly text: string;
  /** Facts that the declaration and the addresses make use of. */
  readonly reliesOn: ArgFacts | null;
}

export function declarationOf(a: ArgState): string {
  const packed = is16Bit(a.dtype);
  if (a.atomic) return `array<atomic<${a.dtype === 'i32' ? 'i32' : 'u32'}>>`;
  if (packed) return a.wide ? 'array<vec2<u32>>' : 'array<u32>';
  return `array<${vectorType(laneType(a.dtype), a.wide ? 4 : 1)}>`;
}

/** Registers the argument's binding and makes the view of all of it. */
export function bindParam(e: Emitter, p: ViewParam): void {
  const type = p.value.type as ViewType;
  const facts = e.ctx.facts[p.name];
  const added = accessesOf(e, p.value).some(isAddition);
  const wide = !added && isWide(e, p);
  const arg: ArgState = {
    name: p.name,
    dtype: type.dtype,
    access: type.access,
    wide,
    atomic: added || (is16Bit(type.dtype) && type.access !== 'in' && !wide),
    text: `b${e.bindings.length}`,
    reliesOn: facts?.contiguous ? { contiguous: true, align: wide ? 4 : 1 } : null,
  };
  e.bindings.push({ arg: p.name, index: e.bindings.length, access: type.access === 'in' ? 'read' : 'read_write' });
  const last = p.dims.length - 1;
  const axes = p.dims.map((dim, i): ViewAxis => {
    const known = type.extents[i] ?? null;
    return {
      extent: known === null ? e.param({ dim }) : `${known}i`,
      stride: i === last && facts?.contiguous ? '1i' : e.param({ stride: [p.name, i] }),
      lo: null,
    };
  });
  e.views.set(p.value, { arg, root: p.value, axes, offset: e.param({ offset: p.name }), valid: null });
}

/** Ops that read or write elements of a view, their operand 0. */
export const MEMORY_OPS = ['load', 'get', 'gather', 'store', 'scatter', 'atomic_add', 'scatter_add'] as const;
export type MemoryOp = { [N in (typeof MEMORY_OPS)[number]]: Op<N> }[(typeof MEMORY_OPS)[number]];

export const isMemoryOp = (op: AnyOp): op is MemoryOp => (MEMORY_OPS as readonly string[]).includes(op.name);
export const isAddition = (op: MemoryOp): boolean => op.name === 'atomic_add' || op.name === 'scatter_add';

function accessesOf(e: Emitter, root: Value): MemoryOp[] {
  const ops = [...walk(e.kernel.body)] as AnyOp[];
  return ops.filter(isMemoryOp).filter((op) => rootOf(op.operands[0] as Value).root === root);
}

/**
 * A buffer is declared with entries of four elements if that is legal for it: rows aligned, and every store whole
 * entries. Reads of single elements then pick a component.
 */
function isWide(e: Emitter, p: ViewParam): boolean {
  const facts = e.ctx.facts[p.name];
  if (facts === undefined || !facts.contiguous || facts.align < 4 || p.dims.length === 0) return false;
  let some = false;
  for (const op of accessesOf(e, p.value)) {
    if (op.name === 'scatter') return false;
    if (op.name !== 'load' && op.name !== 'store') continue;
    const wide = accessIsWide(e, op, facts);
    if (op.name === 'store' && !wide) return false;
    some ||= wide;
  }
  return some;
}

/**
 * The op touches runs of four elements that start at multiples of four and are inside or outside as a whole: the extent of
 * the last axis is a multiple of four, by its size in this variant or by what is assumed of the tensor.
 */
export function accessIsWide(e: Emitter, op: Op<'load'> | Op<'store'>, facts: ArgFacts): boolean {
  const view = op.operands[0] as Value;
  const tile = op.name === 'load' ? op.results[0] : op.operands[1];
  const first = op.name === 'load' ? 1 : 2;
  if (tile?.layout === undefined || !holdsRunsOfFour(tile.layout) || !rootOf(view).keptLast) return false;
  const rank = tileOf(tile).shape.length;
  const last = rank - 1;
  const extent = (view.type as ViewType).extents[last] ?? null;
  const whole =
    op.attrs.guard?.[last] === false ||
    op.attrs.in_bounds === true ||
    (extent === null ? facts.align % 4 === 0 : extent % 4 === 0);
  const sliced = rank === 1 && isSliced(view);
  const valid = op.attrs.valid?.[last];
  return (
    whole &&
    !sliced &&
    op.attrs.masked !== true &&
    (valid === undefined || valid % 4 === 0) &&
    e.multiple(op.operands[first + last] as Value) % 4 === 0
  );
}

function isSliced(v: Value): boolean {
  for (let at = v; at.def.kind === 'op'; at = at.def.operands[0] as Value)
    if (at.def.name === 'view_slice') return true;
  return false;
}
