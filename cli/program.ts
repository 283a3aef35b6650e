import { Argument, Command, Option } from 'commander';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { version } from '../driver/version.js';
import { assignments, collected, dtypeChoices, duration, positive, seed, share, sizes } from './arguments.js';
import type { CacheAction } from './cache.js';
import type { Context, Verb } from './context.js';
import type { ExitCode } from './exit.js';
import { sweep } from './sweep.js';

/** Makes the context of one call from the global options, runs the verb and keeps its exit code. */
export type Runner = (command: Command, verb: (context: Context) => Promise<ExitCode>) => Promise<void>;

const EXAMPLES = `
Examples:
  lac run kernels/lightning/forward.ts --shape B=1,H=2,N=500 --dtype bf16
  lac tune kernels/lightning/forward.ts --shape B=4,H=32,N=8k --dtype bf16 --budget 30s
  lac check kernels --watch
  lac compile kernels/lightning/forward.ts -o artifacts --set D=64,E=64 --target sm_90,webgpu
  lac ir kernels/lightning/forward.ts --target sm_90 --dtype bf16 --after layouts
  lac ir kernels/lightning/forward.ts --target sm_90 --dtype bf16 --emit
  lac explain LAC0202

Exit codes: 0 ok, 1 errors or a wrong result, 2 usage, 3 no suitable device, 4 a bug in lac, 130 interrupted.`;

/** The command line: names, options and help. Each verb's own file is loaded when it is called, so that --help is quick. */
export function buildProgram(run: Runner): Command {
  const program = new Command('lac')
    .description('Lightning Attention Compiler: tiled kernels written in TypeScript, compiled to PTX and WGSL')
    .version(version(), '-V, --version')
    .addOption(new Option('--format <how>', 'how results are printed').choices(['pretty', 'json']).default('pretty'))
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']).default('auto'))
    .option('-q, --quiet', 'results only')
    .option('-v, --verbose', 'say more, on stderr')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(lac --help lists verbs and options)')
    .exitOverride();
  sourceVerbs(program, run);
  tuneVerb(program, run);
  irVerbs(program, run);
  machineVerbs(program, run);
  verbsToCome(program, run);
  for (const command of program.commands) command.exitOverride().showHelpAfterError(`(lac ${command.name()} --help)`);
  return program;
}

/** Registers a verb whose module exports a function of type Verb; `load` imports it at the call. */
function action<A, O>(
  run: Runner,
  command: Command,
  load: () => Promise<Verb<A, O>>,
  args: (given: unknown[]) => A,
): void {
  command.action(async (...given: unknown[]) => {
    await run(command, async (context) => (await load())(args(given), command.opts() as O, context));
  });
}

const first = (given: unknown[]): string => String(given[0]);
const none = (): undefined => undefined;

const DEVICES = 'cuda, cuda:N, webgpu, webgpu:software, webgpu:N, emulate';
const targetOption = () => new Option('--target <name>', 'what to compile for: webgpu, sm_80, sm_90').default('webgpu');
const kernelOption = () => new Option('--kernel <name>', 'which kernel of the file');
const configOption = () =>
  new Option('--config <knobs>', 'tune knobs, C=64,warps=4; others keep their default').argParser(sizes);
const dtypeOption = () =>
  new Option('--dtype <choice>', 'dtype parameters: T=bf16, or bf16 for all').argParser(dtypeChoices);
const timeoutOption = () =>
  new Option('--timeout <time>', 'what a launch may take: 30s, 10m')
    .argParser(duration)
    .default(undefined, '1m on a GPU, 10m on the CPU');
const setOption = (what: string) => new Option('--set <values>', what).argParser(assignments);

