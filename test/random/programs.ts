import fc from 'fast-check';
import { type Step, steps } from '../ir/generate.js';

/** A random kernel as source text, with the sizes of a launch. */
export interface Program {
  readonly text: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly scalars: Readonly<Record<string, number>>;
  readonly warps: number;
}

type DT = 'f32' | 'f16' | 'bf16' | 'i32' | 'u32' | 'bool';

/** A variable in scope. */
interface Name {
  readonly name: string;
  readonly dtype: DT;
  readonly shape: readonly number[];
}

/** Extents of dimensions at run time. */
const SIZES = { P: 2, R: 5, K: 7, WR: 9, WC: 5, S: 6 } as const;
const NUMBERS: readonly DT[] = ['f32', 'i32', 'f32', 'f16', 'u32', 'bf16'];
const isFloat = (d: DT): boolean => d === 'f32' || d === 'f16' || d === 'bf16';
const isInt = (d: DT): boolean => d === 'i32' || d === 'u32';
const at = <T>(items: readonly T[], i: number): T => items[Math.abs(i) % items.length] as T;
const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((e, i) => e === b[i]);

/** The language's promotion: what an operator makes of two operands; null where they do not mix. */
function promoted(a: DT, b: DT): DT | null {
  if (a === b) return a === 'bool' ? null : a;
  if (a === 'bool' || b === 'bool' || (isInt(a) && isInt(b))) return null;
  return 'f32';
}

/** The shape of two operands broadcast to one another; null where they do not fit. A scalar fits everything. */
function broadcast(a: readonly number[], b: readonly number[]): readonly number[] | null {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  if (a.length !== b.length) return null;
  const fits = a.every((e, i) => e === b[i] || e === 1 || b[i] === 1);
  return fits ? a.map((e, i) => Math.max(e, b[i] as number)) : null;
}

/** Kernels of the whole language, grown from a tree of steps so that fast-check can shrink them. */
export const programs = (length = 16): fc.Arbitrary<Program> =>
  fc.tuple(steps(length), fc.constantFrom(1, 2, 4), fc.constantFrom('f16', 'bf16')).map(([list, warps, half]) => {
    const program = new Writer(half as DT).program(list, warps);
    return Object.defineProperty(program, fc.toStringMethod, { value: () => program.text, enumerable: false });
  });

const IMPORTS =
  'abs, all, argmax, argmin, bf16, bitcast, cast, ceil, cdiv, col, concat, cos, cumsum, dot, erf, exp, exp2, expand, extent, f16, f32, floor, full, i32, idiv, inout, input, insert, iota, kernel, log, log1p, log2, max, maximum, min, minimum, mulhi, output, range, reduce, reshape, round, row, rsqrt, scalar, scan, sigmoid, sin, slice, sqrt, sum, take, tanh, trans, u32, where, zeros';

class Writer {
  readonly #half: DT;
  #lines: string[] = [];
  #indent = '  ';
  #scope: Name[] = [];
  #count = 0;
  /** Names that something has read. */
  readonly #used = new Set<string>();
  /** Inside of run-time loops and branches. */
  #runtime = 0;
  #loops = 0;

  constructor(half: DT) {
    this.#half = half;
  }

