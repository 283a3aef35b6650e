import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { is16Bit, sizeOf } from '../../compiler/ir/types.js';
import { planMemory } from '../../compiler/layout/allocate.js';
import { freeBits, storedRegisters } from '../../compiler/layout/holders.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import { holdsRunsOfFour } from '../../compiler/layout/shape.js';
import { axisIndexOf, type Emitter, layoutOf, product, sum, tileOf } from './emitter.js';
import { component, laneType, pack, type RegTile, vectorType, widthOf } from './registers.js';
import { type Buffer, MEMORIES, type MemoryKind, offsetMark, type Statement } from './statement.js';

/**
 * A tile in workgroup memory, row-major as rows x columns (the last axis). In `vec4` memory a row is a line of 16-byte
 * chunks, and chunk c of row r lies at c XOR swizzle(r): then eight neighbouring rows, or eight rows four apart, hit
 * different banks when invocations read one column of chunks.
 */
export interface Staged {
  readonly buffer: Buffer;
  readonly dtype: DType;
  readonly rows: number;
  readonly columns: number;
}

const chunksOf = (s: Staged): number => s.columns / 4;

const MEMORY_KINDS = Object.keys(MEMORIES) as MemoryKind[];

/** Four elements of a row side by side make one array element. */
export const isChunked = (s: Staged): boolean => s.buffer.memory !== 'word';

/** Four elements as f32, from a chunk. */
export const readChunk = (e: Emitter, s: Staged, at: string): string =>
  s.buffer.memory === 'vec4' ? `mem4[${at}]` : `${e.use(`lac_${s.dtype}_four`)}(mem2[${at}])`;

/** A statement that writes four elements, already rounded to the dtype. */
const writeChunk = (e: Emitter, s: Staged, at: string, value: string): string =>
  s.buffer.memory === 'vec4' ? `mem4[${at}] = ${value};` : `mem2[${at}] = ${e.use(`lac_${s.dtype}_pack`)}(${value});`;

/** Linear over GF(2) in r, so it can be applied to the parts of a row index one by one. */
export const swizzle = (s: Staged, row: number): number => (row ^ (row >> 2)) & (Math.min(8, chunksOf(s)) - 1);

/** The swizzle of a row that is known at run time only, as an i32 expression. */
export function swizzleText(s: Staged, row: string): string {
  const mask = Math.min(8, chunksOf(s)) - 1;
  return mask === 0 || row === '0i' ? '0i' : `((${row} ^ (${row} >> 2u)) & ${mask}i)`;
}

const xor = (a: string, b: string | number): string =>
  b === 0 || b === '0i'
    ? a
    : a === '0i'
      ? typeof b === 'number'
        ? `${b}i`
        : b
      : `(${a} ^ ${typeof b === 'number' ? `${b}i` : b})`;

/** Index of a chunk in the vec4 array. `row` = rowInv + rowReg, `chunk` = chunkInv XOR chunkReg (bit-disjoint parts). */
function chunkIndex(s: Staged, row: { text: string; constant: number }, chunk: string, sw: string): string {
  const line = product(sum(row.text, row.constant), chunksOf(s));
  return sum(offsetMark(s.buffer), line, xor(xor(chunk, sw), swizzle(s, row.constant)));
}

export { xor };

/** Element (row, column) as a scalar of its lane type; any indices, no alignment. */
export function readElement(e: Emitter, s: Staged, row: string, column: string): string {
  if (isChunked(s)) {
    const chunk = `((${column}) >> 2u)`;
    const at = sum(offsetMark(s.buffer), product(row, chunksOf(s)), xor(chunk, swizzleText(s, row)));
    if (s.buffer.memory === 'vec4') return `mem4[${at}][(${column}) & 3i]`;
    return `${e.use(`lac_${s.dtype}_at`)}(mem2[${at}][((${column}) >> 1u) & 1i], (${column}) & 1i)`;
  }
  return fromWord(`mem1[${sum(offsetMark(s.buffer), product(row, s.columns), column)}]`, s.dtype);
}

export function fromWord(word: string, d: DType): string {
  const lane = laneType(d);
  return lane === 'u32' ? word : lane === 'bool' ? `(${word} != 0u)` : `bitcast<${lane}>(${word})`;
}

