import { accessedArguments } from '../compiler/analysis/accessed-arguments.js';
import type { Kernel } from '../compiler/ir/module.js';

/** Names of the tensor arguments that a kernel loads from or stores to, through whatever views. */
export function usedArguments(kernel: Kernel): ReadonlySet<string> {
  const { read, written } = accessedArguments(kernel);
  return new Set([...read, ...written]);
}
