import fc from 'fast-check';

/**
 * Random kernels on 4 warps that load tiles, send them and what loops carry through shared memory, and add all up:
 * IR text, as plan-conversions leaves it, with layouts that are any bijection or hold copies.
 */
export interface Piece {
  readonly kind: number;
  readonly a: number;
  readonly layout: readonly number[];
  readonly body: readonly Piece[];
}

const pieces = (depth: number): fc.Arbitrary<readonly Piece[]> =>
  fc.array(
    fc.record({
      kind: fc.nat({ max: 99 }),
      a: fc.nat({ max: 99 }),
      layout: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8, maxLength: 8 }),
      body: depth === 0 ? fc.constant([]) : pieces(depth - 1),
    }),
    { minLength: 1, maxLength: 4 },
  );

/** 16x16 elements: 5 lane bits, 2 warp bits, the rest in registers; a warp bit that holds copies takes a register more. */
function layoutText(order: readonly number[], copies: number): string {
  const name = (bit: number): string => (bit < 4 ? `c${2 ** bit}` : `r${2 ** (bit - 4)}`);
  const lane = order.slice(0, 5).map(name);
  const rest = order.slice(5).map(name);
  const warp = [copies % 3 === 0 ? '0' : (rest.pop() ?? '0'), rest.pop() ?? '0'];
  return `@ reg[${rest.join(' ')}] lane[${lane.join(' ')}] warp[${warp.join(' ')}]`;
}

class Writer {
  readonly allocs: string[] = [];
  readonly lines: string[] = [];
  #next = 0;
  #reads: (() => void)[] = [];
  readonly #tile = 'tile<16x16xf32>';

  #name(hint: string): string {
    return `%${hint}${this.#next++}`;
  }

  /** Appends a block's statements; gives the name of the sum. */
  block(list: readonly Piece[], sum: string, index: string, indent: string): string {
    const outer = this.#reads;
    this.#reads = [];
    let now = sum;
    const flush = (): void => {
      for (const read of this.#reads) read();
      this.#reads = [];
    };
    for (const p of list) {
      const add = (text: string): void => void this.lines.push(`${indent}${text}`);
      const layout = layoutText(p.layout, p.a);
      const other = layoutText(p.layout.toReversed(), p.a + 1);
      const read = (buffer: string): void => {
        const [tile, next] = [this.#name('t'), this.#name('s')];
        add(`${tile} = smem_read ${buffer}, %zero : ${this.#tile} ${p.a % 2 ? other : layout}`);
        add(`${next} = add ${now}, ${tile} : ${this.#tile}`);
        now = next;
      };
      const trip = (value: string): void => {
        const buffer = this.#name('b');
        this.allocs.push(`${buffer} = smem_alloc : buf<1x16x16xf32>`);
        add(`smem_write ${buffer}, %zero, ${value}`);
        if (p.a % 5 === 0) this.#reads.push(() => read(buffer));
        else read(buffer);
      };
      switch (p.kind % 5) {
        case 0:
        case 1: {
          const tile = this.#name('l');
          add(`${tile} = load %x, ${index}, %zero {pad = 0} : ${this.#tile} ${layout}`);
          trip(tile);
          break;
        }
        case 2: {
          const half = this.#name('h');
          add(`${half} = mul ${now}, %half : ${this.#tile} ${layout}`);
          trip(half);
          break;
        }
        case 3:
          now = this.#loop(p, now, indent);
          break;
        case 4:
          flush();
          now = this.#branch(p, now, index, indent);
      }
    }
    flush();
    this.#reads = outer;
    return now;
  }

  #loop(p: Piece, sum: string, indent: string): string {
    const [result, index, arg] = [this.#name('r'), this.#name('i'), this.#name('c')];
    const end = ['%m', '%n', '%three'][p.a % 3];
    const order = p.a % 7 === 0 ? ' {reverse = true}' : '';
    const head = `${result} = for %zero, ${end}, %one, ${sum}${order} : ${this.#tile}`;
    this.lines.push(`${indent}${head} (${index}: i32, ${arg}: ${this.#tile}) {`);
    const out = this.block(p.body, arg, index, `${indent}  `);
    this.lines.push(`${indent}  yield ${out}`, `${indent}}`);
    return result;
  }

  #branch(p: Piece, sum: string, index: string, indent: string): string {
    const [result, on] = [this.#name('r'), this.#name('p')];
    this.lines.push(`${indent}${on} = cmp ${index}, %one {pred = "${p.a % 2 ? 'gt' : 'le'}"} : i1`);
    this.lines.push(`${indent}${result} = if ${on} : ${this.#tile} {`);
    const out = this.block(p.body, sum, index, `${indent}  `);
    this.lines.push(`${indent}  yield ${out}`, `${indent}} {`, `${indent}  yield ${sum}`, `${indent}}`);
    return result;
  }
}

const HEAD = `kernel k(%x: view<in ?x16xf32> [N, D], %y: view<out 16x16xf32> [R, D], %m: i32, %n: i32) axes []`;

function text(list: readonly Piece[], stages: number): string {
  const writer = new Writer();
  const sum = writer.block(list, '%start', '%zero', '  ');
  const constants = ['zero', 'one', 'three'].map((name, i) => `%${name} = const {value = ${[0, 1, 3][i]}} : i32`);
  const tiles = ['%start', '%half'].map((name, i) => `${name} = const {value = ${[1, 0.5][i]}} : tile<16x16xf32>`);
  const top = [...constants, ...tiles, ...writer.allocs].map((line) => `  ${line}`);
  const body = [...top, ...writer.lines, `  store %y, ${sum}, %zero, %zero`];
  return `${HEAD} config {stages = ${stages}} {\n${body.join('\n')}\n}\n`;
}

export const sharedKernels = (stages: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc.tuple(pieces(2), stages).map(([list, n]) => text(list, n));

// ---- buffers that share bytes

interface Touch {
  readonly kind: number;
  readonly buffer: number;
  readonly slot: number;
  readonly layout: readonly number[];
  readonly body: readonly Touch[];
}

const touches = (depth: number): fc.Arbitrary<readonly Touch[]> =>
  fc.array(
    fc.record({
      kind: fc.nat({ max: 99 }),
      buffer: fc.nat({ max: 2 }),
      slot: fc.nat({ max: 5 }),
      layout: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8, maxLength: 8 }),
      body: depth === 0 ? fc.constant([]) : touches(depth - 1),
    }),
    { minLength: 1, maxLength: 5 },
  );