function sourceVerbs(program: Command, run: Runner): void {
  const check = program
    .command('check [files...]')
    .description('shapes, dtypes and unsupported syntax of kernels; no code is generated')
    .option('-w, --watch', 'check again when a file changes');
  action(
    run,
    check,
    async () => (await import('./check.js')).check,
    (given) => given[0] as string[],
  );

  const compile = program
    .command('compile <file>')
    .description('manifest and one program per variant')
    .option('-o, --output <dir>', 'folder for the artifacts', 'artifacts')
    .addOption(kernelOption())
    .addOption(new Option('--target <names>', 'targets, separated by commas: webgpu, sm_80, sm_90').default('webgpu'))
    .addOption(setOption('comptime dimensions and options: D=64,E=64,causal=true'))
    .addOption(dtypeOption())
    .addOption(configOption())
    .option('-w, --watch', 'compile again when a file changes');
  action(run, compile, async () => (await import('./compile.js')).compile, first);

  const runVerb = program
    .command('run <file>')
    .description('run on random inputs and compare with the reference beside the kernel')
    .addOption(new Option('--device <which>', `${DEVICES}, interpret`).default('', 'the best there is'))
    .addOption(
      new Option('--shape <sizes>', 'B=1,H=2,N=1000; others keep the default of the reference').argParser(sizes),
    )
    .addOption(dtypeOption())
    .addOption(setOption('options of the kernel: causal=true'))
    .addOption(configOption())
    .addOption(new Option('--seed <number>', 'of the random inputs').argParser(seed).default(0))
    .addOption(timeoutOption())
    .addOption(new Option('--check <file>', 'reference to compare with'))
    .option('--no-check', 'do not compare')
    .addOption(kernelOption());
  action(run, runVerb, async () => (await import('./run.js')).run, first);
  benchVerb(program, run);
}

function benchVerb(program: Command, run: Runner): void {
  const bench = program
    .command('bench <file>')
    .description('how fast a kernel is, over sizes, against its roofline, other kernels and libraries')
    .addOption(new Option('--device <which>', 'as for run').default('', 'the best there is'))
    .addOption(new Option('--shape <sizes>', 'as for run').argParser(sizes))
    .addOption(
      new Option(
        '--sweep <sizes>',
        'N=1k..64k: both ends and the powers of two between; N=1k,3k; N=1k..64k,D=E=64,128',
      ).argParser(sweep),
    )
    .addOption(dtypeOption())
    .addOption(setOption('comptime dimensions and options of the kernel: D=64,causal=true'))
    .addOption(configOption())
    .addOption(kernelOption())
    .addOption(new Option('--seed <number>', 'of the random inputs').argParser(seed).default(0))
    .addOption(new Option('--samples <number>', 'launches that are timed').argParser(positive).default(50))
    .addOption(new Option('--budget <time>', 'for all samples together: 30s').argParser(duration))
    .addOption(timeoutOption())
    .addOption(new Option('--check <file>', 'reference to compare with'))
    .option('--no-check', 'do not compare')
    .option('--baseline <file>', 'kernels to measure beside, in turn; or a stored run (.json)')
    .option('--peers', 'measure libraries beside, through python3 with torch')
    .option('--compare <file>', 'stored run (.json): exit code 1 where a point is slower')
    .addOption(
      new Option('--threshold <part>', 'how much slower, beyond the noise').argParser(share).default(0.05, '5%'),
    )
    .addOption(
      new Option('-o, --output <file>', 'store the run: .json, .md or .html; may be repeated').argParser(collected),
    );
  action(run, bench, async () => (await import('./bench.js')).bench, first);
}

function tuneVerb(program: Command, run: Runner): void {
  const tune = program
    .command('tune [path]')
    .description('find the best configuration on a device; each is checked against the reference before it is timed')
    .addOption(new Option('--device <which>', DEVICES).default('', 'the best there is'))
    .addOption(kernelOption())
    .addOption(new Option('--shape <sizes>', 'B=1,H=2,N=8k; others keep the default of the reference').argParser(sizes))
    .option('--shapes <file>', 'JSON file of several shapes; with --all, in place of those of the references')
    .addOption(dtypeOption())
    .addOption(setOption('options of the kernel: causal=true'))
    .addOption(new Option('--budget <time>', 'for each kernel and shape: 30s, 2m').argParser(duration))
    .option('--resume', 'keep what the cache has of this problem, and measure the rest')
    .option('--exhaustive', 'time every configuration that can run')
    .addOption(
      new Option('--caches <state>', 'what launches find in the caches of a GPU')
        .choices(['cold', 'warm'])
        .default('cold'),
    )
    .addOption(new Option('--seed <number>', 'of the random inputs and of the search').argParser(seed).default(0))
    .option('--all', 'every kernel with knobs below a folder (default: kernels); implies --write')
    .option('--write', 'write the best into x.tune.json beside the kernel')
    .option('--report <file>', 'HTML page with charts and every configuration');
  action(
    run,
    tune,
    async () => (await import('./tune.js')).tune,
    (given) => given[0] as string | undefined,
  );
}

