import { expect, it } from 'vitest';
import { newBlock, newOp, newValue, type Value } from '../../compiler/ir/module.js';
import { tileType } from '../../compiler/ir/types.js';
import type { WarpStep } from '../../compiler/layout/mma.js';
import { balanceRows } from '../../compiler/passes/arrange-warps/balance.js';

const operand = (rows: number, columns: number): Value => newValue(tileType('bf16', [rows, columns]), newBlock([]));

function dot(rows: number, attrs: { zero_out?: number[]; zero_a?: number[] }) {
  const type = tileType('f32', [rows, rows]);
  return { op: newOp('dot', [operand(rows, rows), operand(rows, rows)], attrs, [type]), trips: 1, left: null };
}

const rowsOf = (...rows: number[]): WarpStep[] => rows.map((row) => ({ row, column: 0 }));
const after = (warps: WarpStep[], rows: number, ...dots: ReturnType<typeof dot>[]) =>
  balanceRows(warps, rows, dots).map((w) => w.row);

it('warps that share a sub-core get rows whose triangles add up to the same', () => {
  const lower = { zero_out: [1, -1, 0] };
  expect(after(rowsOf(16, 32, 0), 16, dot(64, lower))).toEqual([16, 32, 48]);
  expect(after(rowsOf(16, 32, 64), 16, dot(128, { zero_a: [1, -1, 0] }))).toEqual([16, 32, 112]);
});

it('rows stay in order where all cost the same, and where every warp has a sub-core', () => {
  expect(after(rowsOf(16, 32, 0), 16, dot(64, {}))).toEqual([16, 32, 0]);
  expect(after(rowsOf(16, 32, 64), 16, dot(128, { zero_out: [0, -1, 63] }))).toEqual([16, 32, 64]);
  expect(after(rowsOf(16, 32), 16, dot(64, { zero_out: [1, -1, 0] }))).toEqual([16, 32]);
});
