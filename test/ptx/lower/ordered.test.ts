import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { errorOf } from '../emulator/launch.js';
import { refusedByPtxas, runLaidOut } from './laid-out.js';
import { straight, threadLayouts, tileText, viewText } from './tiles.js';

const TILE = [4, 8];
const LANES = 32;

interface Place {
  /** Row and column, and how many rows each trip of the innermost loop moves on. */
  readonly row: number;
  readonly column: number;
  readonly moves: number;
}
type Statement =
  | { readonly kind: 'load' | 'store' | 'atomic_add' | 'keep'; readonly tile: number; readonly place: Place }
  | { readonly kind: 'gather' | 'scatter' | 'scatter_add'; readonly tile: number; readonly place: Place }
  | { readonly kind: 'loop'; readonly trips: number; readonly reverse: boolean; readonly body: readonly Statement[] }
  | { readonly kind: 'if'; readonly place: Place; readonly body: readonly Statement[] };

const places = fc.record({
  row: fc.constantFrom(0, 0, 0, 1, 4, 8),
  column: fc.constantFrom(0, 0, 0, 8),
  moves: fc.constantFrom(0, 0, 1, 4, -4),
});
const flat: fc.Arbitrary<Statement> = fc.record({
  kind: fc.constantFrom(
    ...(['load', 'load', 'load', 'store', 'store', 'store', 'atomic_add', 'keep'] as const),
    ...(['gather', 'scatter', 'scatter_add'] as const),
  ),
  tile: fc.constantFrom(0, 0, 0, 1, 2),
  place: places,
});
const statements = (depth: number): fc.Arbitrary<Statement[]> =>
  fc.array(
    depth === 0
      ? flat
      : fc.oneof(
          { weight: 4, arbitrary: flat },
          {
            weight: 1,
            arbitrary: fc.record({
              kind: fc.constant('loop' as const),
              trips: fc.nat(3),
              reverse: fc.boolean(),
              body: statements(depth - 1),
            }),
          },
          {
            weight: 1,
            arbitrary: fc.record({ kind: fc.constant('if' as const), place: places, body: statements(depth - 1) }),
          },
        ),
    { minLength: 1, maxLength: 3 },
  );

/** Prints statements on tiles %t0, %t1, .. of a layout each, which every load and gather of that layout changes. */
class Printer {
  readonly #layouts: readonly Layout[];
  readonly lines: string[] = [];
  #names = 0;
  #tiles: string[] = [];
  #kept = 0;

  constructor(layouts: readonly Layout[]) {
    this.#layouts = layouts;
    this.lines.push('%zero = const {value = 0} : i32', '%eight = const {value = 8} : i32');
    layouts.forEach((layout, i) => {
      const tile = tileText('i32', layout);
      this.lines.push(`%p${i} = load %p, %zero, %zero {pad = 0} : ${tile}`);
      this.lines.push(`%bits${i} = const {value = 3} : ${tile}`);
      this.lines.push(`%low${i} = shr %p${i}, %bits${i} : ${tile}`);
      this.lines.push(`%seven${i} = const {value = 7} : ${tile}`);
      this.lines.push(`%high${i} = and %p${i}, %seven${i} : ${tile}`);
      this.lines.push(`%t${i} = load %p, %zero, %zero {pad = 0} : ${tile}`);
      this.#tiles.push(`%t${i}`);
    });
  }

  print(list: readonly Statement[], index: string | null): void {
    for (const s of list) this.#statement(s, index);
  }

