import { parseArgs } from 'node:util';
import { LacError } from '../compiler/diag/diagnostic.js';
import { launchSpec } from '../driver/bind.js';
import { compare, toleranceFor } from '../driver/compare.js';
import { compileKernel } from '../driver/compile.js';
import { makeInputs } from '../driver/inputs.js';
import { loadReference } from '../driver/load-reference.js';
import { targetOf } from '../driver/target.js';
import { SourceProject } from '../dsl/read/project.js';
import { bindLaunch, type Device, factsOf, type LaunchPlan, openDevice, type Tensor } from '../runtime/index.js';
import { digits, table, WARM_UP_MS } from './table.js';

/**
 * Lightning forward in three launches over segments (kernels/lightning/segments.ts), each of one piece, timed as one:
 *   node dist/bench/segments.js [--device webgpu] [--shape 1,16,4096,64] [--dtype f32] [--robust false]
 *     [--segments 4,8,16] [--blocks 32,64,4 ...]  (C, BE, warps)
 * Outputs are poisoned and compared with the f64 recurrence before a time is printed.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'webgpu' },
    shape: { type: 'string', default: '1,16,4096,64' },
    dtype: { type: 'string', default: 'f32' },
    robust: { type: 'string', default: 'true' },
    segments: { type: 'string', default: '4,8,16' },
    blocks: {
      type: 'string',
      multiple: true,
      default: ['32,64,4', '32,32,4', '16,64,4', '16,64,2', '16,32,2', '64,64,8'],
    },
    stages: { type: 'string', default: '1,2' },
    samples: { type: 'string', default: '30' },
  },
});

const numbers = (text: string): number[] => text.split(',').map(Number);
const [B = 1, H = 1, N = 1, D = 1] = numbers(options.shape);
const dtypes = { T: options.dtype as 'f32' };

const project = new SourceProject();
const { kernels } = project.read('kernels/lightning/segments.ts');
const find = (name: string) => {
  const decl = kernels.find((k) => k.name === name);
  if (decl === undefined) throw new Error(`no kernel ${name}`);
  return decl;
};
const [statesKernel, scanKernel, fwdKernel] = [find('segmentStates'), find('segmentScan'), find('segmentFwd')];
const whole = await loadReference('kernels/lightning/forward.ref.ts', 'lightningFwd');

const dims = { B, H, HK: H, N, D, E: D };
const argsOf = fwdKernel.args.filter((a) => ['q', 'k', 'v', 'slope'].includes(a.name));
const inputs = makeInputs(argsOf, dtypes, dims, whole, 0);
const want = whole.run({ inputs, dims, scalars: {}, options: {} }).o as Float64Array;

/** Tensors of one call: about 64 MB each set, so that several sets exceed any cache. */
function allocate(device: Device, G: number): Record<string, Tensor> {
  const shape = [B, H, N, D];
  const made: Record<string, Tensor> = {
    slope: device.empty('f32', [H]),
    states: device.empty('f32', [B, H, G - 1, D, D]),
    initial: device.empty('f32', [B, H, G, D, D]),
  };
  for (const name of ['q', 'k', 'v', 'o']) made[name] = device.empty(dtypes.T, shape);
  for (const name of ['q', 'k', 'v', 'slope']) made[name]?.write(inputs[name] as Float64Array);
  made.o?.fill(Number.NaN);
  return made;
}

function bind(device: Device, tensors: Record<string, Tensor>, config: Record<string, number>): LaunchPlan[] {
  const facts = Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, factsOf(t)]));
  const scalars: Readonly<Record<string, number>> = { pieces: 1, tokens: N };
  return [statesKernel, scanKernel, fwdKernel].map((decl) => {
    const own = {
      dims: Object.fromEntries(Object.entries(dims).filter(([name]) => decl.dims.includes(name))),
      dtypes: decl === scanKernel ? {} : dtypes,
      config: decl === scanKernel ? {} : config,
      facts: Object.fromEntries(Object.entries(facts).filter(([name]) => decl.args.some((a) => a.name === name))),
    };
    const { variant } = compileKernel(decl, { ...own, target: targetOf(device) });
    const args = Object.fromEntries(decl.args.map((a) => [a.name, tensors[a.name] ?? scalars[a.name] ?? null]));
    return bindLaunch(device, launchSpec(decl), variant, args);
  });
}

async function measure(
  device: Device,
  G: number,
  config: Record<string, number>,
): Promise<{ ms: number; row: string[] }> {
  const name = `G=${G} ${Object.entries(config)
    .map(([k, v]) => `${k}=${v}`)
    .join(' ')}`;
  const sets = Array.from({ length: 4 }, () => allocate(device, G));
  try {
    const plans = sets.map((s) => bind(device, s, config));
    for (const plan of plans[0] ?? []) await device.launch(plan);
    const [first] = sets;
    if (first?.o === undefined) throw new Error('no output');
    const tolerance = toleranceFor(dtypes.T, [dtypes.T]);
    const { rmse: error, ok } = compare('o', await first.o.read(), want, first.o.shape, tolerance);
    const warmupMs = device.info.kind === 'gpu' ? WARM_UP_MS : 0;
    const { medianMs: ms, samples } = await device.time(plans, {
      warmup: 2,
      warmupMs,
      repeat: Number(options.samples),
    });
    return {
      ms: ok ? ms : Number.POSITIVE_INFINITY,
      row: [name, digits(ms), digits(Math.min(...samples)), `${error.toExponential(1)}${ok ? '' : ' WRONG'}`],
    };
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return { ms: Number.POSITIVE_INFINITY, row: [name, '', '', error.diagnostics[0]?.code ?? 'refused'] };
  } finally {
    for (const s of sets) for (const t of Object.values(s)) t.free();
  }
}

const device = await openDevice(options.device, { robust: options.robust === 'true' });
console.log(`lightning forward in segments, B${B} H${H} N${N} D${D} ${options.dtype}, on ${device.name}`);
const rows: { ms: number; row: string[] }[] = [];
for (const G of numbers(options.segments))
  for (const block of options.blocks)
    for (const stages of numbers(options.stages)) {
      const [C = 32, BE = 64, warps = 4] = numbers(block);
      if (BE < 2 * D) rows.push(await measure(device, G, { C, BE, warps, stages }));
    }
rows.sort((a, b) => a.ms - b.ms);
console.log(
  table(
    ['configuration', 'median ms', 'best ms', 'error'],
    rows.map((r) => r.row),
  ),
);
device.destroy();
