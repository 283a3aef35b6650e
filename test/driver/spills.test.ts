import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileKernel } from '../../driver/compile.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import { targetNamed } from '../../driver/target.js';
import { temporaryFolder } from '../setup/temporary.js';

function declared(blocks: string): KernelDecl {
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
