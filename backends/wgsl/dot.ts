import type { Op, Value } from '../../compiler/ir/module.js';
import { dotLayout } from '../../compiler/layout/blocked.js';
import { type Layout, makeLayout, registerCount } from '../../compiler/layout/layout.js';
import { type AxisIndex, axisIndexOf, type Emitter, layoutOf, product, sum, tileOf } from './emitter.js';
import { isChunked, readChunk, readElement, type Staged, stage, swizzle, swizzleText, xor } from './memory.js';
import { pack, type RegTile, typeOfGroup, widthOf } from './registers.js';
import { slabsOf } from './slabs.js';
import { offsetMark } from './statement.js';

const isTransposed = (v: Value): boolean => v.def.kind === 'op' && v.def.name === 'trans' && v.layout === undefined;

/**
 * Accumulator layout of a dot on a register-blocked workgroup. Columns come in runs of four (one vec4 store, one vec4 of
 * the right operand); rows lie a thread grid apart, unless the left operand is stored with rows contiguous.
 */
export function dotAnchor(op: Op<'dot'>, threads: number): Layout {
  const [M = 1, N = 1] = tileOf(op.results[0] as Value).shape;
  const left = op.operands[0] as Value;
  const transposed = left.def.kind === 'op' && left.def.name === 'trans';
  const runN = Math.min(4, N);
  // Fewer threads than there are: the others repeat. A run of four columns keeps accesses whole vectors.
  const used = Math.max(1, Math.min(threads, (M * N) / runN));
  const block = (M * N) / used;
  const rows = block < 16 ? Math.max(1, block / runN) : 2 ** Math.floor(Math.log2(block) / 2);
  const { layout } = dotLayout({
    M,
    N,
    threads: used,
    maxRegsM: rows,
    maxRegsN: block / rows,
    runM: transposed ? 4 : 1,
    runN,
  });
  const missing = Math.log2(threads / used);
  const invocation = [...(layout.ins.invocation ?? []), ...Array.from({ length: missing }, () => 0)];
  return makeLayout(layout.shape, { ...layout.ins, invocation });
}

interface Operand {
  readonly staged: Staged;
  /** True: stored with rows and columns exchanged. */
  readonly flipped: boolean;
}

/** The value that lies in workgroup memory: a transpose is read through. */
export const sourceOf = (v: Value): Value =>
  isTransposed(v) && v.def.kind === 'op' ? (v.def.operands[0] as Value) : v;

function operandOf(e: Emitter, v: Value): Operand {
  const source = sourceOf(v);
  return { staged: e.staged.get(source) ?? stage(e, source, e.tile(source)), flipped: isTransposed(v) };
}

/** Whether the operands go through workgroup memory in slabs along k. */
export const inSlabs = (op: Op<'dot'>, slab: number): boolean => (tileOf(op.operands[0] as Value).shape[1] ?? 1) > slab;

/**
 * Multiply-adds (of a register group) in the body of a dot's loop. On an H100 4 and 32 were within 12 % of each other and
 * 128 up to 44 % slower (docs/performance.md); what is short compiles faster.
 */
const UNROLL = 8;

/** Steps in one trip of the loop: the largest power of two within the budget that divides the trips. */
function unrollOf(trips: number, perStep: number, budget: number): number {
  let unroll = 1;
  while (unroll * 2 * perStep <= budget && trips % (unroll * 2) === 0) unroll *= 2;
  return unroll;
}

/** acc += a b, both operands in workgroup memory, the accumulator in registers. */
export function emitDot(e: Emitter, op: Op<'dot'>): void {
  const result = op.results[0] as Value;
  const [x, y, init] = op.operands as [Value, Value, Value?];
  const K = tileOf(x).shape[1] ?? 1;
  if (!inSlabs(op, e.slab)) {
    const [a, b] = [operandOf(e, x), operandOf(e, y)];
    const acc = accumulator(e, result, layoutOf(result), init);
    multiply(e, layoutOf(result), a, b, acc, K);
    e.tiles.set(result, acc);
    return;
  }
  const [left, right] = [
    slabsOf(e, sourceOf(x), isTransposed(x) ? 0 : 1, e.slab),
    slabsOf(e, sourceOf(y), isTransposed(y) ? 1 : 0, e.slab),
  ];
  const a = { staged: left.staged, flipped: isTransposed(x) };
  const b = { staged: right.staged, flipped: isTransposed(y) };
  const acc = accumulator(e, result, layoutOf(result), init);
  for (let n = 0; n < K / e.slab; n++) {
    left.write(n);
    right.write(n);
    multiply(e, layoutOf(result), a, b, acc, e.slab);
  }
  e.tiles.set(result, acc);
}

