import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { EXIT, exitCodeOfError } from '../../cli/exit.js';
import { Output } from '../../cli/output.js';
import { buildProgram } from '../../cli/program.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { deviceKey } from '../../driver/device-key.js';
import { SourceProject } from '../../driver/source.js';
import { keyOf as tuningKey } from '../../driver/tuning-key.js';
import { openDevice } from '../../runtime/index.js';
import { TuningStore } from '../../store/store.js';
import { folder, openStore, settle } from '../store/folders.js';
import { keyOf, measured } from '../store/keys.js';
import { contextFor } from './context.js';

/** The verb behind the command line, in this process: exit code, stdout, stderr, codes of what was thrown. */
async function lac(...argv: string[]) {
  let [stdout, stderr] = ['', ''];
  let code: number = EXIT.ok;
  const json = argv.includes('json');
  const output = new Output(
    { format: json ? 'json' : 'pretty', color: 'never', quiet: false, verbose: argv.includes('-v') },
    { write: (text: string) => (stdout += text) },
    { write: (text: string) => (stderr += text) },
  );
  const context = contextFor({ output, signal: new AbortController().signal });
  const codes: string[] = [];
  const program = buildProgram(async (_command, verb) => {
    try {
      code = await verb(context);
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      codes.push(...error.diagnostics.map((d) => d.code));
      code = exitCodeOfError(error);
    }
  });
  await program.parseAsync(argv, { from: 'user' });
  return { code, stdout, stderr, codes, lines: stdout.trimEnd().split('\n') };
}

let cache: string;
let file: string;
beforeEach(() => {
  const root = folder();
  cache = join(root, 'tuning');
  file = join(root, 'rows.jsonl');
  process.env.LAC_TUNING_CACHE = cache;
});

function fill(): void {
  const store = openStore(cache);
  for (const C of [16, 32]) store.put(keyOf({ device: 'NVIDIA H100, sm_90' }), measured(C, C / 100));
  store.choose(keyOf({ device: 'NVIDIA H100, sm_90' }), { C: 32 });
  store.put(keyOf({ kernel: 'j', device: 'SwiftShader' }), { config: { C: 1 }, state: 'wrong' });
  store.close();
  settle(join(cache, 'tuning-1.1.db'));
}

