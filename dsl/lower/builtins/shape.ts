import { isInt, scalarType, sizeOf, tileType } from '../../../compiler/ir/types.js';
import { fits, typeLabels } from '../convert.js';
import { describe, num, POISON, rankOf, type TileVal, tileOf, tileTypeOf, type Val } from '../value.js';
import {
  arg,
  axisArg,
  type Call,
  dtypeArg,
  extentOf,
  optionsArg,
  propertyNode,
  shapeArg,
  tileArg,
  wrong,
} from './arguments.js';
import { evaluateCast } from './fold.js';

export function zeros(call: Call): Val {
  const [joined, dtype] = [shapeArg(call, 0), dtypeArg(call, 1)];
  if (joined === null || dtype === null || !call.ev.emits(call.node)) return POISON;
  return tileOf(call.ev.constant(call.node, 0, tileType(dtype, joined.shape)), joined.dims);
}

/** The value is a literal, or a scalar, which is converted by cast's rules. */
export function full(call: Call): Val {
  const [joined, dtype] = [shapeArg(call, 0), dtypeArg(call, 2)];
  const value = arg(call, 1);
  if (joined === null || dtype === null || value.val.kind === 'poison' || !call.ev.emits(call.node)) return POISON;
  const type = tileType(dtype, joined.shape);
  if (value.val.kind === 'num')
    return fits(call.ev, value.node, value.val.value, dtype)
      ? tileOf(call.ev.constant(call.node, value.val.value, type), joined.dims)
      : POISON;
  if (value.val.kind !== 'tile' || rankOf(value.val) !== 0) return wrong(call, value, 'a number or a scalar') ?? POISON;
  const from = tileTypeOf(value.val).dtype;
  const v = from === dtype ? value.val.v : call.ev.value(value.node, 'cast', [value.val.v], { to: dtype });
  return tileOf(joined.shape.length === 0 ? v : call.ev.value(call.node, 'splat', [v], {}, type), joined.dims);
}

export function iota(call: Call): Val {
  const n = extentOf(call, arg(call, 0));
  if (n === null || !call.ev.emits(call.node)) return POISON;
  return tileOf(call.ev.value(call.node, 'iota', [], {}, tileType('i32', [n.value])), [n.label ?? String(n.value)]);
}

/** range(end, opts?) or range(begin, end, step?, opts?). */
export function range(call: Call): Val {
  const last = call.args.length - 1;
  const hasOptions = last >= 1 && arg(call, last).val.kind === 'obj';
  const bounds = hasOptions ? call.args.slice(0, last) : call.args;
  const options = optionsArg(hasOptions ? call : { ...call, args: [] }, hasOptions ? last : 0, {
    stages: ['num'],
    unroll: ['bool', 'num'],
    reverse: ['bool'],
  });
  if (bounds.length > 3) return wrong(call, arg(call, 3), 'options') ?? POISON;
  const values = bounds.map((o) => bound(call, o));
  const [a, b, c] = values;
  if (options === null || values.some((v) => v === null) || a == null) return POISON;
  if (!countFits(call, last, 'stages', options) || !countFits(call, last, 'unroll', options)) return POISON;
  const step = c ?? num(1);
  if (step.kind === 'num' && step.value <= 0)
    return call.ev.error('LAC0223', arg(call, 2).node, `the step of a range is positive, not ${step.value}`, {
      help: step.value === 0 ? [] : ['for descending order: range(begin, end, step, { reverse: true })'],
    });
  const [stages, unroll, reverse] = [options.get('stages'), options.get('unroll'), options.get('reverse')];
  return {
    kind: 'range',
    begin: b == null ? num(0) : a,
    end: b ?? a,
    step,
    stages: stages?.kind === 'num' ? stages.value : undefined,
    unroll: unroll?.kind === 'bool' || unroll?.kind === 'num' ? unroll.value : false,
    reverse: reverse?.kind === 'bool' && reverse.value,
  };
}

const COUNTS = {
  stages: 'it counts iterations in flight: { stages: 2 }',
  unroll: 'it counts indices a trip: { unroll: 4 }; true takes all of them apart',
} as const;

function countFits(call: Call, last: number, name: keyof typeof COUNTS, options: ReadonlyMap<string, Val>): boolean {
  const n = options.get(name);
  if (n?.kind !== 'num' || (Number.isInteger(n.value) && n.value >= 1)) return true;
  const { node } = arg(call, last);
  call.ev.error('LAC0222', propertyNode(node, name) ?? node, `${name} is a whole number >= 1, not ${n.value}`, {
    help: [COUNTS[name]],
  });
  return false;
}

