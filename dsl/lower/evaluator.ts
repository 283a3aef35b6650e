import type { ts as TS } from 'ts-morph';
import type { Code } from '../../compiler/diag/codes.js';
import { Bug, type Diagnostic, diagnostic, type Help, type Label, type Span } from '../../compiler/diag/diagnostic.js';
import { Builder } from '../../compiler/ir/builder.js';
import { LIMITS } from '../../compiler/ir/limits.js';
import { type Block, type Loc, newBlock, type Op, type Value } from '../../compiler/ir/module.js';
import { type DType, sizeOf, type TileType, type Type, typeText } from '../../compiler/ir/types.js';
import type { AttrsOf, OpName } from '../../compiler/ops/table.js';
import { Findings, spanOf } from '../read/diagnostics.js';
import type { SourceProject } from '../read/project.js';
import { ts } from '../read/typescript.js';
import { copyOf, type Exits, newExits, tripExits } from './exits.js';
import type { Observer } from './observer.js';
import { type Frame, rootFrame } from './scope.js';
import { POISON, type PoisonVal } from './value.js';

/** Nodes that one kernel may evaluate, unrolled and inlined: a bound on hostile or mistaken source. */
const MAX_STEPS = 200_000;
/** Calls inlined in one another. */
export const MAX_INLINE_DEPTH = 64;
/** Nodes being evaluated at once. */
const MAX_DEPTH = 1000;

/** Gives up the kernel at hand, from however deep. */
export class Abandon extends Error {
  readonly diagnostic: Diagnostic;
  constructor(why: Diagnostic) {
    super(why.message);
    this.diagnostic = why;
  }
}

type More = { labels?: readonly Label[]; help?: readonly (Help | string)[]; severity?: 'error' | 'warning' };

/**
 * State of one walk over a kernel's source. Without a block it evaluates compile-time values only: declarations,
 * module constants. With one, whatever depends on run-time values is appended to it as ops.
 */
export class Evaluator {
  readonly project: SourceProject;
  findings: Findings;
  block: Block | null;
  frame: Frame = rootFrame;
  /** Choice of each dtype parameter; null outside a kernel's body. */
  readonly dtypes: Readonly<Record<string, DType>> | null;
  observer: Observer | null = null;
  /** How control has left, or may leave, the present function and the trip of a loop at hand. */
  exits: Exits = newExits();
  /** What is walked now is walked for its types only. */
  isRehearsing = false;
  /** In a combining function, which works on one lane of its tiles: what would branch selects. */
  isLanewise = false;
  /** Some expression had no value: a finding says why, or the front end is wrong. */
  poisoned = false;
  /** dim and program_id ops, which go to the start of the body so that they dominate every use. */
  readonly prologue: Block = newBlock([]);
  #steps = 0;
  #depth = 0;
  #ops = 0;
  #regions = 0;

  constructor(project: SourceProject, findings: Findings, block: Block | null, dtypes: Record<string, DType> | null) {
    this.project = project;
    this.findings = findings;
    this.block = block;
    this.dtypes = dtypes;
  }

