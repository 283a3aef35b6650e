import { describe, expect, it } from 'vitest';
import type { DType } from '../../compiler/ir/types.js';
import { ACCURACY, type ElementwiseOp } from '../../compiler/ops/accuracy.js';
import { faultOf, type Subject } from '../../compiler/ops/judge.js';
import { laneOp, runLanes } from '../ptx/lower/lanes.js';
import { DIRECTIONS, withHardwareErrors } from './hardware.js';
import { between, everywhere, FLOAT_FUNCTIONS, operands, roundedOperands, SPECIAL } from './samples.js';

const subject = (op: ElementwiseOp, from: DType): Subject => ({ op, from, to: 'f32', backend: 'ptx' });

/** The first few lanes out of bounds. Lanes of 16-bit floats are f32 here: what stores them rounds. */
function faults(s: Subject, columns: readonly (readonly number[])[], edit?: (ptx: string) => string): string[] {
  const lane = laneOp(
    s.op,
    columns.map(() => s.from),
    s.from,
    {},
  );
  const got = runLanes(lane, columns, edit);
  const rows = (columns[0] ?? []).map((_, i) => columns.map((c) => c[i] as number));
  return rows
    .map((x, i) => faultOf(s, x, got[i] as number))
    .filter((f) => f !== null)
    .slice(0, 5);
}

describe('float functions in PTX, on the emulator', () => {
  it.each(FLOAT_FUNCTIONS)('%s is as accurate as the table says', (op) => {
    expect(faults(subject(op, 'f32'), [operands(2000)])).toEqual([]);
  });

  it.each(FLOAT_FUNCTIONS)('%s of f16 and bf16 likewise', (op) => {
    for (const dtype of ['f16', 'bf16'] as const)
      expect(faults(subject(op, dtype), [roundedOperands(dtype, 500)])).toEqual([]);
  });

  it.each(['add', 'sub', 'mul', 'div', 'rem', 'max', 'min'] as const)('%s is as accurate as the table says', (op) => {
    const crossed = SPECIAL.flatMap((x) => SPECIAL.map((y) => [x, y] as const));
    const x = [...crossed.map(([a]) => a), ...everywhere(5, 1500), ...between(-9, 9, 6, 300)];
    const y = [...crossed.map(([, b]) => b), ...everywhere(7, 1500), ...between(-9, 9, 8, 300)];
    expect(faults(subject(op, 'f32'), [x, y])).toEqual([]);
  });

  it('stay in their bounds with approximations as wrong as the PTX ISA allows', () => {
    // Half an ulp of rounding comes on top of what is moved: a third more is granted for it.
    const granted = 4 / 3;
    for (const op of ['sigmoid', 'tanh', 'erf'] as const)
      for (const direction of DIRECTIONS) {
        const edit = (ptx: string): string => withHardwareErrors(ptx, direction);
        expect(faults({ ...subject(op, 'f32'), granted }, [operands(1000)], edit)).toEqual([]);
      }
  });

  it('are judged: an error of the least ulp more is seen', () => {
    const { ulp } = ACCURACY.log.ptx;
    const wrong = (ptx: string): string =>
      ptx.replace(/fma\.rn\.f32 (%\w+), (%\w+), 0f3F317218/i, 'fma.rn.f32 $1, $2, 0f3F31721A');
    expect(ulp).toBe(1);
    expect(faults(subject('log', 'f32'), [operands(500)], wrong)).not.toEqual([]);
  });
});
