import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileKernel } from '../../driver/compile.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import { targetNamed } from '../../driver/target.js';
import { tuneFileOf } from '../../driver/tuned-file.js';
import { temporaryFolder } from '../setup/temporary.js';

/** `rows` are those beside the source. */
function declared(blocks: string, rows: readonly object[] = []): KernelDecl {
  const file = join(temporaryFolder('spills'), 'k.ts');
  writeFileSync(
    file,
    `import { cdiv, col, f32, input, kernel, max, output } from 'lac';
export const rows = kernel(
  {
    args: { x: input(f32, ['M', 'K']), y: output(f32, ['M', 'K']) },
    comptime: ['K'],
    tune: { BM: [${blocks}], warps: [1] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, y }, { K, BM }, { m }) => {
    const t = x.load([m * BM, 0], [BM, K]);
    y.store([m * BM, 0], t - col(max(t, 1)));
  },
);
`,
  );
  const configurations = rows.map((row) => ({ kernel: 'rows', target: 'cuda', ...row }));
  if (rows.length > 0) writeFileSync(tuneFileOf(file), JSON.stringify({ lac: 1, configurations }));
  const { kernels, diagnostics } = new SourceProject().read(file);
  const [decl] = kernels;
  if (decl === undefined) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  return decl;
}

const target = targetNamed('sm_90');

test('what would spill is passed over while something else fits, and taken where nothing does', () => {
  if (target === null) throw new Error('sm_90 is a target');
  const compile = (blocks: string, config = {}) =>
    compileKernel(declared(blocks), { dims: { K: 128 }, target, config });
  expect(compile('256, 16').config).toEqual({ BM: 16, warps: 1 });
  const only = compile('256');
  expect([only.config, only.chosen]).toEqual([
    { BM: 256, warps: 1 },
    'the first that compiles, though its tiles spill',
  ]);
  expect(compile('256, 16', { BM: 256, warps: 1 }).config.BM).toBe(256);
});

test('a tile of a million elements in one warp is refused, though it was asked for', () => {
  if (target === null) throw new Error('sm_90 is a target');
  const compile = () => compileKernel(declared('4096'), { dims: { K: 256 }, target, config: { BM: 4096, warps: 1 } });
  expect(compile).toThrow(/LAC0503: rows holds tiles of \d{5} registers a thread/);
});

test('what was measured is taken though its registers are predicted not to suffice, up to twice as many; a guess is not', () => {
  if (target === null) throw new Error('sm_90 is a target');
  const guess = (BM: number, more = {}) => ({ config: { BM, warps: 1 }, ...more });
  const measured = (BM: number, more = {}) => guess(BM, { architecture: 'sm_90', sm: 90, ...more });
  const taken = (...rows: object[]) => {
    const { config, chosen } = compileKernel(declared('256, 64, 16', rows), { dims: { K: 128, M: 512 }, target });
    return [config.BM, chosen.replace(/ \(.*/, '')];
  };
  const untuned = [16, 'the first of its declaration that fits'];
  expect(taken()).toEqual(untuned);
  expect(taken(measured(64))).toEqual([64, 'tuned']);
  expect(taken(guess(64))).toEqual(untuned);
  expect(taken(measured(256))).toEqual(untuned);
  // Neither the same as a guess, nor a smaller guess, speaks against it.
  const elsewhere = { when: { dims: { M: { most: 256 } } } };
  expect(taken(guess(64), measured(64, elsewhere))).toEqual([64, 'tuned for other sizes, 1 doublings away']);
});
