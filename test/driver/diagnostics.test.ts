import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { TIER1 } from '../../backends/wgsl/target.js';
import { CODES } from '../../compiler/diag/codes.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { renderDiagnostic } from '../../compiler/diag/render.js';
import { makeArtifacts } from '../../driver/artifacts.js';
import { chooseDtypes } from '../../driver/choices.js';
import { compileKernel } from '../../driver/compile.js';
import { declarationOf } from '../../driver/host.js';
import type { Reference } from '../../driver/reference.js';
import { type RunRequest, runKernel } from '../../driver/run.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import { ANY_WEBGPU } from '../../driver/target.js';
import { expectWritable, writeFiles } from '../../driver/write-files.js';
import { openDevice } from '../../runtime/index.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-driver-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const device = await openDevice('interpret');

const SOURCE = `import { cdiv, dot, f32, bf16, dtypes, input, kernel, output, scalar, trans } from 'lac';
const T = dtypes('T', f32, bf16);
export const k = kernel({
  args: { x: input(T, ['N', 'D']), a: scalar(f32), y: output(T, ['N', 'D']) },
  comptime: ['D'],
  options: { shift: 0, twice: false },
  tune: { C: [64, 32], warps: [4] },
  prune: ({ C, D }) => C * D <= 4096,
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, a, y }, { C, D, shift, twice }, { n }) => {
  const v = x.load([n * C, 0], [C, D]) * a + shift;
  y.store([n * C, 0], twice ? v * 2 : v);
});
export const large = kernel({
  args: { x: input(f32, ['N', 'D']), y: output(f32, ['N', 'N']) },
  comptime: ['D'],
  tune: { C: [128, 64], warps: [8] },
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, y }, { C, D }, { n }) => {
  const t = x.load([n * C, 0], [C, D]);
  y.store([n * C, 0], dot(t, trans(t)));
});
`;
const file = join(folder, 'k.ts');
writeFileSync(file, SOURCE);
const { kernels, diagnostics } = new SourceProject().read(file);
const named = (name: string): KernelDecl => {
  const found = kernels.find((d) => d.name === name);
  if (found === undefined) throw new Error(`${name}: ${JSON.stringify(diagnostics)}`);
  return found;
};
const decl = named('k');

const reference: Reference = {
  shape: { N: 5, D: 3 },
  scalars: { a: 2 },
  run: ({ inputs: { x }, scalars: { a = 0 }, options }) => ({
    y: (x ?? new Float64Array(0)).map((v) => v * a + Number(options.shift)),
  }),
};
const run = (request: Partial<RunRequest>) => runKernel({ decl, reference, device, ...request });

/** The finding as users see it. */
async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return error.diagnostics
      .map((d) => renderDiagnostic({ ...d, span: null, labels: [] }, { text: () => undefined }))
      .join('\n')
      .replaceAll(folder, 'DIR');
  }
  return 'nothing was refused';
}

