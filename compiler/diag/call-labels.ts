import type { Loc } from '../ir/module.js';
import type { Label } from './diagnostic.js';

/** One label for each call through which an inlined op came, innermost first. */
export function callLabels(loc: Loc | null): Label[] {
  const labels: Label[] = [];
  for (let l = loc; l?.caller !== undefined; l = l.caller)
    labels.push({ span: l.caller.span, text: `called from here${l.callee === undefined ? '' : `: ${l.callee}`}` });
  return labels;
}
