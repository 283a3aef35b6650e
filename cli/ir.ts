import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { printKernel } from '../compiler/ir/print.js';
import type { Pass } from '../compiler/passes/pass.js';
import { programFor } from '../driver/artifacts.js';
import { chooseDtypes, comptimeOf } from '../driver/choices.js';
import { firstChoice, passContext } from '../driver/compile.js';
import { type KernelDecl, lowerDecl, SourceProject } from '../driver/source.js';
import type { Target } from '../driver/target.js';
import type { Context, Verb } from './context.js';
import { EXIT } from './exit.js';
import { pairs } from './figures.js';
import { listPasses, namedTarget, passesFor, passesThrough, runPasses, showKernel } from './passes.js';
import { writePictures } from './pictures.js';
import { type Settings, specialised } from './settings.js';
import { readKernels } from './sources.js';

interface IrOptions extends Settings {
  readonly after?: string;
  readonly diff?: boolean;
  readonly locations?: boolean;
  readonly list?: boolean;
  readonly emit?: boolean;
  readonly kernel?: string;
  readonly target: string;
  readonly layoutSvg?: string;
  readonly output: string;
}

/** The state before the first pass. */
const LOWER = 'lower';

/**
 * `lac ir FILE --after PASS`: the tile IR of a kernel in its default configuration, or what the pass changed; with --emit
 * the program that comes of it.
 */
export const ir: Verb<string | undefined, IrOptions> = async (file, options, context) => {
  if (options.list === true) {
    listPasses(context, namedTarget(options.target));
    return EXIT.ok;
  }
  if (file === undefined) throw new LacError(diagnostic('LAC0901', 'lac ir takes a file, or --list'));
  const target = namedTarget(options.target);
  passesUpTo(options.after, passesFor(target));
  const kernels = readKernels(new SourceProject(), file, options.kernel, context.output);
  for (const kernel of kernels) (options.emit === true ? emit : show)(kernel, target, options, context);
  return EXIT.ok;
};

/** The program for tensors of even sizes without gaps, in the first configuration that fits. */
function emit(kernel: KernelDecl, target: Target, options: IrOptions, { output }: Context): void {
  const { decl, dims } = specialised(kernel, options, output);
  const dtypes = chooseDtypes(decl, options.dtype);
  const { variant, config, diagnostics } = programFor(decl, { dims, config: options.config ?? {}, dtypes }, target);
  output.diagnostics(diagnostics);
  output.result(variant.text.trimEnd(), { kernel: decl.name, target: variant.target, config, text: variant.text });
}

function passesUpTo(after: string | undefined, passes: readonly Pass[]): readonly Pass[] {
  if (after === undefined) return passes;
  return after === LOWER ? [] : passesThrough(after, passes);
}

function show(kernel: KernelDecl, target: Target, options: IrOptions, { output }: Context): void {
  const { decl, dims } = specialised(kernel, options, output);
  const dtypes = chooseDtypes(decl, options.dtype);
  const choice = firstChoice(decl, { dims, config: options.config ?? {}, dtypes, target });
  if (choice === null)
    throw new LacError(diagnostic('LAC0906', `prune of ${decl.name} rejects every configuration`, decl.span));
  const { config } = choice;
  output.detail(`${decl.name}: ${pairs(config)}, ${choice.why}`);
  const lowered = lowerDecl(decl, { dtypes, comptime: comptimeOf(decl, dims), config });
  output.diagnostics(lowered.diagnostics);
  const print = (k: typeof lowered.kernel): string => printKernel(k, { locs: options.locations === true });
  const args = decl.args.map((a) => a.name);
  const passes = passesUpTo(options.after, passesFor(target, args));
  const before = runPasses(lowered.kernel, passes, passContext(decl, target), print);
  const fields = { kernel: decl.name, after: passes.at(-1)?.name ?? LOWER, config };
  if (options.layoutSvg !== undefined) {
    const paths = writePictures(lowered.kernel, options.layoutSvg, options.output);
    output.result(paths.join('\n'), { ...fields, files: paths });
    return;
  }
  showKernel(print(lowered.kernel), options.diff === true ? before : null, output, fields);
}
