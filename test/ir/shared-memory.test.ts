import { expect, test } from 'vitest';
import { interpretKernel } from '../../compiler/interp/interpret.js';
import type { Module } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';

const TEXT = `kernel double(%x: view<in ?x4xf32> [M, K], %y: view<out ?x4xf32> [M, K]) axes [m] {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %m = program_id {axis = "m"} : i32
  %b = smem_alloc {swizzle = [16, 0, 0, 0], offset = 128} : buf<2x2x4xf32>
  smem_copy %x, %b, %one, %m, %zero {guard = [true, false]}
  smem_commit
  smem_wait {left = 0}
  barrier {scope = "cta"}
  %t = smem_read %b, %one : tile<2x4xf32> @ reg[c1 c2] lane[r1 0 0 0 0] warp[]
  %s = add %t, %t : tile<2x4xf32> @ reg[c1 c2] lane[r1 0 0 0 0] warp[]
  smem_write %b, %zero, %s
  barrier {scope = "warps", map = [1], warps = 1}
  %r = smem_read %b, %zero : tile<2x4xf32> @ reg[c1 c2] lane[r1 0 0 0 0] warp[]
  store %y, %r, %m, %zero {guard = [true, false]}
}
`;

function parsed(text: string): Module {
  const { module, diagnostics } = parseModule(text);
  if (module === null) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  return module;
}

test('ops on shared memory print, parse, verify and run', () => {
  const module = parsed(TEXT);
  expect(printModule(module)).toBe(TEXT);
  expect(verifyModule(module)).toEqual([]);
  const x = { data: Float64Array.from([1, 2, 3, 4]), dtype: 'f32', shape: [1, 4], strides: [4, 1], offset: 0 } as const;
  const y = { ...x, data: new Float64Array(4) };
  const [kernel] = module.kernels;
  if (kernel === undefined) throw new Error('no kernel');
  interpretKernel(kernel, { x, y }, { mode: 'f64', grid: { m: 1 }, dims: { M: 1, K: 4 } });
  expect([...y.data]).toEqual([2, 4, 6, 8]);
});

const messages = (text: string): string =>
  parseModule(text)
    .diagnostics.map((d) => d.message)
    .join('\n');

test.each([
  ['buf<2x4xf32>', /does not hold|must be/],
  ['buf<65x2x4xf32>', /number of slots/],
])('%s is refused where it does not fit', (type, message) => {
  expect(messages(TEXT.replace('buf<2x2x4xf32>', type))).toMatch(message);
});

test('a swizzle of no known chunk is refused', () => {
  expect(messages(TEXT.replace('[16, 0, 0, 0]', '[3, 0, 0, 0]'))).toMatch(/is no swizzle/);
});

test('an op without operands does not take the results of the next one', () => {
  const text = TEXT.replace(
    '  smem_wait {left = 0}\n',
    '  %c, %d = for %zero, %one, %one, %m, %m : i32, i32 (%i: i32, %e: i32, %f: i32) {\n    yield %e, %f\n  }\n',
  );
  expect(printModule(parsed(text))).toBe(text);
});
