/** The front end, as the driver uses it: the one file here that knows where its parts lie. */
import { Bug, type Diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Kernel } from '../compiler/ir/module.js';
import type { Val } from '../dsl/lower/value.js';
import { withValues } from '../dsl/read/declaration.js';
import {
  type Declaration,
  isPlan,
  type KernelDecl,
  lowerKernel,
  type PlanDecl,
  type Specialisation,
} from '../dsl/source.js';
import { checkOptions } from './choices.js';
import type { OptionValue } from './reference.js';

/** Options in force, as data: an inlined function is its name. */
export const optionValues = (decl: Pick<Declaration, 'options'>): Record<string, OptionValue> =>
  Object.fromEntries(
    Object.entries(decl.options).map(([name, value]) => [name, typeof value === 'object' ? value.function : value]),
  );

export {
  checkFile,
  type Declaration,
  type DeviceName,
  declaresKernels,
  fingerprint,
  isPlan,
  type KernelDecl,
  type PlanDecl,
  type RunDecl,
  SourceProject,
} from '../dsl/source.js';

type Options = Readonly<Record<string, OptionValue>>;

const variants = new WeakMap<KernelDecl | PlanDecl, Map<string, KernelDecl | PlanDecl>>();

/**
 * The kernel with other options, as `.with` makes it in the source; the same declaration for the same options, so that
 * what was compiled for it is found again. Functions can only be given in the source.
 */
export function withOptions<D extends KernelDecl | PlanDecl>(decl: D, options: Options): D;
export function withOptions(decl: KernelDecl | PlanDecl, options: Options): KernelDecl | PlanDecl {
  checkOptions(decl.name, decl.options, options);
  const entries = Object.entries(options);
  if (entries.every(([name, value]) => decl.options[name] === value)) return decl;
  const known = variants.get(decl) ?? new Map<string, KernelDecl | PlanDecl>();
  variants.set(decl, known);
  const key = JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  const made = known.get(key) ?? changed(decl, new Map(entries.map(([name, value]) => [name, valOf(value)])));
  known.set(key, made);
  return made;
}

function changed(decl: KernelDecl | PlanDecl, values: ReadonlyMap<string, Val>): KernelDecl | PlanDecl {
  if (!isPlan(decl)) return withValues(decl, values);
  const { decl: made, diagnostics } = decl.reread(values);
  if (made === null) throw new LacError(diagnostics);
  return { ...made, name: decl.name };
}

function valOf(value: OptionValue): Val {
  if (typeof value === 'boolean') return { kind: 'bool', value };
  if (typeof value === 'number') return { kind: 'num', value };
  throw new Bug('a function as an option passed the check');
}

/** Source to tile IR. Errors are thrown, warnings returned. */
export function lowerDecl(
  decl: KernelDecl,
  spec: Specialisation,
): { readonly kernel: Kernel; readonly diagnostics: readonly Diagnostic[] } {
  const { module, diagnostics } = lowerKernel(decl, spec);
  const kernel = module?.kernels[0];
  if (kernel !== undefined) return { kernel, diagnostics };
  if (diagnostics.length === 0) throw new Bug(`lowering ${decl.name} gave neither a kernel nor a diagnostic`);
  throw new LacError(diagnostics);
}