function multiply(e: Emitter, layout: Layout, a: Operand, b: Operand, acc: RegTile, K: number): void {
  const wide = isChunked(a.staged) && isChunked(b.staged) && K % 4 === 0;
  const gen = new DotText(e, layout, a, b, acc);
  const step = wide ? 4 : 1;
  const body = wide ? gen.wideStep() : gen.plainStep();
  const trips = K / step;
  const unroll = unrollOf(trips, acc.groups.length * step, UNROLL);
  const copies = Array.from(
    { length: unroll },
    (_, u) => `{\nlet k = ${unroll === trips ? `${u}i` : sum('k0', u)};\n${body}\n}`,
  );
  const reads = [a.staged.buffer, b.staged.buffer];
  if (unroll === trips) e.line(copies.join('\n'), reads);
  else e.line(`for (var k0 = 0i; k0 < ${trips}i; k0 += ${unroll}i) {\n${copies.join('\n')}\n}`, reads);
}

function accumulator(e: Emitter, result: Value, layout: Layout, init: Value | undefined): RegTile {
  const registers = registerCount(layout);
  const from = init === undefined ? null : e.tile(init);
  const count = registers / widthOf(registers);
  const blank: RegTile = { dtype: 'f32', registers, groups: [], rounded: true };
  const type = typeOfGroup(blank);
  const groups = Array.from({ length: count }, (_, g) => {
    const name = e.name('acc');
    e.line(`var ${name}: ${type} = ${from === null ? `${type}()` : from.groups[g]};`);
    return name;
  });
  e.tiles.set(result, { ...blank, groups });
  return { ...blank, groups };
}

const distinct = (list: readonly number[]): number[] => [...new Set(list)];

/** Text of the inner loop: one step along k of a register block. */
class DotText {
  readonly e: Emitter;
  readonly layout: Layout;
  readonly a: Operand;
  readonly b: Operand;
  readonly acc: RegTile;
  readonly row: AxisIndex;
  readonly col: AxisIndex;

  constructor(e: Emitter, layout: Layout, a: Operand, b: Operand, acc: RegTile) {
    this.e = e;
    this.layout = layout;
    this.a = a;
    this.b = b;
    this.acc = acc;
    this.row = axisIndexOf(e, layout, 0);
    this.col = axisIndexOf(e, layout, 1);
  }

  /** Lines of an operand's chunk reads, then the text of element (position, k + j) for the positions of this thread. */
  chunks(
    o: Operand,
    alongK: boolean,
    axis: AxisIndex,
    letter: string,
  ): {
    lines: string[];
    element: (position: number, j: number) => string;
    vector: (position: number, j: number) => string | null;
  } {
    const s = o.staged;
    const chunksPerRow = s.columns / 4;
    const positions = distinct(axis.register);
    const lines: string[] = [];
    if (alongK) {
      const sw = this.e.hoisted(swizzleText(s, axis.invocation), 's');
      const line = this.e.hoisted(product(axis.invocation, chunksPerRow), 'l');
      lines.push(`let ${letter}k = ${xor('k', sw)};`);
      for (const p of positions)
        lines.push(
          `let ${letter}${p} = ${readChunk(this.e, s, sum(offsetMark(s.buffer), line, p * chunksPerRow, xor(`${letter}k`, swizzle(s, p))))};`,
        );
      return { lines, element: (p, j) => `${letter}${p}.${'xyzw'[j]}`, vector: () => null };
    }
    // Rows of the operand run along k, and runs of four positions lie in one chunk.
    const chunk = this.e.hoisted(`(${axis.invocation} >> 2u)`, 'c');
    const starts = distinct(positions.map((p) => p & ~3));
    const mask = Math.min(8, chunksPerRow) - 1;
    if (mask !== 0) lines.push(`let ${letter}s = ((k << 2u) ^ k) & ${mask}i;`);
    for (let j = 0; j < 4; j++) {
      for (const p of starts) {
        const sw = mask === 0 ? '0i' : `${letter}s`;
        const at = xor(xor(chunk, p >> 2), xor(sw, swizzle(s, j)));
        lines.push(
          `let ${letter}${p}_${j} = ${readChunk(this.e, s, sum(offsetMark(s.buffer), product('k', 4 * chunksPerRow), j * chunksPerRow, at))};`,
        );
      }
    }
    const inRuns = axis.invocation === '0i' || this.runsOfFour(axis);
    return {
      lines,
      element: (p, j) =>
        inRuns
          ? `${letter}${p & ~3}_${j}.${'xyzw'[p & 3]}`
          : `${letter}${p & ~3}_${j}[(${axis.invocation} + ${p & 3}i) & 3i]`,
      vector: (p, j) => (inRuns && (p & 3) === 0 ? `${letter}${p}_${j}` : null),
    };
  }

