/** A problem as the child of a worker has it: declaration, reference, and the two sizes it is looked at in. */
import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { DType } from '../../compiler/ir/types.js';
import { drawInputs, scalarValues, wholeInputs } from '../../driver/inputs.js';
import { loadReference, referenceFileOf } from '../../driver/load-reference.js';
import { type Expected, runReference } from '../../driver/outputs.js';
import { settle } from '../../driver/preflight.js';
import { elementsOf, reducedDims } from '../../driver/reduced-dims.js';
import { type Dims, type Reference, withDefaults } from '../../driver/reference.js';
import { type KernelDecl, optionValues, type PlanDecl, SourceProject } from '../../driver/source.js';
import type { Problem } from '../types.js';

export interface Subject {
  readonly decl: KernelDecl | PlanDecl;
  readonly reference: Reference;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly seed: number;
  readonly windows: NonNullable<Problem['windows']>;
  readonly full: Dims;
  readonly reduced: Dims;
  /** Sizes that the reference itself names, for the same programs; null where they are too large. */
  readonly usual: Dims | null;
  /** Whether the reference is computed at full sizes too. */
  readonly affordable: boolean;
}

/** Elements of all arguments that a reference is asked for: about a second of it on a GPU's host. */
const MOST_ELEMENTS = { gpu: 2 ** 20, software: 2 ** 17, interpret: 2 ** 15 } as const;

export type DeviceKind = keyof typeof MOST_ELEMENTS;

/** What a problem is about, as it is written. */
interface Source {
  readonly declared: KernelDecl | PlanDecl;
  readonly reference: Reference;
}

export async function readSource(problem: Problem): Promise<Source> {
  const declared = declarationOf(problem);
  return { declared, reference: await referenceOf(problem) };
}

export function subjectOf(problem: Problem, { declared, reference }: Source, kind: DeviceKind): Subject {
  const own = optionValues(declared);
  const changed = Object.entries(problem.options).filter(([name, value]) => own[name] !== value);
  const options = Object.fromEntries(changed);
  const { dims, dtypes } = problem;
  const settled = settle({ decl: declared, reference, dims, dtypes, options, check: false, values: false });
  const most = MOST_ELEMENTS[kind];
  const affordable = elementsOf(settled.decl, settled.dims) <= most;
  return {
    decl: settled.decl,
    reference,
    dtypes: settled.dtypes,
    seed: problem.seed,
    windows: problem.windows ?? {},
    full: settled.dims,
    reduced: reducedDims(settled.decl, settled.dims, reference, affordable ? most * BESIDE_FULL : most),
    usual: usualDims(settled.decl, settled.dims, reference, most),
    affordable,
  };
}

/** Share of the elements that are enough where full sizes are compared as well. */
const BESIDE_FULL = 1 / 8;

function usualDims(decl: KernelDecl | PlanDecl, full: Dims, { shape }: Reference, most: number): Dims | null {
  const comptime = Object.fromEntries(decl.comptime.map((d) => [d, full[d] ?? 1]));
  const all = withDefaults(shape, comptime);
  const dims = Object.fromEntries(decl.dims.map((d) => [d, all[d] ?? Number.NaN]));
  return elementsOf(decl, dims) <= USUAL * most ? dims : null;
}

/** As many times the elements may be: the author has seen to it that they take a second. */
const USUAL = 8;

function declarationOf({ file, kernel }: Problem): KernelDecl | PlanDecl {
  const { kernels, plans, unexported, unexportedPlans, diagnostics } = new SourceProject().read(file);
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length > 0) throw new LacError(errors);
  const decl = [...kernels, ...plans, ...unexported, ...unexportedPlans].find((d) => d.name === kernel);
  if (decl === undefined) throw new LacError(diagnostic('LAC0904', `${file} has no kernel ${kernel}`));
  return decl;
}

async function referenceOf({ file, kernel }: Problem): Promise<Reference> {
  const path = referenceFileOf(file);
  if (path !== null) return loadReference(path, kernel);
  const help = ['write x.ref.ts beside x.ts: a configuration is compared with it before it is timed'];
  throw new LacError(
    diagnostic('LAC0902', `${file} has no reference, and ${kernel} cannot be tuned without`, null, { help }),
  );
}

export const inputsAt = ({ decl, dtypes, reference, seed }: Subject, dims: Dims): Record<string, Float64Array> =>
  drawInputs(decl.args, dtypes, dims, reference, seed);

export const scalarsAt = ({ decl, reference }: Subject, dims: Dims): Record<string, number> =>
  scalarValues(decl.args, dims, reference);

/** What the outputs should be. */
export function expectedAt(subject: Subject, dims: Dims): Expected {
  const { decl, reference } = subject;
  const inputs = wholeInputs(decl.args, dims, inputsAt(subject, dims));
  return runReference(decl, reference, {
    inputs,
    dims,
    scalars: scalarsAt(subject, dims),
    options: optionValues(decl),
  });
}