  error(code: Code, at: TS.Node | Span, message: string, more: More = {}): PoisonVal {
    this.findings.add(this.#diagnostic(code, at, message, more));
    return POISON;
  }

  #diagnostic(code: Code, at: TS.Node | Span, message: string, more: More): Diagnostic {
    return diagnostic(code, message, isSpan(at) ? at : spanOf(at), this.#withCalls(more));
  }

  warn(code: Code, at: TS.Node, message: string, more: More = {}): void {
    this.error(code, at, message, { ...more, severity: 'warning' });
  }

  /** A finding inside an inlined function says from where it was called. */
  #withCalls(more: More): More {
    const labels: Label[] = [...(more.labels ?? [])];
    for (let call = this.frame.call; call !== null && labels.length < 8; call = call.caller ?? null)
      labels.push({ span: call.span, text: `in this call${call.caller ? '' : ` of ${this.#outermostCallee()}`}` });
    return { ...more, labels };
  }

  #outermostCallee(): string {
    let frame = this.frame;
    while (frame.parent?.call != null) frame = frame.parent;
    return frame.callee ?? 'the function';
  }

  /** Counts work and depth around the evaluation of one node. */
  within<T>(node: TS.Node, run: () => T): T {
    if (++this.#steps > MAX_STEPS) this.tooLarge(node, 'this kernel is too large once unrolled and inlined');
    if (++this.#depth > MAX_DEPTH) this.tooLarge(node, 'calls and expressions are nested too deeply');
    try {
      return run();
    } finally {
      this.#depth--;
    }
  }

  tooLarge(node: TS.Node, message: string): never {
    const help = ['unroll less: leave `unroll: true` away where it is not needed'];
    throw new Abandon(this.#diagnostic('LAC0007', node, message, { help }));
  }

  locOf(node: TS.Node): Loc {
    const { callee, call } = this.frame;
    return { span: spanOf(node), ...(callee === null ? {} : { callee }), ...(call === null ? {} : { caller: call }) };
  }

  /** Whether ops can be made here; says so where they cannot. */
  emits(node: TS.Node): boolean {
    if (this.block !== null) return true;
    this.error('LAC0114', node, 'tiles exist only in the body of a kernel and in functions that it calls');
    return false;
  }

  op<N extends OpName>(
    node: TS.Node,
    name: N,
    operands: readonly Value[],
    attrs: AttrsOf<N>,
    types?: readonly Type[],
    regions: readonly Block[] = [],
  ): Op<N> {
    if (this.block === null) throw new Bug(`${name} outside the body of a kernel`);
    if (++this.#ops > LIMITS.ops) this.tooLarge(node, 'this kernel is too large once unrolled and inlined');
    const op = new Builder(this.block, this.locOf(node)).op(name, operands, attrs, types, regions);
    for (const r of op.results) this.#checkSize(node, r.type);
    return op;
  }

  value<N extends OpName>(node: TS.Node, name: N, operands: readonly Value[], attrs: AttrsOf<N>, type?: Type): Value {
    const [result] = this.op(node, name, operands, attrs, type && [type]).results;
    if (result === undefined) throw new Bug(`${name} has no result`);
    return result;
  }

  /** Broadcasts and products can be larger than every tile that the source writes down. */
  #checkSize(node: TS.Node, t: Type): void {
    if (t.kind !== 'tile' || sizeOf(t.shape) <= LIMITS.tileElements) return;
    const message = `${typeText(t)} has more than ${LIMITS.tileElements} elements`;
    throw new Abandon(this.#diagnostic('LAC0215', node, message, { help: ['use smaller blocks'] }));
  }

  constant(node: TS.Node, value: number, type: TileType): Value {
    return this.value(node, 'const', [], { value }, type);
  }

  /** Runs `body` with its ops going to `block`. */
  into<T>(block: Block, body: () => T): T {
    const outer = this.block;
    if (this.#regions++ >= LIMITS.depth - 1 && this.frame.node !== null)
      this.tooLarge(this.frame.node, 'loops, branches and calls are nested too deeply');
    this.block = block;
    try {
      return body();
    } finally {
      this.block = outer;
      this.#regions--;
    }
  }

  /** Runs `body` outside every kernel: module constants are the same whoever asks first. */
  atModuleLevel<T>(body: () => T): T {
    const outer = this.block;
    this.block = null;
    try {
      return this.call(rootFrame, body);
    } finally {
      this.block = outer;
    }
  }

  /** Runs `body` for what it computes: its ops and findings are dropped, and nobody is told of its values. */
  rehearse<T>(body: () => T): T {
    const { findings, poisoned, observer, isRehearsing } = this;
    this.findings = new Findings();
    this.observer = null;
    this.isRehearsing = true;
    try {
      return this.into(newBlock([]), body);
    } finally {
      this.findings = findings;
      this.poisoned = poisoned;
      this.observer = observer;
      this.isRehearsing = isRehearsing;
    }
  }

  /** Runs one trip of a loop: what has left it is forgotten at its end. */
  trip(isAtRunTime: boolean, body: () => void): void {
    const outer = this.exits;
    this.exits = tripExits(outer, isAtRunTime);
    try {
      body();
    } finally {
      this.exits = outer;
    }
  }

  /** Runs `body` for its findings: its ops are dropped, and it leaves nothing. */
  inVain(body: () => void): void {
    const outer = this.exits;
    this.exits = copyOf(outer);
    try {
      this.into(newBlock([]), body);
    } finally {
      this.exits = outer;
    }
  }

  /** Runs `body` for one lane of some tiles. */
  lanewise<T>(body: () => T): T {
    const outer = this.isLanewise;
    this.isLanewise = true;
    try {
      return body();
    } finally {
      this.isLanewise = outer;
    }
  }

  /** Runs `body` as a function of its own. */
  call<T>(frame: Frame, body: () => T): T {
    const outer = { frame: this.frame, exits: this.exits };
    this.frame = frame;
    this.exits = newExits();
    try {
      return body();
    } finally {
      this.frame = outer.frame;
      this.exits = outer.exits;
    }
  }
}

const isSpan = (x: TS.Node | Span): x is Span => !('kind' in x);

/** Source text of a node, shortened for messages. */
export function textOf(node: TS.Node, most = 40): string {
  const text = node.getText().replace(/\s+/g, ' ');
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** Innermost expression under parentheses, `as`, `satisfies` and `!`, which change no value. */
export function bare(node: TS.Expression): TS.Expression {
  let e = node;
  while (
    ts.isParenthesizedExpression(e) ||
    ts.isAsExpression(e) ||
    ts.isSatisfiesExpression(e) ||
    ts.isNonNullExpression(e) ||
    ts.isTypeAssertionExpression(e)
  )
    e = e.expression;
  return e;
}
