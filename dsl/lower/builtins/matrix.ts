import { isFloat, sameShape, tileType } from '../../../compiler/ir/types.js';
import { spanOf } from '../../read/diagnostics.js';
import { type Operand, transposeHelp, typeLabels } from '../convert.js';
import { textOf } from '../evaluator.js';
import { describe, POISON, rankOf, shapeText, type TileVal, tileOf, tileTypeOf, type Val } from '../value.js';
import { arg, type Call, optionsArg, tileArg } from './arguments.js';

const PRECISIONS = ['default', 'tf32', 'tf32x3', 'ieee'];

/** dot(a, b), dot(a, b, acc), each with options last: a [M, K] by b [K, N], or a batch of them; sums in f32. */
export function dot(call: Call): Val {
  const [a, b] = [tileArg(call, 0), tileArg(call, 1)];
  if (a === null || b === null || !operandsFit(call, a, b)) return POISON;
  const hasAcc = call.args.length > 2 && arg(call, 2).val.kind !== 'obj' && arg(call, 2).val.kind !== 'none';
  const precision = precisionOf(call, hasAcc || call.args.length > 3 ? 3 : 2);
  const acc = hasAcc ? tileArg(call, 2) : undefined;
  if (precision === null || acc === null) return POISON;
  const shape = [...tileTypeOf(a.val).shape.slice(0, -1), tileTypeOf(b.val).shape.at(-1) ?? 1];
  const dims = [...a.val.dims.slice(0, -1), b.val.dims.at(-1) ?? ''];
  if (acc !== undefined && !accumulatorFits(call, acc, shape, dims)) return POISON;
  const operands = [a.val.v, b.val.v, ...(acc === undefined ? [] : [acc.val.v])];
  return tileOf(call.ev.value(call.node, 'dot', operands, precision === 'default' ? {} : { precision }), dims);
}

function precisionOf(call: Call, i: number): string | null {
  const options = optionsArg(call, i, { precision: ['str'] });
  if (options === null) return null;
  const p = options.get('precision');
  if (p?.kind !== 'str') return 'default';
  if (PRECISIONS.includes(p.value)) return p.value;
  call.ev.error('LAC0222', arg(call, i).node, `unknown precision '${p.value}'`, {
    help: [`one of ${PRECISIONS.join(', ')}`],
  });
  return null;
}

function operandsFit(call: Call, a: Operand<TileVal>, b: Operand<TileVal>): boolean {
  const [x, y] = [tileTypeOf(a.val), tileTypeOf(b.val)];
  const labels = typeLabels(a, b);
  const rank = rankOf(a.val);
  if (rank !== rankOf(b.val) || (rank !== 2 && rank !== 3)) return noMatrices(call, a, b);
  if (x.shape.at(-1) !== y.shape.at(-2)) return innerDiffers(call, a, b);
  if (rank === 3 && x.shape[0] !== y.shape[0]) {
    call.ev.error('LAC0211', call.node, `dot needs equal batches: ${describe(a.val)} by ${describe(b.val)}`, {
      labels,
      help: ['the first axis of both counts the products'],
    });
    return false;
  }
  if (x.dtype === y.dtype && isFloat(x.dtype)) return true;
  const [narrow, other] = x.dtype === 'f32' ? [a, b] : [b, a];
  const to = tileTypeOf(other.val).dtype;
  const edit = { span: spanOf(narrow.node), newText: `cast(${textOf(narrow.node, 400)}, ${to})` };
  call.ev.error('LAC0211', call.node, `the operands of dot have one float dtype, not ${x.dtype} and ${y.dtype}`, {
    labels,
    help: [
      isFloat(x.dtype) && isFloat(y.dtype)
        ? { text: 'cast one operand to the dtype of the other', edit }
        : 'cast both to a float dtype',
    ],
  });
  return false;
}

function noMatrices(call: Call, a: Operand<TileVal>, b: Operand<TileVal>): false {
  const isVector = rankOf(a.val) < 2 || rankOf(b.val) < 2;
  call.ev.error('LAC0211', call.node, 'dot multiplies two matrices, or two batches of matrices', {
    labels: typeLabels(a, b),
    help: [
      isVector
        ? 'col(x) and row(x) make matrices of vectors'
        : 'reshape(x, [B * M, K]) makes one matrix of a batch; expand(x, 0) a batch of one',
    ],
  });
  return false;
}

function innerDiffers(call: Call, a: Operand<TileVal>, b: Operand<TileVal>): false {
  const [x, y] = [tileTypeOf(a.val).shape, tileTypeOf(b.val).shape];
  call.ev.error('LAC0211', call.node, `dot needs equal inner extents: ${describe(a.val)} by ${describe(b.val)}`, {
    labels: typeLabels(a, b),
    help: [
      x.length === 3
        ? 'columns of the left operands = rows of the right ones, behind the batch'
        : x[1] === y[1]
          ? transposeHelp(b.node, 'the right operand')
          : x[0] === y[0]
            ? transposeHelp(a.node, 'the left operand')
            : 'columns of the left operand = rows of the right one',
    ],
  });
  return false;
}

function accumulatorFits(
  call: Call,
  acc: Operand<TileVal>,
  shape: readonly number[],
  dims: readonly string[],
): boolean {
  const t = tileTypeOf(acc.val);
  if (t.dtype === 'f32' && sameShape(t.shape, shape)) return true;
  const needs = `tile<${shapeText(shape, dims)} x ${tileType('f32', shape).dtype}>`;
  call.ev.error('LAC0211', acc.node, `the accumulator must be ${needs}, not ${describe(acc.val)}`, {
    labels: typeLabels(acc),
    help: [`start it as zeros([${dims.join(', ')}], f32)`],
  });
  return false;
}
