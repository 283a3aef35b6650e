import type { ts as TS } from 'ts-morph';
import { assignedCells } from './assignment.js';
import type { Evaluator } from './evaluator.js';
import { exitTaken } from './exits.js';
import { branch } from './join.js';
import type { Scope } from './scope.js';
import { bool, NONE } from './value.js';

/** What comes after a statement: the nodes that `run` will walk, and where their names are found. */
export interface Tail {
  readonly nodes: readonly TS.Node[];
  readonly scope: Scope;
  readonly run: () => void;
}

/**
 * Goes on after a statement that may have left the function or the trip. Where it certainly has, the tail is dropped;
 * where that is known at run time only, the tail goes under a condition. Else nothing happens: the caller runs the tail.
 */
export function resume(ev: Evaluator, at: TS.Node, tail: Tail): 'with the tail' | 'nothing happened' {
  const flag = exitTaken(ev.exits);
  if (flag === null) return 'nothing happened';
  if (flag.value.kind !== 'tile') return 'with the tail';
  const known = (left: boolean) => () => {
    flag.value = bool(left);
    if (!left && resume(ev, at, tail) === 'nothing happened') tail.run();
    return NONE;
  };
  branch(ev, at, flag.value.v, assignedCells(ev, tail.nodes, tail.scope), [
    { node: at, run: known(true) },
    { node: at, run: known(false) },
  ]);
  return 'with the tail';
}
