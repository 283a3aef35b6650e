import { createColors } from 'picocolors';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { diffText } from '../compiler/ir/diff.js';
import type { Kernel } from '../compiler/ir/module.js';
import { printKernel } from '../compiler/ir/print.js';
import type { Pass, PassContext } from '../compiler/passes/pass.js';
import { passNamed } from '../compiler/passes/pipeline.js';
import { alignedFacts, passesOf, type Target, targetNamed } from '../driver/target.js';
import type { Context } from './context.js';

/** `inline,simplify` as passes, in that order. */
export const passList = (names: string, target: Target): Pass[] =>
  names.split(',').map((name) => namedPass(name.trim(), passesFor(target)));

/** The passes on the way to a target, for tensors of even sizes without gaps. */
export const passesFor = (target: Target, args: readonly string[] = []): readonly Pass[] =>
  passesOf(target, Object.fromEntries(args.map((name) => [name, alignedFacts(target)])));

/** Passes by what people look for: names that are accepted beside their own. */
const ALIASES: Readonly<Record<string, string>> = { layouts: 'infer-layouts' };

/** Throws LacError LAC0410. */
const namedPass = (name: string, passes: readonly Pass[]): Pass => passNamed(ALIASES[name] ?? name, passes);

/** The passes up to and with one of them, by name or alias. Throws LacError LAC0410. */
export const passesThrough = (name: string, passes: readonly Pass[]): readonly Pass[] =>
  passes.slice(0, passes.indexOf(namedPass(name, passes)) + 1);

/** The target of this name. Throws LacError LAC0901; LAC0520 for GPUs that are too old. */
export function namedTarget(name: string): Target {
  const target = targetNamed(name);
  if (target !== null) return target;
  const help = ['webgpu compiles to WGSL; sm_80, sm_90, ... to PTX for NVIDIA GPUs of that generation and later'];
  throw new LacError(diagnostic('LAC0901', `there is no target ${name}`, null, { help }));
}

/** Prints a kernel, or what the last pass changed in it. */
export function showKernel(kernel: string, before: string | null, output: Context['output'], fields: object): void {
  if (before === null) {
    output.result(kernel.trimEnd(), { ...fields, ir: kernel });
    return;
  }
  const colors = createColors(output.colorOn(output.stdout));
  const diff = diffText(before.trimEnd(), kernel.trimEnd())
    .split('\n')
    .map((line) => (line.startsWith('+') ? colors.green(line) : line.startsWith('-') ? colors.red(line) : line))
    .join('\n');
  output.result(diff === '' ? '(nothing changed)' : diff, { ...fields, before, after: kernel });
}

/** Runs passes over one kernel; the text before the last of them, for a diff. */
export function runPasses(
  kernel: Kernel,
  passes: readonly Pass[],
  context: PassContext,
  print: (kernel: Kernel) => string = printKernel,
): string {
  let before = print(kernel);
  passes.forEach((pass, i) => {
    if (i === passes.length - 1) before = print(kernel);
    pass.run(kernel, context);
  });
  return before;
}

/** `lac ir --list`. */
export function listPasses({ output }: Context, target: Target): void {
  const passes = passesFor(target);
  const width = Math.max(...passes.map((p) => p.name.length));
  for (const { name, summary } of passes) output.result(`${name.padEnd(width)}  ${summary}`, { pass: name, summary });
}
