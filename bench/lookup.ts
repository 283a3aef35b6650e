import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SourceProject } from '../driver/source.js';
import { targetOf } from '../driver/target.js';
import { tunedFor } from '../driver/tuned.js';
import { keyOf } from '../driver/tuning-key.js';
import { openDevice } from '../runtime/index.js';
import { TuningStore } from '../store/store.js';
import { digits, median, table } from './table.js';

/**
 * What it takes to find the configuration of a kernel in tune files and the cache, which has rows for many sizes:
 *   node dist/bench/lookup.js [--device cuda:0] [--file F] [--kernel K] [--rows 2000]
 * First: the file beside the kernel is read and the cache opened. Then sizes that were not asked for before, and the same again.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    file: { type: 'string', default: 'kernels/lightning/forward.ts' },
    kernel: { type: 'string', default: 'lightningFwd' },
    rows: { type: 'string', default: '2000' },
  },
});

const folder = mkdtempSync(path.join(tmpdir(), 'lac-lookup-'));
process.env.LAC_TUNING_CACHE = folder;
const device = await openDevice(options.device);
try {
  const decl = new SourceProject().read(options.file).kernels.find((k) => k.name === options.kernel);
  if (decl === undefined) throw new Error(`${options.file} has no ${options.kernel}`);
  const dtypes = Object.fromEntries(Object.entries(decl.dtypes).map(([T, all]) => [T, all[0] ?? 'f32']));
  const query = (i: number) => {
    const dims = Object.fromEntries(decl.dims.map((d) => [d, decl.comptime.includes(d) ? 64 : 1 + ((i * 37) % 4096)]));
    return { target: targetOf(device), device, dtypes, dims, config: {} };
  };
  const milliseconds = (i: number): number => {
    const begin = performance.now();
    tunedFor(decl, query(i));
    return performance.now() - begin;
  };
  const store = TuningStore.open(folder);
  if (!(store instanceof TuningStore)) throw new Error(store.why);
  const config = Object.fromEntries(Object.entries(decl.tune).map(([knob, values]) => [knob, values[0] ?? 1]));
  const rows = Number(options.rows);
  for (let i = 0; i < rows; i++) store.choose(keyOf(decl, { ...query(i), options: { row: i % 50 } }), config);
  for (let i = 0; i < 50; i++) store.choose(keyOf(decl, query(i)), config);
  store.close();
  const first = milliseconds(0);
  const others = Array.from({ length: 200 }, (_, i) => milliseconds(1000 + i));
  const again = Array.from({ length: 200 }, () => milliseconds(1000));
  const worst = digits(Math.max(...others));
  console.log(
    table(
      ['rows', 'first, ms', 'other sizes: median, ms', 'worst', 'the same again, ms'],
      [[rows + 50, digits(first), digits(median(others)), worst, digits(median(again))]],
    ),
  );
} finally {
  device.destroy();
  rmSync(folder, { recursive: true });
}
