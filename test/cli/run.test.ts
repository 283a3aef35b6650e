import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MISTAKE, SCALE, SCALE_REFERENCE, WRONG_REFERENCE } from './fixtures-text.js';
import { buildLac, type Lac, scratch } from './lac.js';

let lac: Lac;
const folder = scratch({
  'scale.ts': SCALE,
  'scale.ref.ts': SCALE_REFERENCE,
  'wrong.ref.ts': WRONG_REFERENCE,
  'alone.ts': SCALE,
  'mistake.ts': MISTAKE,
  'mistake.ref.ts': SCALE_REFERENCE,
  'endless.ref.ts': SCALE_REFERENCE.replace(/run: /, 'run: () => { for (;;); }, unused: '),
  'says.ref.ts': `console.log("on the way");\n${SCALE_REFERENCE}`,
  'throws.ref.ts': 'throw new Error("on purpose");',
  'empty.ts': 'export const x = 1;',
});
const run = (...args: string[]) => lac.run(['run', folder.path('scale.ts'), '--device', 'interpret', ...args]);
const result = async (...args: string[]) => {
  const outcome = await lac.events(['run', folder.path('scale.ts'), ...args]);
  return { ...outcome, report: outcome.events.find((e) => e.event === 'result' && 'kernel' in e) };
};

beforeAll(() => {
  lac = buildLac();
});
afterAll(() => {
  folder.remove();
});

describe('lac run', () => {
  test('Ctrl-C ends a reference that never does', async () => {
    const args = ['run', folder.path('scale.ts'), '--device', 'interpret', '--check', folder.path('endless.ref.ts')];
    let asked = false;
    const onOutput = (): NodeJS.Signals | undefined => {
      if (asked) return undefined;
      asked = true;
      return 'SIGINT';
    };
    // By the signal itself, which shells report as 130.
    expect(await lac.run(args, { onOutput })).toMatchObject({ code: null });
  });

  test('a right kernel: a few lines on stdout, nothing on stderr', async () => {
    const outcome = await run();
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toContain('N=1000');
    expect(outcome.stdout).toMatch(/verdict +correct/);
    expect(outcome.stdout).toContain('tokens/s');
    expect(outcome.stdout.split('\n').length).toBeLessThan(12);
  });

  test('on the software driver', async () => {
    const { code, report } = await result('--device', 'webgpu:software');
    expect(code).toBe(0);
    expect(report).toMatchObject({ ok: true, checked: true, dims: { N: 1000 }, config: { C: 64, warps: 1 } });
  });

  test('sizes, configuration and seed come from the command line', async () => {
    const { report } = await result('--device', 'interpret', '--shape', 'N=65', '--config', 'C=128', '--seed', '7');
    expect(report).toMatchObject({ ok: true, dims: { N: 65 }, config: { C: 128, warps: 1 }, tokens: 65 });
  });

  test('a wrong result names the element, and is exit code 1', async () => {
    const outcome = await run('--check', folder.path('wrong.ref.ts'));
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    expect(outcome.stdout).toMatch(/verdict +WRONG: y/);
    expect(outcome.stdout).toContain('at [999]');
  });

  test('no elements at all', async () => {
    expect(await run('--shape', 'N=0')).toMatchObject({ code: 0, stderr: '' });
  });

  test('without a reference: an error that says where it should be; --no-check runs', async () => {
    const missing = await lac.run(['run', folder.path('alone.ts'), '--device', 'interpret']);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('alone.ref.ts');
    expect(missing.stderr).toContain('LAC0902');
    const scalarless = await lac.run([
      'run',
      folder.path('alone.ts'),
      '--no-check',
      '--device',
      'interpret',
      '--shape',
      'N=10',
    ]);
    expect(scalarless.stderr).toContain('LAC0912');
  });

  test('what a reference says goes to stderr, so that stdout has events alone', async () => {
    const outcome = await result('--device', 'interpret', '--check', folder.path('says.ref.ts'));
    expect(outcome).toMatchObject({ code: 0, stderr: 'on the way\n' });
    expect(outcome.report).toBeDefined();
  });

  test('a reference that throws while it is loaded', async () => {
    const outcome = await run('--check', folder.path('throws.ref.ts'));
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('on purpose');
  });

  test.each([
    ['dimension', ['--shape', 'M=4']],
    ['knob', ['--config', 'BLOCK=4']],
    ['value of a knob', ['--config', 'C=63']],
    ['dtype parameter', ['--dtype', 'T=bf16']],
    ['option', ['--set', 'causal=true']],
    ['kernel', ['--kernel', 'scales']],
  ])('an unknown %s is exit code 2 and says what there is', async (_what, args) => {
    const outcome = await run(...args);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toMatch(/error\[LAC090[47]\]/);
    expect(outcome.stderr).toContain('= help:');
  });

  test('a mistake in the source stops before a device is opened', async () => {
    const outcome = await lac.run(['run', folder.path('mistake.ts'), '--kernel', 'scale', '--device', 'interpret']);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/error\[LAC02/);
  });

  test('a file without kernels', async () => {
    expect(await lac.run(['run', folder.path('empty.ts')])).toMatchObject({ code: 2, stdout: '' });
  });

  test('devices that do not exist are exit code 3', async () => {
    expect((await run('--device', 'toaster')).code).toBe(3);
    const env = { LAC_LIBCUDA: folder.path('libcuda.so.1') };
    for (const device of ['cuda', 'cuda:0', 'cuda:7']) {
      const outcome = await lac.run(['run', folder.path('scale.ts'), '--device', device], { env });
      expect(outcome).toMatchObject({ code: 3, stdout: '' });
      expect(outcome.stderr).toMatch(/^error\[LAC0702\]: [^\n]+\n {2}= help: [^\n]+\n\n1 error; /);
    }
  });

  test('with -v: why this configuration', async () => {
    const { stdout } = await lac.run(['run', folder.path('scale.ts'), '--device', 'interpret', '-v']);
    expect(stdout).toMatch(/^chosen +the first of its declaration that fits$/m);
  });

  test('PTX on the CPU', async () => {
    const { code, report } = await result('--device', 'emulate', '--shape', 'N=100');
    expect(code).toBe(0);
    expect(report).toMatchObject({ ok: true, checked: true, config: { C: 64, warps: 1 } });
  });

  test('a driver that cannot be used is exit code 3', async () => {
    const env = { VK_ICD_FILENAMES: folder.path('none.json'), VK_DRIVER_FILES: folder.path('none.json') };
    const outcome = await lac.run(['run', folder.path('scale.ts'), '--device', 'webgpu'], { env });
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain('= help:');
  });
});

describe('lac devices and lac doctor', () => {
  test('the interpreter is always there', async () => {
    const { code, events, stderr } = await lac.events(['devices']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(events.filter((e) => e.event === 'result').map((e) => e.which)).toContain('interpret');
  });

  test('doctor looks at Node and the drivers', async () => {
    const { code, events } = await lac.events(['doctor']);
    expect(code).toBe(0);
    expect(events.filter((e) => e.event === 'result').map((e) => e.name)).toContain('Node');
  });
});
