import { type AnyOp, type Kernel, type Op, type Value, walk } from '../ir/module.js';
import { opRow } from '../ops/table.js';

export interface Accessed {
  /** Names of the arguments that something is read from. */
  readonly read: ReadonlySet<string>;
  /** Names of the arguments that something is written or added to. */
  readonly written: ReadonlySet<string>;
}

/** Arguments that a kernel reads and writes, through whatever views; also before calls are dissolved. */
export function accessedArguments(kernel: Kernel): Accessed {
  const source = new Map<Value, Value>();
  const accesses: Op[] = [];
  for (const op of walk(kernel.body) as Generator<AnyOp>) {
    const [view] = op.operands;
    if (op.name === 'inline') passOut(op, source);
    else if (view?.type.kind !== 'view') continue;
    else if (op.name === 'view_at' || op.name === 'view_slice') for (const v of op.results) source.set(v, view);
    else accesses.push(op);
  }
  const argument = new Map<Value, string>(kernel.params.map((p) => [p.value, p.name]));
  const names = (effect: string): string[] =>
    accesses
      .filter((op) => opRow(op.name).effect === effect)
      .map((op) => argument.get(rootIn(source, op.operands[0] as Value)) ?? '');
  return { read: new Set(names('read')), written: new Set(names('write')) };
}

/** A function may return a view. */
function passOut(op: Op, source: Map<Value, Value>): void {
  const yielded = op.regions[0]?.ops.at(-1)?.operands ?? [];
  for (const [i, result] of op.results.entries()) {
    const from = yielded[i];
    if (result.type.kind === 'view' && from !== undefined) source.set(result, from);
  }
}

function rootIn(source: ReadonlyMap<Value, Value>, view: Value): Value {
  let v = view;
  for (let next = source.get(v); next !== undefined; next = source.get(v)) v = next;
  return v;
}
