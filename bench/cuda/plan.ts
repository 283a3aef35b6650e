import { parseArgs } from 'node:util';
import { bindDeclaredPlan } from '../../driver/bind.js';
import { compare, toleranceFor } from '../../driver/compare.js';
import { makeInputs } from '../../driver/inputs.js';
import { loadReference } from '../../driver/load-reference.js';
import { SourceProject } from '../../driver/source.js';
import { type BoundPlan, type CudaDevice, type Device, openDevice, type Tensor } from '../../runtime/index.js';
import { digits, median, table } from '../table.js';

/**
 * A plan on the GPU: right results on the first calls (separate launches, then a graph, then a graph whose tensors lie
 * elsewhere), and what a call costs with and without the graph:
 *   node dist/bench/cuda/plan.js [--device cuda:0] [--shape 1,16,4096,64] [--dtype bf16] [--calls 2000]
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    shape: { type: 'string', default: '1,16,4096,64' },
    dtype: { type: 'string', default: 'bf16' },
    calls: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
  },
});

const FILE = 'kernels/lightning/segments';
const [B = 1, H = 1, N = 1, D = 1] = options.shape.split(',').map(Number);
const dims = { B, H, HK: H, N, D, E: D };
const dtypes = { T: options.dtype as 'bf16' };

const decl = new SourceProject().read(`${FILE}.ts`).plans.find((p) => p.name === 'lightningSegments');
if (decl === undefined) throw new Error(`${FILE}.ts has no plan`);
const reference = await loadReference(`${FILE}.ref.ts`, decl.name);
const inputs = makeInputs(decl.args, dtypes, dims, reference, 0);
const want = reference.run({ inputs, dims, scalars: {}, options: {} }).o as Float64Array;

function tensors(device: Device): Record<string, Tensor> {
  const made: Record<string, Tensor> = { slope: device.empty('f32', [H]) };
  for (const name of ['q', 'k', 'v', 'o']) made[name] = device.empty(dtypes.T, [B, H, N, D]);
  for (const name of ['q', 'k', 'v', 'slope']) made[name]?.write(inputs[name] as Float64Array);
  return made;
}

async function check(device: Device, bound: BoundPlan, args: Record<string, Tensor>, what: string): Promise<void> {
  args.o?.poison();
  await bound.launch(args);
  const got = (await args.o?.read()) ?? new Float64Array(0);
  const { ok, rmse } = compare('o', got, want, [B, H, N, D], toleranceFor(dtypes.T, [dtypes.T]));
  console.log(`${what}: relative RMSE ${rmse.toExponential(2)}${ok ? '' : ' WRONG'}, on ${device.name}`);
  if (!ok) process.exitCode = 1;
}

/** Microseconds of a call, until it is submitted and until it is done; the queue is emptied before and after. */
async function cost(device: Device, call: () => Promise<void>): Promise<readonly [submitted: number, done: number]> {
  const calls = Number(options.calls);
  await device.synchronize();
  const begin = performance.now();
  for (let i = 0; i < calls; i++) await call();
  const submitted = performance.now() - begin;
  await device.synchronize();
  return [(submitted * 1000) / calls, ((performance.now() - begin) * 1000) / calls];
}

const device = (await openDevice(options.device)) as CudaDevice;
const [first, second] = [tensors(device), tensors(device)];
const { bound, choice } = bindDeclaredPlan(decl, device, first, {});
console.log(`${decl.name}, B${B} H${H} N${N} D${D} ${dtypes.T}, G = ${choice.config.G}, ${choice.why}`);
await check(device, bound, first, 'separate launches');
await check(device, bound, first, 'graph');
await check(device, bound, second, 'graph, other tensors');
await check(device, bound, first, 'graph, the first tensors again');

/** A key that never comes again has no graph. */
const separate = async (): Promise<void> => {
  const held = bound.hold(first);
  await device.launchAll({ ...held, key: {} });
  held.free();
};
const ways = {
  'separate launches': separate,
  graph: () => bound.launch(first),
  'graph, tensors in turn': (() => {
    let i = 0;
    return () => bound.launch(i++ % 2 === 0 ? first : second);
  })(),
};
const rows = Object.entries(ways).map(([name, call]) => ({ name, call, samples: [] as (readonly [number, number])[] }));
for (let round = 0; round < Number(options.rounds); round++)
  for (const row of rows) row.samples.push(await cost(device, row.call));
const held = bound.hold(first);
const kernels = await device.time([held.launches], { warmup: 20, warmupMs: 300, repeat: 50 });
held.free();
console.log(
  table(
    ['a call as', 'us until submitted', 'us until done'],
    rows.map(({ name, samples }) => [
      name,
      digits(median(samples.map(([s]) => s))),
      digits(median(samples.map(([, d]) => d))),
    ]),
  ),
);
console.log(`the two kernels alone, by events: ${digits(kernels.medianMs * 1000)} us`);
const graphCalls = device.graphLaunches;
console.log(`${graphCalls} calls were one graph launch`);
if (graphCalls < 3) process.exitCode = 1;
device.destroy();
