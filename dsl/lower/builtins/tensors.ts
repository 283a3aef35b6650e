import type { ViewStep } from '../../../compiler/artifact.js';
import type { Expr } from '../../../compiler/expr.js';
import { planExpr } from '../../read/plan-expr.js';
import type { Operand } from '../convert.js';
import { describe, POISON, type TensorVal, type Val } from '../value.js';
import { arg, type Call, elementNode } from './arguments.js';

/** Methods of tensors in a plan, with the least and most number of arguments. */
export const TENSOR_METHODS = {
  reshape: { min: 1, max: 1, usage: 'x.reshape([B * N, K])', run: reshape },
  permute: { min: 1, max: 1, usage: 'x.permute([0, 2, 1, 3])', run: permute },
  slice: { min: 2, max: 2, usage: 'x.slice(begin, end)', run: slice },
} as const satisfies Record<
  string,
  { min: number; max: number; usage: string; run: (call: Call, tensor: TensorVal) => Val }
>;
export type TensorMethod = keyof typeof TENSOR_METHODS;

const MOST_AXES = 8;
/** Of one tensor, one after the other. */
const MOST_STEPS = 16;

function reshape(call: Call, tensor: TensorVal): Val {
  const items = listOf(call, 'a list of extents');
  if (items === null) return POISON;
  const shape = items.map((o) => size(call, o, 'an extent'));
  return shape.some((e) => e === null) ? POISON : seen(call, tensor, { reshape: known(shape) }, known(shape));
}

function permute(call: Call, tensor: TensorVal): Val {
  const items = listOf(call, 'a list of axes');
  if (items === null) return POISON;
  const rank = tensor.shape.length;
  const axes = items.map(({ val }) => (val.kind === 'num' ? val.value : Number.NaN));
  const all = tensor.shape.every((_, axis) => axes.includes(axis));
  if (axes.length !== rank || !all)
    return call.ev.error('LAC0318', arg(call, 0).node, `permute takes an order of the ${rank} axes of ${tensor.name}`, {
      help: [`each of ${tensor.shape.map((_, axis) => axis).join(', ')} once`],
    });
  const shape = axes.map((axis) => tensor.shape[axis] ?? 0);
  return seen(call, tensor, { permute: axes }, shape);
}

function slice(call: Call, tensor: TensorVal): Val {
  const [, ...inner] = tensor.shape;
  if (tensor.shape.length === 0)
    return call.ev.error('LAC0318', call.node, `${tensor.name} has no axis to take a part of`);
  const [begin, end] = [size(call, arg(call, 0), 'the begin'), size(call, arg(call, 1), 'the end')];
  if (begin === null || end === null) return POISON;
  const length: Expr =
    begin === 0 ? end : typeof begin === 'number' && typeof end === 'number' ? end - begin : ['-', end, begin];
  return seen(call, tensor, { slice: [begin, end] }, [length, ...inner]);
}

function seen(call: Call, tensor: TensorVal, step: ViewStep, shape: readonly Expr[]): Val {
  if (tensor.views.length >= MOST_STEPS)
    return call.ev.error('LAC0318', call.node, `more than ${MOST_STEPS} views of ${tensor.name}, one of the other`);
  return { ...tensor, shape, views: [...tensor.views, step] };
}

function listOf(call: Call, what: string): Operand[] | null {
  const { val, node } = arg(call, 0);
  if (val.kind === 'arr' && val.items.length <= MOST_AXES)
    return val.items.map((item, i) => ({ val: item, node: elementNode(node, i) }));
  call.ev.error('LAC0318', node, `${call.name} takes ${what}, at most ${MOST_AXES}, not ${describe(val)}`, {
    help: call.usage === undefined ? [] : [`write ${call.usage}`],
  });
  return null;
}

/** Null where it is none, which was reported. */
function size(call: Call, { val, node }: Operand, what: string): Expr | null {
  const whole = val.kind === 'num' && Number.isSafeInteger(val.value) && val.value >= 0;
  if (whole || val.kind === 'sym') return planExpr(call.ev, node, val);
  if (val.kind !== 'poison')
    call.ev.error('LAC0318', node, `${what} is a whole number or arithmetic on sizes and knobs, not ${describe(val)}`);
  return null;
}

const known = (list: readonly (Expr | null)[]): Expr[] => list.filter((e) => e !== null);
