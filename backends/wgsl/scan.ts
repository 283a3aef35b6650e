import type { Op, Value } from '../../compiler/ir/module.js';
import { is16Bit } from '../../compiler/ir/types.js';
import { type Emitter, layoutOf, product, sum, tileOf } from './emitter.js';
import { fromWord, stagedFor, toWord, unstage, writeStaged } from './memory.js';
import { laneType } from './registers.js';
import { type Buffer, offsetMark } from './statement.js';

/**
 * Inclusive sum along an axis, in workgroup memory. An extent n is cut into chunks of about sqrt(n): first each invocation
 * scans chunks of its own in place, then the totals before each chunk are summed, then every element takes those of its own.
 */
export function emitScan(e: Emitter, op: Op<'scan'>): void {
  const source = op.operands[0] as Value;
  const result = op.results[0] as Value;
  const layout = layoutOf(source);
  const { shape, dtype } = tileOf(source);
  const n = shape[op.attrs.axis] ?? 1;
  const inner = shape.slice(op.attrs.axis + 1).reduce((m, x) => m * x, 1);
  const lines = shape.reduce((m, x) => m * x, 1) / n;
  const s = stagedFor(e, shape, dtype, false);
  writeStaged(e, s, layout, e.rounded(e.tile(source)));

  const chunk = Math.min(n, 2 ** Math.ceil(Math.log2(n) / 2));
  const chunks = n / chunk;
  const lane = laneType(dtype);
  const reverse = op.attrs.reverse === true;
  // Element t of a line, counted from where the scan starts.
  const at = (b: Buffer, line: string, t: string): string => {
    const position = reverse ? `(${n - 1}i - ${t})` : t;
    return sum(
      offsetMark(b),
      product(`(${line} / ${inner}i)`, n * inner),
      inner === 1 ? '0i' : `(${line} % ${inner}i)`,
      product(position, inner),
    );
  };
  const [i, t, x, first] = [e.name('n'), e.name('t'), e.name('x'), e.name('t')];
  const own = `mem1[${at(s.buffer, `(${i} / ${chunks}i)`, `(${first} + ${t})`)}]`;
  e.line(
    `for (var ${i} = i32(inv); ${i} < ${lines * chunks}i; ${i} += ${e.threads}i) {
let ${first} = (${i} % ${chunks}i) * ${chunk}i;
var ${x}: ${lane} = ${lane}();
for (var ${t} = 0i; ${t} < ${chunk}i; ${t}++) {
${x} = ${x} + ${fromWord(own, dtype)};
${own} = ${toWord(x, dtype)};
}
}`,
    [s.buffer],
    [s.buffer],
  );
  if (chunks > 1) {
    // What stands before each chunk, in memory of its own: the totals are overwritten in the next step.
    const before = e.buffer('word', lines * chunks);
    const [c, k, y, j, pos] = [e.name('n'), e.name('c'), e.name('y'), e.name('n'), e.name('t')];
    const lastOf = (line: string, of: string): string =>
      `mem1[${at(s.buffer, line, `(${of} * ${chunk}i + ${chunk - 1}i)`)}]`;
    const beforeAt = (index: string): string => `mem1[${sum(offsetMark(before), index)}]`;
    e.line(
      `for (var ${c} = i32(inv); ${c} < ${lines * chunks}i; ${c} += ${e.threads}i) {
var ${y}: ${lane} = ${lane}();
for (var ${k} = 0i; ${k} < ${c} % ${chunks}i; ${k}++) {
${y} = ${y} + ${fromWord(lastOf(`(${c} / ${chunks}i)`, k), dtype)};
}
${beforeAt(c)} = ${toWord(y, dtype)};
}`,
      [s.buffer],
      [before],
    );
    const element = `mem1[${at(s.buffer, `(${j} / ${n}i)`, pos)}]`;
    const carried = fromWord(beforeAt(`(${j} / ${n}i * ${chunks}i + ${pos} / ${chunk}i)`), dtype);
    e.line(
      `for (var ${j} = i32(inv); ${j} < ${lines * n}i; ${j} += ${e.threads}i) {
let ${pos} = ${j} % ${n}i;
${element} = ${toWord(`${fromWord(element, dtype)} + ${carried}`, dtype)};
}`,
      [s.buffer, before],
      [s.buffer],
    );
  }
  // Sums of a 16-bit dtype are f32 until they are rounded, in registers: readers of memory would get too many digits.
  if (!is16Bit(dtype)) e.staged.set(result, s);
  unstage(e, s, result, !is16Bit(dtype));
}
