import type { ts as TS } from 'ts-morph';
import { type AnyOp, type Block, newBlock, type Value } from '../../../compiler/ir/module.js';
import { sameShape, scalarType } from '../../../compiler/ir/types.js';
import { isElementwise, type OpName, opRow } from '../../../compiler/ops/table.js';
import { spanOf } from '../../read/diagnostics.js';
import { ts } from '../../read/typescript.js';
import { callValue } from '../call.js';
import { coerce, type Operand, typeLabels } from '../convert.js';
import { bare, textOf } from '../evaluator.js';
import { describe, type FnVal, isMask, POISON, rankOf, type TileVal, tileOf, tileTypeOf, type Val } from '../value.js';
import { arg, axisArg, type Call, elementNode, optionsArg, wrong } from './arguments.js';

type Folding = 'scan_by' | 'reduce_by';

/** `scan(x, axis, combine)` and `scan([x, y], axis, combine)`; `reduce` alike. */
export function combined(call: Call, name: Folding): Val {
  const { ev, node } = call;
  const tiles = tilesOf(call);
  const options = optionsArg(call, 3, { reverse: ['bool'] });
  const [first] = tiles ?? [];
  if (tiles === null || first === undefined || options === null) return POISON;
  const axis = axisArg(call, 1, rankOf(first.val));
  const region = axis === null ? null : regionOf(call, tiles);
  if (axis === null || region === null) return POISON;
  warnOfDifference(call, region, tiles.length);
  const reverse = options.get('reverse');
  const attrs = { axis, ...(reverse?.kind === 'bool' && reverse.value ? { reverse: true } : {}) };
  const op = ev.op(
    node,
    name,
    tiles.map((o) => o.val.v),
    attrs,
    undefined,
    [region],
  );
  const dims = name === 'scan_by' ? first.val.dims : first.val.dims.filter((_, i) => i !== axis);
  const items = op.results.map((v) => tileOf(v, dims));
  return isTuple(call) ? { kind: 'arr', items } : (items[0] ?? POISON);
}

const isTuple = (call: Call): boolean => arg(call, 0).val.kind === 'arr';

/** One tile, or several of one shape. */
function tilesOf(call: Call): readonly Operand<TileVal>[] | null {
  const given = arg(call, 0);
  const all = given.val.kind === 'arr' ? given.val.items : [given.val];
  const tiles: Operand<TileVal>[] = [];
  for (const [i, val] of all.entries()) {
    const o = { val, node: given.val.kind === 'arr' ? elementNode(given.node, i) : given.node };
    if (val.kind !== 'tile') return wrong(call, o, 'a tile, or an array of tiles');
    if (isMask(val)) return noMask(call, o);
    tiles.push({ val, node: o.node });
  }
  const [first] = tiles;
  if (first === undefined) return wrong(call, given, 'a tile, or an array of tiles');
  const other = tiles.find((o) => !sameShape(tileTypeOf(o.val).shape, tileTypeOf(first.val).shape));
  if (other === undefined) return tiles;
  call.ev.error(
    'LAC0201',
    given.node,
    `the tiles of ${call.name} have one shape: ${describe(first.val)} and ${describe(other.val)}`,
    {
      labels: typeLabels(first, other),
      help: ['zeros(shape, dtype) + x spreads a tile over a shape'],
    },
  );
  return null;
}

function noMask(call: Call, o: Operand): null {
  const newText = `cast(${textOf(o.node, 400)}, i32)`;
  call.ev.error('LAC0225', o.node, `${call.name} takes numbers, not masks`, {
    labels: typeLabels(o),
    help: [{ text: 'cast it: 1 where it holds', edit: { span: spanOf(o.node), newText } }],
  });
  return null;
}

