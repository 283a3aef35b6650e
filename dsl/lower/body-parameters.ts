import type { ts as TS } from 'ts-morph';
import type { Evaluator } from './evaluator.js';
import { bindPattern } from './pattern.js';
import type { Scope } from './scope.js';
import { POISON, type Val } from './value.js';

/** What the body of a kernel or plan is given, in order; `names` say what each value is. */
export interface Given {
  readonly of: 'kernel' | 'plan';
  readonly names: readonly string[];
  readonly values: readonly Val[];
}

/** Binds the parameters of a body; it may leave some away, but there is nothing for more of them. */
export function bindBodyParameters(ev: Evaluator, fn: TS.FunctionLikeDeclaration, scope: Scope, given: Given): void {
  for (const [i, p] of fn.parameters.entries()) {
    const isRest = p.dotDotDotToken !== undefined;
    const value = isRest ? undefined : given.values[i];
    if (value === undefined)
      ev.error(
        isRest ? 'LAC0103' : 'LAC0109',
        p,
        `the body of a ${given.of} is given ${given.names.join(', ')}, ${isRest ? 'one by one' : 'and nothing more'}`,
        { help: [`write ({ x, y }, { N }, ${given.of === 'plan' ? 'run' : '{ n }'}) => { ... }`] },
      );
    bindPattern(ev, scope, p.name, value ?? POISON, 'const', p);
  }
}
