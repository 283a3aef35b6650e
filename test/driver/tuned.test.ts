import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type Diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import { compileKernel, firstChoice } from '../../driver/compile.js';
import { keeps } from '../../driver/configurations.js';
import { isPlan, type KernelDecl, SourceProject, withOptions } from '../../driver/source.js';
import { ANY_WEBGPU, type Target, targetNamed } from '../../driver/target.js';
import { tunedFor } from '../../driver/tuned.js';
import { readTunedRows, tuneFileOf } from '../../driver/tuned-file.js';
import { ROOT, readable, repositoryFiles } from '../house/sources.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-tuned-'));
afterAll(() => rmSync(folder, { recursive: true }));
const source = join(folder, 'k.ts');
writeFileSync(
  source,
  `import { cdiv, f32, bf16, dtypes, input, kernel, output } from 'lac';
const T = dtypes('T', f32, bf16);
export const k = kernel({
  args: { x: input(T, ['N', 'D']), y: output(T, ['N', 'D']) },
  comptime: ['D'],
  options: { twice: false },
  tune: { C: [16, 32, 64, 128], warps: [1, 2, 4] },
  prune: ({ C, D }) => C * D <= 1024,
  tuneKey: ({ N }) => [N * 2],
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, y }, { C, D, twice }, { n }) => {
  const v = x.load([n * C, 0], [C, D]);
  y.store([n * C, 0], twice ? v * 2 : v);
});
`,
);
const declaration = (): KernelDecl => {
  const [decl] = new SourceProject().read(source).kernels;
  if (decl === undefined) throw new Error('no kernel');
  return decl;
};
const decl = declaration();
const sm = (name: string): Target => targetNamed(name) ?? ANY_WEBGPU;
const CUDA = sm('sm_90');

/** Files change in no time here: the stamp is set by hand. */
let stamp = 1;
function tuned(content: unknown): void {
  writeFileSync(tuneFileOf(source), typeof content === 'string' ? content : JSON.stringify(content));
  utimesSync(tuneFileOf(source), stamp, ++stamp);
}
const rows = (...list: object[]) =>
  tuned({ lac: 1, configurations: list.map((row) => ({ kernel: 'k', target: 'cuda', ...row })) });
const C = (size: number, warps = 1) => ({ config: { C: size, warps } });

interface Asked {
  readonly target?: Target;
  readonly T?: 'f32' | 'bf16';
  readonly N?: number;
  readonly D?: number;
  readonly of?: KernelDecl;
  readonly config?: Readonly<Record<string, number>>;
}
/** Block sizes of the tuned configurations, best first. */
const found = ({ target = CUDA, T = 'f32', N, D = 8, of = decl, config = {} }: Asked = {}): (number | undefined)[] => {
  const dims = N === undefined ? { D } : { D, N };
  return tunedFor(of, { target, dtypes: { T }, dims, config }).choices.map((c) => c.config.C);
};
/** What is said of a file that cannot be read. */
function refusal(of = source): Diagnostic | undefined {
  try {
    readTunedRows(of);
    return undefined;
  } catch (error) {
    if (error instanceof LacError) return error.diagnostics[0];
    throw error;
  }
}
const stale = (): string[] =>
  tunedFor(decl, { target: CUDA, dtypes: { T: 'f32' }, dims: { D: 8 }, config: {} }).stale.map(
    (d) => `${d.code} ${d.severity}: ${d.message}`,
  );

beforeEach(() => rows());