/** The function, walked once for one lane of each tile on either side; null if something was reported. */
function regionOf(call: Call, tiles: readonly Operand<TileVal>[]): Block | null {
  const { ev } = call;
  const f = arg(call, 2);
  if (f.val.kind !== 'fn' && f.val.kind !== 'builtin') {
    wrong(call, f, 'a function of two values', [
      isTuple(call) ? 'write ([a, b], [c, d]) => [..., ...]' : 'write (a, b) => a + b',
    ]);
    return null;
  }
  if (combinesOtherwise(call, f) || (f.val.kind === 'fn' && takesLanesApart(call, f.val))) return null;
  const lanes = tiles.map((o) => scalarType(tileTypeOf(o.val).dtype));
  const region = newBlock([...lanes, ...lanes]);
  const side = (values: readonly Value[]): Operand => {
    const items = values.map((v) => tileOf(v));
    return { val: isTuple(call) ? { kind: 'arr', items } : (items[0] ?? POISON), node: f.node };
  };
  const sides = [side(region.args.slice(0, lanes.length)), side(region.args.slice(lanes.length))];
  const result = ev.lanewise(() => ev.into(region, () => callValue(ev, f.val, sides, f.node)));
  if (result.kind === 'poison' || !worksOnLanes(call, region)) return null;
  const yields = ev.into(region, () => yieldsOf(call, f, tiles, result));
  if (yields === null) return null;
  ev.into(region, () => ev.op(f.node, 'yield', yields, {}));
  return region;
}

const FOLDS: Readonly<Record<string, string>> = {
  sum: '(a, b) => a + b',
  cumsum: '(a, b) => a + b',
  max: 'maximum',
  min: 'minimum',
};

/** A function of a whole tile, or of more than a left and a right side. Reported. */
function combinesOtherwise(call: Call, { val, node }: Operand): boolean {
  const needed = val.kind === 'fn' ? val.node.parameters.filter(isNeeded).length : 2;
  const fold = val.kind === 'builtin' ? FOLDS[val.name] : undefined;
  if (needed <= 2 && fold === undefined) return false;
  const usage = isTuple(call) ? '([a, b], [c, d]) => [...]' : '(a, b) => ...';
  const message =
    fold === undefined
      ? `is given two sides, not ${needed} values`
      : `combines two values; ${describe(val)} folds a tile`;
  call.ev.error('LAC0230', node, `the function of this ${call.name} ${message}`, { help: [`write ${fold ?? usage}`] });
  return true;
}

const isNeeded = (p: TS.ParameterDeclaration): boolean =>
  p.initializer === undefined && p.questionToken === undefined && p.dotDotDotToken === undefined;

/** `([a], [b]) => ...` for one tile that is in no array. Reported. */
function takesLanesApart(call: Call, { node }: FnVal): boolean {
  const pattern = node.parameters.find((p) => !ts.isIdentifier(p.name))?.name;
  if (isTuple(call) || pattern === undefined) return false;
  const { node: tile } = arg(call, 0);
  const edit = { span: spanOf(tile), newText: `[${textOf(tile, 400)}]` };
  call.ev.error('LAC0230', pattern, `${call.name} of one tile combines numbers, which are not taken apart`, {
    help: ['write (a, b) => ...', { text: 'or put the tile into an array: the result is an array, too', edit }],
  });
  return true;
}

/** Arithmetic on scalars only: reports the first op that is something else. */
function worksOnLanes(call: Call, region: Block): boolean {
  const others = (region.ops as readonly AnyOp[]).filter((op) => !isLaneOp(op));
  const bad = others.find((op) => op.name !== 'splat' && op.name !== 'broadcast') ?? others[0];
  if (bad === undefined) return true;
  const [type] = bad.results.map((v) => v.type);
  const help = isLaneOpName(bad.name)
    ? ['the names of the function stand for scalars; what it uses from outside is scalars too']
    : ['compute it before, and combine the result'];
  const what = isLaneOpName(bad.name) ? `makes ${type === undefined ? 'no value' : describeType(bad)}` : deed(bad.name);
  call.ev.error(
    'LAC0230',
    bad.loc?.span ?? call.node,
    `a function of ${call.name} works on single lanes; this ${what}`,
    { help },
  );
  return false;
}

const isLaneOpName = (name: OpName): boolean =>
  name === 'const' || isElementwise(name) || name === 'splat' || name === 'broadcast';
const isScalar = (v: Value): boolean => v.type.kind === 'tile' && v.type.shape.length === 0;
const isLaneOp = (op: AnyOp): boolean => (op.name === 'const' || isElementwise(op.name)) && op.results.every(isScalar);

const describeType = (op: AnyOp): string => {
  const [v] = op.results;
  return v === undefined ? 'a tile' : describe(tileOf(v));
};

