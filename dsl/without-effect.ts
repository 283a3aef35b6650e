import { accessedArguments } from '../compiler/analysis/accessed-arguments.js';
import type { ArgSpec } from '../compiler/artifact.js';
import { type Diagnostic, diagnostic } from '../compiler/diag/diagnostic.js';
import { type Expr, namesOf } from '../compiler/expr.js';
import type { Lowered } from './lower/kernel.js';
import { didYouMean } from './lower/names.js';
import type { KernelDecl } from './read/declaration.js';

/** Knobs that mean something by themselves. */
const RESERVED = ['warps', 'stages'];

/** Outputs that no variant writes, and knobs and options that nothing asks for: warnings. */
export function withoutEffect(decl: KernelDecl, variants: readonly Lowered[]): Diagnostic[] {
  const named = new Set([...variants.flatMap((v) => [...v.named]), ...namesInFunctions(decl)]);
  const idle = [...Object.keys(decl.tune), ...Object.keys(decl.options)].filter(
    (name) => !named.has(name) && !RESERVED.includes(name),
  );
  return [
    ...unwritten(decl, variants).map(({ name, dir }) =>
      dir === 'out'
        ? warning(decl, name, `the output ${name} is never written`, `write ${name}.store(origin, tile)`)
        : warning(decl, name, `${name} is never written`, 'declare it as input(...)'),
    ),
    ...idle.map((name) => warning(decl, name, `nothing uses ${name}`, idleHelp(name))),
  ];
}

function warning(decl: KernelDecl, name: string, message: string, help: string): Diagnostic {
  const span = decl.body.names.get(name) ?? decl.span;
  return diagnostic('LAC0313', message, span, { severity: 'warning', help: [help] });
}

function idleHelp(name: string): string {
  const meant = RESERVED.find((r) => name.endsWith(r)) ?? didYouMean(name, RESERVED);
  return meant === undefined ? 'leave it away' : `did you mean ${meant}?`;
}

function namesInFunctions(decl: KernelDecl): string[] {
  const expressions: (Expr | null)[] = [
    decl.prune,
    decl.prefer,
    ...(decl.tuneKey ?? []),
    ...decl.grid.map(([, e]) => e),
  ];
  return expressions.flatMap((e) => (e === null ? [] : [...namesOf(e)]));
}

/** An option that is a number may choose among outputs by values that nobody tried: nothing is said then. */
function unwritten(decl: KernelDecl, variants: readonly Lowered[]): ArgSpec[] {
  if (Object.values(decl.options).some((v) => typeof v === 'number')) return [];
  const written = new Set(
    variants.flatMap(({ module }) => module?.kernels ?? []).flatMap((k) => [...accessedArguments(k).written]),
  );
  return decl.args.filter((a) => (a.dir === 'out' || a.dir === 'inout') && !written.has(a.name));
}
