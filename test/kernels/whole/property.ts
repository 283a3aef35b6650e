import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Reference } from '../../../driver/reference.js';
import type { RunRequest } from '../../../driver/run.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../../../driver/source.js';
import { ROOT } from '../../house/sources.js';
import { devices, expectRight, kernelOf, seeds } from '../session.js';

/** A kernel or plan under test, and what may differ from run to run. */
export interface Subject {
  /** From the root of the repository. */
  readonly file: string;
  readonly name: string;
  readonly reference: Reference;
  /** Sizes up to `most` tokens, rows or elements. */
  readonly dims: fc.Arbitrary<Readonly<Record<string, number>>>;
  readonly dtypes?: readonly string[];
  /** Partial: the search takes the first that it fits. */
  readonly configs?: readonly Readonly<Record<string, number>>[];
  readonly options?: fc.Arbitrary<Readonly<Record<string, boolean | number>>>;
  readonly scalars?: fc.Arbitrary<Readonly<Record<string, number>>>;
  /** At most so many on each device but the interpreter, where a run takes long. */
  readonly runs?: number;
  /** Values of inputs, made from the sizes; the reference's where missing. */
  readonly inputs?: (dims: Readonly<Record<string, number>>, seed: number) => Readonly<Record<string, Float64Array>>;
}

const RUNS = [
  { key: 'exact', runs: 4 },
  { key: 'rounding', runs: 2 },
  { key: 'webgpu', runs: 2 },
  { key: 'sm80', runs: 2 },
  { key: 'sm90', runs: 2 },
] as const;
const numRuns = (usual: number): number => Number(process.env.LAC_RUNS ?? usual);

const project = new SourceProject();
/** A kernel or a plan of a file. */
export function declaration(file: string, name: string): KernelDecl | PlanDecl {
  const plan = project.read(`${ROOT}${file}`).plans.find((p) => p.name === name);
  return plan ?? kernelOf(file, name);
}

/** Every tensor has an order of axes of its own, and NaN between its rows or not. */
function placement(decl: KernelDecl | PlanDecl): fc.Arbitrary<Pick<RunRequest, 'layout' | 'rowPadding'>> {
  const orders = decl.args.flatMap((arg) => {
    if (arg.dir === 'scalar') return [];
    const axes = arg.dims.map((_, axis) => axis);
    const any = fc.shuffledSubarray(axes, { minLength: axes.length });
    return [[arg.name, fc.oneof({ weight: 2, arbitrary: fc.constant(axes) }, { weight: 1, arbitrary: any })] as const];
  });
  return fc.record({ layout: fc.record(Object.fromEntries(orders)), rowPadding: fc.constantFrom(0, 0, 3) });
}

function runs(
  decl: KernelDecl | PlanDecl,
  of: Subject,
): fc.Arbitrary<Omit<RunRequest, 'decl' | 'reference' | 'device'>> {
  const dtypes = Object.keys(decl.dtypes).length === 0 ? [] : (of.dtypes ?? []);
  return fc
    .record({
      dims: of.dims,
      dtypes: dtypes.length === 0 ? fc.constant({}) : fc.constantFrom(...dtypes.map((d) => ({ '*': d }))),
      config: fc.constantFrom(...(of.configs ?? [{}])),
      options: of.options ?? fc.constant({}),
      scalars: of.scalars ?? fc.constant({}),
      placed: placement(decl),
      seed: seeds,
    })
    .map(({ placed, ...run }) => ({ ...run, ...placed, inputs: of.inputs?.(run.dims, run.seed) ?? {} }));
}

/** Each of the kernels is its reference, however large its tensors are and wherever they lie, on every device. */
export function describeKernels(title: string, subjects: readonly Subject[]): void {
  describe(title, () => {
    const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');
    describe.each(subjects)('$name of $file', (of) => {
      const decl = declaration(of.file, of.name);
      it.each(RUNS)('on $key', async ({ key, runs: usual }) => {
        const { reference, runs: most = usual } = of;
        await fc.assert(
          fc.asyncProperty(runs(decl, of), fc.boolean(), async (run, passes) => {
            const more = key === 'exact' ? { passes, verify: true } : {};
            await expectRight({ decl, reference, device: on[key], ...run, ...more });
          }),
          { numRuns: numRuns(on[key].backend === 'interpret' ? usual : Math.min(usual, most)) },
        );
      });
    });
  });
}
