import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import type { ExprOp } from '../../compiler/expr.js';
import { newBlock, type Value } from '../../compiler/ir/module.js';
import { deriveKernel } from '../read/declaration.js';
import { spanOf } from '../read/diagnostics.js';
import { derivePlan } from '../read/plan-declaration.js';
import { ts } from '../read/typescript.js';
import { symbolicCall } from './arithmetic.js';
import type { Call } from './builtins/arguments.js';
import { MATH_FUNCTIONS } from './builtins/fold.js';
import { BUILTINS } from './builtins/table.js';
import { TENSOR_METHODS, type TensorMethod } from './builtins/tensors.js';
import { VIEW_METHODS, type ViewMethod } from './builtins/views.js';
import type { Operand } from './convert.js';
import { type Evaluator, MAX_INLINE_DEPTH, textOf } from './evaluator.js';
import { evaluate, spreadItems } from './expression.js';
import { insteadOf } from './foreign-names.js';
import { bindPattern } from './pattern.js';
import type { Frame, Scope } from './scope.js';
import { runBody } from './statement.js';
import { describe, type FnVal, type MethodVal, NONE, num, POISON, type Val } from './value.js';

export function evaluateCall(ev: Evaluator, node: TS.CallExpression, scope: Scope): Val {
  const callee = evaluate(ev, node.expression, scope);
  // What the arguments should be is unknown then.
  if (callee.kind === 'poison') return POISON;
  const args = spreadItems(ev, node.arguments, scope);
  switch (callee.kind) {
    case 'builtin':
      return callBuiltin({ ev, node, name: callee.name, args });
    case 'method':
      return callMethod({ ev, node, name: callee.name, args }, callee);
    case 'fn':
      return inlineCall(ev, callee, args, node);
    case 'kernel':
    case 'plan':
      return ev.error('LAC0103', node, `a ${callee.kind} cannot be called here`, {
        help: ['kernels are launched by a host program, or by run() in a plan; share code through functions'],
      });
    case 'run':
      return ev.error('LAC0315', node, 'run gives no value', {
        help: ['write it as a statement of its own in the body of the plan'],
      });
    default:
      return ev.error(
        'LAC0109',
        node.expression,
        `${textOf(node.expression)} is no function, but ${describe(callee)}`,
        { help: calledHelp(node, callee, args.length) },
      );
  }
}

/** Calls a function that is itself a value, with arguments that were computed elsewhere. */
export function callValue(ev: Evaluator, callee: Val, args: readonly Operand[], node: TS.Node): Val {
  if (callee.kind === 'builtin') return callBuiltin({ ev, node, name: callee.name, args });
  return callee.kind === 'fn' ? inlineCall(ev, callee, args, node) : POISON;
}

/** `f32(x)`, `all(mask)`. */
function calledHelp(node: TS.CallExpression, callee: Val, args: number): Help[] {
  if (callee.kind === 'dtype' && args === 1) return [castHelp(node, callee.dtype)];
  const instead = callee.kind === 'all' ? insteadOf('all', node.expression) : undefined;
  return instead === undefined ? [] : [instead];
}

function castHelp(node: TS.CallExpression, dtype: string): Help {
  const newText = `cast(${textOf(node.arguments[0] ?? node, 400)}, ${dtype})`;
  return { text: 'write cast()', edit: { span: spanOf(node), newText } };
}

function callBuiltin(call: Call): Val {
  if (call.name.startsWith('Math.')) return callMath(call, call.name.slice(5));
  const builtin = Object.hasOwn(BUILTINS, call.name) ? BUILTINS[call.name] : undefined;
  if (builtin === undefined)
    return call.ev.error('LAC0103', call.node, `${call.name} belongs in host programs`, {
      help: ['kernels get their tensors as arguments'],
    });
  if (call.args.some((o) => o.val.kind === 'poison') || !rightCount(call, builtin)) return POISON;
  return builtin.run({ ...call, usage: builtin.usage });
}

interface Arity {
  readonly min: number;
  readonly max: number;
  readonly usage: string;
}

function rightCount(call: Call, { min, max, usage }: Arity): boolean {
  const n = call.args.length;
  if (n >= min && n <= max) return true;
  const count = min === max ? `${min}` : `${min} to ${max}`;
  call.ev.error('LAC0109', call.node, `${call.name} takes ${count} argument${count === '1' ? '' : 's'}, not ${n}`, {
    help: [
      KEEPING.has(call.name) && n > max
        ? `an axis that stays, with extent 1: col(${call.name}(x, 1))`
        : `write ${usage}`,
    ],
  });
  return false;
}

/** Reductions that NumPy gives `keepdims`. */
const KEEPING = new Set(['sum', 'max', 'min', 'argmax', 'argmin']);

const SYMBOLIC_MATH: Readonly<Record<string, ExprOp>> = {
  min: 'min',
  max: 'max',
  floor: 'floor',
  ceil: 'ceil',
  sqrt: 'sqrt',
  log2: 'log2',
  abs: 'abs',
};

