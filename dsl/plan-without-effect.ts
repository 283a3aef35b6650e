import { type StepArg, sizesOfView } from '../compiler/artifact.js';
import { type Diagnostic, diagnostic } from '../compiler/diag/diagnostic.js';
import { type Expr, namesOf } from '../compiler/expr.js';
import type { PlanDecl, RunDecl } from './read/plan-declaration.js';

/**
 * Outputs that no run writes, temporaries that none is given, and knobs that nothing asks for, in none of the variants:
 * warnings.
 */
export function planWithoutEffect(variants: readonly [PlanDecl, ...PlanDecl[]]): Diagnostic[] {
  const [decl] = variants;
  const runs = variants.flatMap((v) => v.runs);
  const passed = new Set(runs.flatMap((run) => tensorsOf(run)));
  const written = new Set(runs.flatMap((run) => tensorsOf(run, (dir) => dir !== 'in')));
  const named = new Set(variants.flatMap(expressionsOf).flatMap((e) => [...namesOf(e)]));
  const warn = (name: string, message: string, help: string): Diagnostic =>
    diagnostic('LAC0313', message, decl.names.get(name) ?? decl.span, { severity: 'warning', help: [help] });
  return [
    ...decl.args
      .filter((a) => a.dir === 'out' && !written.has(a.name))
      .map(({ name }) => warn(name, `no run writes the output ${name}`, 'pass it to a kernel that does')),
    ...decl.temps
      .filter((t) => !passed.has(t.name))
      .map(({ name }) => warn(name, `no run is given the temporary ${name}`, 'leave it away')),
    ...Object.keys(decl.tune)
      .filter((knob) => !named.has(knob))
      .map((knob) => warn(knob, `nothing uses ${knob}`, 'leave it away')),
  ];
}

/** Tensors of the plan that a run passes to arguments of such a direction. */
function tensorsOf({ kernel, args }: RunDecl, which: (dir: string) => boolean = () => true): string[] {
  return kernel.args.flatMap(({ name, dir }) => {
    const arg = args[name];
    return arg !== null && arg !== undefined && 'tensor' in arg && which(dir) ? [arg.tensor] : [];
  });
}

const namedBy = (arg: Exclude<StepArg, null>): readonly Expr[] =>
  'number' in arg ? [arg.number] : (arg.view ?? []).flatMap(sizesOfView);

function expressionsOf({ prune, tuneKey, temps, runs }: PlanDecl): Expr[] {
  const ofRuns = runs.flatMap(({ when, args, config }) => [
    ...(when === null ? [] : [when]),
    ...Object.values(args).flatMap((arg) => (arg === null ? [] : namedBy(arg))),
    ...Object.values(config),
  ]);
  return [...(prune === null ? [] : [prune]), ...(tuneKey ?? []), ...temps.flatMap((t) => t.shape), ...ofRuns];
}