describe('which row is taken', () => {
  test('rows of other kernels, targets and newer GPUs are not', () => {
    rows({ ...C(16), kernel: 'other' }, { ...C(32), target: 'webgpu' }, { ...C(64), sm: 100 }, { ...C(128), sm: 80 });
    expect(found()).toEqual([128]);
    expect(found({ target: ANY_WEBGPU })).toEqual([32]);
    expect(found({ target: { kind: 'interpret' } })).toEqual([]);
  });

  test('of rows that fit equally the newest generation comes first, then the order of the file', () => {
    rows(C(16), { ...C(32), sm: 80 }, { ...C(64), sm: 90 }, { ...C(128), sm: 80 });
    expect(found()).toEqual([64, 32, 128, 16]);
    expect(found({ target: sm('sm_80') })).toEqual([32, 128, 16]);
  });

  test('dtypes, options and comptime sizes must hold', () => {
    rows(
      { ...C(16), when: { dtypes: { T: 'bf16' } } },
      { ...C(32), when: { dtypes: { T: ['f32', 'bf16'] }, dims: { D: { least: 4, most: 8 } } } },
      { ...C(64), when: { options: { twice: true } } },
      { ...C(128), when: { dims: { D: 9 } } },
    );
    expect(found()).toEqual([32]);
    expect(found({ T: 'bf16' })).toEqual([16, 32]);
    expect(found({ D: 9 })).toEqual([128]);
    expect(found({ D: 100 })).toEqual([]);
    expect(found({ of: withOptions(decl, { twice: true }) })).toEqual([32, 64]);
  });

  test('of other sizes the nearest is taken, up to three doublings away', () => {
    rows(
      { ...C(16), when: { dims: { N: { most: 100 } } } },
      { ...C(32), when: { dims: { N: { least: 400, most: 1000 } } } },
      { ...C(64), when: { dims: { N: { least: 64_000 } } } },
    );
    expect(found({ N: 40 })).toEqual([16]);
    expect(found({ N: 400 })[0]).toBe(32);
    expect(found({ N: 150 })).toEqual([16, 32]);
    expect(found({ N: 300 })).toEqual([32, 16]);
    expect(found({ N: 8000 })).toEqual([32, 64]);
    expect(found({ N: 8001 })).toEqual([64]);
    expect(found({ N: 0 })).toEqual([16]);
    expect(found()).toEqual([16, 32, 64]);
  });

  test('ranges of the tune key are sizes too', () => {
    // Expressions that are lists themselves were taken apart once.
    expect(decl.tuneKey).toEqual([['*', 'N', 2]]);
    rows({ ...C(16), when: { key: [{ most: 100 }] } }, { ...C(32), when: { key: [{ least: 101 }] } });
    expect(found({ N: 50 })).toEqual([16, 32]);
    expect(found({ N: 51 })).toEqual([32, 16]);
  });

  test('a plan in another file that runs the kernel with options finds the rows beside the kernel', () => {
    const other = join(folder, 'other.ts');
    writeFileSync(
      other,
      `import { dtypes, f32, input, output, plan } from 'lac';
import { k } from './k.js';
export const again = plan(
  { args: { x: input(f32, ['N', 'D']), y: output(f32, ['N', 'D']) } },
  ({ x, y }, _sizes, run) => { run(k.with({ twice: true }), { x, y }); },
);
`,
    );
    rows({ when: { options: { twice: true } }, ...C(64) });
    const [step] = new SourceProject().read(other).plans[0]?.runs ?? [];
    if (step === undefined || isPlan(step.kernel)) throw new Error('no kernel');
    expect([step.kernel.span.file, step.kernel.declaredIn]).toEqual([other, source]);
    const choices = tunedFor(step.kernel, { target: CUDA, dtypes: { T: 'f32' }, dims: { D: 8 }, config: {} }).choices;
    expect(choices.map((c) => c.config)).toEqual([{ C: 64, warps: 1 }]);
  });

  test('knobs that are given are kept', () => {
    rows(C(16), C(32, 2));
    expect(found({ config: { warps: 2 } })).toEqual([32]);
    expect(found({ config: { C: 64 } })).toEqual([]);
  });
});

