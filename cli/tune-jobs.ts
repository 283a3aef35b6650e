import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { settle } from '../driver/preflight.js';
import type { Reference } from '../driver/reference.js';
import { declaresKernels, type KernelDecl, optionValues, type PlanDecl, SourceProject } from '../driver/source.js';
import type { Problem } from '../tuner/types.js';
import { optionValue } from './arguments.js';
import { displayName, type Output } from './output.js';
import { type Job, withReferences } from './references.js';
import { readShapes, type ShapeRequest } from './shapes-file.js';
import { kernelFiles, readDeclarations } from './sources.js';

/** What the command line says of problems. */
export interface JobOptions {
  readonly kernel?: string;
  readonly shape?: Readonly<Record<string, number>>;
  readonly shapes?: string;
  readonly dtype?: Readonly<Record<string, string>>;
  readonly set?: Readonly<Record<string, string>>;
  readonly seed: number;
}

/** One problem to tune, and the declaration that it is of, with its options. */
export interface TuneJob {
  readonly decl: KernelDecl | PlanDecl;
  readonly problem: Problem;
}

interface Declared extends Job {
  readonly file: string;
  readonly reference: Reference;
}

const HELP = 'write it there: every configuration is compared with it before it is timed';

/** Problems of one file: each kernel at the shape of the command line, or those of the shapes file in its order. */
export async function jobsOfFile(file: string, options: JobOptions, output: Output): Promise<TuneJob[]> {
  const declared = await declarationsOf(new SourceProject(), file, options.kernel, output);
  const shapes = options.shapes === undefined ? [SAME] : shapesFor(declared, options.shapes, output);
  return settled(
    shapes.flatMap((shape) => asked(declared, shape)),
    options,
    output,
  );
}

/**
 * Problems of all kernels with knobs below a folder: those of the shapes file in its order, then the kernels that it does not
 * name at the shapes of their references.
 */
export async function jobsBelow(folder: string, options: JobOptions, output: Output): Promise<TuneJob[]> {
  const files = kernelFiles([folder], (file) => declaresKernels(readFileSync(file, 'utf8')));
  const project = new SourceProject();
  const declared: Declared[] = [];
  for (const file of files) {
    try {
      declared.push(...(await declarationsOf(project, file, options.kernel, output)));
    } catch (error) {
      if (!isLeftOut(error)) throw error;
      output.detail(`${displayName(file)} is left out: ${error.message}`);
    }
  }
  const tunable = declared.filter(({ decl }) => Object.keys(decl.tune).length > 0);
  if (tunable.length === 0)
    throw new LacError(diagnostic('LAC0904', `no kernels with knobs and a reference below ${displayName(folder)}`));
  const shapes = options.shapes === undefined ? [] : shapesFor(tunable, options.shapes, output);
  if (shapes.some((s) => s.kernel === null)) throw unplaced(options.shapes ?? '');
  const others = tunable.filter(({ decl }) => !shapes.some((s) => s.kernel === decl.name));
  return settled([...shapes.flatMap((shape) => asked(tunable, shape)), ...asked(others, SAME)], options, output);
}

/** A file that declares nothing by itself, has no kernel of that name, or nothing to be compared with. */
const isLeftOut = (error: unknown): error is LacError =>
  error instanceof LacError && error.diagnostics.every((d) => d.code === 'LAC0904' || d.code === 'LAC0902');

/** As the command line and the reference say. */
const SAME: ShapeRequest = { kernel: null, dims: {}, dtypes: {}, options: {} };

async function declarationsOf(
  project: SourceProject,
  file: string,
  kernel: string | undefined,
  output: Output,
): Promise<Declared[]> {
  const declarations = readDeclarations(project, file, kernel, output);
  const jobs = await withReferences(file, declarations, kernel === undefined ? {} : { kernel }, output, HELP);
  return jobs.flatMap(({ decl, reference }) => (reference === null ? [] : [{ decl, reference, file: resolve(file) }]));
}

/** A file may be for more kernels than are tuned now. What it names that is not among them is said: it may be a slip. */
function shapesFor(declared: readonly Declared[], file: string, output: Output): readonly ShapeRequest[] {
  const shapes = readShapes(file);
  const isHere = ({ kernel }: ShapeRequest): boolean =>
    kernel === null || declared.some(({ decl }) => decl.name === kernel);
  const others = [...new Set(shapes.filter((s) => !isHere(s)).map((s) => s.kernel ?? ''))];
  if (others.length === 0) return shapes;
  const message = `${displayName(file)} names ${listed(others)}, not among the kernels to tune`;
  const here = shapes.filter(isHere);
  if (here.length === 0) throw new LacError(diagnostic('LAC0904', message));
  output.warn(message);
  return here;
}

const SHOWN = 3;

const listed = (names: readonly string[]): string =>
  names.length <= SHOWN + 1
    ? names.join(', ')
    : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} others`;

const unplaced = (file: string): LacError =>
  new LacError(
    diagnostic('LAC0920', `${displayName(file)} has a shape without a kernel; with --all each names its own`),
  );

type Asked = readonly [Declared, ShapeRequest];

const asked = (declared: readonly Declared[], shape: ShapeRequest): Asked[] =>
  declared.filter(({ decl }) => shape.kernel === null || shape.kernel === decl.name).map((one) => [one, shape]);

/**
 * Every kernel at every shape that is for it. What no kernel of several takes is an error; what some do not is said, aloud
 * where the shape is for this kernel alone.
 */
function settled(all: readonly Asked[], options: JobOptions, output: Output): TuneJob[] {
  const jobs: TuneJob[] = [];
  const errors: LacError[] = [];
  for (const [one, shape] of all)
    try {
      jobs.push(jobOf(one, shape, options));
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      errors.push(error);
      const text = `${one.decl.name} is left out: ${error.message}`;
      if (shape.kernel === null) output.detail(text);
      else output.warn(text);
    }
  const [first] = errors;
  if (jobs.length === 0 && first !== undefined) throw first;
  return jobs;
}

function jobOf({ decl, reference, file }: Declared, shape: ShapeRequest, options: JobOptions): TuneJob {
  const set = Object.entries(options.set ?? {}).map(([name, value]) => [name, optionValue(value)] as const);
  const at = settle({
    ...{ decl, reference, check: false, values: false, seed: options.seed },
    dims: { ...options.shape, ...shape.dims },
    dtypes: { ...options.dtype, ...shape.dtypes },
    options: { ...Object.fromEntries(set), ...shape.options },
  });
  const { dims, dtypes } = at;
  const problem = { file, kernel: decl.name, dims, dtypes, options: optionValues(at.decl), seed: options.seed };
  return { decl: at.decl, problem };
}
