import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { printKernel } from '../compiler/ir/print.js';
import type { Pass } from '../compiler/passes/pass.js';
import { passNamed } from '../compiler/passes/pipeline.js';
import { chooseDtypes, comptimeOf } from '../driver/choices.js';
import { passContext } from '../driver/compile.js';
import { candidates } from '../driver/configurations.js';
import { type KernelDecl, lowerDecl, SourceProject } from '../driver/source.js';
import { maxInvocations, type Target } from '../driver/target.js';
import type { Context, Verb } from './context.js';
import { EXIT } from './exit.js';
import { listPasses, namedTarget, passesFor, runPasses, showKernel } from './passes.js';
import { writePictures } from './pictures.js';
import { type Settings, specialised } from './settings.js';
import { readKernels } from './sources.js';

interface IrOptions extends Settings {
  readonly after?: string;
  readonly diff?: boolean;
  readonly locations?: boolean;
  readonly list?: boolean;
  readonly kernel?: string;
  readonly target: string;
  readonly layoutSvg?: string;
  readonly output: string;
}

/** The state before the first pass. */
const LOWER = 'lower';

/** `lac ir FILE --after PASS`: the tile IR of a kernel in its default configuration, or what the pass changed. */
export const ir: Verb<string | undefined, IrOptions> = async (file, options, context) => {
  if (options.list === true) {
    listPasses(context, namedTarget(options.target));
    return EXIT.ok;
  }
  if (file === undefined) throw new LacError(diagnostic('LAC0901', 'lac ir takes a file, or --list'));
  const target = namedTarget(options.target);
  passesUpTo(options.after, passesFor(target));
  const kernels = readKernels(new SourceProject(), file, options.kernel, context.output);
  for (const kernel of kernels) show(kernel, target, options, context);
  return EXIT.ok;
};

function passesUpTo(after: string | undefined, passes: readonly Pass[]): readonly Pass[] {
  if (after === undefined) return passes;
  return after === LOWER ? [] : passes.slice(0, passes.indexOf(passNamed(after, passes)) + 1);
}

function show(kernel: KernelDecl, target: Target, options: IrOptions, { output }: Context): void {
  const { decl, dims } = specialised(kernel, options, output);
  const [config] = candidates(decl, dims, options.config ?? {}, maxInvocations(target));
  if (config === undefined)
    throw new LacError(diagnostic('LAC0906', `prune of ${decl.name} rejects every configuration`, decl.span));
  const dtypes = chooseDtypes(decl, options.dtype);
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