export function toWord(value: string, d: DType): string {
  const lane = laneType(d);
  return lane === 'u32' ? value : lane === 'bool' ? `select(0u, 1u, ${value})` : `bitcast<u32>(${value})`;
}

const columnsOf = (shape: readonly number[]): number => shape[shape.length - 1] ?? 1;

/** A place for a tile of this shape; vec4 memory only if all its writers hold runs of four. */
export function stagedFor(e: Emitter, shape: readonly number[], dtype: DType, wide: boolean): Staged {
  const columns = columnsOf(shape);
  const rows = sizeOf(shape) / columns;
  const vec4 = wide && laneType(dtype) === 'f32' && columns >= 4;
  const memory: MemoryKind = !vec4 ? 'word' : is16Bit(dtype) && e.packed ? 'half4' : 'vec4';
  const buffer = e.buffer(memory, vec4 ? (rows * columns) / 4 : rows * columns);
  return { buffer, dtype, rows, columns };
}

/** The tile as rows x columns: layouts see the flat index, which does not change. */
const asMatrix = (l: Layout): Layout => {
  const columns = columnsOf(l.shape);
  return { shape: [l.shape.reduce((n, x) => n * x, 1) / columns, columns], ins: l.ins };
};

/** Text that only one holder of each element runs. */
export function elected(e: Emitter, l: Layout, body: string): string {
  const mask = freeBits(l).invocation;
  if (mask === 0) return body;
  const holder = e.hoisted(`(inv & ${mask}u) == 0u`, 'h');
  return `if (${holder}) {\n${body}\n}`;
}

/** Writes a tile to workgroup memory, once for all its readers. */
export function stage(e: Emitter, v: Value, tile: RegTile): Staged {
  const l = layoutOf(v);
  const s = stagedFor(e, l.shape, tile.dtype, holdsRunsOfFour(l));
  writeStaged(e, s, l, e.rounded(tile));
  e.staged.set(v, s);
  return s;
}

export function writeStaged(e: Emitter, s: Staged, layout: Layout, tile: RegTile): void {
  const l = asMatrix(layout);
  e.line(elected(e, l, writesOf(e, s, l, storedGroups(s, l), tile)), [], [s.buffer]);
}

/** The first register of each group that is written at once, without those that repeat others. */
export function storedGroups(s: Staged, l: Layout): number[] {
  const step = isChunked(s) ? 4 : 1;
  return storedRegisters(l).filter((r) => r % step === 0);
}

/** Statements that write groups of registers where `l` puts them. */
export function writesOf(e: Emitter, s: Staged, l: Layout, groups: readonly number[], tile: RegTile): string {
  const [row, col] = [axisIndexOf(e, l, 0), axisIndexOf(e, l, 1)];
  if (!isChunked(s))
    return groups
      .map((r) => {
        const at = sum(offsetMark(s.buffer), product(combine(row, r), s.columns), combine(col, r));
        return `mem1[${at}] = ${toWord(component(tile, r), s.dtype)};`;
      })
      .join('\n');
  const sw = e.hoisted(swizzleText(s, row.invocation), 's');
  const chunk = e.hoisted(`(${col.invocation} >> 2u)`, 'c');
  return groups
    .map((r) => {
      const at = chunkIndex(
        s,
        { text: row.invocation, constant: row.register[r] ?? 0 },
        xor(chunk, (col.register[r] ?? 0) >> 2),
        sw,
      );
      return writeChunk(e, s, at, tile.groups[r / 4] ?? '');
    })
    .join('\n');
}

const combine = (a: ReturnType<typeof axisIndexOf>, r: number): string =>
  a.disjoint ? sum(a.invocation, a.register[r] ?? 0) : `(${a.invocation} ^ ${a.register[r] ?? 0}i)`;

