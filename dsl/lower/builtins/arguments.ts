import type { ts } from 'ts-morph';
import type { Help } from '../../../compiler/diag/diagnostic.js';
import { LIMITS } from '../../../compiler/ir/limits.js';
import type { AnyOp } from '../../../compiler/ir/module.js';
import { DTYPES, type DType, sizeOf } from '../../../compiler/ir/types.js';
import { spanOf } from '../../read/diagnostics.js';
import { isNumeric, type Joined, type Numeric, type Operand, typeLabels } from '../convert.js';
import { type Evaluator, textOf } from '../evaluator.js';
import { didYouMean } from '../names.js';
import { describe, isMask, type NumVal, rankOf, type TileVal, type Val } from '../value.js';

/** A call of a function of the language, its arguments evaluated. */
export interface Call {
  readonly ev: Evaluator;
  readonly node: ts.Node;
  readonly name: string;
  readonly args: readonly Operand[];
  /** How it is called, for messages. */
  readonly usage?: string;
}

/** Argument i; a call with too few arguments never gets here. */
export function arg(call: Call, i: number): Operand {
  return call.args[i] ?? { val: { kind: 'none' }, node: call.node };
}

export const isGiven = (o: Operand): boolean => o.val.kind !== 'none';

/** A view is where a tile is; the tile is what load() gives. */
const LOAD_FIRST = 'load a tile of it: view.load(origin, shape)';

const isVariable = (node: ts.Node): boolean =>
  'text' in node && node.text !== 'undefined' && textOf(node) === node.text;

/** Reports an argument of the wrong kind, unless it stands for something already reported. */
export function wrong(call: Call, o: Operand, needs: string, help: readonly (string | Help)[] = []): null {
  if (o.val.kind === 'poison') return null;
  const usual =
    o.val.kind === 'view'
      ? [LOAD_FIRST]
      : o.val.kind === 'none' && isVariable(o.node)
        ? [`give ${textOf(o.node)} a value where it is declared`]
        : call.usage === undefined
          ? []
          : [`write ${call.usage}`];
  call.ev.error('LAC0222', o.node, `${call.name} needs ${needs} here, not ${describe(o.val)}`, {
    help: help.length > 0 ? help : usual,
  });
  return null;
}

export function tileArg(call: Call, i: number): Operand<TileVal> | null {
  const o = arg(call, i);
  if (o.val.kind === 'tile') return { val: o.val, node: o.node };
  const help =
    o.val.kind === 'num' ? ['cast(value, dtype) makes a scalar of it, full(shape, value, dtype) a tile'] : [];
  return wrong(call, o, 'a tile', help);
}

export function numericArg(call: Call, i: number): Operand<Numeric> | null {
  const o = arg(call, i);
  return isNumeric(o.val) ? { val: o.val, node: o.node } : wrong(call, o, 'a number or a tile');
}

/** A number known at compile time. */
export function constantOf(call: Call, o: Operand, what: string): NumVal | null {
  if (o.val.kind === 'num') return o.val;
  if (o.val.kind === 'tile')
    call.ev.error('LAC0113', o.node, `${what} must be known at compile time`, {
      labels: typeLabels(o),
      help: [
        dimensionHelp(o.val) ?? 'use literals, Const values (block sizes, comptime dimensions) and arithmetic on them',
      ],
    });
  else wrong(call, o, 'a compile-time number');
  return null;
}

/** A dimension known at launch, where a size known at compile time is needed. */
function dimensionHelp({ v }: TileVal): string | undefined {
  const op = v.def.kind === 'op' ? (v.def as AnyOp) : undefined;
  if (op?.name !== 'dim') return undefined;
  const { name } = op.attrs;
  return `${name} is known at launch: name it in comptime: ['${name}'], or walk it in blocks, for (const n of range(0, ${name}, C))`;
}

