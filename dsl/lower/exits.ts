import type { ts as TS } from 'ts-morph';
import type { Span } from '../../compiler/diag/diagnostic.js';
import { ts } from '../read/typescript.js';
import { bool, type Cell, NONE, type Val } from './value.js';

/**
 * How control leaves early: hidden variables, which a run-time `if` joins like all others. A flag is false or true where
 * that is known when the source is walked, and an i1 scalar where only some paths have left.
 */
export interface Exits {
  /** Whether this function has returned. */
  readonly returned: Cell;
  /** What it returned. */
  readonly result: Cell;
  /** Whether `continue` has ended this trip of the innermost loop; null outside of loops. */
  readonly continued: Cell | null;
  /** A run-time loop of this function is around: `return` cannot leave it. */
  readonly isInLoop: boolean;
}

const NOWHERE: Span = { file: '', start: 0, end: 0 };
const hidden = (name: string, value: Val): Cell => ({ name, kind: 'let', value, declared: NOWHERE });

/** Those of a function that begins. */
export const newExits = (): Exits => ({
  returned: hidden('return', bool(false)),
  result: hidden('the returned value', NONE),
  continued: null,
  isInLoop: false,
});

/** Those of one trip of a loop. */
export const tripExits = (of: Exits, isInLoop: boolean): Exits => ({
  ...of,
  continued: hidden('continue', bool(false)),
  isInLoop: of.isInLoop || isInLoop,
});

export const copyOf = (e: Exits): Exits => ({
  ...e,
  returned: { ...e.returned },
  result: { ...e.result },
  continued: e.continued && { ...e.continued },
});

export const cellsOf = (e: Exits): Cell[] => [e.returned, e.result, ...(e.continued === null ? [] : [e.continued])];

export const isTrue = (v: Val | undefined): boolean => v?.kind === 'bool' && v.value;
export const isFalse = (v: Val | undefined): boolean => v === undefined || (v.kind === 'bool' && !v.value);

/** The flag of an exit that was taken, or may have been; null while control certainly goes on. */
export function exitTaken({ returned, continued }: Exits): Cell | null {
  for (const flag of [returned, continued]) if (flag !== null && isTrue(flag.value)) return flag;
  if (!isFalse(returned.value)) return returned;
  return isFalse(continued?.value) ? null : continued;
}

/** Whether no path through a statement comes to its end, as far as its text shows. */
export function alwaysExits(node: TS.Statement | undefined): boolean {
  if (node === undefined) return false;
  if (ts.isReturnStatement(node) || ts.isContinueStatement(node)) return true;
  if (ts.isBlock(node)) return node.statements.some(alwaysExits);
  return ts.isIfStatement(node) && alwaysExits(node.thenStatement) && alwaysExits(node.elseStatement);
}
