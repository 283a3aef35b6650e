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

/** 64 positions of two lines in a thread: a scan of pairs along them, folded over the 16 lanes. */
const S = '@ reg[p1 p2 p4 p8 p16 p32 r8] lane[c1 c2 c4 c8 r1] warp[r2 r4]';
const streamed = (fold: string, between = ''): Kernel =>
  parsed(`kernel k(%x: view<in 64x16x16xf32> [A, B, C], %y: view<out 64x16xf32> [A, B]) axes [] config {warps = 4} {
  %zero = const {value = 0} : i32
  %last = const {value = 63} : i32
  %v = smem_alloc {offset = 0} : buf<1x64x16x16xf32>
  %a = smem_read %v, %zero : tile<64x16x16xf32> ${S}
  %f, %u = scan_by %a, %a {axis = 0} : tile<64x16x16xf32> ${S}, tile<64x16x16xf32> ${S} (%f1: f32, %u1: f32, %f2: f32, %u2: f32) {
    %f12 = mul %f1, %f2 : f32
    %u12 = add %u1, %u2 : f32
    yield %f12, %u12
  }
  %h = mul %f, %u : tile<64x16x16xf32> ${S}
  ${between}
  ${fold}
  %t = slice %h, %last, %zero, %zero : tile<1x16x16xf32> @ reg[r8] lane[c1 c2 c4 c8 r1] warp[r2 r4]
}
`);
const ALONG_LANES = 'tile<64x16xf32> @ reg[r1 r2 r4 r8 r16 r32 c8] lane[0 0 0 0 c1] warp[c2 c4]';

test('of a scan that a fold takes in line by line, what the fold gives is counted', () => {
  const { need, op } = predictRegisters(
    streamed(`%s = reduce %h {op = "sum", axis = 2} : ${ALONG_LANES}
  store %y, %s, %zero, %zero`),
  );
  // Sums of 64 x 2 lines; of both results a position of each line, and what the slice takes out.
  expect([need, op?.name]).toEqual([128 + 2 * (2 + 2), 'reduce']);
});

test('a scan is held in whole where the fold is along its axis, something comes between, or another op reads all of it', () => {
  const held = (fold: string, between = ''): number => predictRegisters(streamed(fold, between)).need;
  const along = '%s = reduce %h {op = "sum", axis = 0} : tile<16x16xf32> @ reg[r8] lane[c1 c2 c4 c8 r1] warp[r2 r4]';
  const across = `%s = reduce %h {op = "sum", axis = 2} : ${ALONG_LANES}`;
  expect(held(along)).toBeGreaterThanOrEqual(256);
  expect(held(across, 'barrier {scope = "cta"}')).toBeGreaterThanOrEqual(256);
  expect(held(`${across}\n  smem_write %v, %zero, %h`)).toBeGreaterThanOrEqual(256);
});

test('a loop carries on what its initial value is another name of', () => {
  const T = '@ reg[r1 r2 r4 r8 r16] lane[c1 c2 c4 c8 c16] warp[]';
  const again = `%d = add %a, %a : tile<32x32xf32> ${L}\n  %u = trans %d : tile<32x32xf32> ${T}`;
  const kernel = (read: string): Kernel =>
    parsed(`kernel k(%x: view<in 32x32xf32> [M, K], %y: view<out 32x32xf32> [M, K], %n: i32) axes [] config {warps = 1} {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %a = load %x, %zero, %zero {pad = 0} : tile<32x32xf32> ${L}
  %t = trans %a : tile<32x32xf32> ${T}
  ${again}
  %r = for %zero, %n, %one, %t : tile<32x32xf32> ${T} (%i: i32, %acc: tile<32x32xf32> ${T}) {
    %s = add %acc, ${read} : tile<32x32xf32> ${T}
    yield %s
  }
  store %y, %r, %zero, %zero
}
`);
  expect(predictRegisters(kernel('%acc')).need).toBe(32);
  // Read in the loop too, it stays beside what is carried.
  expect(predictRegisters(kernel('%t')).need).toBe(64);
  expect(predictRegisters(kernel('%u')).need).toBe(64);
});

test('two initial values that are names of one take over its registers once', () => {
  const tile = `tile<32x32xf32> @ reg[r1 r2 r4 r8 r16] lane[c1 c2 c4 c8 c16] warp[]`;
  const kernel =
    parsed(`kernel k(%x: view<in 32x32xf32> [M, K], %y: view<out 32x32xf32> [M, K], %n: i32) axes [] config {warps = 1} {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %a = load %x, %zero, %zero {pad = 0} : tile<32x32xf32> ${L}
  %b = load %x, %zero, %one {pad = 0} : ${tile}
  %t = trans %a : ${tile}
  %u = trans %a : ${tile}
  %r, %s = for %zero, %n, %one, %t, %u : ${tile}, ${tile} (%i: i32, %p: ${tile}, %q: ${tile}) {
    %v = add %p, %b : ${tile}
    %w = sub %q, %b : ${tile}
    yield %v, %w
  }
  %o = add %r, %s : ${tile}
  store %y, %o, %zero, %zero
}
`);
  // The two that are carried, and what the loop reads.
  expect(predictRegisters(kernel).need).toBe(96);
});
