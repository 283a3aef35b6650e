import { expect, test } from 'vitest';
import { emitPtx } from '../../backends/ptx/emit.js';
import { predictRegisters } from '../../backends/ptx/registers.js';
import { targetFor } from '../../backends/ptx/target.js';
import type { Kernel } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';

function parsed(text: string): Kernel {
  const { module, diagnostics } = parseModule(text);
  const [kernel] = module?.kernels ?? [];
  if (kernel === undefined) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  return kernel;
}

const copy = (warps: number): Kernel =>
  parsed(`kernel copy(%x: view<in 256x128xf32> [M, K], %y: view<out 256x128xf32> [M, K]) axes [] config {warps = ${warps}} {
  %zero = const {value = 0} : i32
  %t = load %x, %zero, %zero {pad = 0} : tile<256x128xf32>
  %m = reduce %t {op = "max", axis = 1} : tile<256xf32>
  %e = expand %m {axis = 1} : tile<256x1xf32>
  %b = broadcast %e : tile<256x128xf32>
  %d = sub %t, %b : tile<256x128xf32>
  store %y, %d, %zero, %zero
}
`);

const compile = (kernel: Kernel): string => emitPtx(kernel, { target: targetFor(90), facts: {} }).text;

test('tiles that no thread has registers for are refused, with need and limit; more warps help', () => {
  expect(() => compile(copy(1))).toThrow(
    /LAC0503: copy holds tiles of 1280 registers a thread at one time, a thread has 255/,
  );
  expect(compile(copy(8))).toContain('.entry');
});

/** As `infer-layouts` and `plan-shared` leave it: 32 elements a thread, 16-bit ones two to a register. */
const L = '@ reg[c1 c2 c4 c8 c16] lane[r1 r2 r4 r8 r16] warp[]';
const LAID_OUT = `kernel k(%x: view<in 32x32xf32> [M, K], %y: view<out 32x32xf32> [M, K], %n: i32) axes [] config {warps = 1} {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %a = load %x, %zero, %zero {pad = 0} : tile<32x32xf32> ${L}
  %h = cast %a {to = bf16} : tile<32x32xbf16> ${L}
  %r = for %zero, %n, %one, %a : tile<32x32xf32> ${L} (%i: i32, %acc: tile<32x32xf32> ${L}) {
    %b = load %x, %zero, %i {pad = 0} : tile<32x32xf32> ${L}
    %s = add %acc, %b : tile<32x32xf32> ${L}
    yield %s
  }
  %w = cast %h {to = f32} : tile<32x32xf32> ${L}
  %t = add %r, %w : tile<32x32xf32> ${L}
  store %y, %t, %zero, %zero
}
`;

test('what is made on demand is not counted, but what it is made from is, up to its last use', () => {
  // The loaded tile, read again after the loop; the carried one; the one loaded in the loop.
  expect(predictRegisters(parsed(LAID_OUT)).need).toBe(96);
});