describe('the configuration that is compiled', () => {
  const compile = (config = {}, target = CUDA) =>
    compileKernel(decl, { target, dtypes: { T: 'f32' }, dims: { D: 32 }, config });

  test('the tuned one, past prune; without one, the first of the declaration', () => {
    rows({ ...C(128, 4), when: { dims: { D: 32 } } });
    expect(compile()).toMatchObject({ config: { C: 128, warps: 4 }, chosen: 'tuned (k.tune.json, row 1)' });
    expect(compile({ warps: 2 })).toMatchObject({ config: { C: 16, warps: 2 } });
    expect(compile({}, ANY_WEBGPU)).toMatchObject({
      config: { C: 16, warps: 1 },
      chosen: 'the first of its declaration that fits',
    });
    expect(compile({ C: 32, warps: 1 }).chosen).toBe('as asked for');
    expect(firstChoice(decl, { target: CUDA, dims: { D: 32 } })?.config).toEqual({ C: 128, warps: 4 });
  });

  test('one that does not fit the device is passed over, and said', () => {
    const small: Target = { kind: 'webgpu', limits: { ...limits(ANY_WEBGPU), invocations: 64 } };
    rows({ ...C(128, 4), target: 'webgpu' }, { ...C(64, 2), target: 'webgpu' });
    const { config, refused } = compile({}, small);
    expect(config).toEqual({ C: 64, warps: 2 });
    expect(refused.map((r) => r.config)).toEqual([{ C: 128, warps: 4 }]);
  });

  test('for other sizes it says how far away', () => {
    rows({ ...C(32, 4), when: { dims: { N: { least: 1000 } } } });
    const { chosen } = compileKernel(decl, { target: CUDA, dims: { D: 8, N: 500 } });
    expect(chosen).toBe('tuned for other sizes, 1 doublings away (k.tune.json, row 1)');
  });
});

const limits = (target: Target) => {
  if (target.kind !== 'webgpu') throw new Error('no WebGPU target');
  return target.limits;
};

describe('LAC0917: rows that the kernel has outgrown', () => {
  test.each([
    [{ C: 16 }, {}, 'gives no value to the knob warps'],
    [{ C: 48, warps: 1 }, {}, 'has C = 48, which is not in the tune space (16, 32, 64, 128)'],
    [{ C: 16, warps: 1, G: 2 }, {}, 'names the knob G, which does not exist'],
    [{ C: 16, warps: 1 }, { dims: { M: 4 } }, 'names the dimension M, which does not exist'],
    [{ C: 16, warps: 1 }, { dtypes: { U: 'f32' } }, 'names the dtype parameter U, which does not exist'],
    [{ C: 16, warps: 1 }, { options: { causal: true } }, 'names the option causal, which does not exist'],
    [{ C: 16, warps: 1 }, { key: [1, 2] }, 'has 2 ranges for a tuneKey of 1'],
  ])('%j %j', (config, when, why) => {
    rows({ config, when }, C(32));
    expect(stale()).toEqual([`LAC0917 warning: k.tune.json, row 1 for k is out of date: it ${why}`]);
    expect(found()).toEqual([32]);
  });

  test('the warning comes with what is compiled', () => {
    rows({ config: { C: 48, warps: 1 } });
    const { diagnostics, config } = compileKernel(decl, { target: CUDA, dims: { D: 8 } });
    expect(diagnostics.map((d) => d.code)).toEqual(['LAC0917']);
    expect(config).toEqual({ C: 16, warps: 1 });
  });
});

describe('LAC0916: files that say something else', () => {
  const row = { kernel: 'k', target: 'cuda', config: {} };
  test.each([
    ['{', /k\.tune\.json is no JSON/],
    ['{\n  "lac": 1\n  "configurations": []\n}', /is no JSON: .* at position 15 \(line 3 column 3\)$/],
    ['[]', /k\.tune\.json is no object/],
    [{ lac: 2, configurations: [] }, /lac of .*k\.tune\.json is 2, and no whole number from 1 to 1/],
    [{ lac: 1 }, /has no "configurations"/],
    [{ lac: 1, configurations: {} }, /configurations of .* is no list/],
    [{ lac: 1, configurations: [row, { ...row, target: 'metal' }] }, /configurations\[1\]\.target of .* is "metal"/],
    [{ lac: 1, configurations: [{ ...row, config: { C: 1.5 } }] }, /configurations\[0\]\.config\.C of .* is 1\.5/],
    [{ lac: 1, configurations: [{ ...row, wen: {} }] }, /configurations\[0\] of .* has "wen"/],
    [{ lac: 1, configurations: [{ ...row, when: { dtypes: { T: 'f64' } } }] }, /dtypes\.T of .* is "f64"/],
    [{ lac: 1, configurations: [{ ...row, when: { dims: { N: { from: 1 } } } }] }, /dims\.N of .* has "from"/],
    [{ lac: 1, configurations: [{ ...row, when: { options: { twice: null } } }] }, /is no value of an option/],
    [{ lac: 1, configurations: [{ ...row, target: 'webgpu', sm: 80 }] }, /sm of .* is for the target cuda/],
  ])('%j', (content, message) => {
    tuned(content);
    const codes: string[] = [];
    try {
      readTunedRows(source);
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      codes.push(...error.diagnostics.map((d) => d.code));
      expect(error.message).toMatch(message);
    }
    expect(codes).toEqual(['LAC0916']);
  });

  test('what git left in it is named, and links that lead nowhere', () => {
    tuned('{\n<<<<<<< ours\n"lac": 1\n=======\n>>>>>>> theirs\n}');
    expect(refusal()).toMatchObject({
      code: 'LAC0916',
      help: [{ text: 'git could not merge it: line 2 begins what two sides say' }],
    });
    const link = join(folder, 'link.tune.json');
    symlinkSync(link, link);
    expect(refusal(join(folder, 'link.ts'))?.message).toBe(`cannot read ${link}: symbolic links that lead nowhere`);
  });

  test('a byte order mark is none', () => {
    tuned(`\uFEFF${JSON.stringify({ lac: 1, configurations: [{ ...row, kernel: 'k', ...C(64) }] })}`);
    expect(found()).toEqual([64]);
  });

  test('a file that is too large, and one that changed since it was read', () => {
    rows(C(16));
    expect(found()).toEqual([16]);
    rows(C(32));
    expect(found()).toEqual([32]);
    tuned(`{"lac":1,"note":"${'x'.repeat(2 ** 20)}","configurations":[]}`);
    expect(() => found()).toThrow(/LAC0916/);
  });
});