function bound(call: Call, o: Call['args'][number]) {
  const v = o.val;
  if (v.kind === 'num')
    return fits(call.ev, o.node, v.value, 'i32', 'a range counts whole numbers: range(n), and i * 0.1 in the loop')
      ? v
      : null;
  if (v.kind !== 'tile' || rankOf(v) !== 0) return wrong(call, o, 'an integer scalar');
  if (tileTypeOf(v).dtype === 'i32') return v;
  call.ev.error('LAC0216', o.node, `the bounds of a range are i32 scalars, not ${describe(v)}`, {
    help: isInt(tileTypeOf(v).dtype) ? ['cast(x, i32)'] : ['cast(x, i32) truncates'],
  });
  return null;
}

export function expand(call: Call, axisGiven?: number): Val {
  const x = tileArg(call, 0);
  if (x === null) return POISON;
  const rank = rankOf(x.val);
  const most = axisGiven === undefined ? 2 : 1;
  if (axisGiven !== undefined ? rank !== most : rank > most)
    return call.ev.error(
      'LAC0214',
      call.node,
      `${call.name} takes a ${axisGiven === undefined ? 'value of rank 0 to 2' : 'vector'}, not ${describe(x.val)}`,
      {
        labels: typeLabels(x),
        help: axisGiven === undefined ? [] : ['expand(x, axis) inserts an axis into any tile of rank 0 to 2'],
      },
    );
  const axis = axisGiven ?? axisArg(call, 1, rank + 1);
  return axis === null || !call.ev.emits(call.node) ? POISON : expandAt(call, x.val, axis);
}

function expandAt(call: Call, x: TileVal, axis: number): TileVal {
  const dims = [...x.dims.slice(0, axis), '1', ...x.dims.slice(axis)];
  return tileOf(call.ev.value(call.node, 'expand', [x.v], { axis }), dims);
}

export function reshape(call: Call): Val {
  const [x, joined] = [tileArg(call, 0), shapeArg(call, 1)];
  if (x === null || joined === null) return POISON;
  const t = tileTypeOf(x.val);
  if (sizeOf(t.shape) !== sizeOf(joined.shape))
    return call.ev.error(
      'LAC0221',
      call.node,
      `${describe(x.val)} has ${sizeOf(t.shape)} elements, the new shape ${sizeOf(joined.shape)}`,
      {
        labels: typeLabels(x),
      },
    );
  return tileOf(call.ev.value(call.node, 'reshape', [x.val.v], {}, tileType(t.dtype, joined.shape)), joined.dims);
}

export function trans(call: Call): Val {
  const x = tileArg(call, 0);
  if (x === null) return POISON;
  if (rankOf(x.val) !== 2)
    return call.ev.error('LAC0214', call.node, `trans takes a matrix, not ${describe(x.val)}`, {
      labels: typeLabels(x),
    });
  return tileOf(call.ev.value(call.node, 'trans', [x.val.v], {}), [...x.val.dims].reverse());
}

export function extent(call: Call): Val {
  const x = tileArg(call, 0);
  if (x === null) return POISON;
  const axis = axisArg(call, 1, rankOf(x.val));
  if (axis === null) return POISON;
  return num(tileTypeOf(x.val).shape[axis] ?? 1, x.val.dims[axis]);
}

export function cast(call: Call): Val {
  const x = arg(call, 0);
  const dtype = dtypeArg(call, 1);
  if (dtype === null || x.val.kind === 'poison') return POISON;
  if (x.val.kind === 'num' || x.val.kind === 'bool') {
    if (!call.ev.emits(call.node)) return POISON;
    return tileOf(call.ev.constant(call.node, evaluateCast(Number(x.val.value), dtype), scalarType(dtype)));
  }
  if (x.val.kind !== 'tile') return wrong(call, x, 'a tile or a number') ?? POISON;
  if (tileTypeOf(x.val).dtype === dtype) return x.val;
  return tileOf(call.ev.value(call.node, 'cast', [x.val.v], { to: dtype }), x.val.dims);
}

export function bitcast(call: Call): Val {
  const [x, dtype] = [tileArg(call, 0), dtypeArg(call, 1)];
  if (x === null || dtype === null) return POISON;
  const wide = (d: string): boolean => d === 'f32' || d === 'i32' || d === 'u32';
  const from = tileTypeOf(x.val).dtype;
  if (!wide(from) || !wide(dtype))
    return call.ev.error('LAC0212', call.node, `bitcast is between f32, i32 and u32, not ${from} and ${dtype}`, {
      labels: typeLabels(x),
    });
  return tileOf(call.ev.value(call.node, 'bitcast', [x.val.v], { to: dtype }), x.val.dims);
}