export function axisArg(call: Call, i: number, rank: number): number | null {
  const o = arg(call, i);
  if (o.val.kind === 'tile' && rankOf(o.val) > 0) {
    const help =
      call.name === 'max' || call.name === 'min' ? [`elementwise, of two values: ${call.name}imum(a, b)`] : [];
    return wrong(call, o, 'an axis (0, 1 or 2)', help);
  }
  const axis = constantOf(call, o, 'the axis');
  if (axis === null) return null;
  if (Number.isInteger(axis.value) && axis.value >= 0 && axis.value < rank) return axis.value;
  call.ev.error('LAC0213', o.node, `there is no axis ${axis.value}: the value has rank ${rank}`, {
    labels: typeLabels(arg(call, 0)),
    help:
      axis.value < 0 && rank + axis.value >= 0
        ? [{ text: 'axes count from 0', edit: { span: spanOf(o.node), newText: String(rank + axis.value) } }]
        : [
            rank === 0
              ? 'it is one value: there is nothing to fold'
              : `its axes are ${[0, 1, 2].slice(0, rank).join(', ')}`,
          ],
  });
  return null;
}

export function dtypeArg(call: Call, i: number): DType | null {
  const o = arg(call, i);
  if (o.val.kind === 'dtype') return o.val.dtype;
  if (o.val.kind === 'dtypeParam') {
    const chosen = call.ev.dtypes?.[o.val.name];
    if (chosen !== undefined) return chosen;
    call.ev.error('LAC0310', o.node, `the dtype parameter ${o.val.name} is used by no argument of this kernel`, {
      help: ['give an argument that dtype, or use a dtype by name'],
    });
    return null;
  }
  notDType(call, o);
  return null;
}

/** Reports what stands where a dtype is needed. */
export function notDType(call: Call, { val, node }: Operand): void {
  if (val.kind === 'poison') return;
  const quoted = val.kind === 'str' ? DTYPES.find((d) => d === val.value && d !== 'i1') : undefined;
  const list = val.kind === 'arr' && val.items.every((v) => v.kind === 'dtype');
  const help: string | Help =
    quoted !== undefined
      ? { text: 'write it without quotes', edit: { span: spanOf(node), newText: quoted } }
      : list
        ? `a choice of dtypes is a dtype parameter: const T = dtypes('T', ${textOf(node).replace(/^\[|\]$/g, '')})`
        : 'write f32, f16, bf16, i32, u32 or a dtype parameter, without quotes';
  call.ev.error('LAC0220', node, `${call.name} needs a dtype here, not ${describe(val)}`, { help: [help] });
}

/** An extent: a whole compile-time number >= 1. */
export function extentOf(call: Call, o: Operand): NumVal | null {
  const n = constantOf(call, o, 'an extent');
  if (n === null) return null;
  if (Number.isInteger(n.value) && n.value >= 1 && n.value <= LIMITS.tileExtent) return n;
  call.ev.error('LAC0215', o.node, `an extent is a whole number from 1 to ${LIMITS.tileExtent}, not ${n.value}`, {
    help: Number.isInteger(n.value)
      ? n.value === -1
        ? ['write the extent out']
        : []
      : ['idiv(a, b) and cdiv(a, b) give whole numbers'],
  });
  return null;
}

/** `[BM, BN]`: rank 0 to 3. */
export function shapeArg(call: Call, i: number): Joined | null {
  const o = arg(call, i);
  if (o.val.kind !== 'arr') return wrong(call, o, 'a shape, as [BM, BN]', bracketHelp(o));
  const extents = o.val.items.map((val, j) => extentOf(call, { val, node: elementNode(o.node, j) }));
  const shape: number[] = [];
  const dims: string[] = [];
  for (const e of extents) {
    if (e === null) return null;
    shape.push(e.value);
    dims.push(e.label ?? String(e.value));
  }
  if (shape.length <= 3 && sizeOf(shape) <= LIMITS.tileElements) return { shape, dims };
  const what = shape.length > 3 ? `rank ${shape.length}; the most is 3` : `more than ${LIMITS.tileElements} elements`;
  call.ev.error('LAC0215', o.node, `this tile has ${what}`);
  return null;
}

/** `BM` where `[BM]` is meant. */
export function bracketHelp({ val, node }: Operand): Help[] {
  const isNumber = val.kind === 'num' || (val.kind === 'tile' && rankOf(val) === 0);
  return isNumber
    ? [{ text: 'write it in brackets', edit: { span: spanOf(node), newText: `[${textOf(node, 400)}]` } }]
    : [];
}

