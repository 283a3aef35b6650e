import type { ArgFacts } from '../../compiler/artifact.js';
import { launchSpec } from '../../driver/bind.js';
import { compare, toleranceFor } from '../../driver/compare.js';
import { makeInputs } from '../../driver/inputs.js';
import {
  type AnyVariant,
  bindLaunch,
  type Device,
  factsOf,
  type LaunchPlan,
  type Raw,
  type Tensor,
} from '../../runtime/index.js';
import { fillRepeating, randomPool } from '../random-pool.js';
import { type Case, declarationOf, dimsOf, dtypesOf, KERNELS, type Shape } from './problem.js';

/** Random values that repeat, made once. Twice a prime: rows are not alike, and 16-bit values begin at whole words. */
const POOL = 2 * 524309;
/** A set of tensors that is larger leaves nothing of itself in a cache. */
const LARGE_BYTES = 2 ** 28;
const SETS = 4;
/** After a pause programs were seen three to five times slower on an H100; sunken clocks are a guess. */
const WARM_UP_MS = 150;
/** Kept at most, or so. */
const MOST_BYTES = 2 ** 35;
/** Elements of an output that are looked at in a large launch. */
const SAMPLE = 256;

type Tensors = Readonly<Record<string, Tensor>>;

/** Tensors of random values, shared by the cases of one dtype: filling them takes longer than timing a kernel. */
export class Supply {
  readonly device: Device;
  readonly #made = new Map<string, Tensor>();
  readonly #pools = new Map<string, Raw>();
  #bytes = 0;

  constructor(device: Device) {
    this.device = device;
  }