  /** The invocation part of the axis is a multiple of four. */
  runsOfFour(axis: AxisIndex): boolean {
    return [1, 2, 3].every((i) => axis.register.includes(i));
  }

  wideStep(): string {
    const a = this.chunks(this.a, !this.a.flipped, this.row, 'x');
    const b = this.chunks(this.b, this.b.flipped, this.col, 'y');
    const lines = [...a.lines, ...b.lines];
    const width = widthOf(this.acc.registers);
    const made = new Map<string, string>();
    const once = (expr: string): string => {
      if (/^\w+$/.test(expr)) return expr;
      const name = made.get(expr) ?? `t${made.size}`;
      if (!made.has(expr)) lines.push(`let ${name} = ${expr};`);
      made.set(expr, name);
      return name;
    };
    for (let j = 0; j < 4; j++) {
      this.acc.groups.forEach((acc, g) => {
        const registers = Array.from({ length: width }, (_, i) => g * width + i);
        const rows = registers.map((r) => this.row.register[r] ?? 0);
        const cols = registers.map((r) => this.col.register[r] ?? 0);
        const whole = width === 4 && rows.every((p) => p === rows[0]) && cols.every((p, i) => p === (cols[0] ?? 0) + i);
        const left = pack(
          'f32',
          rows.map((p) => a.element(p, j)),
        );
        const right =
          (whole ? b.vector(cols[0] ?? 0, j) : null) ??
          once(
            pack(
              'f32',
              cols.map((p) => b.element(p, j)),
            ),
          );
        lines.push(`${acc} = fma(${left}, ${right}, ${acc});`);
      });
    }
    return lines.join('\n');
  }

  /** Any memory, any extent: one k at a time, element by element. */
  plainStep(): string {
    const lines: string[] = [];
    const at = (axis: AxisIndex, p: number): string =>
      axis.disjoint ? sum(axis.invocation, p) : `(${axis.invocation} ^ ${p}i)`;
    for (const p of distinct(this.row.register))
      lines.push(
        `let a${p} = ${this.a.flipped ? readElement(this.e, this.a.staged, 'k', at(this.row, p)) : readElement(this.e, this.a.staged, at(this.row, p), 'k')};`,
      );
    for (const p of distinct(this.col.register))
      lines.push(
        `let b${p} = ${this.b.flipped ? readElement(this.e, this.b.staged, at(this.col, p), 'k') : readElement(this.e, this.b.staged, 'k', at(this.col, p))};`,
      );
    const width = widthOf(this.acc.registers);
    this.acc.groups.forEach((acc, g) => {
      const registers = Array.from({ length: width }, (_, i) => g * width + i);
      const left = pack(
        'f32',
        registers.map((r) => `a${this.row.register[r] ?? 0}`),
      );
      const right = pack(
        'f32',
        registers.map((r) => `b${this.col.register[r] ?? 0}`),
      );
      lines.push(`${acc} = fma(${left}, ${right}, ${acc});`);
    });
    return lines.join('\n');
  }
}
