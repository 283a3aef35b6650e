import { expect, it } from 'vitest';
import { runLaidOut } from './laid-out.js';

/** One row of A times B, added up over two trips: the rows of the instruction that the tile lacks are copies of the first. */
const rowTimesMatrix = (dtype: 'f32' | 'bf16', a: string, b: string, instr: string) => `
kernel k(%x: view<in 1x16x${dtype}> [O, K], %w: view<in 16x8x${dtype}> [K, N], %y: view<out 1x8xf32> [O, N]) axes [] {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %two = const {value = 2} : i32
  %none = const {value = 0} : tile<1x8xf32> @ reg[c1 0] lane[c2 c4 0 0 0] warp[]
  %l = load %x, %zero, %zero {pad = 0} : tile<1x16x${dtype}> @ ${a} warp[]
  %r = load %w, %zero, %zero {pad = 0} : tile<16x8x${dtype}> @ ${b} warp[]
  %sum = for %zero, %two, %one, %none : tile<1x8xf32> @ reg[c1 0] lane[c2 c4 0 0 0] warp[] (%i: i32, %c: tile<1x8xf32> @ reg[c1 0] lane[c2 c4 0 0 0] warp[]) {
    %d = dot %l, %r, %c {instr = "${instr}"} : tile<1x8xf32> @ reg[c1 0] lane[c2 c4 0 0 0] warp[]
    yield %d
  }
  store %y, %sum, %zero, %zero
}
`;

it.each([
  ['f32', 'reg[0 c1 c8] lane[c2 c4 0 0 0]', 'reg[r1 r8] lane[r2 r4 c1 c2 c4]', 'm16n8k8'],
  ['bf16', 'reg[c1 0 c8] lane[c2 c4 0 0 0]', 'reg[r1 r8] lane[r2 r4 c1 c2 c4]', 'm16n8k16'],
] as const)('a product of one row is added once, though two registers hold it: %s', (dtype, a, b, instr) => {
  const { got, want } = runLaidOut({
    text: rowTimesMatrix(dtype, a, b, instr),
    warps: 1,
    tensors: {
      x: { shape: [1, 16], value: (i) => (i % 5) - 2 },
      w: { shape: [16, 8], value: (i) => (i % 7) - 3 },
      y: { shape: [1, 8] },
    },
  });
  expect(got.y?.subarray(0, 8)).toEqual(want.y?.subarray(0, 8));
});
