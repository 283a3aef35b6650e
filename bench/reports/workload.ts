import { launchSpec } from '../../driver/bind.js';
import { compare, toleranceFor } from '../../driver/compare.js';
import { compileKernel } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import type { KernelDecl } from '../../driver/source.js';
import { targetOf } from '../../driver/target.js';
import { lightningFwd as reference } from '../../kernels/lightning/forward.ref.js';
import { bindLaunch, type Device, decode, encode, factsOf, type LaunchPlan, type Tensor } from '../../runtime/index.js';
import { fillRepeating, randomPool } from '../random-pool.js';

/** `heads` is B * H: the tensors are of one sequence. */
export interface Shape {
  readonly heads: number;
  readonly N: number;
  readonly D: number;
}

type Dtype = 'f32' | 'bf16';

/** Random values that repeat: as many as no cache holds are made once. */
const POOL = 2 ** 20;
/** Tokens of the last head that are compared with the reference; what follows does not matter to them. */
const CHECKED = 300;
/** A set of tensors that is larger leaves nothing of itself in a cache. */
const LARGE_BYTES = 2 ** 28;
const SETS = 4;

/** Tensors of lightning forward at one shape, and what a part of the output should be. */
export class Workload {
  readonly shape: Shape;
  readonly sets: readonly Readonly<Record<string, Tensor>>[];
  readonly #device: Device;
  readonly #dtype: Dtype;
  readonly #pools: Readonly<Record<string, Float64Array>>;
  readonly #slopes: Float64Array;

  constructor(device: Device, dtype: Dtype, shape: Shape) {
    const { heads, N, D } = shape;
    this.shape = shape;
    this.#device = device;
    this.#dtype = dtype;
    this.#slopes = Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads));
    this.#pools = Object.fromEntries(
      ['q', 'k', 'v'].map((name) => [name, decode(dtype, randomPool(dtype, name, POOL))]),
    );
    const bytes = heads * N * D * (dtype === 'f32' ? 16 : 8);
    this.sets = Array.from({ length: bytes > LARGE_BYTES ? 1 : SETS }, () => this.#make());
  }

  #make(): Record<string, Tensor> {
    const { heads, N, D } = this.shape;
    const tensors: Record<string, Tensor> = {
      slope: this.#device.empty('f32', [heads]).write(this.#slopes),
      o: this.#device.empty(this.#dtype, [1, heads, N, D]),
    };
    for (const [name, values] of Object.entries(this.#pools)) {
      tensors[name] = this.#device.empty(this.#dtype, [1, heads, N, D]);
      fillRepeating(tensors[name], encode(this.#dtype, values));
    }
    return tensors;
  }

  /** A launch on each set. */
  plans(decl: KernelDecl, config: Config): LaunchPlan[] {
    const { heads, N, D } = this.shape;
    const dims = { B: 1, H: heads, HK: heads, N, D, E: D };
    const known = Object.fromEntries(Object.entries(dims).filter(([name]) => usedBy(decl).has(name)));
    return this.sets.map((set) => {
      const facts = Object.fromEntries(Object.entries(set).map(([name, t]) => [name, factsOf(t)]));
      const request = { dtypes: { T: this.#dtype }, dims: known, config, facts, target: targetOf(this.#device) };
      const { variant } = compileKernel(decl, request);
      return bindLaunch(this.#device, launchSpec(decl), variant, set);
    });
  }

  /** Runs a launch on the first set, whose output was poisoned; null where the last head begins as it should. */
  async wrong(plan: LaunchPlan): Promise<string | null> {
    const { heads, N, D } = this.shape;
    const tokens = Math.min(N, CHECKED);
    this.sets[0]?.o?.fill(Number.NaN);
    await this.#device.launch(plan);
    const first = (heads - 1) * N * D;
    const own = (name: string): Float64Array =>
      Float64Array.from({ length: tokens * D }, (_, i) => this.#pools[name]?.[(first + i) % POOL] ?? 0);
    const inputs = { q: own('q'), k: own('k'), v: own('v'), slope: this.#slopes.subarray(heads - 1) };
    const dims = { B: 1, H: 1, HK: 1, N: tokens, D, E: D };
    const want = reference.run({ inputs, dims, scalars: {}, options: {} }).o ?? new Float64Array(0);
    const got = (await this.sets[0]?.o?.view([tokens, D], undefined, first).read()) ?? new Float64Array(0);
    const { ok, rmse } = compare('o', got, want, [tokens, D], toleranceFor(this.#dtype, [this.#dtype]));
    return ok ? null : `relative RMSE ${rmse.toExponential(1)}`;
  }

  free(): void {
    for (const set of this.sets) for (const tensor of Object.values(set)) tensor.free();
  }
}

const usedBy = (decl: KernelDecl): ReadonlySet<string> =>
  new Set(decl.args.flatMap((a) => (a.dir === 'scalar' ? [] : a.dims)));
