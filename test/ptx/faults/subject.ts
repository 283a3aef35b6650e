import { lowerPtx } from '../../../backends/ptx/emit.js';
import { type PtxTarget, targetFor } from '../../../backends/ptx/target.js';
import type { ArgFacts, CudaVariant } from '../../../compiler/artifact.js';
import { LacError } from '../../../compiler/diag/diagnostic.js';
import type { Kernel } from '../../../compiler/ir/module.js';
import type { DType } from '../../../compiler/ir/types.js';
import { runPipeline } from '../../../compiler/passes/pipeline.js';
import { launchSpec } from '../../../driver/bind.js';
import { compare, toleranceFor } from '../../../driver/compare.js';
import { passContext } from '../../../driver/compile.js';
import { makeInputs } from '../../../driver/inputs.js';
import type { Dims, Reference } from '../../../driver/reference.js';
import { type KernelDecl, lowerDecl } from '../../../driver/source.js';
import { passesOf, type Target } from '../../../driver/target.js';
import { type PlacedTensors, placeTensors } from '../../../driver/tensors.js';
import { EmulateDevice } from '../../../runtime/emulate/device.js';
import { factsOf } from '../../../runtime/facts.js';
import { bindLaunch } from '../../../runtime/launch.js';
import { kernelOf } from '../../kernels/session.js';

export interface SubjectSpec {
  readonly file: string;
  readonly kernel: string;
  readonly reference: Reference;
  /** Sizes of the launches; a program is right if it is so in all of them. */
  readonly launches: readonly [Dims, ...Dims[]];
  readonly config: Readonly<Record<string, number>>;
  readonly dtype: DType;
  readonly sm: number;
}

/** What becomes of a program: a code of the emulator, outputs that the comparison refuses, or nothing. */
export type Verdict =
  | { readonly kind: 'reported'; readonly code: string }
  | { readonly kind: 'wrong'; readonly output: string }
  | { readonly kind: 'right'; readonly sameBits: boolean };

/** A program that loops without end is stopped here: many times what the subjects issue. */
const MOST_INSTRUCTIONS = 20_000_000;

/** One launch: its sizes, inputs and what the reference says of it. */
interface Launch {
  readonly dims: Dims;
  readonly inputs: Readonly<Record<string, Float64Array>>;
  readonly scalars: Readonly<Record<string, number>>;
  readonly want: Readonly<Record<string, Float64Array>>;
  /** What the sound program gives; empty until it has run. */
  sound: Readonly<Record<string, Float64Array>>;
}

/** A real kernel, laid out and lowered, that is launched again and again with something broken. */
export class Subject {
  readonly target: PtxTarget;
  /** The laid-out IR: what the passes leave. To be cloned, not changed. */
  readonly kernel: Kernel;
  readonly #variant: CudaVariant;
  readonly #decl: KernelDecl;
  readonly #spec: SubjectSpec;
  readonly #dtypes: Readonly<Record<string, DType>>;
  readonly #facts: Readonly<Record<string, ArgFacts>>;
  readonly #device: EmulateDevice;
  readonly #launches: readonly Launch[];

  constructor(spec: SubjectSpec) {
    this.#spec = spec;
    this.target = targetFor(spec.sm);
    this.#device = new EmulateDevice(spec.sm, { maxInstructions: MOST_INSTRUCTIONS });
    this.#decl = kernelOf(spec.file, spec.kernel);
    this.#dtypes = Object.fromEntries(Object.keys(this.#decl.dtypes).map((name) => [name, spec.dtype]));
    this.#launches = spec.launches.map((dims) => this.#launchOf(dims));
    this.#facts = this.#factsOfAll();
    this.kernel = this.#laidOut();
    this.#variant = this.#lower(this.kernel);
  }

  get text(): string {
    return this.#variant.text;
  }

