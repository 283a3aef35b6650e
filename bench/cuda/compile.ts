import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { isPlan, type KernelDecl, type PlanDecl, SourceProject, withOptions } from '../../driver/source.js';
import { targetNamed } from '../../driver/target.js';
import { median } from '../table.js';
import { programOf } from './program.js';
import { configText, type Row, readRows } from './rows.js';

/**
 * Every configuration of every row to PTX, for peers.py:
 *   node dist/bench/cuda/compile.js [--rows a,b] [--configs bench/cuda/configs.json] [--target sm_90] [--out artifacts/bench]
 * Writes OUT/ROW/NUMBER/KERNEL.json with its PTX, and OUT/index.json. What does not compile is an entry with an error.
 */
const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '' },
    configs: { type: 'string', default: 'bench/cuda/configs.json' },
    target: { type: 'string', default: 'sm_90' },
    dtype: { type: 'string', default: 'bf16' },
    out: { type: 'string', default: 'artifacts/bench' },
  },
});

interface Entry {
  readonly row: string;
  readonly config: Row['configs'][number];
  /** Relative to the index. */
  readonly manifest: string;
  readonly compileMs: number;
  readonly error?: string;
}

const target = targetNamed(options.target);
const project = new SourceProject();

function declarationOf({ file, kernel, options: chosen = {} }: Row): KernelDecl | PlanDecl {
  const { kernels, plans } = project.read(file);
  const found = [...kernels, ...plans].find((k) => k.name === kernel);
  if (found === undefined) throw new Error(`${file} has no kernel or plan ${kernel}`);
  return isPlan(found) ? withOptions(found, chosen) : withOptions(found, chosen);
}

function compileOne(row: Row, config: Row['configs'][number], folder: string): number {
  if (target === null) throw new Error(`there is no target ${options.target}`);
  const { manifest, files, compileMs } = programOf(declarationOf(row), row, config, options.dtype, target);
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of files) writeFileSync(path.join(folder, name), text);
  writeFileSync(path.join(folder, `${row.kernel}.json`), JSON.stringify(manifest, null, 1));
  return compileMs;
}

function entryOf(name: string, row: Row, config: Row['configs'][number], index: number): Entry {
  const folder = path.join(name, String(index));
  const entry = { row: name, config, manifest: path.join(folder, `${row.kernel}.json`) };
  try {
    return { ...entry, compileMs: compileOne(row, config, path.join(options.out, folder)) };
  } catch (error) {
    // One configuration that does not fit, or a fault of the compiler: the others still have their numbers.
    const message = error instanceof LacError || error instanceof Error ? error.message : String(error);
    const first = message.split('\n')[0] ?? '';
    console.log(`${name} ${configText(config)}: ${first}`);
    return { ...entry, compileMs: 0, error: first };
  }
}

const rows = readRows(
  options.configs,
  options.rows.split(',').filter((name) => name !== ''),
);
const entries = Object.entries(rows).flatMap(([name, row]) => row.configs.map((c, i) => entryOf(name, row, c, i)));
mkdirSync(options.out, { recursive: true });
writeFileSync(path.join(options.out, 'index.json'), JSON.stringify({ rows, entries }, null, 1));
const times = entries.filter((e) => e.error === undefined).map((e) => e.compileMs);
const slowest = Math.max(0, ...times).toFixed(0);
console.log(
  `${times.length} of ${entries.length} compiled for ${options.target}; median ${median(times).toFixed(0)} ms, slowest ${slowest} ms`,
);
