import fc from 'fast-check';

/**
 * Random programs of control flow over scalars, as source text that means the same to the compiler and to JavaScript.
 * Every value is reduced modulo 1009 when it is assigned, so that no number leaves what both hold exactly.
 */
export type Draw = fc.GeneratorValue;

interface Context {
  /** Names of i32 scalars that may be assigned, and those that may only be read. */
  readonly vars: readonly string[];
  readonly reads: readonly string[];
  readonly flags: readonly string[];
  readonly helpers: readonly Helper[];
  /** `compile`: an unrolled loop; `run`: a loop at run time. The innermost first. */
  readonly loops: readonly ('compile' | 'run')[];
  readonly depth: number;
  /** A loop around is unrolled: another one would make the program too large. */
  readonly isCopied: boolean;
  /** What `return` is followed by here; null where there is no return. */
  readonly returns: (() => string) | null;
  readonly canStore: boolean;
}

interface Helper {
  readonly name: string;
  readonly arity: number;
}

export class ControlProgram {
  readonly module: string;
  readonly body: string;
  /** Elements of the output that the program may store. */
  slots = 0;
  readonly #draw: Draw;
  #names = 0;

  constructor(draw: Draw) {
    this.#draw = draw;
    const helpers: Helper[] = [];
    const texts: string[] = [];
    for (let i = 0; i < this.#int(0, 2); i++) {
      texts.push(this.#helper(`f${i}`, helpers));
      helpers.push({ name: `f${i}`, arity: 2 });
    }
    this.module = texts.join('\n');
    this.body = this.#main(helpers);
  }

  #int(min: number, max: number): number {
    return this.#draw(fc.integer, { min, max });
  }
  #pick<T>(items: readonly T[]): T {
    return items[this.#int(0, items.length - 1)] as T;
  }
  #chance(percent: number): boolean {
    return this.#int(0, 99) < percent;
  }
  #fresh(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  #main(helpers: readonly Helper[]): string {
    const context: Context = {
      vars: ['a', 'b', 'c'],
      reads: ['n', 'm'],
      flags: ['f'],
      helpers,
      loops: [],
      depth: 0,
      isCopied: false,
      returns: () => '',
      canStore: true,
    };
    const lines = [
      `let a = (n * 3 + 1) % 1009, b = cast(${this.#int(-9, 9)}, i32), c = x.get(${this.#int(0, 5)}) % 1009, f = ${this.#pick(['true', 'false', 'n < m'])};`,
      this.#block(context, this.#int(2, 5)),
      ...['a', 'b', 'c', 'f ? 1 + a : b'].map((v) => this.#store(v)),
    ];
    return lines.join('\n');
  }

  #helper(name: string, helpers: readonly Helper[]): string {
    const context: Context = {
      vars: ['p', 'q'],
      reads: [],
      flags: [],
      helpers,
      loops: [],
      depth: 1,
      isCopied: false,
      returns: () => this.#typed(context),
      canStore: false,
    };
    const body = this.#block(context, this.#int(1, 3));
    return `const ${name} = (x, p, q) => {\n${body}\nreturn (p * 7 + q) % 1009;\n};`;
  }

  #store(value: string): string {
    return `y.scatter([${this.slots++}], ${value});`;
  }

  #block(of: Context, statements: number): string {
    const scope = { ...of, vars: [...of.vars], reads: [...of.reads], flags: [...of.flags] };
    return Array.from({ length: statements }, () => this.#statement(scope)).join('\n');
  }

  #statement(of: Context & { vars: string[]; reads: string[]; flags: string[] }): string {
    const isDeep = of.depth >= 4;
    const kind = this.#int(0, isDeep ? 7 : 15);
    if (kind <= 2) return `${this.#pick(of.vars)} = ${this.#value(of)};`;
    if (kind === 3) return `${this.#pick(of.vars)} ${this.#pick(['+=', '-='])} ${this.#typed(of)} % 7;`;
    if (kind === 4) return this.#exit(of);
    if (kind === 5) return of.flags.length > 0 ? `${this.#pick(of.flags)} = ${this.#condition(of)};` : this.#exit(of);
    if (kind === 6) return of.canStore ? this.#store(this.#typed(of)) : this.#exit(of);
    if (kind === 7) return this.#declare(of);
    if (kind <= 11) return this.#if(of);
    if (kind <= 13) return this.#for(of);
    return kind === 14 ? this.#while(of) : `{\n${this.#block(inner(of), this.#int(1, 3))}\n}`;
  }

  #declare(of: { vars: string[]; flags: string[]; reads: string[] } & Context): string {
    const name = this.#fresh('t');
    if (this.#chance(20)) {
      const text = `let ${name} = ${this.#pick(['true', 'false', this.#condition(of)])};`;
      of.flags.push(name);
      return text;
    }
    const isConst = this.#chance(40);
    const text = `${isConst ? 'const' : 'let'} ${name} = ${this.#value(of)};`;
    (isConst ? of.reads : of.vars).push(name);
    return text;
  }

  /** `continue` or `return`, where there is one; mostly under a condition. */
  #exit(of: Context): string {
    const exits = [
      ...(of.loops.length > 0 ? ['continue;', 'continue;'] : []),
      ...(of.returns !== null && !of.loops.includes('run') ? [`return ${of.returns()};`] : []),
    ];
    if (exits.length === 0) return `${this.#pick(of.vars)} = ${this.#value(of)};`;
    const exit = this.#pick(exits);
    return this.#chance(15) ? exit : `if (${this.#condition(of)}) ${exit}`;
  }

  #if(of: Context): string {
    const yes = this.#block(inner(of), this.#int(1, 3));
    const no = this.#chance(50) ? ` else {\n${this.#block(inner(of), this.#int(1, 2))}\n}` : '';
    return `if (${this.#condition(of)}) {\n${yes}\n}${no}`;
  }

  #for(of: Context): string {
    const i = this.#fresh('i');
    const way = this.#int(of.isCopied ? 3 : 0, 4);
    const isUnrolled = way <= 1;
    const body = this.#block(
      inner({ ...of, reads: [...of.reads, i], isCopied: of.isCopied || way <= 2 }, isUnrolled ? 'compile' : 'run'),
      this.#int(1, 3),
    );
    const [begin, step] = [this.#int(-3, 2), this.#int(1, 3)];
    if (way === 0) return `for (const ${i} of [${this.#int(0, 3)}, ${this.#int(0, 3)}, 2]) {\n${body}\n}`;
    const reverse = this.#chance(40) ? 'reverse: true' : 'reverse: false';
    if (way === 1)
      return `for (const ${i} of range(${begin}, ${this.#int(0, 3)}, ${step}, { unroll: true, ${reverse} })) {\n${body}\n}`;
    const end = this.#pick([`${this.#int(-1, 6)}`, `${this.#pick(of.vars)} % 7`]);
    const unroll = way === 2 ? `, unroll: ${this.#int(1, 4)}` : '';
    return `for (const ${i} of range(${begin}, ${end}, ${step}, { ${reverse}${unroll} })) {\n${body}\n}`;
  }

  #while(of: Context): string {
    const w = this.#fresh('w');
    const body = this.#block(inner({ ...of, reads: [...of.reads, w] }, 'run'), this.#int(1, 3));
    const more = this.#chance(60) ? ` && ${this.#condition({ ...of, reads: [...of.reads, w] })}` : '';
    return `let ${w} = ${this.#pick(['0', 'cast(0, i32)'])};\nwhile (${w} < ${this.#pick([`${of.reads[0] ?? 8} % 5`, '4', `${this.#pick(of.vars)} % 5`])}${more}) {\n${w} += cast(1, i32);\n${body}\n}`;
  }

  #value(of: Context): string {
    if (of.helpers.length > 0 && this.#chance(25)) {
      const { name } = this.#pick(of.helpers);
      return `${name}(x, ${this.#typed(of)}, ${this.#typed(of)})`;
    }
    if (this.#chance(15)) return `${this.#condition(of)} ? ${this.#typed(of)} : ${this.#typed(of)}`;
    return this.#typed(of);
  }

  /** An i32 scalar, small whatever its parts are. */
  #typed(of: Context): string {
    const v = this.#pick(of.vars);
    if (this.#chance(20)) return v;
    const atom = this.#atom(of);
    return this.#pick([
      `(${v} + ${atom})`,
      `(${v} * 5 - ${atom})`,
      `(${v} * 31 + ${atom} + 1)`,
      `(${atom} - ${v})`,
    ]).concat(' % 1009');
  }

  #atom(of: Context): string {
    if (this.#chance(15)) return `x.get(${this.#pick(of.vars)} % 4)`;
    return this.#chance(70) ? this.#pick([...of.vars, ...of.reads]) : `${this.#int(0, 9)}`;
  }

  #condition(of: Context): string {
    const kind = this.#int(0, 9);
    if (kind === 0 && of.flags.length > 0) return `${this.#pick(['', '!'])}${this.#pick(of.flags)}`;
    if (kind === 1) return this.#pick(['true', 'false']);
    // The index of an unrolled loop makes it known at compile time.
    if (kind <= 3 && of.reads.length > 0)
      return `${this.#pick(of.reads)} ${this.#pick(['===', '!==', '>'])} ${this.#int(0, 3)}`;
    const left = `${this.#pick(of.vars)} ${this.#pick(['<', '>=', '!=='])} ${this.#atom(of)}`;
    if (kind === 4) return `(${left} ${this.#pick(['&&', '||'])} ${this.#pick(of.vars)} % 2 === 0)`;
    return kind === 5 ? `!(${left})` : left;
  }
}

const inner = (of: Context, loop?: 'compile' | 'run'): Context => ({
  ...of,
  depth: of.depth + 1,
  loops: loop === undefined ? of.loops : [loop, ...of.loops],
});
