/** Whether outputs are right: against the reference, and at full sizes against configurations that were right before. */
import { type Comparison, compare, toleranceFor } from '../../driver/compare.js';
import { inputDtypes } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import { dtypeOf, isTensorArg } from '../../driver/inputs.js';
import { compareOutputs, type Expected } from '../../driver/outputs.js';
import type { Prepared } from '../../driver/prepare.js';
import type { Dims } from '../../driver/reference.js';
import { readOutputs } from '../../driver/run.js';
import type { PlacedTensors } from '../../driver/tensors.js';
import type { Device } from '../../runtime/device.js';
import type { GuardDamage, Tensor } from '../../runtime/index.js';
import { worked } from '../measure.js';
import type { Known, Trusted } from './protocol.js';
import type { Subject } from './subject.js';

/** What is against a configuration; null: nothing. `rmse`: the largest, relative. */
export interface Finding {
  readonly wrong: string | null;
  readonly rmse: number;
}

/** Runs a configuration once on outputs that hold nothing. Milliseconds of the launch, seen from the host. */
export async function launchOnce(device: Device, set: PlacedTensors, { launches }: Prepared): Promise<number> {
  set.restore();
  await device.synchronize();
  const begin = performance.now();
  await device.launchAll(launches);
  await device.synchronize();
  worked(device);
  return performance.now() - begin;
}

/** Compares every output with what the reference says. */
export async function againstReference(
  subject: Subject,
  dims: Dims,
  expected: Expected,
  { set, touched, backend }: { set: PlacedTensors; touched: ReadonlySet<string>; backend: Device['backend'] },
): Promise<Finding> {
  const { decl, dtypes, reference } = subject;
  const { values, damaged } = await readOutputs(decl, set, touched, true);
  const says = { ...reference, expected };
  const outputs = compareOutputs(decl, says, dims, dtypes, inputDtypes(decl, dtypes), values, backend);
  const [damage] = damaged;
  if (damage !== undefined) return { wrong: damageText(damage.output, damage.damage), rmse: worstRmse(outputs) };
  return { wrong: wrongText(outputs, sizesText(dims)), rmse: worstRmse(outputs) };
}

const worstRmse = (outputs: readonly Comparison[]): number => Math.max(0, ...outputs.map((o) => o.rmse));

export const sizesText = (dims: Dims): string =>
  Object.entries(dims)
    .map(([name, size]) => `${name}=${size}`)
    .join(',');

const damageText = (output: string, { where, element, changed }: GuardDamage): string =>
  `wrote ${changed} bytes ${where} ${output}, from element ${element} on`;

function wrongText(outputs: readonly Comparison[], at: string): string | null {
  const found = outputs.find((o) => !o.ok);
  if (found === undefined) return null;
  const { output, rmse, tolerance, worst } = found;
  const element =
    worst === null ? '' : `, [${worst.index.join(', ')}] is ${figure(worst.got)} and not ${figure(worst.want)}`;
  return `${output}: relative RMSE ${rmse.toExponential(1)} of at most ${tolerance.rmse.toExponential(1)}${element}, at ${at}`;
}

/** Seven digits are those of f32. */
const figure = (x: number): string => String(Number(x.toPrecision(7)));

/** Windows of an output that are compared at full sizes, and elements of each. Even: words stay whole. */
const WINDOWS = 48;
const WINDOW = 512;

/** Begins of windows over all elements: the first, the last, and one in each stretch between at a place of its own. */
export function windowsOf(size: number): readonly (readonly [begin: number, count: number])[] {
  if (size <= WINDOWS * WINDOW) return size === 0 ? [] : [[0, size]];
  const stretch = (size - WINDOW) / (WINDOWS - 1);
  return Array.from({ length: WINDOWS }, (_, i) => {
    const inside = i === 0 || i === WINDOWS - 1 ? 0 : ((i * 0.6180339887498949) % 1) - 0.5;
    return [2 * Math.floor((i + inside) * stretch * 0.5), WINDOW] as const;
  }).map(([begin, count], i) => (i === WINDOWS - 1 ? [size - WINDOW - (size % 2), count] : [begin, count]));
}

/** Elements of every output that was written, and damage beside any. */
export async function sampleOutputs(
  { decl }: Subject,
  { tensors }: PlacedTensors,
  touched: ReadonlySet<string>,
): Promise<{ readonly outputs: Record<string, Float64Array>; readonly damage: string | null }> {
  const outputs: Record<string, Float64Array> = {};
  let damage: string | null = null;
  for (const { name, dir } of decl.args) {
    const tensor = tensors[name];
    if (tensor === undefined || dir === 'in' || !touched.has(name)) continue;
    outputs[name] = await readWindows(tensor);
    const found = await tensor.checkGuards();
    if (found !== null) damage ??= damageText(name, found);
  }
  return { outputs, damage };
}

async function readWindows(tensor: Tensor): Promise<Float64Array> {
  const windows = windowsOf(tensor.size);
  const read = await Promise.all(windows.map(([begin, count]) => tensor.view([count], [1], begin).read()));
  const all = new Float64Array(read.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of read) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** NaN where the reference has none, at the sizes where it was asked: most likely an element that nobody wrote. */
export function unwritten(outputs: Trusted['outputs'], { reduced }: Known, full: Dims): string | null {
  for (const [name, values] of Object.entries(outputs)) {
    const expected = reduced.outputs[name];
    if (expected === undefined || expected.some(Number.isNaN)) continue;
    if (values.some(Number.isNaN))
      return `${name} has elements that are NaN, or were never written, at ${sizesText(full)}`;
  }
  return null;
}

/** Two configurations may each be off by the tolerance. */
const BOTH = 2;

/** How outputs at full sizes differ from trusted ones; null: not more than both may be off. */
export function againstTrusted(
  subject: Subject,
  known: Known,
  trusted: Pick<Trusted, 'config' | 'outputs'>,
  outputs: Trusted['outputs'],
): string | null {
  const { decl, dtypes, reference } = subject;
  const inputs = inputDtypes(decl, dtypes);
  const comparisons = decl.args.filter(isTensorArg).flatMap((arg) => {
    const [got, want] = [outputs[arg.name], trusted.outputs[arg.name]];
    if (got === undefined || want === undefined) return [];
    const own = toleranceFor(dtypeOf(arg, dtypes), inputs, reference.tolerance);
    const tolerance = { rmse: BOTH * own.rmse, element: BOTH * own.element };
    const size = cancelledSize(known.reduced, arg.name, want);
    return [compare(arg.name, got, want, [want.length], tolerance, { size })];
  });
  const text = wrongText(comparisons, `elements of ${sizesText(subject.full)}`);
  return text === null ? null : `${text}; compared with ${knobsText(trusted.config)}`;
}

const knobsText = (config: Config): string => sizesText(config);

/** Sums that cancel do so at other sizes too: what the reference says of them grows as the outputs do. */
function cancelledSize({ outputs, sizes }: Expected, name: string, want: Float64Array): number {
  const size = sizes[name] ?? 0;
  const rms = rootMeanSquare(outputs[name] ?? new Float64Array(0));
  return size === 0 || rms === 0 ? size : (size * rootMeanSquare(want)) / rms;
}

const rootMeanSquare = (values: Float64Array): number =>
  Math.sqrt(values.reduce((sum, x) => sum + (Number.isFinite(x) ? x * x : 0), 0) / Math.max(1, values.length));
