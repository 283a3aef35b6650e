import { parseArgs } from 'node:util';
import { prepare } from '../driver/prepare.js';
import { SourceProject } from '../driver/source.js';
import { type Device, openDevice } from '../runtime/index.js';
import { holdClocks, holdsClocks } from '../runtime/steady-clocks.js';

/**
 * What the clocks of a GPU do to a launch after a rest, and where short work alternates with pauses; then the same with
 * clocks that are held, where that can be:
 *   node dist/bench/clocks.js [--device webgpu] [--heads 128] [--tokens 2048]
 * A line says when, in milliseconds after the rest, a launch took how long; times within 4 % of the last are left out. Nothing is
 * compared with a reference.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'webgpu' },
    heads: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '2048' },
  },
});

const RESTS_MS = [200, 1000, 3000];
const WORK_MS = 1200;
const PAUSE_MS = 30;
const LAUNCHES = 16;
const SHOWN = 0.04;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** One lightningFwd in f32, heads of 64. */
function launchOn(device: Device): () => Promise<number> {
  const decl = new SourceProject().read('kernels/lightning/forward.ts').kernels.find((k) => k.name === 'lightningFwd');
  if (decl === undefined) throw new Error('there is no lightningFwd');
  const [H, N] = [Number(options.heads), Number(options.tokens)];
  const tensor = (shape: number[]) => {
    const made = device.empty('f32', shape);
    return made.write(Float32Array.from({ length: made.size }, (_, i) => Math.sin(i)));
  };
  const [q, k, v] = [tensor([1, H, N, 64]), tensor([1, H, N, 64]), tensor([1, H, N, 64])];
  const slope = device.empty('f32', [H]).write(new Float32Array(H).fill(0.05));
  const tensors = { q, k, v, slope, o: device.empty('f32', [1, H, N, 64]) };
  const config = { C: 64, BE: 64, warps: 8, stages: 2, G: 1 };
  const { launches } = prepare({ decl, device, tensors, scalars: {}, config, how: {} });
  const once = { warmup: 0, warmupMs: 0, repeat: LAUNCHES };
  return async () => (await device.time([launches.launches], once)).medianMs;
}

async function watch(what: string, launch: () => Promise<number>, forMs: number, pauseMs: number): Promise<void> {
  const begin = performance.now();
  const seen: string[] = [];
  for (let last = 0; performance.now() - begin < forMs; await sleep(pauseMs)) {
    const ms = await launch();
    if (Math.abs(ms - last) <= SHOWN * ms) continue;
    seen.push(`${Math.round(performance.now() - begin)}: ${ms.toPrecision(3)}`);
    last = ms;
  }
  console.log(`${what.padEnd(48)} ${seen.join(', ')}`);
}

const device = await openDevice(options.device);
const launch = launchOn(device);
await launch();
for (const how of ['', ', clocks held']) {
  if (how !== '') await holdClocks(device);
  if (how !== '' && !holdsClocks(device)) continue;
  for (const rest of RESTS_MS) {
    await sleep(rest);
    await watch(`after ${rest} ms of rest${how}`, launch, WORK_MS, 0);
  }
  await sleep(Math.max(...RESTS_MS));
  await watch(`${LAUNCHES} launches, then a pause of ${PAUSE_MS} ms${how}`, launch, 3 * WORK_MS, PAUSE_MS);
}
device.destroy();
process.exit();
