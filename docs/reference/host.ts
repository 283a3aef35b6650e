/**
 * @page From TypeScript
 *
 * A kernel is an asynchronous function of a device and its arguments. It is compiled at the first call for what it was
 * given (dtypes, comptime sizes, layout of the tensors), and found through the stack: a program that was compiled to
 * JavaScript keeps its `.ts` files and source maps. What is wrong is a `LacError`. From PyTorch, `python/lac_torch.py`
 * launches what `lac compile` wrote; the [README](../../README.md) shows both.
 */
import {
  Bug,
  bf16,
  CODES,
  type Code,
  cdiv,
  type Device,
  empty,
  f32,
  handleOf,
  input,
  kernel,
  LacError,
  lightningAttention,
  loadManifest,
  openDevice,
  output,
  type Reference,
  scalar,
  type Tensor,
} from 'lac';

/** y = a x */
export const scale = kernel(
  {
    args: { a: scalar(f32), x: input(f32, ['N']), y: output(f32, ['N']) },
    options: { offset: 0 },
    tune: { C: [64, 128] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ a, x, y }, { C, offset }, { n }) => {
    y.store([n * C], a * x.load([n * C], [C]) + offset);
  },
);

/**
 * @entry openDevice; Device; DeviceInfo; DeviceLimits
 * @title Devices
 *
 * `destroy()` gives everything back; without it a process may stay alive.
 * @errors LAC0520 LAC0701 LAC0702 LAC0703 LAC0704 LAC0705 LAC0706 LAC0707 LAC0708 LAC0710 LAC0711 LAC0713
 */
export async function deviceNames(): Promise<string[]> {
  const device = await openDevice('interpret'); // or '' for the best there is
  try {
    return [device.backend, device.name, device.info.kind];
  } finally {
    device.destroy();
  }
}
// deviceNames() is interpret, interpreter (f64), interpret

/**
 * @entry Kernel; HostArgs; Pick1
 * @title Launches
 *
 * The promise is kept when the launch is submitted; reads and later launches come after it. Names, ranks, dtypes,
 * sizes, strides and overlaps are checked before. A dimension is read off the tensors.
 * @errors LAC0601 LAC0602 LAC0603 LAC0604 LAC0605 LAC0607 LAC0608 LAC0611 LAC0612 LAC0613 LAC0614 LAC0615 LAC0616
 * LAC0618 LAC0619 LAC0623 LAC0709 LAC0712 LAC0714 LAC0906 LAC0915
 */
export async function launched(): Promise<Float64Array> {
  const device = await openDevice('interpret');
  const x = empty(device, f32, [3]).write([1, 2, 3]);
  const y = empty(device, f32, [3]);
  await scale(device, { a: 2, x, y }, { config: { C: 64 } });
  const got = await y.read();
  device.destroy();
  return got;
}
// launched() is 2, 4, 6

/**
 * @entry empty; Tensor; TensorDType
 * @title Tensors
 *
 * A tensor is a strided window on memory of a device. `write` takes numbers or the typed array of the dtype, `read`
 * gives a Float64Array in row-major order. `permute` and `view` make windows on the same memory; `free` gives the
 * memory back. Of f16 and bf16 `readRaw` gives the bits.
 * @errors LAC0609 LAC0610 LAC0620 LAC0621 LAC0622 LAC0706
 */
export async function transposed(): Promise<Float64Array> {
  const device = await openDevice('interpret');
  const x = empty(device, bf16, [2, 3]).write([1, 2, 3, 4, 5, 6]);
  const turned: Tensor<'bf16'> = x.permute([1, 0]); // [3, 2], nothing is copied
  const got = await turned.read();
  device.destroy();
  return got;
}
// transposed() is 1, 4, 2, 5, 3, 6

/**
 * @entry lightningAttention; LightningAttention; AttentionInputs; Placement; ForwardArgs; ForwardResult; BackwardArgs; BackwardResult; Wanted; StepArgs; FloatDType; Layout
 * @title Lightning Attention
 *
 * Shows how the pieces of the language become an operator; [its page](../attention.md) goes through the arguments. Shapes
 * are checked in the order of axes that the caller has.
 * @errors LAC0601 LAC0602 LAC0603 LAC0604 LAC0605 LAC0609 LAC0610 LAC0623 LAC0626
 */
export async function attended(): Promise<Float64Array> {
  const device = await openDevice('interpret');
  const q = empty(device, f32, [1, 1, 3, 1]).fill(1); // [B, H, N, D]
  const k = empty(device, f32, [1, 1, 3, 1]).fill(1);
  const v = empty(device, f32, [1, 1, 3, 2]).write([1, 10, 2, 20, 3, 30]);
  const { o } = await lightningAttention(device, { q, k, v }); // neither slope nor g: nothing decays
  const got = await o.read();
  device.destroy();
  return got;
}
// attended() is 1, 10, 3, 30, 6, 60

