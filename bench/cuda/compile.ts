import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { CudaVariant } from '../../compiler/artifact.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { dimNames } from '../../driver/choices.js';
import { compileKernel } from '../../driver/compile.js';
import { isTensorArg } from '../../driver/inputs.js';
import { manifestOf } from '../../driver/manifest.js';
import { type KernelDecl, SourceProject, withOptions } from '../../driver/source.js';
import { alignedFacts, targetNamed } from '../../driver/target.js';
import { median } from '../table.js';
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
  /** Manifests in the order of launching, relative to the index. */
  readonly manifests: readonly string[];
  readonly compileMs: number;
  readonly error?: string;
}

const target = targetNamed(options.target);
if (target === null) throw new Error(`there is no target ${options.target}`);
const project = new SourceProject();
const known = (dims: Row['shape'], decl: KernelDecl): Row['shape'] =>
  Object.fromEntries(Object.entries(dims).filter(([name]) => dimNames(decl).includes(name)));

/** One variant, for aligned tensors: what the tensors of the benchmark are. */
function compileOne(row: Row, name: string, config: Row['configs'][number], folder: string): number {
  const found = project.read(row.file).kernels.find((k) => k.name === name);
  if (found === undefined || target === null) throw new Error(`${row.file} has no kernel ${name}`);
  const decl = withOptions(found, row.options ?? {});
  const facts = Object.fromEntries(decl.args.filter(isTensorArg).map((a) => [a.name, alignedFacts(target)]));
  const dtypes = Object.fromEntries(
    Object.entries(decl.dtypes).map(([T, all]) => [T, all.find((d) => d === options.dtype) ?? 'f32']),
  ) as Record<string, 'f32'>;
  const { variant, timings } = compileKernel(decl, { dtypes, dims: known(row.shape, decl), config, facts, target });
  const { text, ...bare } = variant as CudaVariant;
  const manifest = manifestOf(decl, readFileSync(row.file, 'utf8'), row.file, []);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.ptx`), text);
  const json = { ...manifest, variants: [{ ...bare, file: `${name}.ptx` }] };
  writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(json, null, 1));
  return timings.lower + timings.passes + timings.codegen;
}

function entryOf(name: string, row: Row, config: Row['configs'][number], index: number): Entry {
  const folder = path.join(name, String(index));
  const manifests = row.kernels.map((kernel) => path.join(folder, `${kernel}.json`));
  try {
    const times = row.kernels.map((kernel) => compileOne(row, kernel, config, path.join(options.out, folder)));
    return { row: name, config, manifests, compileMs: times.reduce((a, b) => a + b, 0) };
  } catch (error) {
    // One configuration that does not fit, or a fault of the compiler: the others still have their numbers.
    const message = error instanceof LacError || error instanceof Error ? error.message : String(error);
    const first = message.split('\n')[0] ?? '';
    console.log(`${name} ${configText(config)}: ${first}`);
    return { row: name, config, manifests: [], compileMs: 0, error: first };
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
