import type { ts as TS } from 'ts-morph';
import { type Expr, namesOf } from '../../compiler/expr.js';
import { bindBodyParameters } from '../lower/body-parameters.js';
import { bare, type Evaluator, textOf } from '../lower/evaluator.js';
import { evaluate } from '../lower/expression.js';
import { bindPattern } from '../lower/pattern.js';
import type { Frame, Scope } from '../lower/scope.js';
import { describe, type FnVal, type ObjVal, POISON, type SymVal, type Val } from '../lower/value.js';
import { spanOf } from './diagnostics.js';
import type { RunDecl } from './plan-declaration.js';
import { planExpr } from './plan-expr.js';
import { readRun } from './plan-run.js';
import { ts } from './typescript.js';

const GIVEN = ['its tensors', 'its sizes', 'run'];

/** The runs of a plan, in order. What cannot be data is reported. */
export function readPlanBody(
  ev: Evaluator,
  fn: FnVal,
  tensors: ObjVal,
  sizes: ObjVal,
  options: ReadonlyMap<string, Val>,
): RunDecl[] {
  const { body } = fn.node;
  const frame: Frame = { callee: null, node: fn.node, call: null, parent: ev.frame, depth: ev.frame.depth + 1 };
  const scope = fn.scope.child(frame);
  const values: readonly Val[] = [
    {
      ...tensors,
      elsewhere: (name) =>
        sizes.props.has(name) || options.has(name) ? 'the sizes: the second parameter of the body' : undefined,
    },
    {
      ...sizes,
      what: 'the dimensions, knobs and options of this plan',
      props: new Map<string, Val>([...options, ...([...sizes.props] as [string, Val][])]),
      elsewhere: (name) => (tensors.props.has(name) ? 'the tensors: the first parameter of the body' : undefined),
    },
    { kind: 'run' },
  ];
  const reader = new BodyReader(ev, new Set(sizes.props.keys()));
  ev.call(frame, () => {
    bindBodyParameters(ev, fn.node, scope, { of: 'plan', names: GIVEN, values });
    if (body === undefined) return;
    if (ts.isBlock(body)) reader.statements(body.statements, scope, null);
    else reader.effect(body, scope, null);
  });
  return reader.runs;
}

const INSTEAD: Readonly<Partial<Record<TS.SyntaxKind, readonly [what: string, help: string]>>> = {
  [ts.SyntaxKind.ForStatement]: ['loops', 'write the runs one after another, or put the loop into a kernel'],
  [ts.SyntaxKind.ForOfStatement]: ['loops', 'write the runs one after another, or put the loop into a kernel'],
  [ts.SyntaxKind.ForInStatement]: ['loops', 'write the runs one after another, or put the loop into a kernel'],
  [ts.SyntaxKind.WhileStatement]: ['loops', 'call the plan from a loop of the host program'],
  [ts.SyntaxKind.DoStatement]: ['loops', 'call the plan from a loop of the host program'],
  [ts.SyntaxKind.ReturnStatement]: ['return', 'put the runs that remain into an if'],
  [ts.SyntaxKind.SwitchStatement]: ['switch', 'write if ... else'],
  [ts.SyntaxKind.TryStatement]: ['try', 'errors come before the first launch, where the plan is called'],
  [ts.SyntaxKind.ThrowStatement]: ['throw', 'check what the host program passes where it calls the plan'],
  [ts.SyntaxKind.FunctionDeclaration]: ['functions of their own', 'declare it at the top level of the file'],
};

/** `when`: what has to hold for the statements at hand; null: nothing. */
class BodyReader {
  readonly runs: RunDecl[] = [];
  readonly #ev: Evaluator;
  /** Dimensions and knobs. */
  readonly #sizes: ReadonlySet<string>;

  constructor(ev: Evaluator, sizes: ReadonlySet<string>) {
    this.#ev = ev;
    this.#sizes = sizes;
  }

  statements(list: readonly TS.Statement[], scope: Scope, when: Expr | null): void {
    for (const s of list) this.#ev.within(s, () => this.#statement(s, scope, when));
  }

