import { readFileSync } from 'node:fs';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { parseModule } from '../compiler/ir/parse.js';
import { printKernel } from '../compiler/ir/print.js';
import { maxStorageElements } from '../driver/target.js';
import type { Verb } from './context.js';
import { EXIT, exitCodeOf } from './exit.js';
import { namedTarget, passesFor, passList, runPasses, showKernel } from './passes.js';

interface OptOptions {
  readonly pass?: string;
  readonly diff?: boolean;
  readonly target: string;
}

/** `lac opt IR.lac --pass P`: textual IR in, textual IR out. */
export const opt: Verb<string, OptOptions> = async (file, { pass, diff = false, target: name }, { output }) => {
  const target = namedTarget(name);
  const passes = pass === undefined ? passesFor(target) : passList(pass, target);
  const text = readIr(file);
  output.rememberSource(file, text);
  const { module, diagnostics } = parseModule(text, file);
  output.diagnostics(diagnostics);
  if (module === null) return exitCodeOf(diagnostics) || EXIT.failed;
  const context = { target: target.kind, maxStorageElements: maxStorageElements(target) };
  for (const kernel of module.kernels) {
    const before = runPasses(kernel, passes, context);
    const fields = { kernel: kernel.name, passes: passes.map((p) => p.name) };
    showKernel(printKernel(kernel), diff ? before : null, output, fields);
  }
  return EXIT.ok;
};

function readIr(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const reason = { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'no permission' }[code] ?? code;
    throw new LacError(diagnostic('LAC0001', `cannot read ${file}: ${reason}`));
  }
}
