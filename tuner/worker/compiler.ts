/** The child's side of a compiler: configurations in, programs out. */
import type { ArgFacts } from '../../compiler/artifact.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import { type MadeProgram, madeDuring } from '../../driver/made-before.js';
import { type Prepared, prepare } from '../../driver/prepare.js';
import type { Dims } from '../../driver/reference.js';
import { isPlan, type KernelDecl, type PlanDecl } from '../../driver/source.js';
import { targetOf } from '../../driver/target.js';
import { layTensors } from '../../driver/tensors.js';
import type { Device } from '../../runtime/device.js';
import type { Tensor } from '../../runtime/tensor.js';
import { KernelModel, type Modelled } from '../model/kernel-model.js';
import type { Commission, Compilation, FromCompiler, ToCompiler } from './compiler-protocol.js';
import { kernelsOf } from './kernels-of.js';
import type { OpenDevice } from './serve.js';
import { readSource, type Subject, scalarsAt, subjectOf } from './subject.js';
import { say, untilParentEnds } from './to-parent.js';
import { UnbackedDevice } from './unbacked.js';
import { faultOf } from './verdict.js';

/** Compiles for the process that forked this one until it says `end`, or is gone. */
export function compileAhead(open: OpenDevice): void {
  let compiler: Promise<Compiler> | null = null;
  const driver = new Driver(open);
  const end = async (): Promise<never> => {
    await driver.close();
    process.exit(0);
  };
  untilParentEnds(end);
  process.on('message', async (message: ToCompiler) => {
    if (message.kind === 'end') await end();
    else if (message.kind === 'begin') {
      // Messages that follow are for this one already.
      compiler = tell({ kind: 'stage', stage: 'open' }).then(() => Compiler.for(message.commission, driver));
      await compiler;
      await tell({ kind: 'ready' });
    } else if (message.kind === 'reduced') (await compiler)?.reduce(message.dims);
    else if (message.kind === 'model')
      await tell({ kind: 'modelled', modelled: (await compiler)?.model(message.config, message.facts) ?? null });
    else await tell({ kind: 'compiled', compilation: (await (await compiler)?.compile(message.config)) ?? null });
  });
}

/** The device whose driver compiles, from one problem to the next. */
class Driver {
  readonly #open: OpenDevice;
  #name: string | null = null;
  #device: Promise<Device | null> = Promise.resolve(null);

  constructor(open: OpenDevice) {
    this.#open = open;
  }

  /** Null where there is none, or it cannot be had: the worker's own does the work then. */
  of(name: string | null): Promise<Device | null> {
    const isSame = name === this.#name;
    this.#name = name;
    this.#device = this.#device.then((device) => {
      if (isSame && device?.state === 'open') return device;
      device?.destroy();
      return name === null ? null : this.#open(name).catch(() => null);
    });
    return this.#device;
  }

  async close(): Promise<void> {
    (await this.#device)?.destroy();
  }
}

/** Tensors as the worker has them. */
interface Stage {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly scalars: Readonly<Record<string, number>>;
}

class Compiler {
  readonly #device: UnbackedDevice;
  readonly #subject: Subject;
  readonly #full: Stage;
  #reduced: Stage;
  readonly #driver: Promise<Device | null>;
  #model: KernelModel | null = null;

  constructor(subject: Subject, { device, reduced }: Commission, driver: Promise<Device | null>) {
    this.#device = new UnbackedDevice(device);
    this.#subject = subject;
    this.#full = this.#stage(subject.full);
    this.#reduced = this.#stage(reduced ?? subject.reduced);
    this.#driver = driver;
  }

  static async for(commission: Commission, driver: Driver): Promise<Compiler> {
    const { problem, device } = commission;
    const opened = driver.of(commission.driver);
    const subject = subjectOf(problem, await readSource(problem), device.info.kind);
    return new Compiler(subject, commission, opened);
  }

  /** The worker found others than are usual. */
  reduce(dims: Dims): void {
    this.#reduced = this.#stage(dims);
  }

  #stage(dims: Dims): Stage {
    const { decl, dtypes, windows } = this.#subject;
    return {
      tensors: layTensors(this.#device, decl.args, dtypes, dims, { windows }),
      scalars: scalarsAt(this.#subject, dims),
    };
  }

  /** Null: nothing is sure. */
  async compile(config: Config): Promise<Compilation | null> {
    await tell({ kind: 'stage', stage: 'compile' });
    const begin = performance.now();
    const decl = { ...this.#subject.decl };
    let steps: Prepared['steps'] | undefined;
    const full = madeDuring(() => {
      steps = this.#bind(decl, config, this.#full);
    });
    if (full.error !== null) return outOf(config, full.error);
    // Where the reduced sizes do not do, the worker looks for others.
    const reduced = madeDuring(() => this.#bind(decl, config, this.#reduced, steps));
    const all = [...new Map([...full.programs, ...reduced.programs].map((p) => [p.made, p])).values()];
    await this.#drive(all);
    const kernels = kernelsOf(decl);
    const programs = all.flatMap(({ decl: of, key, made }) => {
      const at = kernels.indexOf(of);
      return at < 0 ? [] : [{ at, key, made }];
    });
    return { programs, compileMs: performance.now() - begin };
  }

  /** Null: the parent finds out by itself, and meets the same error. */
  model(config: Config, facts?: Readonly<Record<string, ArgFacts>>): Modelled | null {
    const { decl, full: dims, dtypes } = this.#subject;
    if (isPlan(decl)) return null;
    const target = targetOf(this.#device);
    this.#model ??= new KernelModel(decl, { dims, dtypes, target, ...(facts && { facts }) });
    try {
      return this.#model.of(config);
    } catch {
      return null;
    }
  }

  #bind(decl: KernelDecl | PlanDecl, config: Config, { tensors, scalars }: Stage, steps?: Prepared['steps']) {
    const how = steps === undefined ? {} : { steps };
    const prepared = prepare({ decl, device: this.#device, tensors, scalars, config, how });
    prepared.launches.free();
    return prepared.steps;
  }

  /** What the driver refuses it will refuse the worker, who says so. */
  async #drive(programs: readonly MadeProgram[]): Promise<void> {
    const driver = await this.#driver;
    if (driver === null) return;
    await tell({ kind: 'stage', stage: 'driver' });
    for (const { made } of programs) if ('variant' in made) await driver.prepare(made.variant).catch(() => {});
  }
}

/** What the compiler refuses here it would refuse there. */
function outOf(config: Config, error: unknown): Compilation | null {
  if (!(error instanceof LacError)) return null;
  const { unfit, ...fault } = faultOf(error);
  return unfit ? null : { row: { config, ...fault } };
}

const tell = (message: FromCompiler): Promise<void> => say(message);