  get({ D, dtype }: Case, { heads, N }: Shape, name: string, dims: readonly number[], set: number): Tensor {
    const key = `${dtype} ${D} ${heads} ${N} ${name} ${set}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const tensor = this.#make(name, dtype, dims);
    this.#made.set(key, tensor);
    this.#bytes += tensor.size * 4;
    return tensor;
  }

  /** Before a shape begins: no tensor is in use. */
  makeRoom(): void {
    if (this.#bytes > MOST_BYTES) this.clear();
  }

  clear(): void {
    for (const tensor of this.#made.values()) tensor.free();
    this.#made.clear();
    this.#bytes = 0;
  }

  #make(name: string, dtype: Case['dtype'], dims: readonly number[]): Tensor {
    if (name === 'slope') return this.device.empty('f32', dims).write(slopes(dims[0] ?? 0));
    const tensor = this.device.empty(dtype, dims);
    const values = this.#pools.get(`${dtype} ${name}`) ?? randomPool(dtype, name, POOL);
    this.#pools.set(`${dtype} ${name}`, values);
    if (!name.startsWith('d') || name === 'dout') fillRepeating(tensor, values);
    return tensor;
  }
}

const slopes = (heads: number): Float64Array =>
  Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads));

/** Those arguments of a case that are given, with their shapes. */
function given({ kernel, ...rest }: Case, shape: Shape): { name: string; out: boolean; dims: readonly number[] }[] {
  const dims = dimsOf({ kernel, ...rest }, shape);
  const names: readonly string[] = KERNELS[kernel].args;
  return declarationOf(kernel).args.flatMap((a) =>
    a.dir === 'scalar' || !names.includes(a.name)
      ? []
      : [{ name: a.name, out: a.dir === 'out', dims: a.dims.map((d) => dims[d] ?? 0) }],
  );
}

function bind(device: Device, { kernel }: Case, variant: AnyVariant, set: Tensors): LaunchPlan {
  const decl = declarationOf(kernel);
  const args = Object.fromEntries(decl.args.map((a) => [a.name, set[a.name] ?? null]));
  return bindLaunch(device, launchSpec(decl), variant, args);
}

const outputsOf = (of: Case, shape: Shape): string[] =>
  given(of, shape).flatMap(({ name, out }) => (out ? [name] : []));

/** What may be assumed of the tensors of a case, whatever the shape. */
export const factsOfCase = (of: Case): Record<string, ArgFacts> =>
  Object.fromEntries(
    given(of, { heads: 2, N: 2 }).map(({ name, dims }) => [
      name,
      factsOf({ shape: dims, strides: dims.map((_, i) => dims.slice(i + 1).reduce((n, x) => n * x, 1)), offset: 0 }),
    ]),
  );

/** Compares programs of a case with the reference at a small size with a tail: the same programs as at any other. */
export class Check {
  readonly #of: Case;
  readonly #device: Device;
  readonly #set: Tensors;
  readonly #outputs: readonly string[];
  readonly #want: Readonly<Record<string, Float64Array>>;

  constructor(device: Device, of: Case) {
    const shape = of.D > 128 ? { heads: 1, N: 83 } : { heads: 2, N: 150 };
    const args = given(of, shape);
    const decl = declarationOf(of.kernel);
    const { reference } = KERNELS[of.kernel];
    const dims = dimsOf(of, shape);
    const own = decl.args.filter((a) => args.some(({ name }) => name === a.name));
    const inputs = makeInputs(own, dtypesOf(of, decl), dims, reference, 1);
    this.#of = of;
    this.#device = device;
    this.#outputs = outputsOf(of, shape);
    this.#want = reference.run({ inputs, dims, scalars: {}, options: {} });
    this.#set = Object.fromEntries(
      args.map(({ name, dims: extents }) => {
        const tensor = device.empty(name === 'slope' ? 'f32' : of.dtype, extents);
        const values = inputs[name];
        return [name, values === undefined ? tensor : tensor.write(values)];
      }),
    );
  }

  /** Null where all outputs are right. */
  async wrong(variant: AnyVariant): Promise<string | null> {
    const { dtype } = this.#of;
    for (const name of this.#outputs) this.#set[name]?.fill(Number.NaN);
    await this.#device.launch(bind(this.#device, this.#of, variant, this.#set));
    for (const name of this.#outputs) {
      const tensor = this.#set[name];
      if (tensor === undefined) continue;
      const want = this.#want[name] ?? new Float64Array();
      const { ok, rmse } = compare(name, await tensor.read(), want, tensor.shape, toleranceFor(dtype, [dtype]));
      if (!ok) return `${name} is off by ${rmse.toExponential(1)}`;
    }
    return null;
  }

  free(): void {
    for (const tensor of Object.values(this.#set)) tensor.free();
  }
}

/** Times programs of a case at one shape. */
export class Trial {
  readonly #of: Case;
  readonly #device: Device;
  readonly #outputs: readonly string[];
  readonly #sets: readonly Tensors[];
  /** The end of each output as the first program left it. */
  #expected: readonly Float64Array[] | null = null;

  constructor(supply: Supply, of: Case, shape: Shape) {
    this.#of = of;
    this.#device = supply.device;
    this.#outputs = outputsOf(of, shape);
    supply.makeRoom();
    const bytes = shape.heads * shape.N * of.D * (of.dtype === 'f32' ? 16 : 8);
    this.#sets = Array.from({ length: bytes > LARGE_BYTES ? 1 : SETS }, (_, set) =>
      Object.fromEntries(given(of, shape).map(({ name, dims }) => [name, supply.get(of, shape, name, dims, set)])),
    );
  }

  /** Brings the clocks up, which sink while programs are compiled. */
  async warmUp(variant: AnyVariant): Promise<void> {
    const plans = this.#sets.map((set) => bind(this.#device, this.#of, variant, set));
    if (this.#device.info.kind === 'gpu')
      await this.#device.time(plans, { warmup: 1, warmupMs: WARM_UP_MS, repeat: 1 });
  }

  /** Milliseconds of each sample; on a CPU those of its cores, whatever else they have to do. */
  async time(variant: AnyVariant, repeat: number): Promise<readonly number[]> {
    const plans = this.#sets.map((set) => bind(this.#device, this.#of, variant, set));
    if (this.#device.info.kind !== 'gpu') return this.#coresTime(plans, repeat);
    const { samples } = await this.#device.time(plans, { warmup: 1, warmupMs: 0, repeat });
    return samples;
  }

  async #coresTime([plan]: readonly LaunchPlan[], repeat: number): Promise<readonly number[]> {
    const samples: number[] = [];
    for (let i = 0; plan !== undefined && i <= repeat; i++) {
      const begin = process.cpuUsage();
      await this.#device.launch(plan);
      await this.#device.synchronize();
      const { user, system } = process.cpuUsage(begin);
      samples.push((user + system) / 1000);
    }
    return samples.slice(1);
  }

  /** Whether the end of the outputs, poisoned before, is what the first program that was asked about made of it. */
  async agrees(variant: AnyVariant): Promise<boolean> {
    const [set = {}] = this.#sets;
    const ends = this.#outputs.flatMap((name) => {
      const tensor = set[name];
      return tensor === undefined ? [] : [tensor.view([SAMPLE], undefined, tensor.size - SAMPLE)];
    });
    for (const end of ends) end.fill(Number.NaN);
    await this.#device.launch(bind(this.#device, this.#of, variant, set));
    const got: Float64Array[] = [];
    for (const end of ends) got.push(await end.read());
    const expected = this.#expected ?? got;
    this.#expected = expected;
    const tolerance = toleranceFor(this.#of.dtype, [this.#of.dtype]);
    return got.every((x, i) => x.every(Number.isFinite) && compare('', x, expected[i] ?? x, [SAMPLE], tolerance).ok);
  }
}
