import { accessedArguments } from '../compiler/analysis/accessed-arguments.js';
import { type AnyOp, type Kernel, type Value, walk } from '../compiler/ir/module.js';

/** Names of the tensor arguments that a kernel loads from or stores to, through whatever views. */
export function usedArguments(kernel: Kernel): ReadonlySet<string> {
  const { read, written } = accessedArguments(kernel);
  return new Set([...read, ...written]);
}

/** Dimensions whose sizes a kernel does something with: what a source merely names does not count. */
export function usedDims(kernel: Kernel): readonly string[] {
  const sizes = new Map<Value, string>();
  const used = new Set<string>();
  for (const op of walk(kernel.body) as Generator<AnyOp>) {
    for (const operand of op.operands) {
      const name = sizes.get(operand);
      if (name !== undefined) used.add(name);
    }
    if (op.name === 'dim') for (const v of op.results) sizes.set(v, op.attrs.name);
  }
  return [...used];
}