/** Element j of an array literal; the node itself where it is none. */
export function elementNode(node: ts.Node, j: number): ts.Node {
  return ('elements' in node ? (node.elements as ts.NodeArray<ts.Node>)[j] : undefined) ?? node;
}

function property(node: ts.Node, name: string): ts.ObjectLiteralElementLike | undefined {
  if (!('properties' in node)) return undefined;
  return (node.properties as ts.NodeArray<ts.ObjectLiteralElementLike>).find((e) => e.name?.getText() === name);
}

/** The value of a property of an object literal; undefined where the literal is elsewhere. */
export function propertyNode(node: ts.Node, name: string): ts.Node | undefined {
  const p = property(node, name);
  return p !== undefined && 'initializer' in p && p.initializer !== undefined ? (p.initializer as ts.Node) : p;
}

/** The name of a property of an object literal; undefined where the literal is elsewhere. */
export const nameNode = (node: ts.Node, name: string): ts.Node | undefined => property(node, name)?.name;

/** Another name for a property: an edit, unless `{ name }` stands for name and value at once. */
export function renameHelp(node: ts.Node, name: string, meant: string): Help {
  const at = nameNode(node, name);
  const text = `did you mean ${meant}?`;
  return at === undefined || at.parent === propertyNode(node, name)
    ? { text }
    : { text, edit: { span: spanOf(at), newText: meant } };
}

/** Names and kinds of an options object; the values are read with `options.get`. */
export type OptionKinds = Readonly<Record<string, readonly Val['kind'][]>>;

/** `{ pad: 0, mask: m }`: known names only; null if something was reported. */
export function optionsArg(call: Call, i: number, kinds: OptionKinds): ReadonlyMap<string, Val> | null {
  const o = arg(call, i);
  if (o.val.kind === 'none') return new Map();
  if (o.val.kind !== 'obj')
    return wrong(call, o, `options ({ ${Object.keys(kinds).join(', ')} })`, braceHelp(call, o, kinds));
  const found = new Map<string, Val>();
  for (const [name, value] of o.val.props) {
    const val = typeof value === 'function' ? value() : value;
    if (!checkOption(call, o.node, name, val, kinds)) return null;
    if (val.kind !== 'none') found.set(name, val);
  }
  return found;
}

/** `true` where `{ reverse: true }` is meant, a mask where `{ mask: m }` is. */
function braceHelp(call: Call, { val, node }: Operand, kinds: OptionKinds): Help[] {
  const names = Object.keys(kinds).filter((name) => kinds[name]?.includes(val.kind));
  const name = val.kind === 'tile' && !isMask(val) ? undefined : names[0];
  if (name === undefined) return [{ text: `write { ${Object.keys(kinds)[0] ?? ''}: ... }` }];
  const newText = `{ ${name}: ${textOf(node, 400)} }`;
  return [{ text: `name what ${call.name} is given`, edit: { span: spanOf(node), newText } }];
}

function optionHelp(name: string, val: Val, allowed: readonly Val['kind'][]): string[] {
  if (allowed.includes('bool') && val.kind !== 'tile') return ['write true or false'];
  if (val.kind !== 'tile') return [];
  return name === 'pad'
    ? ['pad is a number known at compile time; where(mask, x, pad) puts a tile or scalar there']
    : ['it must be known at compile time: a literal, a Const or an option'];
}

function checkOption(call: Call, node: ts.Node, name: string, val: Val, kinds: OptionKinds): boolean {
  const allowed = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (allowed === undefined) {
    const meant = Object.hasOwn(kinds, 'pad') && name === 'other' ? 'pad' : didYouMean(name, Object.keys(kinds));
    const help = meant ? [renameHelp(node, name, meant)] : [`options: ${Object.keys(kinds).join(', ') || 'none'}`];
    call.ev.error('LAC0110', nameNode(node, name) ?? node, `${call.name} has no option ${name}`, { help });
    return false;
  }
  if (val.kind === 'poison') return false;
  if (val.kind === 'none' || allowed.includes(val.kind)) return true;
  call.ev.error(
    'LAC0222',
    propertyNode(node, name) ?? node,
    `the option ${name} of ${call.name} cannot be ${describe(val)}`,
    { help: allowed.includes('tile') ? [] : optionHelp(name, val, allowed) },
  );
  return false;
}
