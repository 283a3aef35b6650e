import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../../driver/configurations.js';
import { deviceKey } from '../../driver/device-key.js';
import { maxInvocations, targetOf } from '../../driver/target.js';
import { type AnyVariant, openDevice } from '../../runtime/index.js';
import { holdClocks } from '../../runtime/steady-clocks.js';
import { keepsPrograms } from '../../tuner/worker/driver-cache.js';
import { median } from '../table.js';
import { Compilers } from './compilers.js';
import { blocksOf, casesOf, configKey, inParts, type Scale, shapesOf, variationsOf } from './grid.js';
import type { BlockMeasurements, CasePoints } from './measurements.js';
import { type Case, caseText, declarationOf, type Shape } from './problem.js';
import { Check, factsOfCase, Supply, Trial } from './trial.js';

/**
 * Times of lightning's kernels in every block size, over a grid of shapes, until the time is up:
 *   node dist/bench/blocks/measure.js --device cuda:0 --out FILE.json [--seconds 160] [--only REGEX] [--most BLOCKS] [--commit HASH]
 * First all blocks at one depth of pipeline, then other depths and parts of the sequence for the good ones of each shape;
 * the best few take turns at last. Each program is compared with its reference at a small size, and with the others at the
 * end of a large one. The file is written after each case.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    out: { type: 'string', default: 'artifacts/blocks.json' },
    seconds: { type: 'string', default: '160' },
    only: { type: 'string', default: '' },
    commit: { type: 'string', default: '' },
    most: { type: 'string', default: '1000' },
    processes: { type: 'string', default: String(Math.max(1, Math.min(14, availableParallelism() - 2))) },
  },
});

const begin = performance.now();
const deadline = begin + Number(options.seconds) * 1000;
const timeIsUp = (): boolean => performance.now() > deadline;

const device = await openDevice(options.device);
await holdClocks(device);
const scale: Scale = device.backend === 'cuda' ? 'cuda' : device.info.kind === 'gpu' ? 'webgpu' : 'software';
/** Of others a first sample that is so many times the least says enough. */
const HOPELESS = 2.5;
const SCREENING = scale === 'software' ? 4 : 5;
/** So many good configurations of a shape are varied, and compared in turns at the end. */
const VARIED = scale === 'cuda' ? 8 : 4;
const FINALISTS = 6;
const ROUNDS = scale === 'software' ? 8 : 3;
const LOADED_AHEAD = 8;
const FINAL = scale === 'software' ? 2 : 7;

const compilers = new Compilers(Number(options.processes), keepsPrograms(device) ? options.device : '');
const supply = new Supply(device);
const target = targetOf(device);

interface Program {
  readonly config: Config;
  readonly variant: AnyVariant;
  /** By number of the shape. */
  readonly ms: Map<number, number>;
}

/** One case on its way: its programs so far, and what they take. */
class Course {
  readonly of: Case;
  readonly programs = new Map<string, Program>();
  readonly refused: Record<string, string> = {};
  readonly final: number[][] = [];
  readonly shapes: readonly Shape[] = shapesOf(scale);
  #compiling: Promise<readonly Program[]> | null = null;
  #check: Check | null = null;
  readonly #texts = new Set<string>();

  constructor(of: Case) {
    this.of = of;
  }

  /** Begins to compile; `compiled` waits. */
  ask(configs: readonly Config[], urgent: boolean): void {
    const facts = factsOfCase(this.of);
    const fresh = configs.filter((c) => !this.programs.has(configKey(c)) && !(configKey(c) in this.refused));
    const unique = [...new Map(fresh.map((c) => [configKey(c), c])).values()];
    const all = unique.map(async (config): Promise<Program[]> => {
      const made = await compilers.compile({ of: this.of, config, facts, target }, urgent);
      if ('refused' in made) {
        this.refused[configKey(config)] = made.refused;
        return [];
      }
      return [{ config, variant: JSON.parse(readFileSync(made.file, 'utf8')) as AnyVariant, ms: new Map() }];
    });
    this.#compiling = Promise.all(all).then((lists) => lists.flat());
  }

  /** Compares and times what was asked for. */
  async go(): Promise<void> {
    const compiled = (await this.#compiling) ?? [];
    const programs: Program[] = [];
    // The driver compiles, or loads what it compiled for another process, while others are checked.
    const soon = (i: number): void => void (compiled[i] && device.prepare(compiled[i].variant).catch(() => undefined));
    for (let i = 0; i < LOADED_AHEAD; i++) soon(i);
    for (const [i, program] of compiled.entries()) {
      if (timeIsUp()) break;
      soon(i + LOADED_AHEAD);
      if (await this.#isRight(program)) programs.push(program);
    }
    for (const [at, shape] of this.shapes.entries()) {
      const trial = new Trial(supply, this.of, shape);
      if (programs[0] !== undefined && !timeIsUp()) await trial.warmUp(programs[0].variant);
      for (const program of programs) {
        const parts = (program.config.G ?? 1) > 1;
        if (!timeIsUp() && (!parts || inParts(shape)) && !this.#isHopeless(program))
          await this.#time(program, trial, at);
      }
    }
  }

  /** Those that are far behind wherever they were timed. */
  #isHopeless({ ms }: Program): boolean {
    return ms.size > 1 && [...ms].every(([at, x]) => x > HOPELESS * this.best(at));
  }

  async #isRight(program: Program): Promise<boolean> {
    const { config, variant } = program;
    if ('text' in variant && this.#texts.has(variant.text)) return false;
    if ('text' in variant) this.#texts.add(variant.text);
    this.#check ??= new Check(device, this.of);
    try {
      const wrong = await this.#check.wrong(variant);
      if (wrong === null) this.programs.set(configKey(config), program);
      else this.#fail(config, wrong);
      return wrong === null;
    } catch (error) {
      this.#fail(config, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
      return false;
    }
  }

  #fail(config: Config, why: string): void {
    this.refused[configKey(config)] = why;
    process.exitCode = 1;
    console.log(`FAILED ${caseText(this.of)} ${JSON.stringify(config)}: ${why}`);
  }

  async #time(program: Program, trial: Trial, at: number): Promise<void> {
    const least = Math.min(...(await trial.time(program.variant, 2)));
    const hopeless = least > HOPELESS * this.best(at);
    const ms = hopeless ? least : median(await trial.time(program.variant, SCREENING));
    program.ms.set(at, ms);
  }

