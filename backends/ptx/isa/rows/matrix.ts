import { type InstructionRow, row, rows, suffixed } from '../signature.js';

const R2 = ['b32', 'b32'] as const;
const R4 = ['b32', 'b32', 'b32', 'b32'] as const;
const F4 = ['f32', 'f32', 'f32', 'f32'] as const;

const load = 'Matrices of 8 rows of 16 bytes from shared memory; lanes 8i .. 8i+7 address the rows of matrix i.';
const store = 'The inverse of ldmatrix.';
const HOPPER = { sm: 90, ptx: [7, 8] } as const;

/** `.x2`, `.x2.trans` ... of ldmatrix and stmatrix. */
const form = <const Op extends string, const N extends string>(op: Op, n: N) =>
  [`${op}.sync.aligned.m8n8.${n}.shared.b16`, `${op}.sync.aligned.m8n8.${n}.trans.shared.b16`] as const;

const product = 'd = a b + c by the whole warp: fragments of a, b and c, sums in';

/** Matrix fragments (PTX ISA 9.7.14 "mma", "ldmatrix", "stmatrix", "movmatrix"; fragment layouts in 9.7.14.5). */
export const MATRIX = {
  ...rows(form('ldmatrix', 'x1'), row(['fragment'], ['shared'], load)),
  ...rows(form('ldmatrix', 'x2'), row(R2, ['shared'], load)),
  ...rows(form('ldmatrix', 'x4'), row(R4, ['shared'], load)),
  ...rows(form('stmatrix', 'x1'), row([], ['shared', 'fragment'], store, HOPPER)),
  ...rows(form('stmatrix', 'x2'), row([], ['shared', 'b32x2'], store, HOPPER)),
  ...rows(form('stmatrix', 'x4'), row([], ['shared', 'b32x4'], store, HOPPER)),
  'movmatrix.sync.aligned.m8n8.trans.b16': row(['f16x2'], ['f16x2'], 'Transposes an 8x8 matrix across the warp.', {
    ptx: [7, 8],
  }),

  ...rows(
    suffixed(['mma.sync.aligned.m16n8k16.row.col.f32'], ['f16.f16.f32', 'bf16.bf16.f32']),
    row(F4, ['b32x4', 'b32x2', 'b32x4'], `${product} f32.`),
  ),
  ...rows(
    suffixed(['mma.sync.aligned.m16n8k8.row.col.f32'], ['f16.f16.f32', 'bf16.bf16.f32']),
    row(F4, ['b32x2', 'fragment', 'b32x4'], `${product} f32.`),
  ),
  'mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32': row(F4, ['b32x4', 'b32x2', 'b32x4'], `${product} f32.`),
  'mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32': row(F4, ['b32x2', 'fragment', 'b32x4'], `${product} f32.`),
  'mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16': row(R2, ['b32x4', 'b32x2', 'b32x2'], `${product} f16.`),
} as const satisfies Record<string, InstructionRow>;