/** `Math` works on what is known at compile time, and on sizes in grids and prunes. */
function callMath(call: Call, name: string): Val {
  const values = call.args.map((o) => o.val);
  if (values.some((v) => v.kind === 'poison')) return POISON;
  const f = MATH_FUNCTIONS[name];
  const numbers = values.flatMap((v) => (v.kind === 'num' ? [v.value] : []));
  if (f !== undefined && numbers.length === values.length) return num(f(...numbers));
  const op = SYMBOLIC_MATH[name];
  const symbolic = op === undefined ? null : symbolicMath(op, values);
  if (symbolic !== null) return symbolic;
  return call.ev.error('LAC0113', call.node, `${call.name} works on compile-time numbers only`, {
    help: ownFunction(call, name),
  });
}

/** `Math.min` and `Math.max` take any number from two on, two at a time, those that are known as one. */
function symbolicMath(op: ExprOp, values: readonly Val[]): Val | null {
  if (op !== 'min' && op !== 'max') return values.length === 1 ? symbolicCall(op, values) : null;
  const known = values.flatMap((v) => (v.kind === 'num' ? [v.value] : []));
  const [first, ...others] = values.filter((v) => v.kind !== 'num');
  if (first === undefined || values.length < 2) return null;
  const rest = known.length > 0 ? [...others, num(Math[op](...known))] : others;
  return rest.reduce<Val | null>((a, b) => a && symbolicCall(op, [a, b]), first);
}

/** What the language has for a function of Math. */
function ownFunction(call: Call, name: string): (Help | string)[] {
  if (name === 'pow') return ['a ** b works on tiles and scalars'];
  const own = (name === 'max' || name === 'min') && call.args.length === 2 ? `${name}imum` : name;
  if (!Object.hasOwn(BUILTINS, own)) return [];
  const text = `${own}() works on tiles and scalars`;
  return ts.isCallExpression(call.node)
    ? [{ text, edit: { span: spanOf(call.node.expression), newText: own } }]
    : [text];
}

function callMethod(call: Call, method: MethodVal): Val {
  const { self } = method;
  if (self.kind === 'kernel') return deriveKernel(call, self, method.name);
  if (self.kind === 'plan') return derivePlan(call, self, method.name);
  if (self.kind === 'arr') return mapArray(call, self.items);
  if (self.kind === 'tensor') {
    const entry = TENSOR_METHODS[method.name as TensorMethod];
    if (!rightCount(call, entry) || call.args.some((o) => o.val.kind === 'poison')) return POISON;
    return entry.run({ ...call, usage: entry.usage }, self);
  }
  const entry = VIEW_METHODS[method.name as ViewMethod];
  if (!call.ev.emits(call.node) || !rightCount(call, entry)) return POISON;
  return call.args.some((o) => o.val.kind === 'poison') ? POISON : entry.run({ ...call, usage: entry.usage }, self);
}

function mapArray(call: Call, items: readonly Val[]): Val {
  const f = call.args[0];
  if (f?.val.kind !== 'fn') return call.ev.error('LAC0109', call.node, 'map takes a function');
  const fn = f.val;
  return {
    kind: 'arr',
    items: items.map((val, i) =>
      inlineCall(
        call.ev,
        fn,
        [
          { val, node: call.node },
          { val: num(i), node: call.node },
        ],
        call.node,
      ),
    ),
  };
}

/** Value of a function in a declaration (`grid`, `prune`): its findings name no call, since nobody wrote one. */
export function callDeclared(ev: Evaluator, fn: FnVal, given: Operand): Val {
  const frame: Frame = { callee: fn.name, node: fn.node, call: null, parent: ev.frame, depth: ev.frame.depth + 1 };
  return callBody(ev, fn, [given], frame);
}

/** Inlines a call: parameters are bound, the body is walked into a region of its own, `return` gives the value. */
function inlineCall(ev: Evaluator, fn: FnVal, args: readonly Operand[], node: TS.Node): Val {
  const frame = enter(ev, fn, node);
  if (frame === null || !argumentsFit(ev, fn, args, node)) return POISON;
  if (ev.block === null || ev.isLanewise) return callBody(ev, fn, args, frame);
  const region = newBlock([]);
  const result = ev.into(region, () => callBody(ev, fn, args, frame));
  if (region.ops.length === 0) return result;
  if (holdsFunction(result)) {
    // A closure may use values of the body later, so they must stay in the caller's block.
    ev.block.ops.push(...region.ops);
    return result;
  }
  const leaves: Value[] = [];
  collectValues(result, leaves);
  ev.into(region, () => ev.op(node, 'yield', leaves, {}));
  const op = ev.op(
    node,
    'inline',
    [],
    { callee: fn.name },
    leaves.map((v) => v.type),
    [region],
  );
  return replaceValues(result, [...op.results]);
}

