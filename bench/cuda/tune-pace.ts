import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { DType } from '../../compiler/ir/types.js';
import type { Config } from '../../driver/configurations.js';
import { optionValues, SourceProject } from '../../driver/source.js';
import { configKey } from '../../tuner/search/knobs.js';
import { type TuneEvent, tune } from '../../tuner/tune.js';
import { devicesOf, type OpenBench, openWorkers } from '../../tuner/worker/pool.js';

/**
 * Where a tune spends its time: configurations a second, and what each of them takes at every stage.
 *   node dist/bench/cuda/tune-pace.js [--device cuda:0] [--file kernels/lightning/forward.ts] [--kernel lightningFwd]
 *     [--dtypes T=bf16] [--shape B=4,H=32,...] [--seconds 30] [--compilers 0] [--log FILE]
 * Nothing is read from the tuning cache or written to it. The driver's own cache knows what an earlier call compiled: give
 * CUDA_CACHE_PATH an empty folder. The log has a line an event.
 */
const { values: given } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    file: { type: 'string', default: 'kernels/lightning/forward.ts' },
    kernel: { type: 'string', default: 'lightningFwd' },
    dtypes: { type: 'string', default: '' },
    shape: { type: 'string', default: 'B=4,H=32,HK=32,N=8192,D=128,E=128' },
    seconds: { type: 'string', default: '30' },
    compilers: { type: 'string' },
    log: { type: 'string' },
  },
});

const pairs = (text: string): [string, string][] =>
  text === '' ? [] : text.split(',').map((pair) => pair.split('=') as [string, string]);
const { kernels, plans } = new SourceProject().read(given.file);
const decl = [...kernels, ...plans].find(({ name }) => name === given.kernel);
if (decl === undefined) throw new Error(`${given.file} has no ${given.kernel}`);
const problem = {
  ...{ file: given.file, kernel: decl.name, options: optionValues(decl), seed: 0 },
  dims: Object.fromEntries(pairs(given.shape).map(([name, value]) => [name, Number(value)])),
  dtypes: Object.fromEntries(pairs(given.dtypes)) as Record<string, DType>,
};

const begin = performance.now();
const seconds = (): number => (performance.now() - begin) / 1000;
const log: string[] = [];
/** Milliseconds at each stage, one number a visit. */
const taken = new Map<string, number[]>();
/** What each configuration is at, here and in the compilers. */
const at = new Map<string, { readonly stage: string; readonly since: number }>();
/** Seconds of what comes once. */
const marks = new Map<string, number>();
const mark = (name: string): unknown => marks.has(name) || marks.set(name, seconds());

function move(where: 'ahead' | 'worker', config: string, stage: string | null): void {
  const key = `${where} ${config}`;
  const before = at.get(key);
  if (before !== undefined)
    taken.set(before.stage, [...(taken.get(before.stage) ?? []), 1000 * (seconds() - before.since)]);
  if (stage === null) at.delete(key);
  else at.set(key, { stage: `${where}: ${stage}`, since: seconds() });
}

function take(event: TuneEvent): void {
  const { kind } = event;
  if (kind === 'device') mark('device open, reference known');
  if (kind === 'row') {
    mark(`first row of ${event.progress.stage}`);
    marks.set(`last row of ${event.progress.stage}`, seconds());
  } else if (kind === 'worker' && event.event.kind === 'ahead') {
    const { config, stage } = event.event;
    move('ahead', configKey(config), stage === 'done' ? null : stage);
  } else if (kind === 'worker' && event.event.kind === 'stage')
    for (const config of event.event.configs) move('worker', configKey(config), event.event.stage);
  if (given.log !== undefined) log.push(`${seconds().toFixed(3)} ${JSON.stringify(event)}`);
}

const compilers = given.compilers === undefined ? {} : { compilers: Number(given.compilers) };

/** Says when a request is answered; the rows come in the order in which configurations were picked. */
async function open(device: string, options: Parameters<typeof openWorkers>[1]): Promise<OpenBench> {
  const bench = await openWorkers(await devicesOf(device), { ...options, ...compilers });
  const over = (config: Config): void => move('worker', configKey(config), null);
  const [prepare, sample, recheck] = [bench.prepare.bind(bench), bench.sample.bind(bench), bench.recheck.bind(bench)];
  return Object.assign(bench, {
    prepare: (config: Config) => prepare(config).finally(() => over(config)),
    sample: (configs: readonly Config[], ...how: [number, number?]) =>
      sample(configs, ...how).finally(() => configs.map(over)),
    recheck: (config: Config) => recheck(config).finally(() => over(config)),
  });
}

const { outcome } = await tune(
  {
    ...{ decl, problem, device: given.device, budgetMs: 1000 * Number(given.seconds) },
    ...{ signal: new AbortController().signal, onEvent: take },
  },
  { open, store: null, now: () => performance.now() },
);
if (given.log !== undefined) writeFileSync(given.log, `${log.join('\n')}\n`);

for (const [name, s] of marks) console.log(`${s.toFixed(2).padStart(8)} s  ${name}`);
console.log(`${seconds().toFixed(2).padStart(8)} s  end: ${outcome.ended}`);
const span = (marks.get('last row of explore') ?? 0) - (marks.get('first row of explore') ?? 0);
console.log(`${outcome.measured} configurations timed, ${(outcome.measured / span).toFixed(1)} a second`);
console.log('best', JSON.stringify(outcome.best?.config), JSON.stringify(outcome.best?.samples?.ms.slice(0, 7)));
console.log('\nmilliseconds of a visit      visits   median      90 %      sum');
for (const [stage, ms] of [...taken].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const sorted = [...ms].sort((a, b) => a - b);
  const figures = [
    sorted[Math.floor(ms.length / 2)],
    sorted[Math.floor(0.9 * ms.length)],
    ms.reduce((s, x) => s + x, 0),
  ];
  const cells = figures.map((x = 0) => x.toFixed(0).padStart(9)).join(' ');
  console.log(`${stage.padEnd(26)} ${String(ms.length).padStart(8)}${cells}`);
}