  #fresh(): string {
    return `%v${this.#names++}`;
  }

  #constant(value: number): string {
    const name = this.#fresh();
    this.lines.push(`${name} = const {value = ${value}} : i32`);
    return name;
  }

  #at({ row, column, moves }: Place, index: string | null): string {
    const from = this.#constant(row);
    if (index === null || moves === 0) return `${from}, ${this.#constant(column)}`;
    const [moved, sum] = [this.#fresh(), this.#fresh()];
    this.lines.push(`${moved} = mul ${index}, ${this.#constant(moves)} : i32`);
    this.lines.push(`${sum} = add ${moved}, ${from} : i32`);
    return `${sum}, ${this.#constant(column)}`;
  }

  #statement(s: Statement, index: string | null): void {
    switch (s.kind) {
      case 'loop':
        this.#loop(s.trips, s.reverse, s.body);
        break;
      case 'if':
        this.#branch(s.place, s.body, index);
        break;
      case 'load':
      case 'gather':
        this.#read(s.kind, s.tile, s.place, index);
        break;
      case 'keep': {
        const at = this.#constant(4 * this.#kept++);
        this.lines.push(`store %y, ${this.#tiles[s.tile]}, ${at}, %zero`);
        break;
      }
      case 'store':
      case 'atomic_add':
        this.lines.push(`${s.kind} %x, ${this.#tiles[s.tile]}, ${this.#at(s.place, index)}`);
        break;
      default:
        this.lines.push(`${s.kind} %x, ${this.#tiles[s.tile]}, %low${s.tile}, %high${s.tile}`);
    }
  }

  #read(kind: 'load' | 'gather', tile: number, place: Place, index: string | null): void {
    const type = tileText('i32', this.#layouts[tile] as Layout);
    const at = kind === 'load' ? this.#at(place, index) : `%low${tile}, %high${tile}`;
    const [got, sum] = [this.#fresh(), this.#fresh()];
    this.lines.push(`${got} = ${kind} %x, ${at} {pad = 5} : ${type}`, `${sum} = add ${got}, %seven${tile} : ${type}`);
    this.#tiles[tile] = sum;
  }

  /** Tiles do not leave the region in which they are made. */
  #region(body: readonly Statement[], index: string | null): void {
    const before = [...this.#tiles];
    this.print(body, index);
    this.#tiles = before;
    this.lines.push('yield');
  }

  #loop(trips: number, reverse: boolean, body: readonly Statement[]): void {
    const [end, step, index] = [this.#constant(trips), this.#constant(1), this.#fresh()];
    this.lines.push(`for %zero, ${end}, ${step} {reverse = ${reverse}} (${index}: i32) {`);
    this.#region(body, index);
    this.lines.push('}');
  }

  #branch(place: Place, body: readonly Statement[], index: string | null): void {
    const [got, holds] = [this.#fresh(), this.#fresh()];
    this.lines.push(`${got} = get %x, ${this.#at(place, index)} : i32`);
    this.lines.push(`${holds} = cmp ${got}, %eight {pred = "gt"} : i1`, `if ${holds} {`);
    this.#region(body, index);
    this.lines.push('} {', 'yield', '}');
  }
}

const programs = fc.constantFrom(1, 2, 4).chain((warps) =>
  fc.record({
    warps: fc.constant(warps),
    layouts: fc.array(threadLayouts(TILE, Math.log2(warps)), { minLength: 3, maxLength: 3 }),
    body: statements(2),
  }),
);

test('programs that read and write an argument at will do what program order says, without a race', () => {
  const emitted: PtxProgram[] = [];
  fc.assert(
    fc.property(programs, ({ warps, layouts, body }) => {
      const printer = new Printer(layouts);
      printer.print(body, null);
      const view = (access: 'in' | 'out' | 'inout', dims: string[]): string => viewText(access, 'i32', dims);
      const text = `kernel t(%x: ${view('inout', ['N', 'D'])}, %p: ${view('in', ['A', 'B'])}, %y: ${view('out', ['M', 'E'])}) {
${printer.lines.join('\n')}
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps,
        tensors: {
          x: { shape: [13, 11], value: (i) => (i * 7) % 23 },
          p: { shape: TILE, value: (i) => (i * 13) % LANES },
          y: { shape: [64, 8] },
        },
        ordered: true,
      });
      emitted.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 100) },
  );
  expect(emitted.filter((p) => /bar\.(warp\.)?sync/.test(p.text)).length).toBeGreaterThan(20);
  expect(emitted.filter((p) => !/bar\.(warp\.)?sync/.test(p.text)).length).toBeGreaterThan(5);
  expect(refusedByPtxas(emitted, 4)).toEqual([]);
});

test('of two stores to one place the later one stays, whichever threads hold the elements', () => {
  const [rows, columns] = [straight([8, 8], 1, 0), straight([8, 8], 1, 1)];
  const text = `kernel t(%x: ${viewText('in', 'f32', ['A', 'B'])}, %y: ${viewText('out', 'f32', ['A', 'B'])}) {
  %zero = const {value = 0} : i32
  %a = load %x, %zero, %zero {pad = 0} : ${tileText('f32', rows)}
  %b = load %x, %zero, %zero {pad = 0} : ${tileText('f32', columns)}
  %c = add %b, %b : ${tileText('f32', columns)}
  store %y, %a, %zero, %zero
  store %y, %c, %zero, %zero
}
`;
  const spec = { shape: [8, 8] };
  const tensors = { x: { ...spec, value: (i: number) => i }, y: spec };
  const { got, want, program } = runLaidOut({ text, warps: 2, tensors, ordered: true });
  expect(got).toEqual(want);
  expect(program.text).toContain('bar.sync 0');
  expect(errorOf(() => runLaidOut({ text, warps: 2, tensors }))).toContain('LAC0830');
});