function enter(ev: Evaluator, fn: FnVal, node: TS.Node): Frame | null {
  for (let f: Frame | null = ev.frame; f !== null; f = f.parent)
    if (f.node === fn.node) {
      ev.error('LAC0105', node, `${fn.name} calls itself`, {
        help: ['calls are inlined: write a loop, for (const i of range(n))'],
      });
      return null;
    }
  if (isAsyncOrGenerator(fn.node)) {
    ev.error('LAC0103', node, `${fn.name} is a generator or async function`, { help: ['write an ordinary function'] });
    return null;
  }
  const depth = ev.frame.depth + 1;
  if (depth > MAX_INLINE_DEPTH) ev.tooLarge(node, `more than ${MAX_INLINE_DEPTH} calls are inlined in one another`);
  // A function written where it is handed over is no call that anybody sees.
  const { callee, call } = node === fn.node ? ev.frame : { callee: fn.name, call: ev.locOf(node) };
  return { callee, node: fn.node, call, parent: ev.frame, depth };
}

export const isAsyncOrGenerator = (node: TS.FunctionLikeDeclaration): boolean =>
  node.asteriskToken !== undefined ||
  (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((m) => m.kind === ts.SyntaxKind.AsyncKeyword));

/** Whether every parameter has its argument; said where the call is. */
function argumentsFit(ev: Evaluator, fn: FnVal, args: readonly Operand[], node: TS.Node): boolean {
  const { parameters } = fn.node;
  const name = fn.name || 'this function';
  const usage = `write ${fn.name}(${parameters.map((p) => p.name.getText()).join(', ')})`;
  const missing = parameters.find(
    (p, i) =>
      args[i] === undefined &&
      p.initializer === undefined &&
      p.questionToken === undefined &&
      p.dotDotDotToken === undefined,
  );
  if (missing !== undefined) {
    ev.error('LAC0109', node, `${name} needs the argument ${missing.name.getText()}`, {
      labels: [{ span: spanOf(missing), text: 'declared here' }],
      help: [usage],
    });
    return false;
  }
  const extra = args[parameters.length];
  // A function given as a value may take fewer arguments than it is called with; one called by its own name may not.
  const isNamed =
    ts.isFunctionDeclaration(fn.node) &&
    ts.isCallExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === fn.node.name?.text;
  if (extra === undefined || !isNamed || parameters.at(-1)?.dotDotDotToken !== undefined) return true;
  const count = `${parameters.length} argument${parameters.length === 1 ? '' : 's'}`;
  ev.error('LAC0109', extra.node, `${fn.name} takes ${count}, not ${args.length}`, {
    labels: [{ span: spanOf(fn.node.name ?? fn.node), text: 'declared here' }],
    help: [usage],
  });
  return false;
}

function callBody(ev: Evaluator, fn: FnVal, args: readonly Operand[], frame: Frame): Val {
  const scope = fn.scope.child(frame);
  const { body } = fn.node;
  if (body === undefined) return ev.error('LAC0103', fn.node, `${fn.name} has no body`);
  return ev.call(frame, () => {
    bindParameters(ev, fn, args, scope);
    return ts.isBlock(body) ? runBody(ev, body, scope) : evaluate(ev, body, scope);
  });
}

function bindParameters(ev: Evaluator, fn: FnVal, args: readonly Operand[], scope: Scope): void {
  for (const [i, p] of fn.node.parameters.entries()) {
    if (p.dotDotDotToken !== undefined) {
      bindPattern(ev, scope, p.name, { kind: 'arr', items: args.slice(i).map((o) => o.val) }, 'param', p);
      continue;
    }
    const given = args[i]?.val ?? NONE;
    const val = given.kind === 'none' && p.initializer !== undefined ? evaluate(ev, p.initializer, scope) : given;
    bindPattern(ev, scope, p.name, val, 'param', p);
  }
}

function holdsFunction(val: Val): boolean {
  if (val.kind === 'fn' || val.kind === 'method' || val.kind === 'range') return true;
  if (val.kind === 'arr') return val.items.some(holdsFunction);
  return val.kind === 'obj' && [...val.props.values()].some((v) => typeof v === 'function' || holdsFunction(v));
}

/** Tiles and views in a value, in a fixed order. */
function collectValues(val: Val, into: Value[]): void {
  if (val.kind === 'tile' || val.kind === 'view') into.push(val.v);
  else if (val.kind === 'arr') for (const item of val.items) collectValues(item, into);
  else if (val.kind === 'obj') for (const v of val.props.values()) if (typeof v !== 'function') collectValues(v, into);
}

/** The same value with its tiles and views replaced, in the order of `collectValues`. */
function replaceValues(val: Val, by: Value[]): Val {
  if (val.kind === 'tile' || val.kind === 'view') return { ...val, v: by.shift() ?? val.v };
  if (val.kind === 'arr') return { kind: 'arr', items: val.items.map((item) => replaceValues(item, by)) };
  if (val.kind !== 'obj') return val;
  const props = [...val.props].map(([k, v]) => [k, typeof v === 'function' ? v : replaceValues(v, by)] as const);
  return { ...val, props: new Map(props) };
}