describe('lac cache', () => {
  test('ls says what is known, by kernel and device', async () => {
    fill();
    const { code, lines } = await lac('cache', 'ls');
    expect(code).toBe(0);
    expect(lines).toEqual([
      'k  T=bf16  D=128  causal=true  B=1 N=1024',
      '    NVIDIA H100, sm_90',
      '    2 configurations, 2 measured; best C=32, 0.32 ms',
      'j  T=bf16  D=128  causal=true  B=1 N=1024',
      '    SwiftShader',
      '    1 configuration, 0 measured; none of them worked',
      `3 rows for 2 problems in ${join(cache, 'tuning-1.1.db')}`,
    ]);
    expect((await lac('cache', 'ls', '--kernel', 'j')).stdout).toContain('1 row for 1 problem');
    expect((await lac('cache', 'ls', '--device', 'h100')).stdout).toContain('2 rows for 1 problem');
    const { lines: events } = await lac('--format', 'json', 'cache', 'ls', '--kernel', 'k');
    expect(JSON.parse(events[0] ?? '')).toMatchObject({ v: 1, event: 'result', rows: 2, best: { config: { C: 32 } } });
  });

  test('clear removes what is meant', async () => {
    fill();
    expect((await lac('cache', 'clear', '--device', 'swift')).stdout).toBe('1 row removed\n');
    expect((await lac('cache', 'clear')).stdout).toBe('2 rows removed\n');
    expect((await lac('cache', 'clear')).stdout).toBe('0 rows removed\n');
  });

  test('export and import carry rows to another machine, where they are marked', async () => {
    fill();
    expect((await lac('cache', 'export', file)).stdout).toContain('3 rows written to');
    expect((await lac('cache', 'export')).stdout).toBe(readFileSync(file, 'utf8'));
    process.env.LAC_TUNING_CACHE = join(folder(), 'tuning');
    expect((await lac('cache', 'import', file)).stdout).toContain('3 rows taken in');
    expect((await lac('cache', 'ls')).stdout).toContain('best C=32, 0.32 ms, imported');
  });

  test('import refuses what is something else: LAC0922', async () => {
    writeFileSync(file, 'hello');
    expect(await lac('cache', 'import', file)).toMatchObject({ code: 1, codes: ['LAC0922'] });
    expect(await lac('cache', 'import', join(file, 'none'))).toMatchObject({ code: 1, codes: ['LAC0922'] });
    expect((await lac('cache', 'ls')).stdout).toContain('0 rows');
  });

  test('verify names what is damaged, exit code 1', async () => {
    fill();
    expect(await lac('cache', 'verify')).toMatchObject({ code: 0, stdout: expect.stringContaining('4 sound') });
    const db = join(cache, 'tuning-1.1.db');
    const bytes = readFileSync(db);
    bytes[bytes.indexOf('"ms":[0.32]') + 6] = 0x39;
    writeFileSync(db, bytes);
    const { code, lines } = await lac('cache', 'verify');
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^bad: entry \d+ \(row, key [0-9a-f]{8}\) is not what was written$/);
    expect(lines.at(-1)).toContain('3 sound');
  });

  test('one that is off is called so', async () => {
    process.env.LAC_TUNING_CACHE = 'off';
    expect((await lac('cache', 'ls')).stdout).toContain('LAC_TUNING_CACHE is off');
  });

  test('a damaged file is put aside with a note, LAC0918, and no cache is an empty one', async () => {
    expect((await lac('cache', 'ls')).stdout).toContain('there is no tuning cache');
    expect(existsSync(cache)).toBe(false);
    fill();
    writeFileSync(join(cache, 'tuning-1.1.db'), 'x'.repeat(5000));
    const { code, stdout, stderr } = await lac('cache', 'ls');
    expect([code, stdout]).toEqual([0, `0 rows for 0 problems in ${join(cache, 'tuning-1.2.db')}\n`]);
    expect(stderr).toContain('LAC0918');
    expect(stderr).toContain('is put aside');
  });

  test('a cache that cannot be used is exit code 1', async () => {
    fill();
    mkdirSync(join(cache, 'tuning-1.2.db'));
    expect(await lac('cache', 'ls')).toMatchObject({ code: 1, codes: ['LAC0918'] });
  });

  test.each([[['import']], [['ls', 'file']], [['verify', '--kernel', 'k']]])('%j is exit code 2', async (argv) => {
    expect(await lac('cache', ...argv)).toMatchObject({ code: 2, codes: ['LAC0901'] });
  });
});

describe('lac run -v', () => {
  test('says which configuration was taken, and why', async () => {
    const source = fileURLToPath(new URL('../driver/fixtures/doubled.ts', import.meta.url));
    const [decl] = new SourceProject().read(source).kernels;
    if (decl === undefined) throw new Error('no kernel');
    const device = await openDevice('emulate');
    const opened = TuningStore.open(cache);
    if (!(opened instanceof TuningStore)) throw new Error(opened.why);
    const key = tuningKey(decl, { dims: { N: 200 }, dtypes: {}, device });
    opened.choose({ ...key, device: 'another GPU' }, { C: 256, warps: 1 });
    const run = () => lac('run', source, '--kernel', 'doubled', '--device', 'emulate', '-v');
    expect((await run()).stdout).toMatch(/chosen +tuned on another GPU \(cache\)\n/);
    expect((await run()).stdout).toMatch(/chosen +tuned on another GPU \(cache\), checked on this device\n/);
    opened.choose({ ...key, ...deviceKey(device) }, { C: 64, warps: 1 });
    expect((await run()).stdout).toMatch(/chosen +tuned on this device \(cache\)\n/);
    device.destroy();
    opened.close();
  });
});
