import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { optionValues, SourceProject } from '../../driver/source.js';
import { type AnyVariant, openDevice } from '../../runtime/index.js';
import { type TuneEvent, tune } from '../../tuner/tune.js';
import { openWorkers } from '../../tuner/worker/pool.js';
import { serve } from '../../tuner/worker/serve.js';

/**
 * Programs that hang, write where nothing is, and trap, in the course of a tune: their rows say so, the others are
 * measured, no process is left, and the device serves the next. Exit code 1 where that is not so.
 *   node dist/bench/cuda/faults.js [--device cuda:0]
 * The faults are instructions in front of the PTX of some configurations of faulty.ts.
 */
const FAULTS: Readonly<Record<number, string>> = {
  16: '{ .reg .b64 %nowhere; .reg .b32 %any; mov.u64 %nowhere, 16; mov.u32 %any, 1; st.global.u32 [%nowhere], %any; }',
  128: '$forever: bra.uni $forever;',
  256: 'trap;',
};
/** What a row may say, by the value of C; the emulator calls wrong what costs a GPU its context. */
const EXPECTED: Readonly<Record<number, readonly string[]>> = {
  16: ['crash', 'lost', 'error', 'wrong'],
  128: ['hang'],
  256: ['crash', 'lost', 'error', 'wrong'],
};

const isChild = process.send !== undefined;
if (isChild) serve(async (which) => withFaults(await openDevice(which)));
else process.exitCode = await main();

function withFaults(device: Awaited<ReturnType<typeof openDevice>>): typeof device {
  const { prepare } = device;
  return Object.assign(device, {
    prepare: (variant: AnyVariant) => {
      const fault = FAULTS[variant.config.C ?? 0];
      if ('text' in variant && fault !== undefined && !variant.text.includes(fault)) {
        const text = variant.text.replace(/(\n {2}\.reg [^\n]*;)(?!\n {2}\.reg)/, `$1\n  ${fault}`);
        Object.assign(variant, { text });
      }
      return prepare.call(device, variant);
    },
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { device: { type: 'string', default: 'cuda:0' } } });
  const file = 'bench/cuda/faulty.ts';
  const [decl] = new SourceProject().read(file).kernels;
  if (decl === undefined) throw new Error(`${file} has no kernel`);
  // C = 32 never ends by itself.
  const tuned = { ...decl, tune: { ...decl.tune, C: [64, 16, 128, 256, 512] } };
  const problem = { file, kernel: decl.name, dims: { N: 4096 }, dtypes: {}, options: optionValues(decl), seed: 0 };
  const entry = new URL(import.meta.url);
  const begin = performance.now();
  const onEvent = (event: TuneEvent): void => {
    if (event.kind === 'worker' && event.event.kind !== 'stage' && event.event.kind !== 'ahead')
      console.log(`  ${((performance.now() - begin) / 1000).toFixed(1)} s`, JSON.stringify(event.event));
  };
  const { outcome } = await tune(
    { decl: tuned, problem, device: values.device, exhaustive: true, signal: new AbortController().signal, onEvent },
    { open: (device, more) => openWorkers([device], { ...more, entry }), store: null, now: () => performance.now() },
  );
  let wrong = 0;
  for (const { config, state, ...row } of outcome.rows) {
    const wanted = EXPECTED[config.C ?? 0] ?? ['measured'];
    const isRight = wanted.includes(state);
    if (!isRight) wrong++;
    const why = 'why' in row ? String(row.why).slice(0, 100) : '';
    console.log(isRight ? 'ok   ' : 'WRONG', JSON.stringify(config), state, why);
  }
  const left = processesWith(fileURLToPath(entry)).filter((pid) => pid !== process.pid);
  console.log(left.length === 0 ? 'ok    no process is left' : `WRONG processes are left: ${left.join(', ')}`);
  const device = await openDevice(values.device);
  device.destroy();
  console.log(`ok    ${device.name} opens again, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return wrong + left.length === 0 && outcome.best !== null ? 0 : 1;
}

function processesWith(word: string): number[] {
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((pid) => commandOf(pid).includes(word));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
