import type { ts } from 'ts-morph';
import type { Help } from '../../../compiler/diag/diagnostic.js';
import type { Value } from '../../../compiler/ir/module.js';
import { scalarType } from '../../../compiler/ir/types.js';
import { spanOf } from '../../read/diagnostics.js';
import { fits, type Operand, typeLabels } from '../convert.js';
import { textOf } from '../evaluator.js';
import { describe, rankOf, tileTypeOf, type Val, type ViewVal, viewTypeOf } from '../value.js';
import { arg, bracketHelp, type Call, elementNode, wrong } from './arguments.js';

/** An index or origin: an i32 scalar, or a whole number; null if reported. */
function index(call: Call, o: Operand): Value | null {
  const v = o.val;
  if (v.kind === 'num')
    return fits(call.ev, o.node, v.value, 'i32', 'indices count elements')
      ? call.ev.constant(o.node, v.value, scalarType('i32'))
      : null;
  if (v.kind !== 'tile') return wrong(call, o, 'an i32 scalar', scalarHelp(call, v));
  if (rankOf(v) === 0 && tileTypeOf(v).dtype === 'i32') return v.v;
  call.ev.error('LAC0216', o.node, `an index is an i32 scalar, not ${describe(v)}`, {
    labels: typeLabels(o),
    help: rankOf(v) !== 0 ? [manyIndices(call)] : [castIndex(o)],
  });
  return null;
}

function scalarHelp({ name }: Call, val: Val): string[] {
  if (val.kind === 'arr') return ['write the indices without brackets'];
  return name === 'at' && (val.kind === 'none' || val.kind === 'str') ? ['`all` keeps an axis: x.at(all, i)'] : [];
}

const manyIndices = ({ name }: Call): string =>
  name === 'get'
    ? 'gather([i]) reads an element for each lane'
    : name === 'at' || name === 'slice'
      ? 'it is one for the whole program; gather() and scatter() take an address for each lane'
      : `an origin is one element, where the tile begins; ${ADDRESSED[name] ?? 'gather'}() takes an address for each lane`;

const ADDRESSED: Readonly<Record<string, string>> = { store: 'scatter', atomicAdd: 'scatterAdd' };

export const castIndex = ({ node }: Operand): Help => ({
  text: 'cast it',
  edit: { span: spanOf(node), newText: `cast(${textOf(node, 400)}, i32)` },
});

export function indices(call: Call, items: readonly Operand[]): Value[] | null {
  const values = items.map((o) => index(call, o));
  return values.every((v) => v !== null) ? (values as Value[]) : null;
}

/** Elements of an argument that is an array literal, as operands. */
export function itemsOf(o: Operand): Operand[] | null {
  return o.val.kind === 'arr' ? o.val.items.map((val, i) => ({ val, node: elementNode(o.node, i) })) : null;
}

/** The origin argument of a view's method, `[n, 0]`: one entry an axis of the view. */
export function origin(call: Call, view: ViewVal): Value[] | null {
  const o = arg(call, 0);
  const items = itemsOf(o);
  if (items === null) return wrong(call, o, 'an origin, as [n, 0]', originHelp(call, o));
  const rank = viewTypeOf(view).extents.length;
  if (items.length !== rank) return wrongCount(call, o.node, 'origin', items.length, view);
  return indices(call, items);
}

const originHelp = (call: Call, o: Operand): (string | Help)[] =>
  arg(call, 1).val.kind === 'arr' && (call.name === 'store' || call.name === 'atomicAdd')
    ? [`the origin comes first: ${call.name}(origin, tile)`]
    : bracketHelp(o);

export function wrongCount(call: Call, node: ts.Node, what: string, n: number, view: ViewVal): null {
  const rank = viewTypeOf(view).extents.length;
  call.ev.error(
    'LAC0216',
    node,
    `the ${what} has ${n} ${n === 1 ? 'entry' : 'entries'}; ${view.arg} is ${describe(view)}, of rank ${rank}`,
    {
      help: [
        n < rank
          ? `one entry an axis, or fix leading axes first: ${view.arg}.at(...)`
          : 'one entry an axis; axes that at() fixed are gone',
      ],
    },
  );
  return null;
}

/** Whether the origin itself is wrong, not an entry of it: the shape, or what is stored, would have the same fault. */
export function originMisfits(call: Call, view: ViewVal): boolean {
  const { val } = arg(call, 0);
  return val.kind !== 'arr' || val.items.length !== viewTypeOf(view).extents.length;
}