  program(list: readonly Step[], warps: number): Program {
    const start: Name[] = [
      { name: 'n', dtype: 'i32', shape: [] },
      { name: 's', dtype: 'f32', shape: [] },
      { name: 'p', dtype: 'i32', shape: [] },
      { name: 'K', dtype: 'i32', shape: [] },
    ];
    this.#scope = [...start];
    this.#line('const W = w.at(p);');
    this.#define('f32', [4, 8], 'x.load([p, n - 3], [4, 8])');
    this.#define(this.#half, [3, 4], 'h.at(p, all).slice(1, K).load([0], [12])', true);
    this.#define('i32', [4], 'idx.load([p * 2], [4])');
    this.#steps(list);
    const results = this.#scope.filter((v) => v.dtype !== 'bool');
    const unread = results.filter((v) => !this.#used.has(v.name));
    const outs = [...results.filter((v) => this.#used.has(v.name)), ...unread].slice(-3);
    const shapes: Record<string, number[]> = {
      x: [SIZES.R, SIZES.K],
      h: [SIZES.R, SIZES.K + 8],
      idx: [SIZES.S],
      w: [SIZES.P, SIZES.WR, SIZES.WC],
      sums: [SIZES.S],
    };
    const args = [
      "x: input(f32, ['R', 'K'])",
      `h: input(${this.#half}, ['R', 'H'])`,
      "idx: input(i32, ['S'])",
      "w: inout(f32, ['P', 'WR', 'WC'])",
      "sums: inout(i32, ['S'])",
      'n: scalar(i32)',
      's: scalar(f32)',
    ];
    outs.forEach((v, i) => {
      const dims = ['P', ...v.shape.map((_, axis) => `Y${i}_${axis}`)];
      const dtype = isInt(v.dtype) ? v.dtype : 'f32';
      args.push(`y${i}: output(${dtype}, [${dims.map((d) => `'${d}'`).join(', ')}])`);
      shapes[`y${i}`] = [SIZES.P, ...v.shape];
      const origin = v.shape.map(() => '0').join(', ');
      this.#line(
        v.shape.length === 0 ? `y${i}.scatter([p], ${v.name});` : `y${i}.at(p).store([${origin}], ${v.name});`,
      );
    });
    const names = [...args.map((a) => a.slice(0, a.indexOf(':')))];
    const text = `import { ${IMPORTS} } from 'lac';

const scaled = (v, by) => v * by + 1;

export const generated = kernel({
  args: {
    ${args.join(',\n    ')},
  },
  tune: { warps: [1, 2, 4] },
  grid: ({ P }) => ({ p: P }),
}, ({ ${names.join(', ')} }, { K }, { p }) => {
${this.#lines.join('\n')}
});
`;
    return { text, shapes, scalars: { n: 3, s: 0.75 }, warps };
  }

  #line(text: string): void {
    this.#lines.push(this.#indent + text);
  }

  #define(dtype: DT, shape: readonly number[], text: string, reshaped = false): Name {
    const v: Name = { name: `v${this.#count++}`, dtype, shape };
    this.#line(`const ${v.name} = ${reshaped ? `reshape(${text}, [${shape.join(', ')}])` : text};`);
    this.#scope.push(v);
    return v;
  }

  #steps(list: readonly Step[]): void {
    for (const s of list) at(this.#recipes, s.kind)(s);
  }

