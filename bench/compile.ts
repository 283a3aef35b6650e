import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileKernel } from '../driver/compile.js';
import { checkFile, SourceProject } from '../driver/source.js';
import { COMMON_WEBGPU } from '../driver/target.js';
import { digits, median, table } from './table.js';

/**
 * How long a user waits for the compiler: node dist/bench/compile.js [--file FILE] [--runs 7]
 * Cold: a new process, from start to exit. Warm: one project, as `--watch` holds it, after the file changed.
 */
const { values: options } = parseArgs({
  options: {
    file: { type: 'string', default: 'kernels/lightning/forward.ts' },
    runs: { type: 'string', default: '7' },
  },
});
const runs = Number(options.runs);
const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** Milliseconds of `lac ...` in a process of its own. */
function cold(args: readonly string[]): number {
  return timed(() => {
    const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`lac ${args.join(' ')} ends with ${status}: ${stderr}`);
  });
}

function timed(f: () => void): number {
  const begin = performance.now();
  f();
  return performance.now() - begin;
}

const repeat = (f: () => number): number[] => Array.from({ length: runs }, f);

function coldRows(): (string | number)[][] {
  const out = mkdtempSync(join(tmpdir(), 'lac-bench-'));
  try {
    const check = repeat(() => cold(['check', options.file]));
    const compile = repeat(() => cold(['compile', options.file, '-o', out, '--set', 'D=64,E=64']));
    return [
      ['lac check, cold', ...spread(check), '< 1500'],
      ['lac compile to WGSL, cold', ...spread(compile), '< 2000'],
    ];
  } finally {
    rmSync(out, { recursive: true });
  }
}

function warmRows(): (string | number)[][] {
  const project = new SourceProject();
  const look = (): void => {
    const { diagnostics } = checkFile(project, options.file);
    if (diagnostics.some((d) => d.severity === 'error')) throw new Error(`${options.file} has errors`);
  };
  look();
  const check = repeat(() =>
    timed(() => {
      project.invalidate(options.file);
      look();
    }),
  );
  const compile = repeat(() => {
    project.invalidate(options.file);
    const [decl] = project.read(options.file).kernels;
    if (decl === undefined) throw new Error(`${options.file} has no kernel`);
    const { timings } = compileKernel(decl, { dims: { D: 64, E: 64 }, target: COMMON_WEBGPU });
    return timings.total;
  });
  return [
    ['lac check, warm', ...spread(check), '< 100'],
    ['compiler proper, 2 variants, first in its process', ...spread(repeat(firstCompileMs)), '< 150'],
    ['compiler proper, 1 variant, warm', ...spread(compile), ''],
  ];
}

/** Lowering, passes and code generation of both f32 variants in new processes: nothing is compiled just in time yet. */
function firstCompileMs(): number {
  const out = mkdtempSync(join(tmpdir(), 'lac-bench-'));
  try {
    const args = ['compile', options.file, '-o', out, '--set', 'D=64,E=64', '--dtype', 'T=f32', '--format', 'json'];
    const { stdout } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
    const result = stdout.split('\n').find((line) => line.includes('"event":"result"'));
    return result === undefined ? Number.NaN : (JSON.parse(result) as { compileMs: number }).compileMs;
  } finally {
    rmSync(out, { recursive: true });
  }
}

const spread = (samples: readonly number[]): string[] => [digits(median(samples)), digits(Math.max(...samples))];

const source = readFileSync(options.file, 'utf8').length;
console.log(
  `${options.file} (${source} characters), Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n`,
);
console.log(table(['what', 'median ms', 'slowest ms', 'goal ms'], [...coldRows(), ...warmRows()]));