/** Reads a staged tile in a layout: one expression a register group. */
function readStaged(e: Emitter, s: Staged, layout: Layout): string[] {
  const l = asMatrix(layout);
  const [row, col] = [axisIndexOf(e, l, 0), axisIndexOf(e, l, 1)];
  const width = widthOf(registerCount(l));
  const wide = isChunked(s) && holdsRunsOfFour(l);
  const out: string[] = [];
  for (let r = 0; r < registerCount(l); r += width) {
    if (wide) {
      const sw = e.hoisted(swizzleText(s, row.invocation), 's');
      const chunk = e.hoisted(`(${col.invocation} >> 2u)`, 'c');
      const at = chunkIndex(
        s,
        { text: row.invocation, constant: row.register[r] ?? 0 },
        xor(chunk, (col.register[r] ?? 0) >> 2),
        sw,
      );
      out.push(readChunk(e, s, at));
    } else {
      const parts = Array.from({ length: width }, (_, i) =>
        readElement(e, s, combine(row, r + i), combine(col, r + i)),
      );
      out.push(pack(laneType(s.dtype), parts));
    }
  }
  return out;
}

/** Loads a staged tile into registers of `v`. `rounded`: what lies in memory has been rounded to the dtype. */
export function unstage(e: Emitter, s: Staged, v: Value, rounded = true): void {
  const l = layoutOf(v);
  const type = vectorType(laneType(s.dtype), widthOf(registerCount(l)));
  const groups = readStaged(e, s, l).map((x) => {
    const name = e.name();
    e.line(`let ${name}: ${type} = ${x};`, [s.buffer]);
    return name;
  });
  e.tiles.set(v, { dtype: tileOf(v).dtype, registers: registerCount(l), groups, rounded });
}

export interface MemoryPlan {
  readonly offsets: ReadonlyMap<number, number>;
  /** Elements of each array. */
  readonly sizes: Readonly<Record<MemoryKind, number>>;
  readonly overlap: (a: Buffer, b: Buffer) => boolean;
}

interface Lifetime {
  start: number;
  end: number;
}

/** Offsets for all buffers, by the times between first write and last use on the line of statements. */
export function planBuffers(list: readonly Statement[], buffers: readonly Buffer[]): MemoryPlan {
  const lives = lifetimes(list);
  const offsets = new Map<number, number>();
  const total = { vec4: 0, half4: 0, word: 0 };
  for (const memory of MEMORY_KINDS) {
    const mine = buffers.filter((b) => b.memory === memory && lives.has(b));
    const plan = planMemory(
      mine.map((b) => {
        const life = lives.get(b) as Lifetime;
        return { id: b.id, bytes: b.size, align: 1, start: life.start, end: life.end };
      }),
      Number.MAX_SAFE_INTEGER,
    );
    mine.forEach((b, i) => {
      offsets.set(b.id, plan.offsets[i] ?? 0);
    });
    total[memory] = plan.total;
  }
  const overlap = (a: Buffer, b: Buffer): boolean => {
    const [x, y] = [offsets.get(a.id) ?? 0, offsets.get(b.id) ?? 0];
    return offsets.has(a.id) && a.memory === b.memory && x < y + b.size && y < x + a.size;
  };
  return { offsets, sizes: total, overlap };
}

/** A buffer written before a loop and read in it lives to the loop's end: the next trip reads it again. */
function lifetimes(list: readonly Statement[]): Map<Buffer, Lifetime> {
  const lives = new Map<Buffer, Lifetime>();
  let now = 0;
  const visit = (block: readonly Statement[], loops: readonly { start: number; touched: Set<Buffer> }[]): void => {
    for (const s of block) {
      now++;
      if (s.kind === 'text') {
        for (const b of [...s.reads, ...s.writes]) {
          const life = lives.get(b);
          if (life === undefined) lives.set(b, { start: now, end: now });
          else life.end = now;
          for (const l of loops) l.touched.add(b);
        }
      } else if (s.kind === 'loop') {
        const loop = { start: now, touched: new Set<Buffer>() };
        visit([...s.test, ...s.body], [...loops, loop]);
        now++;
        for (const b of loop.touched) {
          const life = lives.get(b);
          if (life !== undefined && life.start < loop.start) life.end = Math.max(life.end, now);
        }
      } else {
        visit(s.yes, loops);
        visit(s.no, loops);
      }
    }
  };
  visit(list, []);
  return lives;
}

export function checkWorkgroupBytes(bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new LacError(
    diagnostic('LAC0501', `the kernel needs ${bytes} bytes of workgroup memory, the device has ${limit}`, null, {
      help: ['choose smaller blocks (--config), or leave the configuration to lac'],
      exceeds: { need: bytes, limit },
    }),
  );
}