  #pick(i: number, ok: (v: Name) => boolean): Name | undefined {
    const fits = this.#scope.filter(ok).reverse();
    if (fits.length === 0) return undefined;
    // Mostly what was made last, so that values build on one another.
    const found = at(i % 3 === 0 ? fits : fits.slice(0, 4), i);
    this.#used.add(found.name);
    return found;
  }
  #number = (i: number): Name => this.#pick(i, (v) => v.dtype !== 'bool') as Name;
  #int = (i: number): string => this.#pick(i, (v) => v.dtype === 'i32' && v.shape.length === 0)?.name ?? '1';
  #tile = (i: number, ok: (v: Name) => boolean = () => true): Name | undefined =>
    this.#pick(i, (v) => v.shape.length > 0 && v.dtype !== 'bool' && ok(v));

  #literal(s: Step, dtype: DT): string {
    if (dtype === 'u32') return String(s.b % 9);
    if (dtype === 'i32') return String((s.b % 9) - 4);
    return String(((s.b % 33) - 16) / 8);
  }

  #shapeOf(s: Step): number[] {
    const e = (i: number): number => at([1, 2, 3, 4, 5, 8, 16], i);
    return at([[e(s.a)], [e(s.a), e(s.b)], [e(s.b), e(s.a), 2], [e(s.a), e(s.b)]], s.c);
  }

  readonly #recipes: readonly ((s: Step) => void)[] = [
    (s) => this.#binary(s),
    (s) => this.#binary(s),
    (s) => this.#binary(s),
    (s) => this.#unary(s),
    (s) => this.#unary(s),
    (s) => this.#compare(s),
    (s) => this.#where(s),
    (s) => this.#cast(s),
    (s) => this.#bits(s),
    (s) => this.#constructed(s),
    (s) => this.#shaped(s),
    (s) => this.#shaped(s),
    (s) => this.#folded(s),
    (s) => this.#folded(s),
    (s) => this.#scanned(s),
    (s) => this.#part(s),
    (s) => this.#insert(s),
    (s) => this.#take(s),
    (s) => this.#dot(s),
    (s) => this.#load(s),
    (s) => this.#load(s),
    (s) => this.#gather(s),
    (s) => this.#store(s),
    (s) => this.#add(s),
    (s) => this.#for(s),
    (s) => this.#for(s),
    (s) => this.#while(s),
    (s) => this.#if(s),
    (s) => this.#early(s),
    (s) => this.#helper(s),
    (s) => this.#concat(s),
    (s) => this.#divide(s),
  ];

  #binary(s: Step): void {
    const a = this.#number(s.a);
    const b = this.#pick(
      s.b,
      (v) => promoted(a.dtype, v.dtype) !== null && broadcast(a.shape, v.shape) !== null,
    ) as Name;
    const op = at(['+', '-', '*', 'maximum', 'minimum', '+', '*'], s.c);
    const literal = s.value < -1;
    const right = literal ? this.#literal(s, a.dtype) : b.name;
    const dtype = literal ? a.dtype : (promoted(a.dtype, b.dtype) as DT);
    const shape = literal ? a.shape : (broadcast(a.shape, b.shape) as readonly number[]);
    const [l, r] = s.value > 2 ? [right, a.name] : [a.name, right];
    this.#define(dtype, shape, op.length > 1 ? `${op}(${l}, ${r})` : `${l} ${op} ${/^-/.test(r) ? `(${r})` : r}`);
  }

  #divide(s: Step): void {
    const a = this.#number(s.a);
    const by = String(1 + (s.b % 7));
    if (isFloat(a.dtype)) this.#define(a.dtype, a.shape, s.c % 2 ? `${a.name} / ${by}` : `${a.name} % ${by}`);
    else this.#define(a.dtype, a.shape, s.c % 2 ? `idiv(${a.name}, ${by})` : `${a.name} % ${by}`);
  }

  #unary(s: Step): void {
    const x = this.#number(s.a);
    const { name } = x;
    const safe: readonly string[] = [
      `-${name}`,
      `abs(${name})`,
      `exp(minimum(${name}, 3))`,
      `exp2(minimum(${name}, 4))`,
      `log(abs(${name}) + 1)`,
      `log2(abs(${name}) + 0.5)`,
      `log1p(abs(${name}))`,
      `sqrt(abs(${name}) + 1)`,
      `rsqrt(abs(${name}) + 1)`,
      `sigmoid(${name})`,
      `tanh(${name})`,
      `erf(${name})`,
      `sin(${name})`,
      `cos(${name})`,
      `floor(${name})`,
      `ceil(${name})`,
      `round(${name})`,
      `${name} ** 2`,
      `${name} ** 3`,
    ];
    if (x.dtype === 'u32') return;
    this.#define(x.dtype, x.shape, isFloat(x.dtype) ? at(safe, s.b) : at(safe.slice(0, 2), s.b));
  }

  #compare(s: Step): void {
    const a = this.#number(s.a);
    const b = this.#pick(
      s.b,
      (v) => promoted(a.dtype, v.dtype) !== null && broadcast(a.shape, v.shape) !== null,
    ) as Name;
    const right = s.value < 0 ? this.#literal(s, a.dtype) : b.name;
    const shape = s.value < 0 ? a.shape : (broadcast(a.shape, b.shape) as readonly number[]);
    const m = `${a.name} ${at(['<', '<=', '>', '>=', '===', '!=='], s.c)} ${/^-/.test(right) ? `(${right})` : right}`;
    const mask = this.#define('bool', shape, m);
    const other = this.#pick(s.c, (v) => v !== mask && v.dtype === 'bool' && same(v.shape, shape));
    if (other !== undefined && s.b % 3 === 0)
      this.#define('bool', shape, s.b % 2 ? `${mask.name} && !${other.name}` : `${mask.name} || ${other.name}`);
  }

  #where(s: Step): void {
    const m = this.#pick(s.a, (v) => v.dtype === 'bool');
    if (m === undefined) return;
    const a = this.#pick(s.b, (v) => v.dtype !== 'bool' && same(v.shape, m.shape));
    if (a === undefined) return;
    const b = this.#pick(s.c, (v) => v.dtype === a.dtype && same(v.shape, m.shape)) as Name;
    const right = s.value < 0 ? this.#literal(s, a.dtype) : b.name;
    this.#define(
      a.dtype,
      a.shape,
      s.a % 2 ? `where(${m.name}, ${a.name}, ${right})` : `${m.name} ? ${a.name} : ${right}`,
    );
  }

  #cast(s: Step): void {
    const x = at(this.#scope.toReversed(), s.a);
    const to = at(NUMBERS, s.b);
    if (x.dtype === 'f32' && (to === 'i32' || to === 'u32') && s.c % 3 === 0)
      this.#define(to, x.shape, `bitcast(${x.name}, ${to})`);
    else this.#define(to, x.shape, `cast(${x.name}, ${to})`);
  }

  #bits(s: Step): void {
    const a = this.#pick(s.a, (v) => isInt(v.dtype)) as Name;
    const b = this.#pick(s.b, (v) => v.dtype === a.dtype && broadcast(a.shape, v.shape) !== null) as Name;
    const op = at(['&', '|', '^', '<<', '>>', '>>>', 'mulhi', '~'], s.c);
    if (op === '~') this.#define(a.dtype, a.shape, `~${a.name}`);
    else if (op === 'mulhi') {
      if (a.dtype === 'u32') this.#define('u32', a.shape, `mulhi(${a.name}, ${0xd2511f53})`);
    } else this.#define(a.dtype, broadcast(a.shape, b.shape) as readonly number[], `${a.name} ${op} ${b.name}`);
  }

  #constructed(s: Step): void {
    const shape = this.#shapeOf(s);
    const dtype = at(NUMBERS, s.b);
    if (s.c % 3 === 0) this.#define('i32', [shape[0] as number], `iota(${shape[0]})`);
    else if (s.c % 3 === 1) this.#define(dtype, shape, `zeros([${shape.join(', ')}], ${dtype})`);
    else this.#define(dtype, shape, `full([${shape.join(', ')}], ${this.#literal(s, dtype)}, ${dtype})`);
  }

  #shaped(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const { name, shape, dtype } = x;
    const size = shape.reduce((m, e) => m * e, 1);
    const rank = shape.length;
    const axis = s.b % (rank + 1);
    if (s.c % 4 === 0 && rank < 3)
      this.#define(dtype, [...shape.slice(0, axis), 1, ...shape.slice(axis)], `expand(${name}, ${axis})`);
    else if (s.c % 4 === 1 && rank === 1)
      this.#define(dtype, s.b % 2 ? [1, size] : [size, 1], s.b % 2 ? `row(${name})` : `col(${name})`);
    else if (s.c % 4 === 2 && rank === 2)
      this.#define(dtype, [shape[1] as number, shape[0] as number], `trans(${name})`);
    else {
      const to = at([[size], [1, size], [...shape].reverse(), [size, 1]], s.b);
      this.#define(dtype, to, `reshape(${name}, [${to.join(', ')}])`);
    }
  }

  #folded(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const axis = s.b % x.shape.length;
    const shape = x.shape.filter((_, i) => i !== axis);
    const fold = at(['sum', 'max', 'min', 'argmax', 'argmin', 'sum', 'reduce', 'pair'], s.c);
    if (fold === 'reduce') {
      const f = at(['maximum(a, b)', 'minimum(a, b)', 'a', 'b'], s.b);
      this.#define(x.dtype, shape, `reduce(${x.name}, ${axis}, (a, b) => ${f})`);
    } else if (fold === 'pair') {
      const y = this.#pick(s.b, (v) => v.dtype === x.dtype && same(v.shape, x.shape)) as Name;
      const [f, u] = [`v${this.#count++}`, `v${this.#count++}`];
      this.#line(
        `const [${f}, ${u}] = reduce([${x.name}, ${y.name}], ${axis}, ([f1, u1], [f2, u2]) => [f1 * f2, u1 * f2 + u2]);`,
      );
      this.#scope.push({ name: f, dtype: x.dtype, shape }, { name: u, dtype: x.dtype, shape });
    } else this.#define(fold.startsWith('arg') ? 'i32' : x.dtype, shape, `${fold}(${x.name}, ${axis})`);
  }

  #scanned(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const axis = s.b % x.shape.length;
    const options = s.value < 0 ? ', { reverse: true }' : '';
    if (s.c % 3 === 0) this.#define(x.dtype, x.shape, `cumsum(${x.name}, ${axis}${options})`);
    else if (s.c % 3 === 1)
      this.#define(
        x.dtype,
        x.shape,
        `scan(${x.name}, ${axis}, (a, b) => ${at(['maximum(a, b)', 'b', 'a'], s.b)}${options})`,
      );
    else {
      const y = this.#pick(s.c, (v) => v.dtype === x.dtype && same(v.shape, x.shape)) as Name;
      const [f, u] = [`v${this.#count++}`, `v${this.#count++}`];
      this.#line(
        `const [${f}, ${u}] = scan([${x.name}, ${y.name}], ${axis}, ([f1, u1], [f2, u2]) => [f1 * f2, u1 * f2 + u2]${options});`,
      );
      this.#scope.push({ name: f, dtype: x.dtype, shape: x.shape }, { name: u, dtype: x.dtype, shape: x.shape });
    }
  }

  /** Where a part begins: constants, or scalars that are kept inside. */
  #origin(s: Step, whole: readonly number[], part: readonly number[]): string {
    const entries = whole.map((extent, axis) => {
      const room = extent - (part[axis] as number);
      if ((s.b + axis) % 3 !== 0) return String((s.c + axis) % (room + 1));
      return `minimum(maximum(${this.#int(s.a + axis)}, 0), ${room})`;
    });
    return `[${entries.join(', ')}]`;
  }

  #part(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const part = x.shape.map((e, axis) => 1 + ((s.b + 2 * axis) % e));
    this.#define(x.dtype, part, `slice(${x.name}, ${this.#origin(s, x.shape, part)}, [${part.join(', ')}])`);
  }

  #insert(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const part = this.#pick(
      s.b,
      (v) =>
        v.dtype === x.dtype &&
        v.shape.length === x.shape.length &&
        v.shape.every((e, i) => e <= (x.shape[i] as number)),
    ) as Name;
    this.#define(x.dtype, x.shape, `insert(${x.name}, ${this.#origin(s, x.shape, part.shape)}, ${part.name})`);
  }

  #concat(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const axis = s.b % x.shape.length;
    const y = this.#pick(
      s.c,
      (v) =>
        v.dtype === x.dtype &&
        v.shape.length === x.shape.length &&
        v.shape.every((e, i) => i === axis || e === x.shape[i]),
    ) as Name;
    const shape = x.shape.map((e, i) => (i === axis ? e + (y.shape[i] as number) : e));
    if ((shape[axis] as number) > 20) return;
    this.#define(x.dtype, shape, `concat([${x.name}, ${y.name}], ${axis})`);
  }

  #take(s: Step): void {
    const x = this.#tile(s.a);
    if (x === undefined) return;
    const axis = s.b % x.shape.length;
    const extent = x.shape[axis] as number;
    const index = this.#pick(
      s.c,
      (v) =>
        v.dtype === 'i32' &&
        v.shape.length === x.shape.length &&
        v.shape.every((e, i) => i === axis || e === x.shape[i]),
    );
    if (index === undefined) return;
    this.#define(x.dtype, index.shape, `take(${x.name}, (${index.name} & 1023) % ${extent}, ${axis})`);
  }

  #dot(s: Step): void {
    const a = this.#tile(s.a, (v) => isFloat(v.dtype) && v.shape.length === 2);
    if (a === undefined) return;
    const b = this.#pick(s.b, (v) => v.dtype === a.dtype && v.shape.length === 2 && v.shape[0] === a.shape[1]);
    const right = b?.name ?? `trans(${a.name})`;
    const shape = [a.shape[0] as number, (b?.shape[1] ?? a.shape[0]) as number];
    const acc = this.#pick(s.c, (v) => v.dtype === 'f32' && same(v.shape, shape));
    const precision = at(['', "{ precision: 'tf32x3' }", "{ precision: 'ieee' }", "{ precision: 'tf32' }"], s.c);
    const options = precision === '' ? '' : `, ${precision}`;
    if (acc !== undefined && s.c % 3 === 0)
      this.#define('f32', shape, `dot(${a.name}, ${right}, ${acc.name}${options})`);
    else if (acc !== undefined && s.c % 3 === 1)
      this.#define('f32', shape, `${acc.name} + dot(${a.name}, ${right}${options})`);
    else this.#define('f32', shape, `dot(${a.name}, ${right}${options})`);
  }

  #options(s: Step, shape: readonly number[], load: boolean): string {
    const mask = s.value < 0 ? this.#pick(s.c, (v) => v.dtype === 'bool' && same(v.shape, shape)) : undefined;
    const entries = [...(mask ? [`mask: ${mask.name}`] : []), ...(load && s.c % 2 ? [`pad: ${(s.c % 5) - 2}`] : [])];
    return entries.length === 0 ? '' : `, { ${entries.join(', ')} }`;
  }

  #load(s: Step): void {
    const e = (i: number): number => at([1, 2, 3, 4, 8, 16], i);
    const two = [e(s.a), e(s.b)];
    const [i, j] = [this.#int(s.b), this.#int(s.c)];
    const options = this.#options(s, two, true);
    switch (s.c % 6) {
      case 0:
        this.#define('f32', two, `x.load([${i}, ${j}], [${two.join(', ')}]${options})`);
        break;
      case 1:
        this.#define(this.#half, two, `h.load([${i}, ${j}], [${two.join(', ')}]${options})`);
        break;
      case 2:
        this.#define('f32', two, `W.load([${i}, ${j}], [${two.join(', ')}]${options})`);
        break;
      case 3:
        this.#define(
          'f32',
          [two[0] as number],
          `x.at(${i}).slice(${j}, ${this.#int(s.a)}).load([${(s.b % 5) - 2}], [${two[0]}])`,
        );
        break;
      case 4:
        this.#define('i32', [two[0] as number], `idx.load([${i}], [${two[0]}])`);
        break;
      default:
        this.#define('f32', [], `x.get(${i}, ${j})`);
    }
  }

  #gather(s: Step): void {
    const index = this.#pick(s.a, (v) => v.dtype === 'i32');
    if (index === undefined) return;
    const other = this.#pick(
      s.b,
      (v) => v.dtype === 'i32' && (v.shape.length === 0 || same(v.shape, index.shape)),
    ) as Name;
    const options = this.#options(s, index.shape, true);
    const view = at(['x', 'W', 'h'], s.c);
    this.#define(
      view === 'h' ? this.#half : 'f32',
      index.shape,
      `${view}.gather([${index.name}, ${other.name}]${options})`,
    );
  }

  #store(s: Step): void {
    const x = this.#tile(s.a, (v) => v.dtype === 'f32' && v.shape.length === 2);
    if (x === undefined) return;
    const origin = `[${this.#int(s.b)}, ${this.#int(s.c)}]`;
    if (s.c % 3 === 0 && (x.shape[0] as number) * (x.shape[1] as number) <= SIZES.WR * SIZES.WC) {
      const lanes = `v${this.#count++}`;
      this.#line(`const ${lanes} = reshape(iota(${x.shape.reduce((m, e) => m * e, 1)}), [${x.shape.join(', ')}]);`);
      this.#line(`W.scatter([idiv(${lanes}, 5), ${lanes} % 5], ${x.name}${this.#options(s, x.shape, false)});`);
    } else this.#line(`W.store(${origin}, ${x.name}${this.#options(s, x.shape, false)});`);
  }

  #add(s: Step): void {
    const x = this.#pick(s.a, (v) => v.dtype === 'i32' && v.shape.length === 1);
    if (x === undefined) return;
    const index = this.#pick(s.b, (v) => v.dtype === 'i32' && same(v.shape, x.shape)) as Name;
    if (s.c % 2) this.#line(`sums.atomicAdd([${this.#int(s.b)}], ${x.name}${this.#options(s, x.shape, false)});`);
    else this.#line(`sums.scatterAdd([${index.name}], ${x.name}${this.#options(s, x.shape, false)});`);
  }

  /** Statements of a block: what they define is forgotten at its end. */
  #block(list: readonly Step[], more: readonly Name[], end: () => void): void {
    const scope = this.#scope;
    this.#scope = [...scope, ...more];
    this.#indent += '  ';
    this.#runtime++;
    this.#steps(list);
    end();
    this.#runtime--;
    this.#indent = this.#indent.slice(2);
    this.#scope = scope;
  }

  /** Variables that a loop or a branch assigns, started from values of the scope. */
  #carried(s: Step): Name[] {
    const picks = [s.a, s.b].slice(0, 1 + (s.c % 2)).map((i) => this.#number(i));
    return picks.map((v) => {
      const name = `m${this.#count++}`;
      // An index of an unrolled loop, and what is computed of it alone, is a number without a dtype (LAC0207).
      const isIndex = v.dtype === 'i32' && v.shape.length === 0;
      this.#line(`let ${name} = ${isIndex ? `cast(${v.name}, i32)` : v.name};`);
      return { name, dtype: v.dtype, shape: v.shape };
    });
  }

  #assign(carried: readonly Name[], s: Step): void {
    carried.forEach((v, i) => {
      const next = this.#pick(s.a + i, (u) => u.dtype === v.dtype && same(u.shape, v.shape)) as Name;
      const op = next.name === v.name ? '=' : at(['=', '=', '+=', '-='], s.b + i);
      this.#line(`${v.name} ${v.dtype === 'u32' && op === '-=' ? '=' : op} ${next.name};`);
    });
  }

  #keep(carried: readonly Name[]): void {
    this.#scope.push(...carried);
  }

  #for(s: Step): void {
    const carried = this.#carried(s);
    // Not `i`: i32 is a dtype.
    const i = `k${this.#count++}`;
    const end = s.a % 3 === 0 ? 'n' : s.a % 3 === 1 ? String(s.b % 4) : 'idx.get(p) % 4';
    const options = at(['', '{ reverse: true }', '{ unroll: true }', '{ stages: 2 }', '{ unroll: 2 }'], s.c);
    const fixed = options.includes('true }') && options.includes('unroll') ? String(s.b % 4) : end;
    const bounds = s.b % 2 ? fixed : `${s.c % 2}, ${fixed}, ${1 + (s.a % 2)}`;
    this.#line(`for (const ${i} of range(${bounds}${options === '' ? '' : `, ${options}`})) {`);
    this.#loops++;
    this.#block(s.body, [{ name: i, dtype: 'i32', shape: [] }, ...carried], () => {
      if (s.value > 1) this.#line(`if (${i} === ${s.b % 3}) continue;`);
      this.#assign(carried, s);
    });
    this.#loops--;
    this.#line('}');
    this.#keep(carried);
  }

  #while(s: Step): void {
    const carried = this.#carried(s);
    const i = `c${this.#count++}`;
    this.#line(`let ${i} = cast(${s.c % 2}, i32);`);
    this.#line(`while (${i} < ${s.a % 3 === 0 ? 'n' : s.b % 4}${s.value > 1 ? ` && ${i} < ${this.#int(s.b)}` : ''}) {`);
    this.#loops++;
    this.#block(s.body, [...carried], () => {
      this.#assign(carried, s);
      this.#line(`${i} += 1;`);
    });
    this.#loops--;
    this.#line('}');
    this.#keep(carried);
  }

  #if(s: Step): void {
    const carried = this.#carried(s);
    const mask = this.#pick(s.a, (v) => v.dtype === 'bool' && v.shape.length === 0);
    this.#line(`if (${mask?.name ?? `${this.#int(s.a)} < ${this.#int(s.b)}`}) {`);
    const half = s.body.length >> 1;
    this.#block(s.body.slice(0, half), carried, () => this.#assign(carried, s));
    if (s.c % 3 !== 0) {
      this.#line('} else {');
      this.#block(s.body.slice(half), carried, () => this.#assign(carried, { ...s, a: s.b, b: s.a }));
    }
    this.#line('}');
    this.#keep(carried);
  }

  /** The other programs go on; one that ends here has stored nothing yet at the end. */
  #early(s: Step): void {
    if (this.#runtime > 0 || this.#loops > 0 || s.c % 3 !== 0) return;
    this.#line(`if (p === ${s.a % 3} && ${this.#int(s.b)} > ${s.b % 4}) return;`);
  }

  #helper(s: Step): void {
    const a = this.#number(s.a);
    this.#define(a.dtype, a.shape, `scaled(${a.name}, ${this.#literal(s, a.dtype)})`);
  }
}
