import { type Work, WorkSum } from './work.js';

/** What one invocation does in a stretch of a WGSL program; loops of known trips are multiplied out. */
interface Stretch {
  /** Run-time loops in the order of their heads count from 0; null is what stands outside of all. */
  readonly loop: number | null;
  readonly work: Work;
}

interface WgslCounts {
  readonly stretches: readonly Stretch[];
  /** Run-time loops. */
  readonly loops: number;
  /** The most 32-bit values of an invocation that are live at one line. */
  readonly registers: number;
}

/** Wavefronts of a warp's access to workgroup memory: of products, half of the lanes read what others read. */
const WAVEFRONTS = { mem4: 2, mem2: 1, mem1: 1 } as const;
/** Cycles until a value has come from workgroup memory, once a trip of a loop over the terms of a sum. */
const LOAD_LATENCY = 30;
const BARRIER_LATENCY = 40;

const SPECIAL = /\b(exp2?|log2?|sqrt|inverseSqrt|sin|cos|tanh|pow)\(/g;
const CALL = /\b(select|min|max|abs|floor|ceil|round|clamp|i32|u32|f32|unpack2x16float|pack2x16float)\(/g;
const OPERATOR = /<<|>>|[<>=!]=|&&|\|\||[-+*/%&|^<>](?!=)/g;
const NAME = /\b[a-z]+\d+(?:_\d+)?\b/g;

const matches = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** Work of each stretch of `fn main` in the text that this compiler prints: a statement a line. */
export function wgslCounts(text: string): WgslCounts {
  const lines = text.slice(text.indexOf('fn main(')).split('\n').slice(1);
  return { ...countLines(lines), registers: mostLive(lines) };
}

interface Open {
  readonly kind: 'loop' | 'known' | 'branch';
  readonly loop: number | null;
  readonly times: number;
}

function countLines(lines: readonly string[]): Pick<WgslCounts, 'stretches' | 'loops'> {
  const sums = new Map<number | null, WorkSum>([[null, new WorkSum()]]);
  const wide = new WideNames();
  let open: Open[] = [];
  let loops = 0;
  for (const line of lines) {
    const here = open.at(-1) ?? { kind: 'branch', loop: null, times: 1 };
    if (/^\s*}/.test(line)) open = open.slice(0, -1);
    const outer = /^\s*}/.test(line) ? (open.at(-1) ?? here) : here;
    if (!line.trimEnd().endsWith('{')) {
      if (!/^\s*}/.test(line)) sumOf(sums, here.loop).add(lineWork(line, wide), here.times);
      continue;
    }
    const known = knownTrips(line);
    if (known !== null) {
      sumOf(sums, outer.loop).add({ latency: LOAD_LATENCY }, outer.times * known);
      open = [...open, { kind: 'known', loop: outer.loop, times: outer.times * known }];
    } else if (/^\s*(for|loop)\b/.test(line)) {
      open = [...open, { kind: 'loop', loop: loops, times: 1 }];
      sumOf(sums, loops++).add({ issued: 2 });
    } else open = [...open, { ...outer, kind: 'branch' }];
  }
  return { stretches: [...sums].map(([loop, sum]) => ({ loop, work: sum.total })), loops };
}

function sumOf(sums: Map<number | null, WorkSum>, loop: number | null): WorkSum {
  const known = sums.get(loop) ?? new WorkSum();
  sums.set(loop, known);
  return known;
}

/** Trips of `for (var k0 = 0i; k0 < 16i; k0 += 1i)`; null: a loop whose bounds the launch gives, or no loop. */
function knownTrips(line: string): number | null {
  const [, from, to, by] = /^\s*for \(var \w+ = (\d+)i; \w+ < (\d+)i; \w+(?: \+= (\d+)i|\+\+)\)/.exec(line) ?? [];
  return to === undefined ? null : Math.ceil((Number(to) - Number(from)) / Number(by ?? 1));
}

/** Names that stand for vectors, as far as the text shows. */
class WideNames {
  readonly #lanes = new Map<string, number>();

