import { elementBytes } from '../../driver/compile.js';
import { candidates } from '../../driver/configurations.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../../driver/source.js';
import { deviceNames } from '../../driver/target.js';
import type { LibraryCase, LibraryMeasurements } from './measurements.js';

/** What a call takes without tuned configurations, beside the best that was found. */
export interface Taken {
  readonly of: LibraryCase;
  readonly config: Readonly<Record<string, number>>;
  readonly best: number;
  /** Null: it was not timed. */
  readonly ms: number | null;
}

const project = new SourceProject();

function declarationOf({ file, kernel }: LibraryCase): KernelDecl | PlanDecl {
  const { kernels, plans } = project.read(file);
  const found = [...kernels, ...plans].find((d) => d.name === kernel);
  if (found === undefined) throw new Error(`${file} has no kernel ${kernel}`);
  return found;
}

/** By the declarations alone: no rows of a file, no cache. */
export const taken = (measured: LibraryMeasurements): Taken[] => measured.cases.map((of) => takenFor(of, measured));

function takenFor(of: LibraryCase, { target, maxInvocations }: LibraryMeasurements): Taken {
  const decl = declarationOf(of);
  const names = { ...deviceNames(target), ...elementBytes(decl, of.dtypes) };
  const key = (values: readonly number[]): string => values.join();
  const refused = new Set(of.refused.map(key));
  const [best] = of.times;
  for (const config of candidates(decl, of.dims, {}, maxInvocations, names)) {
    const own = key(of.knobs.map((knob) => config[knob] ?? 0));
    if (refused.has(own)) continue;
    const ms = of.times.find((t) => key(t.config) === own)?.ms ?? null;
    return { of, config, best: best?.ms ?? Number.NaN, ms };
  }
  throw new Error(`every configuration of ${of.kernel} was refused`);
}
