import { dimNames } from '../../driver/choices.js';
import type { Config } from '../../driver/configurations.js';
import { loadReference, referenceFileOf } from '../../driver/load-reference.js';
import type { Reference } from '../../driver/reference.js';
import { type Report, runKernel } from '../../driver/run.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../../driver/source.js';
import type { Device } from '../../runtime/index.js';
import { type CheckCase, caseText } from './cases.js';

/** What a case came to. */
export interface Outcome {
  readonly group: string;
  /** Kernels that were compared with their references. */
  readonly correct: number;
  /** Configurations that exceed a limit of the device, and say so: no failure. */
  readonly refused: number;
  /** One line for each that was wrong, refused or failed. */
  readonly failures: readonly string[];
}

const project = new SourceProject();
const references = new Map<string, Promise<Reference | null>>();

/** Null: the kernel has no reference, and is left out. */
function referenceOf(file: string, kernel: string): Promise<Reference | null> {
  const path = referenceFileOf(file);
  if (path === null) return Promise.resolve(null);
  const key = `${path} ${kernel}`;
  const loading = references.get(key) ?? loadReference(path, kernel).catch(() => null);
  references.set(key, loading);
  return loading;
}

/** Runs every kernel that the case means. Throws only what the caller has to end the device for. */
export async function runCase(c: CheckCase, device: Device): Promise<Outcome> {
  const { kernels: declared, plans } = project.read(c.file);
  const kernels = [...declared, ...plans].filter((k) => c.kernel === undefined || k.name === c.kernel);
  const failures: string[] = kernels.length === 0 ? [`${caseText(c)}: no such kernel`] : [];
  let [correct, refused] = [0, 0];
  for (const decl of kernels) {
    const reference = await referenceOf(c.file, decl.name);
    if (reference === null) continue;
    const wrong = await failureOf(decl, reference, c, device);
    if (wrong === null) correct++;
    else if (c.config !== undefined && OVER_LIMIT.test(wrong)) refused++;
    else failures.push(`${c.kernel === undefined ? `${decl.name} in ` : ''}${caseText(c)}: ${wrong}`);
    if (device.state !== 'open') break;
  }
  return { group: c.group, correct, refused, failures };
}

const OVER_LIMIT = /LAC050[123]:/;

async function failureOf(
  decl: KernelDecl | PlanDecl,
  reference: Reference,
  c: CheckCase,
  device: Device,
): Promise<string | null> {
  try {
    if (c.agree === undefined) return wrongIn(await report(decl, reference, c, device, c.config));
    return await disagreement(decl, reference, c, c.agree, device);
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
  }
}

function report(
  decl: KernelDecl | PlanDecl,
  reference: Reference,
  c: CheckCase,
  device: Device,
  config: Config | undefined,
): Promise<Report> {
  const given = Object.entries(c.dims ?? {}).filter(([name]) => dimNames(decl).includes(name));
  return runKernel({
    ...{ decl, reference, device, dims: Object.fromEntries(given) },
    ...(config === undefined ? {} : { config }),
    ...(c.dtype === undefined || Object.keys(decl.dtypes).length === 0 ? {} : { dtypes: { '*': c.dtype } }),
    ...(c.options === undefined ? {} : { options: c.options }),
    ...(c.layout === undefined ? {} : { layout: c.layout }),
    ...(c.rowPadding === undefined ? {} : { rowPadding: c.rowPadding }),
  });
}

function wrongIn({ ok, outputs, damaged }: Report): string | null {
  if (ok) return null;
  const stray = damaged.map((d) => `wrote ${d.damage.where} ${d.output}, at element ${d.damage.element}`);
  const far = outputs
    .filter((o) => !o.ok)
    .map((o) => `${o.output} is off by ${o.rmse.toExponential(1)}, worst at [${o.worst?.index.join(', ')}]`);
  return [...stray, ...far].join('; ');
}

/** Runs the case with every value of a knob, on the same inputs. */
async function disagreement(
  decl: KernelDecl | PlanDecl,
  reference: Reference,
  c: CheckCase,
  { knob, values }: NonNullable<CheckCase['agree']>,
  device: Device,
): Promise<string | null> {
  let first: Report | null = null;
  for (const value of values) {
    const made = await report(decl, reference, c, device, { ...c.config, [knob]: value });
    const wrong = wrongIn(made);
    if (wrong !== null) return `${knob}=${value}: ${wrong}`;
    first ??= made;
    for (const [output, expected] of Object.entries(first.values))
      if (made.values[output]?.some((x, i) => !Object.is(x, expected[i])))
        return `${knob}=${value} changes bits of ${output}`;
  }
  return null;
}