  /** Values of 32 bits that an expression makes. */
  lanes(expression: string): number {
    if (
      /^\(?(vec4<|mem4\[|fma\(vec4|select\(vec4|exp2?\(vec4)/.test(expression) ||
      /\bvec4<\w+>\(/.test(outside(expression))
    )
      return 4;
    if (/^\(?(vec2<|mem2\[)/.test(expression)) return 2;
    for (const [name] of outside(expression).matchAll(/\b[a-z]+\d+(?:_\d+)?\b(?!\.[xyzw]\b)/g))
      if ((this.#lanes.get(name) ?? 1) > 1) return this.#lanes.get(name) ?? 1;
    return 1;
  }

  declare(name: string, lanes: number): void {
    this.#lanes.set(name, lanes);
  }

  of(name: string): number {
    return this.#lanes.get(name) ?? 1;
  }
}

/** The expression without what stands in brackets: indices are scalars. */
const outside = (expression: string): string => expression.replaceAll(/\[[^\]]*\]/g, '');

function lineWork(line: string, wide: WideNames): Partial<Work> {
  if (line.includes('workgroupBarrier()') || line.includes('storageBarrier()'))
    return { barriers: 1, issued: 1, latency: BARRIER_LATENCY };
  const { name, value } = assigned(line);
  const lanes = wide.lanes(value);
  if (name !== null) wide.declare(name, lanes);
  const plain = value.replaceAll(/<[a-z]\w*>/g, '');
  const index = (line.match(/\[[^\]]*\]/g) ?? []).join(' ');
  const fma = matches(plain, /\bfma\(/g) * lanes;
  const special = matches(plain, SPECIAL) * lanes;
  const wavefronts = (Object.keys(WAVEFRONTS) as (keyof typeof WAVEFRONTS)[]).reduce(
    (n, memory) => n + matches(line, new RegExp(`\\b${memory}\\[`, 'g')) * WAVEFRONTS[memory],
    0,
  );
  const accesses = matches(line, /\b(mem\d|b\d+)\[/g);
  const arithmetic = matches(outside(plain), OPERATOR) * lanes + matches(index, OPERATOR);
  const calls = matches(outside(plain), CALL) * lanes;
  return {
    issued: fma + special + arithmetic + calls + accesses,
    special,
    productFlops: 2 * fma,
    wavefronts,
  };
}

/** Name that a statement declares or assigns, null for an element; and the expression. */
function assigned(line: string): { readonly name: string | null; readonly value: string } {
  const [, name, value] = /^\s*(?:let |var )?(\w+)(?:: [^=]+)? = (.*);$/.exec(line) ?? [];
  if (name !== undefined && value !== undefined) return { name, value };
  const at = line.indexOf('] = ');
  return { name: null, value: at < 0 ? line.trim() : line.slice(at + 4) };
}

/** The most values that are live at one line: from where they are declared to their last use, or the end of its loop. */
function mostLive(lines: readonly string[]): number {
  const wide = new WideNames();
  const loops = loopsOf(lines);
  const born = new Map<string, number>();
  const last = new Map<string, number>();
  lines.forEach((line, i) => {
    const { name, value } = assigned(line);
    for (const [used] of line.matchAll(NAME)) {
      const from = born.get(used);
      if (from === undefined) continue;
      const around = loops.find(([begin, end]) => from < begin && begin <= i && i <= end);
      last.set(used, Math.max(last.get(used) ?? i, around?.[1] ?? i));
    }
    if (name === null || !/^\s*(let|var) /.test(line)) return;
    wide.declare(name, wide.lanes(value));
    born.set(name, i);
  });
  const change = new Array<number>(lines.length + 1).fill(0);
  for (const [name, from] of born) {
    const to = last.get(name);
    if (to === undefined) continue;
    change[from] = (change[from] ?? 0) + wide.of(name);
    change[to] = (change[to] ?? 0) - wide.of(name);
  }
  let live = 0;
  return change.reduce((most, x) => {
    live += x;
    return Math.max(most, live);
  }, 0);
}

/** First and last line of each loop, outer ones first. */
function loopsOf(lines: readonly string[]): [number, number][] {
  const found: [number, number][] = [];
  const open: (number | null)[] = [];
  lines.forEach((line, i) => {
    if (/^\s*}/.test(line)) {
      const begin = open.pop();
      if (begin !== null && begin !== undefined) found.push([begin, i]);
    }
    if (line.trimEnd().endsWith('{')) open.push(/^\s*(for|loop)\b/.test(line) ? i : null);
  });
  return found.sort((a, b) => a[0] - b[0]);
}