describe('what the driver refuses', () => {
  test('LAC0903: a reference that throws', async () => {
    const throwing = { ...reference, run: () => JSON.parse('{') };
    expect(await messageOf(() => run({ reference: throwing }))).toMatch(
      /^error\[LAC0903\]: the reference of k throws: /,
    );
  });

  test('LAC0905: a reference that speaks of something else', async () => {
    const returning = (values: Record<string, Float64Array>) => run({ reference: { ...reference, run: () => values } });
    expect(await messageOf(() => returning({}))).toBe(
      'error[LAC0905]: the reference of k returns no values for the output y',
    );
    expect(await messageOf(() => returning({ y: new Float64Array(4) }))).toBe(
      'error[LAC0905]: the reference of k returns 4 values for y, which has 5 x 3 = 15',
    );
    expect(await messageOf(() => returning({ x: new Float64Array(15) }))).toBe(
      'error[LAC0905]: the reference of k returns values for x, which is no output',
    );
  });

  test('LAC0906: prune leaves nothing; nothing fits', async () => {
    expect(await messageOf(() => run({ dims: { D: 1000 } }))).toBe(
      [
        'error[LAC0906]: prune of k rejects every configuration for N = 5, D = 1000',
        '  = help: add smaller values to `tune`, or loosen `prune`',
      ].join('\n'),
    );
    // What fits only with its products in slabs is the last resort.
    const { chosen } = compileKernel(named('large'), { dims: { D: 256 }, target: ANY_WEBGPU });
    expect(chosen).toContain('slabs');
    const target = { ...ANY_WEBGPU, limits: { ...TIER1, workgroupBytes: 512 } };
    const nothing = await messageOf(() => compileKernel(named('large'), { dims: { D: 256 }, target }));
    expect(nothing).toMatch(
      /^error\[LAC0906\]: no configuration of large fits the device; 2 were considered\n {2}= help: the last one, C=64,warps=8: /,
    );
  });

  test('the limit itself, where the configuration was asked for', async () => {
    const config = { C: 128, warps: 8 };
    const asked = await messageOf(() =>
      compileKernel(named('large'), { dims: { D: 256 }, config, target: ANY_WEBGPU }),
    );
    expect(asked).toMatch(/^error\[LAC050[13]\]/);
  });

  test('LAC0907: names that the kernel does not have', async () => {
    expect(await messageOf(() => run({ dims: { M: 1 } }))).toBe(
      'error[LAC0907]: k has no dimension M\n  = help: its dimensions are N, D',
    );
    expect(await messageOf(() => run({ dtypes: { U: 'f32' } }))).toBe(
      'error[LAC0907]: k has no dtype parameter U\n  = help: it has T',
    );
    expect(await messageOf(() => run({ dtypes: { T: 'f16' } }))).toBe(
      'error[LAC0907]: T of k cannot be f16\n  = help: it takes f32, bf16',
    );
    const fixed = named('large');
    expect(fixed.dtypes).toEqual({});
    expect(await messageOf(() => chooseDtypes(fixed, { '*': 'q8' }))).toContain('LAC0907]: there is no dtype q8');
    expect(chooseDtypes(fixed, { '*': 'bf16' })).toEqual({});
    expect(await messageOf(() => run({ options: { scale: 1 } }))).toBe(
      'error[LAC0907]: k has no option scale\n  = help: it has shift, twice',
    );
    expect(await messageOf(() => run({ options: { shift: true } }))).toBe(
      'error[LAC0907]: option shift of k takes a number, not true',
    );
  });

  test('LAC0908: a folder that cannot be written', async () => {
    expect(await messageOf(() => writeFiles(join(file, 'below'), [{ name: 'a', text: 'a' }]))).toBe(
      'error[LAC0908]: cannot write to DIR/k.ts/below: a part of the path is a file\n  = help: name another folder with -o',
    );
    const out = join(folder, 'out');
    const files = [
      { name: 'a', text: 'whole' },
      { name: 'n'.repeat(300), text: 'never' },
    ];
    expect(await messageOf(() => writeFiles(out, files))).toContain('the name is too long');
    expect(readdirSync(out)).toEqual([]);
  });

  test('LAC0908: known before anything is written', async () => {
    const refused = (path: string) => messageOf(() => expectWritable(path, 'elsewhere'));
    const help = '\n  = help: elsewhere';
    expect(await refused(folder)).toBe(`error[LAC0908]: cannot write to DIR: it is a folder${help}`);
    expect(await refused(join(file, 'below', 'a'))).toContain('a part of the path is a file');
    expectWritable(join(folder, 'made', 'a'), '');
    expect(readdirSync(join(folder, 'made'))).toEqual([]);
    writeFiles(join(folder, 'made', 'b'), []);
    const onto = () => writeFiles(join(folder, 'made'), [{ name: 'b', text: 'b' }]);
    expect(await messageOf(onto)).toContain('cannot write to DIR/made/b: it is a folder');
  });

  test.runIf(process.platform === 'linux')('LAC0908: a device is written to, and stays one', async () => {
    const device = join(folder, 'device');
    symlinkSync('/dev/full', device);
    expect(await messageOf(() => writeFiles(folder, [{ name: 'device', text: 'a' }]))).toContain('no space is left');
    expect(statSync(device).isCharacterDevice()).toBe(true);
  });

  test('LAC0910: a dimension without a size', async () => {
    expect(await messageOf(() => run({ reference: { ...reference, shape: { D: 3 } } }))).toBe(
      'error[LAC0910]: dimension N of argument x has no size\n  = help: give it one: --shape N=64, or `shape` in the reference',
    );
    const source = { file: 'k.ts', text: SOURCE };
    const request = { dims: {}, config: {}, dtypes: {}, targets: [ANY_WEBGPU] };
    expect(await messageOf(() => makeArtifacts(decl, source, request))).toMatch(
      /^error\[LAC0910\]: comptime dimension D of k has no size/,
    );
  });

  test('LAC0910: a size that is none', async () => {
    const shape = { N: 'many' as unknown as number, D: 3 };
    expect(await messageOf(() => run({ reference: { ...reference, shape } }))).toBe(
      'error[LAC0910]: the size of N is "many"; sizes are whole numbers, 0 or more',
    );
    expect(await messageOf(() => run({ dims: { D: 0 } }))).toBe(
      'error[LAC0910]: comptime dimension D of k cannot be 0\n  = help: kernels are compiled for sizes from 1 to 65536',
    );
  });

  test('LAC0913: more than the memory of this machine, before anything is made', async () => {
    expect(await messageOf(() => run({ dims: { N: 2 ** 50 } }))).toMatch(
      /^error\[LAC0913\]: inputs and outputs need [\d,]+ GiB of memory, and this machine has [\d.,]+ GiB\n {2}= help: the largest is /,
    );
  });

  test('a reference that returns something else than it declares', async () => {
    const returning = (value: unknown) =>
      messageOf(() => run({ reference: { ...reference, run: () => value as Record<string, Float64Array> } }));
    const start = 'error[LAC0905]: the reference of k returns ';
    expect(await returning(null)).toBe(`${start}null, not an object of outputs`);
    expect(await returning(Promise.resolve({}))).toBe(`${start}a promise, not an object of outputs`);
    expect(await returning({ y: null })).toBe(`${start}no array of numbers for y`);
    expect(await returning({ y: ['1'] })).toBe(`${start}no array of numbers for y`);
    const inputs = { x: () => null as unknown as Float64Array };
    expect(await messageOf(() => run({ reference: { ...reference, inputs } }))).toBe(
      'error[LAC0911]: the reference generates no array of numbers for x',
    );
  });

  test('LAC0911: a generator of the wrong length', async () => {
    const inputs = { x: () => new Float64Array(14) };
    expect(await messageOf(() => run({ reference: { ...reference, inputs } }))).toBe(
      'error[LAC0911]: the reference generates 14 values for x, which has 5 x 3 = 15',
    );
  });

  test('LAC0912: a scalar without a value', async () => {
    expect(await messageOf(() => run({ reference: { ...reference, scalars: {} } }))).toBe(
      'error[LAC0912]: scalar argument a has no value\n  = help: add it to `scalars` of the reference: scalars: { a: 1 }',
    );
  });

  test('LAC0915: a kernel whose source is not there', async () => {
    const handle = { site: { file: join(folder, 'gone.js'), line: 3, column: 1 }, base: null, options: {}, spec: {} };
    expect(await messageOf(() => declarationOf(handle))).toMatch(
      /^error\[LAC0915\]: no kernel is declared at DIR\/gone.js:3/,
    );
  });
});

describe('codes', () => {
  test('all have a title and an explanation; those about source have both sides', () => {
    for (const [code, info] of Object.entries(CODES)) {
      expect(info.title, code).toMatch(/^\S.{3,70}[^.]$/);
      expect(info.explain.length, code).toBeGreaterThan(30);
      if ('wrong' in info) expect('right' in info, code).toBe(true);
    }
  });
});
