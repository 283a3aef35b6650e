import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { dimNames } from '../driver/choices.js';
import type { Dims } from '../driver/reference.js';
import { type KernelDecl, type PlanDecl, withOptions } from '../driver/source.js';
import { optionValue, size } from './arguments.js';
import type { Output } from './output.js';

/** Options that compile and ir share. */
export interface Settings {
  readonly set?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, number>>;
  readonly dtype?: Readonly<Record<string, string>>;
}

/** Size of a comptime dimension that nobody gives. It shows in the names of the files, and in the IR. */
const DEFAULT_SIZE = 64;

/** Which names are dimensions is known only now, after commander has read the line: its error becomes a finding. */
export function sizeOf(name: string, value: string): number {
  try {
    return size(value);
  } catch (error) {
    throw new LacError(diagnostic('LAC0901', `--set ${name}=${value}: ${(error as Error).message}`));
  }
}

/** `--set` speaks of dimensions and of options: a name that is a dimension of the kernel is a size. */
export function specialised<D extends KernelDecl | PlanDecl>(
  kernel: D,
  { set = {} }: Settings,
  output: Output,
): { decl: D; dims: Dims } {
  const names = dimNames(kernel);
  const entries = Object.entries(set);
  const dims = entries
    .filter(([name]) => names.includes(name))
    .map(([name, value]) => [name, sizeOf(name, value)] as const);
  const options = entries
    .filter(([name]) => !names.includes(name))
    .map(([name, value]) => [name, optionValue(value)] as const);
  const given = Object.fromEntries(dims);
  const open = kernel.comptime.filter((name) => given[name] === undefined);
  if (open.length > 0)
    output.progress(
      `${kernel.name}: ${open.map((name) => `${name}=${DEFAULT_SIZE}`).join(',')}; --set gives other sizes`,
    );
  return {
    decl: withOptions(kernel, Object.fromEntries(options)),
    dims: { ...Object.fromEntries(open.map((name) => [name, DEFAULT_SIZE])), ...given },
  };
}