/**
 * @entry Kernel.with
 *
 * Another kernel: the same source with other values for its options. It may be exported like one, and then has a name
 * for `lac run`.
 * @errors LAC0307
 */
export const scaleAndAdd = scale.with({ offset: 10 });
export async function derived(): Promise<Float64Array> {
  const device = await openDevice('interpret');
  const x = empty(device, f32, [2]).write([1, 2]);
  const y = empty(device, f32, [2]);
  await scaleAndAdd(device, { a: 1, x, y });
  const got = await y.read();
  device.destroy();
  return got;
}
// derived() is 11, 12

/**
 * @entry Kernel.tune; TuneOptions; TuneProgress
 *
 * Searches `tune` on the device of the arguments, as `lac tune` does ([the page on tuning](../tuning.md)): in a process of its
 * own, on random inputs of the same sizes, dtypes and strides; the tensors that are given are neither read nor written.
 * Every configuration is compared with the reference beside the kernel, `x.ref.ts`, and without one nothing is tuned.
 * Rows are kept in the tuning cache. Later calls take the best, unless `x.tune.json` beside the source has a row for
 * these sizes. Tunes of one device wait for each other.
 * @errors LAC0701 LAC0902 LAC0921 LAC0925
 */
export async function tuned(device: Device, x: Tensor<'f32', [number]>, y: Tensor<'f32', [number]>) {
  return codeOf(scale.tune(device, { a: 1, x, y }, { budgetMs: 30_000 })); // LAC0902: there is no host.ref.ts
}
const codeOf = async (work: Promise<unknown>): Promise<Code | null> => {
  try {
    await work;
    return null;
  } catch (error) {
    return error instanceof LacError ? (error.diagnostics[0]?.code ?? null) : null;
  }
};

/**
 * @entry LacError; Diagnostic; CODES; Code; Bug
 * @title Errors
 *
 * `LacError.diagnostics` lists what is wrong: a stable code, a sentence, the place in the source where there is one,
 * and help. Codes and their long explanations are `CODES`. A `Bug` is a mistake of lac itself.
 */
export async function explained(): Promise<string> {
  const device = await openDevice('interpret');
  const [x, y] = [empty(device, f32, [3]), empty(device, f32, [4])];
  try {
    await scale(device, { a: 2, x, y });
    return 'no mistake';
  } catch (error) {
    if (error instanceof Bug || !(error instanceof LacError)) throw error;
    const [d] = error.diagnostics;
    return d === undefined ? 'no finding' : `${d.code}: ${CODES[d.code].title}`;
  } finally {
    device.destroy();
  }
}
// explained() is LAC0605: dimensions disagree

/**
 * @entry loadManifest; ArtifactKernel; ArtifactPlan
 * @title Artifacts
 *
 * `lac compile FILE -o artifacts` writes a manifest and the programs. Neither source nor compiler is needed to launch
 * them.
 * @errors LAC0613 LAC0617 LAC0624 LAC0625
 */
export async function fromArtifacts(folder: string, device: Device): Promise<Float64Array> {
  const artifact = loadManifest(`${folder}/scale.json`);
  const x = empty(device, f32, [2]).write([3, 4]);
  const y = empty(device, f32, [2]);
  await artifact.launch(device, { a: 2, x, y });
  return y.read();
}
// fromArtifacts() is 6, 8

/**
 * @entry Reference; ReferenceContext; InputContext; Tolerance
 * @title References
 *
 * Lies beside `x.ts` in `x.ref.ts`, under the name of the kernel. It is the only code of yours that `lac run` executes.
 * @errors LAC0902 LAC0903 LAC0905 LAC0911 LAC0912
 */
export const scaleReference: Reference = {
  shape: { N: 1000 },
  scalars: { a: 3 },
  inputs: { x: ({ shape: [n = 0], uniform }) => Float64Array.from({ length: n }, uniform) },
  run: ({ inputs: { x = new Float64Array(0) }, scalars: { a = 0 } }) => ({ y: x.map((v) => a * v) }),
};

/**
 * @entry handleOf; KernelHandle; HostHook; setHost; CallSite
 * @title Hooks
 *
 * How the language reaches a runtime; a program needs none of it. Importing `lac` installs the runtime.
 */
export function whereFrom(): string {
  return handleOf(scale)?.site.file.split('/').at(-1) ?? 'nowhere';
}
// whereFrom() is host.ts