  #statement(node: TS.Statement, scope: Scope, when: Expr | null): void {
    if (ts.isVariableStatement(node)) this.#constants(node, scope);
    else if (ts.isExpressionStatement(node)) this.effect(node.expression, scope, when);
    else if (ts.isIfStatement(node)) this.#branch(node, scope, when);
    else if (ts.isBlock(node)) this.statements(node.statements, scope.child(), when);
    else if (!(ts.isEmptyStatement(node) || ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)))
      this.#noSuch(node);
  }

  #noSuch(node: TS.Statement): void {
    const [what, help] = INSTEAD[node.kind] ?? ['such statements', 'use const, if and run'];
    const span = spanOf(node);
    const end = span.start + (/^\w+/.exec(node.getText())?.[0].length ?? 1);
    this.#ev.error('LAC0315', { ...span, end }, `plans have no ${what}`, { help: [help] });
  }

  #constants({ declarationList: list }: TS.VariableStatement, scope: Scope): void {
    if ((list.flags & ts.NodeFlags.Const) === 0) {
      const word = /^\w+/.exec(list.getText())?.[0] ?? '';
      const span = { ...spanOf(list), end: spanOf(list).start + word.length };
      this.#ev.error('LAC0315', span, `plans have no ${word}: nothing in them changes`, {
        help: [{ text: 'write const', edit: { span, newText: 'const' } }],
      });
    }
    for (const d of list.declarations) {
      const val = d.initializer === undefined ? POISON : evaluate(this.#ev, d.initializer, scope);
      bindPattern(this.#ev, scope, d.name, val, 'const', d.initializer ?? d);
    }
  }

  /** An expression that stands alone: a run. */
  effect(node: TS.Expression, scope: Scope, when: Expr | null): void {
    const e = bare(node);
    const call = ts.isAwaitExpression(e) ? bare(e.expression) : e;
    if (call !== e) this.#awaited(e, call);
    const callee = ts.isCallExpression(call) ? evaluate(this.#ev, call.expression, scope) : null;
    if (callee?.kind === 'poison') return;
    if (ts.isCallExpression(call) && callee?.kind === 'run') {
      const run = readRun(this.#ev, call, scope, when, this.#sizes);
      if (run !== null) this.runs.push(run);
      return;
    }
    const kernel = callee?.kind === 'kernel' || callee?.kind === 'plan';
    this.#ev.error('LAC0315', e, `${textOf(e)} does nothing in a plan`, {
      help: [
        kernel ? `write run(${textOf((call as TS.CallExpression).expression)}, { ... })` : 'write run(kernel, { ... })',
      ],
    });
  }

  #awaited(node: TS.Expression, call: TS.Expression): void {
    this.#ev.error('LAC0315', node, 'nothing in a plan is waited for', {
      help: [{ text: 'leave await away', edit: { span: spanOf(node), newText: call.getText() } }],
    });
  }

  #branch(node: TS.IfStatement, scope: Scope, when: Expr | null): void {
    const val = evaluate(this.#ev, node.expression, scope);
    if (val.kind === 'bool') {
      const side = val.value ? node.thenStatement : node.elseStatement;
      if (side !== undefined) this.statements([side], scope.child(), when);
      return;
    }
    const condition = this.#condition(node.expression, val);
    if (condition === null) return;
    const sides = [
      { side: node.thenStatement, holds: condition },
      { side: node.elseStatement, holds: ['!', condition] as const },
    ];
    for (const { side, holds } of sides) {
      if (side === undefined) continue;
      const both: SymVal = { kind: 'sym', expr: when === null ? holds : ['&&', when, holds] };
      this.statements([side], scope.child(), planExpr(this.#ev, node.expression, both));
    }
  }

  #condition(node: TS.Expression, val: Val): Expr | null {
    if (val.kind === 'poison') return null;
    if (val.kind !== 'bool' && val.kind !== 'num' && val.kind !== 'sym') {
      this.#ev.error('LAC0315', node, `if takes a condition on sizes and knobs here, not ${describe(val)}`, {
        help: ['whether a tensor is given is an option of the plan: options: { initialState: false }'],
      });
      return null;
    }
    const e = planExpr(this.#ev, node, val);
    const scalar = [...namesOf(e)].find((name) => !this.#sizes.has(name));
    if (scalar === undefined) return e;
    this.#ev.error(
      'LAC0315',
      node,
      `${scalar} is a scalar argument: what is launched depends on sizes and knobs only`,
      {
        help: ['make it a dimension, or decide in the host program or in the kernel'],
      },
    );
    return null;
  }
}
