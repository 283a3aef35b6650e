import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CODES } from '../../compiler/diag/codes.js';
import { MISTAKE, SCALE, SCALE_REFERENCE } from './fixtures-text.js';
import { buildLac, type Lac, scratch } from './lac.js';

let lac: Lac;
const folder = scratch({
  'scale.ts': SCALE,
  'scale.ref.ts': SCALE_REFERENCE,
  'mistake.ts': MISTAKE,
  'broken.ts': 'export const k = kernel({',
});
beforeAll(() => {
  lac = buildLac();
});
afterAll(() => {
  folder.remove();
});

describe('usage', () => {
  test('help and version go to stdout', async () => {
    const help = await lac.run(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const verb of [
      'check',
      'compile',
      'run',
      'bench',
      'ir',
      'opt',
      'explain',
      'devices',
      'doctor',
      'completion',
      'lsp',
    ])
      expect(help.stdout).toContain(`  ${verb}`);
    expect((await lac.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    ['an unknown verb', ['fly']],
    ['an unknown option', ['check', '--fast']],
    ['an unknown format', ['check', '--format', 'xml']],
    ['a missing file', ['run']],
    ['sizes that are none', ['run', 'x.ts', '--shape', 'N=many']],
    ['assignments that are none', ['run', 'x.ts', '--config', '64']],
    ['a seed that is none', ['run', 'x.ts', '--seed', '-1']],
    ['an unknown shell', ['completion', 'tcsh']],
    ['ir without a file', ['ir']],
  ])('%s is exit code 2, on stderr', async (_what, args) => {
    const outcome = await lac.run(args);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).not.toBe('');
    expect(outcome.stderr).not.toContain('    at ');
  });

  test('as JSON an unknown option is events', async () => {
    const { code, events, stderr } = await lac.events(['check', '--fast']);
    expect(code).toBe(2);
    expect(stderr).toBe('');
    expect(events.map((e) => e.event)).toEqual(['error', 'done']);
    expect(events.at(-1)).toEqual({ v: 1, event: 'done', exitCode: 2 });
  });
});

describe('lac explain', () => {
  test('one code, however it is written', async () => {
    const long = await lac.run(['explain', 'LAC0901']);
    expect(long.code).toBe(0);
    expect(long.stdout).toContain('LAC0901: command line not understood');
    expect(long.stdout).toContain('right:');
    expect((await lac.run(['explain', '901'])).stdout).toBe(long.stdout);
  });

  test('all codes', async () => {
    const { events } = await lac.events(['explain']);
    expect(events.filter((e) => e.event === 'result').map((e) => e.code)).toEqual(Object.keys(CODES));
  });

  test('an unknown code is exit code 2', async () => {
    const outcome = await lac.run(['explain', 'LAC9999']);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('LAC0914');
  });
});

describe('lac check', () => {
  test('a folder without kernels is exit code 2', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'lac-empty-'));
    const outcome = await lac.run(['check'], { cwd: empty });
    rmSync(empty, { recursive: true });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('LAC0904');
  });

  test('a file without mistakes', async () => {
    const outcome = await lac.run(['check', folder.path('scale.ts')]);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toMatch(/^ok: 1 kernel in /);
    expect(await lac.run(['check', '--quiet', folder.path('scale.ts')])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('a mistake is shown with its line on stdout, and is exit code 1', async () => {
    const outcome = await lac.run(['check', folder.path('mistake.ts')]);
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    expect(outcome.stdout).toMatch(/^error\[LAC02\d\d\]: /);
    expect(outcome.stdout).toContain('mistake.ts:11:');
    expect(outcome.stdout).toContain('y.store([n * C], x.load');
    expect(outcome.stdout).toContain('1 error');
  });

  test('as JSON, one event a line and nothing else', async () => {
    const { code, events, stderr } = await lac.events(['check', folder.path('mistake.ts')]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(events.map((e) => e.event)).toEqual(['diagnostic', 'result', 'done']);
    expect(events.every((e) => e.v === 1)).toBe(true);
    expect(events[0]).toMatchObject({ severity: 'error', span: { from: { line: 11 } } });
    expect(events[1]).toMatchObject({ errors: 1, kernels: 1 });
  });

  test('source that does not parse, and a file that is not there', async () => {
    expect(await lac.run(['check', folder.path('broken.ts')])).toMatchObject({ code: 1, stderr: '' });
    const gone = await lac.run(['check', folder.path('gone.ts')]);
    expect(gone.code).toBe(1);
    expect(gone.stdout).toContain('LAC0001');
  });

  test('LAC0916, LAC0917: tuned configurations beside the source', async () => {
    const own = scratch({ 'scale.ts': SCALE });
    const findings = async (text: string) => {
      writeFileSync(own.path('scale.tune.json'), text);
      const { code, events } = await lac.events(['check', own.path('scale.ts')]);
      return [code, ...events.flatMap((e) => (e.event === 'diagnostic' ? [`${e.code}: ${e.message}`] : []))];
    };
    const row = { kernel: 'scale', target: 'cuda', config: { C: 64, warps: 1 } };
    const rows = [row, { ...row, config: { C: 63, warps: 1 } }, { ...row, kernel: 'scales' }];
    expect(await findings(JSON.stringify({ lac: 1, configurations: rows }))).toEqual([
      0,
      'LAC0917: scale.tune.json, row 2 for scale is out of date: it has C = 63, which is not in the tune space (64, 128)',
      'LAC0917: scale.tune.json, row 3 for scales is out of date: it names a kernel that is not there',
    ]);
    expect(await findings('[')).toEqual([1, expect.stringMatching(/^LAC0916: .*scale\.tune\.json is no JSON/)]);
    own.remove();
  });

  test('a folder: the kernels in it, not its references', async () => {
    const { events } = await lac.events(['check', folder.path()]);
    expect(events.find((e) => e.event === 'result')).toMatchObject({ files: 2 });
  });

  test('colours only where they are asked for', async () => {
    expect((await lac.run(['check', folder.path('mistake.ts')])).stdout).not.toContain('\u001b[');
    expect((await lac.run(['check', folder.path('mistake.ts'), '--color', 'always'])).stdout).toContain('\u001b[');
  });

  test('--watch checks again when the file changes, and ends with 130', async () => {
    const own = scratch({ 'k.ts': SCALE });
    let passes = 0;
    const { code, events } = await lac.events(['check', '--watch', own.path('k.ts')], {
      onOutput: (stdout) => {
        const now = stdout.split('\n').filter((line) => line.includes('"event":"pass"')).length;
        if (now === passes) return undefined;
        passes = now;
        if (now === 1) setTimeout(() => writeFileSync(own.path('k.ts'), MISTAKE), 100);
        return now === 2 ? 'SIGINT' : undefined;
      },
    });
    own.remove();
    expect(code).toBe(130);
    expect(events.filter((e) => e.event === 'pass').map((e) => e.exitCode)).toEqual([0, 1]);
  });
});

describe('lac compile', () => {
  test('a manifest and its programs', async () => {
    const out = folder.path('out');
    const outcome = await lac.run(['compile', folder.path('scale.ts'), '-o', out, '--config', 'C=128']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const files = readdirSync(out).sort();
    expect(outcome.stdout.trim().split('\n').length).toBe(files.length);
    const manifest = JSON.parse(readFileSync(`${out}/scale.json`, 'utf8'));
    expect(manifest).toMatchObject({
      lac: 1,
      kernel: 'scale',
      grid: [['n', ['cdiv', 'N', 'C']]],
      tune: { C: [64, 128] },
    });
    expect(manifest.source.sha256).toMatch(/^[0-9a-f]{64}$/);
    for (const variant of manifest.variants) {
      expect(variant.config).toEqual({ C: 128, warps: 1 });
      expect(variant.text).toBeUndefined();
      expect(readFileSync(`${out}/${variant.file}`, 'utf8')).toContain('@compute');
    }
    expect(files).toEqual(['scale.json', ...manifest.variants.map((v: { file: string }) => v.file)].sort());
  });

  test('twice gives the same bytes', async () => {
    const texts = [];
    for (const name of ['first', 'second']) {
      await lac.run(['compile', folder.path('scale.ts'), '-o', folder.path(name)]);
      texts.push(
        readdirSync(folder.path(name))
          .sort()
          .map((f) => readFileSync(folder.path(`${name}/${f}`), 'utf8')),
      );
    }
    expect(texts[0]).toEqual(texts[1]);
  });

  test('a folder that cannot be made', async () => {
    const outcome = await lac.run(['compile', folder.path('scale.ts'), '-o', folder.path('scale.ref.ts/below')]);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('LAC0908');
  });

  test('a file that cannot be written whole leaves nothing behind', () => {
    const out = folder.path('full');
    const limited = 'ulimit -f 1; trap "" XFSZ; exec "$0" "$@"';
    const args = ['-c', limited, process.execPath, lac.main, 'compile', folder.path('scale.ts'), '-o', out];
    expect(() => execFileSync('bash', args, { stdio: 'pipe' })).toThrow(/LAC0908/);
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
  });

  test('several targets in one manifest, each once', async () => {
    const out = folder.path('targets');
    const args = ['compile', folder.path('scale.ts'), '--target', 'sm_90,webgpu,sm_80,sm_95', '-o', out, '-v'];
    const outcome = await lac.run(args);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toMatch(/^ {2}sm_90: C=64 warps=1, the first of its declaration that fits; /m);
    expect(outcome.stderr).toMatch(/^ {2}webgpu: C=64 warps=1, /m);
    const manifest = JSON.parse(readFileSync(`${out}/scale.json`, 'utf8'));
    const targets = manifest.variants.map((v: { target: string; sm?: number }) => v.sm ?? v.target);
    expect([...new Set(targets)]).toEqual([90, 'webgpu', 80]);
    expect(new Set(manifest.variants.map((v: { file: string }) => v.file)).size).toBe(targets.length);
    for (const { file, sm } of manifest.variants)
      if (sm !== undefined) expect(readFileSync(`${out}/${file}`, 'utf8')).toContain(`.target sm_${sm}`);
  });

  test('rows without gaps at no multiple have a program of their own name', async () => {
    const args = ['kernels/lightning/forward.ts', '--kernel', 'lightningFwd', '--set', 'D=9,E=9', '--dtype', 'bf16'];
    const outcome = await lac.run(['compile', ...args, '--target', 'sm_80', '-o', folder.path('odd')]);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const files = readdirSync(folder.path('odd'));
    expect(outcome.stdout.trim().split('\n').length).toBe(files.length);
  });

  test('targets that are too old, and that do not exist', async () => {
    const target = (name: string) =>
      lac.run(['compile', folder.path('scale.ts'), '--target', name, '-o', folder.path('t')]);
    expect(await target('sm_70')).toMatchObject({ code: 3, stdout: '' });
    expect((await target('sm_70')).stderr).toContain('error[LAC0520]');
    for (const name of ['abacus', 'sm_9', 'webgpu,cuda']) expect((await target(name)).code).toBe(2);
  });

  test('more shared memory than there is: need and limit', async () => {
    const config = 'BM=128,BN=256,BK=64,warps=8,stages=4';
    const args = ['compile', 'kernels/gemm/gemm.ts', '--dtype', 'bf16', '--config', config, '-o', folder.path('t')];
    const outcome = await lac.run([...args, '--target', 'sm_80']);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain(
      'error[LAC0501]: gemm needs 196608 bytes of shared memory, a block has at most 166912',
    );
  });

  test('LAC0916, LAC0917: the tuned configurations beside the source', async () => {
    const own = scratch({ 'scale.ts': SCALE });
    const rows = (...configs: object[]) =>
      writeFileSync(
        own.path('scale.tune.json'),
        JSON.stringify({
          lac: 1,
          configurations: configs.map((config) => ({ kernel: 'scale', target: 'webgpu', config })),
        }),
      );
    const compile = () => lac.run(['compile', own.path('scale.ts'), '-o', own.path('out'), '-v']);
    rows({ C: 256, warps: 1 }, { C: 128, warps: 1 });
    const tuned = await compile();
    expect(tuned.code).toBe(0);
    expect(tuned.stderr).toContain('C=128 warps=1, tuned (scale.tune.json, row 2)');
    expect(tuned.stderr.match(/warning\[LAC0917\]/g)).toHaveLength(1);
    writeFileSync(own.path('scale.tune.json'), '[');
    const broken = await compile();
    own.remove();
    expect(broken).toMatchObject({ code: 1, stdout: '' });
    expect(broken.stderr).toContain('error[LAC0916]');
  });
});

describe('lac ir and lac opt', () => {
  test('IR after a pass, and what the pass did', async () => {
    const lowered = await lac.run(['ir', folder.path('scale.ts'), '--after', 'lower']);
    expect(lowered).toMatchObject({ code: 0, stderr: '' });
    expect(lowered.stdout).toContain('kernel scale(');
    const diff = await lac.run(['ir', folder.path('scale.ts'), '--after', 'specialise', '--diff']);
    expect(diff.code).toBe(0);
    expect(await lac.run(['ir', folder.path('scale.ts'), '--after', 'guess'])).toMatchObject({ code: 2, stdout: '' });
  });

  test('the passes', async () => {
    const { stdout } = await lac.run(['ir', '--list']);
    expect(stdout).toContain('inline');
    expect(stdout.split('\n').length).toBeGreaterThan(8);
    expect(stdout).toContain('infer-layouts');
    const cuda = (await lac.run(['ir', '--list', '--target', 'sm_90'])).stdout;
    for (const pass of ['pipeline-loads', 'plan-shared', 'place-barriers']) expect(cuda).toContain(pass);
  });

  test('on the way to PTX: layouts by the name that people look for, and the program', async () => {
    const on = ['ir', folder.path('scale.ts'), '--target', 'sm_90'];
    const layouts = await lac.run([...on, '--after', 'layouts']);
    expect(layouts).toMatchObject({ code: 0, stderr: '' });
    expect(layouts.stdout).toContain('@ reg');
    expect(layouts.stdout).toBe((await lac.run([...on, '--after', 'infer-layouts'])).stdout);
    const ptx = await lac.run([...on, '--emit']);
    expect(ptx).toMatchObject({ code: 0, stderr: '' });
    expect(ptx.stdout).toMatch(/^\.version \d\.\d\n\.target sm_90/);
    expect((await lac.run(['ir', folder.path('scale.ts'), '--emit'])).stdout).toContain('@compute');
  });

  test('pictures of layouts, of one value or of all', async () => {
    const draw = (...args: string[]) =>
      lac.run(['ir', folder.path('scale.ts'), '-o', folder.path('drawn'), '--layout-svg', ...args]);
    const all = await draw('all');
    expect(all).toMatchObject({ code: 0, stderr: '' });
    const paths = all.stdout.trim().split('\n');
    for (const path of paths) expect(readFileSync(path, 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
    const name = paths[0]?.match(/scale\.(.*)\.svg$/)?.[1] ?? '';
    expect((await draw(`%${name}`)).stdout.trim()).toBe(paths[0]);
    expect(await draw('nothing')).toMatchObject({ code: 2, stdout: '' });
    expect((await draw('all', '--after', 'lower')).stderr).toContain('infer-layouts');
  });

  test('the passes of the backend too: layouts are part of the text', async () => {
    const before = await lac.run(['ir', folder.path('scale.ts'), '--after', 'raise-operands']);
    const after = await lac.run(['ir', folder.path('scale.ts'), '--after', 'infer-layouts']);
    expect(before.stdout).not.toContain('@ reg');
    expect(after.stdout).toContain('@ reg');
    const opted = await lac.run(['opt', '-', '--pass', 'infer-layouts'], { stdin: before.stdout });
    expect(opted.stdout).toBe(after.stdout);
    const raw = await lac.run(['opt', '-', '--pass', 'infer-layouts'], {
      stdin:
        'kernel k(%y: view<out 6xf32> [N]) axes [] { %z = const {value = 0} : i32 %a = iota : tile<6xi32> %b = cast %a {to = f32} : tile<6xf32> store %y, %b, %z }',
    });
    expect(raw).toMatchObject({ code: 1, stdout: '' });
    expect(raw.stderr).toContain('LAC0408');
  });

  test('opt on what ir prints gives what ir prints later', async () => {
    const lowered = await lac.run(['ir', folder.path('scale.ts'), '--after', 'lower']);
    const inlined = await lac.run(['ir', folder.path('scale.ts'), '--after', 'inline']);
    const opted = await lac.run(['opt', '-', '--pass', 'inline'], { stdin: lowered.stdout });
    expect(opted).toMatchObject({ code: 0, stderr: '' });
    expect(opted.stdout).toBe(inlined.stdout);
  });

  test('text that is no IR', async () => {
    const outcome = await lac.run(['opt', '-'], { stdin: `kernel ${'('.repeat(10_000)}` });
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('error[LAC04');
    expect(await lac.run(['opt', folder.path('gone.lac')])).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('what is refused', () => {
  test.each(['init', 'repro'])('%s is not built yet, and says so', async (verb) => {
    const outcome = await lac.run([verb, folder.path('scale.ts'), '--budget', '30s']);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain(`error[LAC0909]: lac ${verb} is not built yet`);
  });

  test('a size that is none, once it is known to be a size', async () => {
    const outcome = await lac.run(['ir', folder.path('scale.ts'), '--set', 'N=many']);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('error[LAC0901]: --set N=many: "many" is not a whole number');
  });

  test('folders, devices and files without text', async () => {
    const why = async (path: string): Promise<string> => (await lac.run(['run', path])).stderr;
    expect(await why(folder.path('.'))).toContain('it is a folder');
    expect(await why('/dev/zero')).toContain('it is no regular file');
    writeFileSync(folder.path('binary.ts'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0]));
    expect(await why(folder.path('binary.ts'))).toContain('it is no text');
  });

  test('a full disk behind stdout', () => {
    const args = ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, lac.main, 'explain'];
    const { status, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: cannot write the results to stdout: ENOSPC/);
  });
});

describe('lac completion', () => {
  test('bash takes the script, and completes verbs and options', async () => {
    const { stdout, code } = await lac.run(['completion', 'bash']);
    expect(code).toBe(0);
    const complete = (words: string, at: number): string =>
      execFileSync('bash', [
        '-c',
        `${stdout}\nCOMP_WORDS=(${words}); COMP_CWORD=${at}; _lac; printf '%s ' "\${COMPREPLY[@]}"`,
      ]).toString();
    expect(complete('lac ch', 1).trim()).toBe('check');
    expect(complete('lac run --sh', 2).trim()).toBe('--shape');
    expect(complete('lac compile --form', 2).trim()).toBe('--format');
  });

  test('zsh and fish', async () => {
    expect((await lac.run(['completion', 'zsh'])).stdout).toContain('compdef _lac lac');
    expect((await lac.run(['completion', 'fish'])).stdout).toContain("__fish_seen_subcommand_from run' -l shape");
  });
});
