import { type AnyOp, type Kernel, type Value, walk } from '../compiler/ir/module.js';

/** Names of the tensor arguments that a kernel loads from or stores to, through whatever views. */
export function usedArguments(kernel: Kernel): ReadonlySet<string> {
  const touched = new Set<Value>();
  for (const op of walk(kernel.body) as Generator<AnyOp>)
    for (const v of op.operands) if (v.type.kind === 'view') touched.add(v);
  return new Set(kernel.params.filter((p) => p.kind === 'view' && touched.has(p.value)).map((p) => p.name));
}