function irVerbs(program: Command, run: Runner): void {
  const ir = program
    .command('ir [file]')
    .description('tile IR after a pass')
    .option('--after <pass>', 'last pass to run (layouts: infer-layouts); `lower` is before the first; default: all')
    .option('--diff', 'what that pass changed')
    .option('--locations', 'print source locations')
    .option('--list', 'list the passes on the way to the target')
    .option('--emit', 'print the program that comes of it, WGSL or PTX')
    .option('--layout-svg <value>', 'draw which thread holds what of a value, %p or all')
    .option('-o, --output <dir>', 'folder for the drawings', 'layouts')
    .addOption(targetOption())
    .addOption(kernelOption())
    .addOption(setOption('comptime dimensions and options'))
    .addOption(dtypeOption())
    .addOption(configOption());
  action(
    run,
    ir,
    async () => (await import('./ir.js')).ir,
    (given) => given[0] as string | undefined,
  );

  const opt = program
    .command('opt <file>')
    .description('run passes on textual IR (- reads stdin)')
    .addOption(new Option('--pass <names>', 'passes in order, separated by commas; default: all'))
    .addOption(targetOption())
    .option('--diff', 'print what changed');
  action(run, opt, async () => (await import('./opt.js')).opt, first);

  const explain = program
    .command('explain [code]')
    .description('long form of a diagnostic code, with wrong and right code');
  action(
    run,
    explain,
    async () => (await import('./explain.js')).explain,
    (given) => given[0] as string | undefined,
  );
}

function machineVerbs(program: Command, run: Runner): void {
  const devices = program.command('devices').description('devices that kernels can run on');
  action(run, devices, async () => (await import('./devices.js')).devices, none);

  const doctor = program
    .command('doctor')
    .description('what is missing on this machine, and the command that fixes it');
  action(run, doctor, async () => (await import('./doctor.js')).doctor, none);

  const cache = program
    .command('cache')
    .description('what was measured on this machine: list, remove, carry to another one, check')
    .addArgument(new Argument('<action>').choices(['ls', 'clear', 'export', 'import', 'verify']))
    .addArgument(new Argument('[file]', 'to export to (default: stdout), or to import from'))
    .addOption(new Option('--kernel <name>', 'rows of this kernel alone'))
    .addOption(new Option('--device <words>', 'rows of devices with these words in their name alone'));
  action(
    run,
    cache,
    async () => (await import('./cache.js')).cache,
    ([what, file]) => ({
      action: what as CacheAction,
      file: file as string | undefined,
    }),
  );

  const lsp = program
    .command('lsp')
    .description('language server on stdin and stdout, for editors')
    .addOption(new Option('--stdio', 'what editors say; it is the only way').hideHelp());
  action(run, lsp, async () => (await import('./lsp.js')).lsp, none);

  const completion = program
    .command('completion')
    .description('completion script of a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']));
  const load = async () => (await import('./completion.js')).completionOf(program);
  action(run, completion, load, (given) => given[0] as 'bash' | 'zsh' | 'fish');
}

/** Verbs of the plan that are not there yet: who reads of them elsewhere is told so, and what to use meanwhile. */
const TO_COME = {
  init: 'copy a kernel of kernels/ and the reference beside it',
  repro: '`lac ir FILE --locations` and `lac run FILE --seed S` say what a report needs',
} as const;

function verbsToCome(program: Command, run: Runner): void {
  for (const [name, instead] of Object.entries(TO_COME)) {
    const command = program.command(`${name} [words...]`, { hidden: true }).allowUnknownOption().helpOption(false);
    const refuse: Verb<undefined, object> = async () => {
      throw new LacError(diagnostic('LAC0909', `lac ${name} is not built yet`, null, { help: [instead] }));
    };
    action(run, command, async () => refuse, none);
  }
}
