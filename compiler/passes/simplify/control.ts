import type { Op, Value } from '../../ir/module.js';
import { constantOf, yieldOf } from '../../ir/rewrite.js';

/** Trips of a loop with constant bounds; null where they are not, or where the step traps. */
export function tripsOf(loop: Op): { trips: number; begin: number } | null {
  const [begin, end, step] = loop.operands.slice(0, 3).map(constantOf);
  if (begin === null || end === null || step === null) return null;
  if (begin === undefined || end === undefined || step === undefined || step <= 0) return null;
  return { trips: Math.max(0, Math.ceil((end - begin) / step)), begin };
}

/** The region of an `if` that runs, where the condition is known. */
export function chosenRegion(op: Op): Op['regions'][number] | null {
  const condition = op.operands[0] === undefined ? null : constantOf(op.operands[0]);
  if (condition === null) return null;
  return op.regions[condition !== 0 ? 0 : 1] ?? null;
}

/**
 * Removes carried values that every trip hands on as they came; gives each argument and result with the initial value
 * that it equals.
 */
export function dropUnchanged(loop: Op): { gone: Value; value: Value }[] {
  const [body] = loop.regions;
  const end = body === undefined ? null : yieldOf(body);
  if (body === undefined || end === null) return [];
  const same = loop.results.map((_, i) => end.operands[i] === body.args[i + 1]);
  if (!same.includes(true)) return [];
  const equal = loop.results.flatMap((result, i) => {
    const [arg, value] = [body.args[i + 1], loop.operands[i + 3]];
    return same[i] && arg !== undefined && value !== undefined
      ? [
          { gone: arg, value },
          { gone: result, value },
        ]
      : [];
  });
  const kept = (_: unknown, i: number): boolean => !same[i];
  loop.operands = [...loop.operands.slice(0, 3), ...loop.operands.slice(3).filter(kept)];
  loop.results = loop.results.filter(kept);
  body.args = [...body.args.slice(0, 1), ...body.args.slice(1).filter(kept)];
  end.operands = end.operands.filter(kept);
  return equal;
}