interface Place {
  readonly slots: number;
  readonly offset: number;
}

/** Writes, reads and awaited copies in any order, slots fixed or counted by loops, buffers that overlap at random. */
class TouchWriter {
  readonly lines: string[] = [];
  readonly #places: readonly Place[];
  #next = 0;

  constructor(places: readonly Place[]) {
    this.#places = places;
  }

  block(list: readonly Touch[], counters: readonly string[], indent: string): void {
    for (const t of list) {
      const add = (line: string): void => void this.lines.push(`${indent}${line}`);
      const slots = this.#places[t.buffer]?.slots ?? 1;
      const slot = this.#slot(t, slots, counters);
      const layout = layoutText(t.layout, t.slot);
      const n = this.#next++;
      switch (t.kind % 6) {
        case 0:
        case 1:
          add(`%v${n} = const {value = 1} : tile<16x16xf32> ${layout}`);
          add(`smem_write %b${t.buffer}, ${slot}, %v${n}`);
          break;
        case 2:
          add(`%v${n} = smem_read %b${t.buffer}, ${slot} : tile<16x16xf32> ${layout}`);
          this.block(t.body.slice(0, 1), counters, indent);
          add(`store %y, %v${n}, %zero, %zero`);
          break;
        case 3:
          add(`smem_copy %x, %b${t.buffer}, ${slot}, %zero, %zero`);
          add('smem_commit');
          add('smem_wait {left = 0}');
          break;
        case 4:
          this.#loop(t, counters, indent, n);
          break;
        case 5:
          add(`%p${n} = cmp %m, %one {pred = "gt"} : i1`);
          add(`if %p${n} {`);
          this.block(t.body, counters, `${indent}  `);
          this.lines.push(`${indent}  yield`, `${indent}} {`);
          this.block(t.body.slice(1), counters, `${indent}  `);
          this.lines.push(`${indent}  yield`, `${indent}}`);
      }
    }
  }

  #slot(t: Touch, slots: number, counters: readonly string[]): string {
    const counted = counters.filter((c) => c.startsWith(`%s${slots}`));
    const choices = [...counted, ...['%zero', '%one', '%two'].slice(0, slots), ...counted];
    return choices[t.slot % choices.length] ?? '%zero';
  }

  #loop(t: Touch, counters: readonly string[], indent: string, n: number): void {
    const add = (line: string): void => void this.lines.push(`${indent}${line}`);
    const end = t.slot % 2 ? '%n' : '%m';
    add(
      `%r${n}, %q${n}, %w${n} = for %zero, ${end}, %one, %zero, %zero, %two : i32, i32, i32 (%i${n}: i32, %s2_${n}: i32, %s3_${n}: i32, %s3p_${n}: i32) {`,
    );
    const inside = `${indent}  `;
    this.lines.push(`${inside}%s2n_${n} = sub %one, %s2_${n} : i32`);
    this.block(t.body, [...counters, `%s2_${n}`, `%s2n_${n}`, `%s3_${n}`, `%s3p_${n}`], inside);
    this.lines.push(
      `${inside}%u${n} = add %s3_${n}, %one : i32`,
      `${inside}%e${n} = cmp %s3_${n}, %two {pred = "eq"} : i1`,
      `${inside}%z${n} = select %e${n}, %zero, %u${n} : i32`,
      `${inside}yield %s2n_${n}, %z${n}, %s3_${n}`,
    );
    add('}');
  }
}

export const overlappingKernels: fc.Arbitrary<string> = fc
  .tuple(
    touches(2),
    fc.array(fc.record({ slots: fc.integer({ min: 1, max: 3 }), offset: fc.integer({ min: 0, max: 6 }) }), {
      minLength: 3,
      maxLength: 3,
    }),
  )
  .map(([list, places]) => {
    const writer = new TouchWriter(places);
    writer.block(list, [], '  ');
    const constants = ['zero', 'one', 'two'].map((name, i) => `  %${name} = const {value = ${i}} : i32`);
    const allocs = places.map(
      ({ slots, offset }, i) => `  %b${i} = smem_alloc {offset = ${offset * 512}} : buf<${slots}x16x16xf32>`,
    );
    return `${HEAD} {\n${[...constants, ...allocs, ...writer.lines].join('\n')}\n}\n`;
  });