function deed(name: OpName): string {
  if (name === 'for' || name === 'while') return 'is a loop at run time';
  const { effect } = opRow(name);
  if (effect === 'write') return 'writes memory';
  return effect === 'read' || name.startsWith('view_') ? 'reads memory' : 'needs a whole tile';
}

/** What the function gives for each tile, with the dtype of the tile. */
function yieldsOf(call: Call, f: Operand, tiles: readonly Operand<TileVal>[], result: Val): Value[] | null {
  const at = returnNode(f);
  const items = isTuple(call) ? (result.kind === 'arr' ? result.items : null) : [result];
  if (items === null || items.length !== tiles.length) {
    const usage = isTuple(call) ? `an array of ${tiles.length}, one value a tile` : 'one value';
    call.ev.error('LAC0230', at, `the function of this ${call.name} returns ${usage}, not ${describe(result)}`, {
      help: [`write ([a, b], [c, d]) => [...], with one value for each of the ${tiles.length} tiles`],
    });
    return null;
  }
  const values = tiles.map((o, i) =>
    yielded(call, o, { val: items[i] ?? POISON, node: isTuple(call) ? elementNode(at, i) : at }),
  );
  return values.every((v) => v !== null) ? values : null;
}

function yielded(call: Call, of: Operand<TileVal>, lane: Operand): Value | null {
  const { dtype } = tileTypeOf(of.val);
  const { val, node } = lane;
  if (val.kind === 'poison') return null;
  if (val.kind === 'num') return coerce(call.ev, { val, node }, dtype, []);
  if (val.kind === 'tile' && tileTypeOf(val).dtype === dtype && rankOf(val) === 0) return val.v;
  const canCast = (val.kind === 'tile' && rankOf(val) === 0) || val.kind === 'bool';
  const newText = `cast(${textOf(node, 400)}, ${dtype})`;
  const isExpression = ts.isExpression(node) && !ts.isFunctionLike(node);
  const help = isExpression
    ? { text: 'cast it', edit: { span: spanOf(node), newText } }
    : `cast it: cast(value, ${dtype})`;
  call.ev.error('LAC0230', node, `the lanes of this tile are ${dtype}, but the function gives ${describe(val)}`, {
    labels: typeLabels(of),
    help: canCast
      ? [help]
      : ['write (a, b) => one value; of several tiles: scan([x, y], axis, ([a, b], [c, d]) => [...])'],
  });
  return null;
}

/** The expression that a function returns; the function itself where there are several, or its source is not here. */
function returnNode({ val, node }: Operand): TS.Node {
  if (val.kind !== 'fn' || val.node.body === undefined) return node;
  const { body } = val.node;
  if (!ts.isBlock(body)) return bare(body);
  const [only, ...more] = returnsIn(body);
  return more.length === 0 && only?.expression !== undefined ? bare(only.expression) : (val.node.name ?? val.node);
}

function returnsIn(node: TS.Node): TS.ReturnStatement[] {
  const found: TS.ReturnStatement[] = [];
  ts.forEachChild(node, (n) => {
    if (ts.isReturnStatement(n)) found.push(n);
    else if (!ts.isFunctionLike(n)) found.push(...returnsIn(n));
  });
  return found;
}

const NEVER_ASSOCIATIVE: readonly OpName[] = ['sub', 'div', 'idiv'];

/** A lane that is the difference or quotient of its two sides. */
function warnOfDifference(call: Call, region: Block, n: number): void {
  const ends = region.ops.at(-1)?.operands ?? [];
  for (const [i, v] of ends.entries()) {
    const op = v.def.kind === 'op' ? (v.def as AnyOp) : undefined;
    const sides = [region.args[i], region.args[n + i]];
    if (
      op === undefined ||
      !NEVER_ASSOCIATIVE.includes(op.name) ||
      !sides.every((s) => s !== undefined && op.operands.includes(s))
    )
      continue;
    const what = op.name === 'sub' ? 'a difference' : 'a quotient';
    call.ev.warn('LAC0231', arg(call, 2).node, `${what} is not associative: the result is unspecified`, {
      help: [op.name === 'sub' ? 'negate one side before, and add' : 'invert one side before, and multiply'],
    });
  }
}
