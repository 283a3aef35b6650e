import { parseArgs } from 'node:util';
import { empty, f32, lightningAttention, openDevice } from '../../index.js';
import { lightningStep } from '../../kernels/lightning/decode.js';
import { digits, median, table } from '../table.js';

/**
 * One token of B sequences from TypeScript: what a call costs until the next may begin, and until its result is there:
 *   node dist/bench/cuda/decode.js [--device cuda:0] [--batch 1] [--heads 32] [--calls 2000]
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    batch: { type: 'string', default: '1' },
    heads: { type: 'string', default: '32' },
    dim: { type: 'string', default: '128' },
    calls: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
  },
});

const [B, H, D] = [Number(options.batch), Number(options.heads), Number(options.dim)];
const device = await openDevice(options.device);
const row = (scale: number) => empty(device, f32, [B, H, D]).fill(scale);
const args = {
  ...{ q: row(1), k: row(0.5), v: row(2), o: row(Number.NaN) },
  slope: empty(device, f32, [H]).fill(Math.log(2)),
  state: empty(device, f32, [B, H, D, D]).fill(1),
};

const ways = {
  lightningStep: () => lightningStep(device, args),
  'lightningAttention.step': async () => void (await lightningAttention.step(device, args)),
};

/** state = 1 / 2 + 1 / 2 * 2, every element; o is the sum of a column of it. */
async function check(name: string, call: () => Promise<void>): Promise<void> {
  args.state.fill(1);
  args.o.fill(Number.NaN);
  await call();
  const wrong = [...(await args.o.read())].filter((x) => !(Math.abs(x / (1.5 * D) - 1) < 1e-5));
  if (wrong.length === 0) return;
  process.exitCode = 1;
  console.log(`${name}: WRONG, ${wrong.length} elements, first ${wrong[0]}`);
}

/** Microseconds of a call: of calls one behind the other, and of calls each of which is waited for. */
async function cost(call: () => Promise<void>): Promise<readonly [queued: number, waited: number]> {
  const calls = Number(options.calls);
  await device.synchronize();
  let begin = performance.now();
  for (let i = 0; i < calls; i++) await call();
  await device.synchronize();
  const queued = performance.now() - begin;
  begin = performance.now();
  for (let i = 0; i < calls; i++) {
    await call();
    await device.synchronize();
  }
  return [(queued * 1000) / calls, ((performance.now() - begin) * 1000) / calls];
}

const rows: string[][] = [];
for (const [name, call] of Object.entries(ways)) {
  await check(name, call);
  const rounds: (readonly [number, number])[] = [];
  for (let i = 0; i < Number(options.rounds); i++) rounds.push(await cost(call));
  rows.push([name, digits(median(rounds.map(([x]) => x))), digits(median(rounds.map(([, x]) => x)))]);
}
console.log(`one token, B${B} H${H} D${D} f32, on ${device.name}, microseconds a call`);
console.log(table(['call', 'one behind the other', 'each waited for'], rows));
device.destroy();