  #launchOf(dims: Dims): Launch {
    const { reference } = this.#spec;
    const inputs = makeInputs(this.#decl.args, this.#dtypes, dims, reference, 1);
    const given = Object.entries(reference.scalars ?? {});
    const scalars = Object.fromEntries(given.map(([k, x]) => [k, typeof x === 'function' ? x(dims) : x]));
    const options = Object.fromEntries(Object.entries(this.#decl.options).map(([k, x]) => [k, x as boolean]));
    return { dims, inputs, scalars, want: reference.run({ inputs, dims, scalars, options }), sound: {} };
  }

  #place({ dims, inputs }: Launch): PlacedTensors {
    return placeTensors(this.#device, this.#decl.args, this.#dtypes, dims, inputs, {});
  }

  /** What holds of the tensors of every launch. */
  #factsOfAll(): Record<string, ArgFacts> {
    const facts: Record<string, ArgFacts> = {};
    for (const launch of this.#launches)
      for (const [name, tensor] of Object.entries(this.#place(launch).tensors)) {
        const [own, others] = [factsOf(tensor), facts[name]];
        const align = Math.min(own.align, others?.align ?? own.align);
        facts[name] = { contiguous: own.contiguous && others?.contiguous !== false, align };
      }
    return facts;
  }

  #laidOut(): Kernel {
    const { launches, config } = this.#spec;
    const comptime = Object.fromEntries(this.#decl.comptime.map((name) => [name, launches[0][name] ?? 1]));
    const target: Target = { kind: 'cuda', target: this.target };
    const specialisation = { dtypes: this.#dtypes, comptime, facts: this.#facts, config };
    const { kernel } = lowerDecl(this.#decl, specialisation);
    runPipeline({ kernels: [kernel] }, passContext(this.#decl, target), { passes: passesOf(target, this.#facts) });
    return kernel;
  }

  #lower(kernel: Kernel): CudaVariant {
    const { facts, ...program } = lowerPtx(kernel, { target: this.target, facts: this.#facts });
    const when = { dtypes: this.#dtypes, comptime: kernel.comptime, facts };
    return { when, target: 'cuda', sm: this.target.sm, config: kernel.config, ...program };
  }

  /** Runs the program as it is, and keeps its outputs. */
  async runSound(): Promise<Verdict> {
    for (const launch of this.#launches) {
      const { verdict, values } = await this.#run(this.#variant, launch);
      if (verdict.kind !== 'right') return verdict;
      launch.sound = values;
    }
    return { kind: 'right', sameBits: true };
  }

  /** Runs another text in the place of the program's own. */
  runText(text: string): Promise<Verdict> {
    return this.#runAll({ ...this.#variant, text });
  }

  /** Lowers and runs laid-out IR in the place of the kernel's own. */
  runKernel(kernel: Kernel): Promise<Verdict> {
    return this.#runAll(this.#lower(kernel));
  }

  async #runAll(variant: CudaVariant): Promise<Verdict> {
    let sameBits = true;
    for (const launch of this.#launches) {
      const { verdict } = await this.#run(variant, launch);
      if (verdict.kind !== 'right') return verdict;
      sameBits &&= verdict.sameBits;
    }
    return { kind: 'right', sameBits };
  }

  async #run(
    variant: CudaVariant,
    launch: Launch,
  ): Promise<{ verdict: Verdict; values: Readonly<Record<string, Float64Array>> }> {
    const placed = this.#place(launch);
    const touched = Object.entries(placed.tensors).map(([name, t]) => [name, variant.unused.includes(name) ? null : t]);
    try {
      const args = { ...launch.scalars, ...Object.fromEntries(touched) };
      await this.#device.launch(bindLaunch(this.#device, launchSpec(this.#decl), variant, args));
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      return { verdict: { kind: 'reported', code: error.diagnostics[0]?.code ?? '' }, values: {} };
    }
    const values = await this.#outputs(placed);
    return { verdict: await this.#judge(launch, placed, values), values };
  }

  async #outputs(placed: PlacedTensors): Promise<Record<string, Float64Array>> {
    const values: Record<string, Float64Array> = {};
    for (const arg of this.#decl.args) {
      const tensor = placed.tensors[arg.name];
      if ((arg.dir === 'out' || arg.dir === 'inout') && tensor && !this.#variant.unused.includes(arg.name))
        values[arg.name] = await tensor.read();
    }
    return values;
  }

  async #judge(
    launch: Launch,
    placed: PlacedTensors,
    values: Readonly<Record<string, Float64Array>>,
  ): Promise<Verdict> {
    const { dtype, reference } = this.#spec;
    for (const [name, got] of Object.entries(values)) {
      const want = launch.want[name] ?? new Float64Array(0);
      const { ok } = compare(name, got, want, [want.length], toleranceFor(dtype, [], reference.tolerance));
      if (!ok || (await placed.tensors[name]?.checkGuards()) !== null) return { kind: 'wrong', output: name };
    }
    const same = ([name, x]: [string, Float64Array]): boolean =>
      x.every((y, i) => Object.is(y, launch.sound[name]?.[i]));
    return { kind: 'right', sameBits: Object.entries(values).every(same) };
  }
}