describe('the files of this repository', () => {
  const files = repositoryFiles().filter((path) => path.endsWith('.tune.json'));

  test.each(files)('%s is up to date with its kernels', (path) => {
    const sourcePath = `${ROOT}${path.replace(/\.tune\.json$/, '.ts')}`;
    const { kernels, unexported, plans } = new SourceProject().read(sourcePath);
    const known = [...kernels, ...unexported, ...plans].map((k) => k.name);
    expect(readTunedRows(sourcePath).filter((row) => !known.includes(row.kernel))).toEqual([]);
    for (const kernel of [...kernels, ...unexported]) {
      const dims = Object.fromEntries(kernel.comptime.map((name) => [name, 64]));
      expect(tunedFor(kernel, { target: CUDA, dtypes: {}, dims, config: {} }).stale).toEqual([]);
    }
    expect(readable(path)).not.toBe(null);
  });

  test.each([
    ['decay-gradient', 'lightningBwdSlopeParts'],
    ['packed-backward', 'lightningPackedBwdSlopeParts'],
  ])('of %s, %s takes only columns whose parts there is room for', (file, name) => {
    const { kernels } = new SourceProject().read(`${ROOT}kernels/lightning/${file}.ts`);
    const of = kernels.find((k) => k.name === name) as KernelDecl;
    const [E, D] = [64, 64];
    for (const P of [1, 2, 8]) {
      const kept = [8, 16, 32, 64].filter((BE) => keeps(of, { C: 16, BE, warps: 4, stages: 2 }, { D, E, P }));
      expect(kept).toEqual([8, 16, 32, 64].filter((BE) => Math.ceil(E / BE) <= P));
      const at = {
        target: CUDA,
        dtypes: { T: 'bf16' },
        dims: { D, E, P, N: 64, B: 1, H: 4, HK: 4, S: 1, S1: 2 },
      } as const;
      expect(E / (firstChoice(of, at)?.config.BE ?? 0)).toBeLessThanOrEqual(P);
    }
  });

  test.each(files)('`prune` rejects no row of %s at the largest sizes that it names', (path) => {
    const sourcePath = `${ROOT}${path.replace(/\.tune\.json$/, '.ts')}`;
    const { kernels, unexported, plans } = new SourceProject().read(sourcePath);
    const rejected = readTunedRows(sourcePath).filter(({ kernel, config, when }) => {
      const of = [...kernels, ...unexported, ...plans].find((k) => k.name === kernel);
      const dims = Object.fromEntries(
        Object.entries(when.dims).flatMap(([name, { most }]) => (most === undefined ? [] : [[name, most]])),
      );
      return of !== undefined && !keeps(of, config, dims);
    });
    expect(rejected.map(({ name, config }) => ({ name, config }))).toEqual([]);
  });
});
