import { createColors } from 'picocolors';
import { diffText } from '../compiler/ir/diff.js';
import type { Kernel } from '../compiler/ir/module.js';
import { printKernel } from '../compiler/ir/print.js';
import type { Pass, PassContext } from '../compiler/passes/pass.js';
import { passNamed } from '../compiler/passes/pipeline.js';
import { COMMON_WEBGPU, passesOf } from '../driver/target.js';
import type { Context } from './context.js';

/** `inline,simplify` as passes, in that order. */
export const passList = (names: string): Pass[] =>
  names.split(',').map((name) => passNamed(name.trim(), passesOf(COMMON_WEBGPU)));

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
export function listPasses({ output }: Context): void {
  const passes = passesOf(COMMON_WEBGPU);
  const width = Math.max(...passes.map((p) => p.name.length));
  for (const { name, summary } of passes) output.result(`${name.padEnd(width)}  ${summary}`, { pass: name, summary });
}