  best(at: number): number {
    return Math.min(...[...this.programs.values()].map(({ ms }) => ms.get(at) ?? Number.POSITIVE_INFINITY));
  }

  leading(at: number, count: number): Program[] {
    const timed = [...this.programs.values()].filter(({ ms }) => ms.has(at));
    return timed.sort((a, b) => (a.ms.get(at) ?? 0) - (b.ms.get(at) ?? 0)).slice(0, count);
  }

  /** Depths and parts of what is good so far, and depths of what did not fit. */
  vary(): void {
    const decl = declarationOf(this.of.kernel);
    const good = this.shapes.flatMap((shape, at) => {
      const configs = this.leading(at, VARIED).map(({ config }) => config);
      return variationsOf(decl, configs, inParts(shape));
    });
    this.ask(good, true);
  }

  /** The best few of each shape once more, in turns. */
  async settle(): Promise<void> {
    for (const [at, shape] of this.shapes.entries()) {
      const trial = new Trial(supply, this.of, shape);
      const leading = this.leading(at, FINALISTS);
      if (leading[0] !== undefined && !timeIsUp()) await trial.warmUp(leading[0].variant);
      const samples = leading.map((): number[] => []);
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, { variant }] of leading.entries())
          if (!timeIsUp()) samples[i]?.push(...(await trial.time(variant, FINAL)));
      for (const [i, program] of leading.entries()) {
        const own = samples[i] ?? [];
        if (own.length === ROUNDS * FINAL) program.ms.set(at, median(own));
        if (!timeIsUp() && !(await trial.agrees(program.variant)))
          this.#fail(program.config, `another result at ${JSON.stringify(shape)}`);
      }
    }
    this.#check?.free();
    this.#check = null;
  }

  points(): CasePoints {
    const knobs = Object.keys(declarationOf(this.of.kernel).tune);
    const times = [...this.programs.values()].map(({ config, ms }) => ({
      config: knobs.map((knob) => config[knob] ?? 0),
      ms: this.shapes.map((_, at) => {
        const x = ms.get(at);
        return x === undefined ? null : Number(x.toPrecision(4));
      }),
    }));
    return { ...this.of, shapes: this.shapes, knobs, times, refused: Object.keys(this.refused) };
  }
}

const only = new RegExp(options.only);
const courses = casesOf(scale)
  .filter((of) => only.test(caseText(of)))
  .map((of) => new Course(of));
const done: CasePoints[] = [];
const askFirst = (course: Course | undefined): void =>
  course?.ask(blocksOf(course.of, declarationOf(course.of.kernel), scale).slice(0, Number(options.most)), false);

function write(): void {
  const found: BlockMeasurements = {
    ...{ device: device.name, api: device.backend === 'cuda' ? 'CUDA' : 'WebGPU' },
    ...{ architecture: deviceKey(device).architecture, target, maxInvocations: maxInvocations(target) },
    ...{ date: new Date().toISOString().slice(0, 10), commit: options.commit, cases: done },
  };
  mkdirSync(path.dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(found)}\n`);
}

const second = (): string => ((performance.now() - begin) / 1000).toFixed(1);

async function finish(course: Course | undefined): Promise<void> {
  if (course === undefined) return;
  await course.go();
  await course.settle();
  done.push(course.points());
  write();
  const best = course.shapes.map((_, at) => course.leading(at, 1)[0]);
  const text = best.map((p, at) => (p === undefined ? '-' : `${configKey(p.config)} ${p.ms.get(at)?.toPrecision(3)}`));
  console.log(`${second()} s ${caseText(course.of)}: ${course.programs.size} programs; ${text.join(' | ')}`);
}

// While a case is timed the next ones are compiled, the variations of the one before it first. Not where compilers take the
// processors of what is timed.
const AHEAD = scale === 'software' ? 0 : 2;
for (const course of courses.slice(0, AHEAD)) askFirst(course);
for (const [i, course] of courses.entries()) {
  if (timeIsUp()) break;
  if (AHEAD === 0) askFirst(course);
  await course.go();
  course.vary();
  if (AHEAD > 0 && i + AHEAD < courses.length) askFirst(courses[i + AHEAD]);
  await finish(AHEAD === 0 ? course : courses[i - 1]);
}
if (AHEAD > 0 && !timeIsUp()) await finish(courses.at(-1));
write();
console.log(`${done.length} of ${courses.length} cases in ${second()} s: ${options.out}`);
supply.clear();
compilers.close();
device.destroy();
