import type { Block } from '../../compiler/ir/module.js';
import { type Kernel, newOp, type Op, type Value, walk } from '../../compiler/ir/module.js';
import { type Layout, makeLayout, tileBits } from '../../compiler/layout/layout.js';

/** Numbers from a seed: what a kernel of fast-check is laid out by, so that it shrinks alone. */
function* numbers(seed: number): Generator<number, never> {
  for (let x = (seed * 2654435761) >>> 0; ; x = (Math.imul(x, 1664525) + 1013904223) >>> 0) yield x >>> 8;
}

/** A layout over five lane bits and one warp bit that holds the whole tile; copies where threads are left. */
function anyLayout(shape: readonly number[], next: () => number): Layout {
  const bits = tileBits(shape);
  const units = Array.from({ length: bits }, (_, i) => 2 ** i)
    .map((b) => ({ b, key: next() }))
    .sort((x, y) => x.key - y.key)
    .map((x) => x.b);
  const taken = Math.min(6, Math.max(0, bits - (next() % 4)));
  const threads = [...units.slice(0, taken), ...Array<number>(6 - taken).fill(0)];
  return makeLayout(shape, { register: units.slice(taken), lane: threads.slice(0, 5), warp: threads.slice(5) });
}

/** The same threads hold the same elements, in other registers; sometimes lanes exchange. */
function nearLayout(l: Layout, next: () => number): Layout {
  const { register = [], lane = [], warp = [] } = l.ins;
  const swapped = next() % 2 === 0 ? [...lane].reverse() : lane;
  return makeLayout(l.shape, { register: [...register].reverse(), lane: swapped, warp });
}

/**
 * Gives every tile of rank 1 and more a layout, and lets half of all uses ask for another one. Which means nothing to the
 * interpreter: it is the shape of what layout inference leaves.
 */
export function layOut(kernel: Kernel, seed: number): void {
  const stream = numbers(seed);
  const next = (): number => stream.next().value;
  for (const v of tilesOf(kernel)) if (v.type.kind === 'tile') v.layout = anyLayout(v.type.shape, next);
  convertUses(kernel.body, next);
}

function tilesOf(kernel: Kernel): Value[] {
  const all = [...walk(kernel.body)].flatMap((op) => [...op.results, ...op.regions.flatMap((r) => r.args)]);
  return all.filter((v) => v.type.kind === 'tile' && v.type.shape.length > 0);
}

function convertUses(block: Block, next: () => number): void {
  block.ops = block.ops.flatMap((op): Op[] => {
    const converts: Op[] = [];
    op.operands = op.operands.map((v) => {
      if (v.layout === undefined || next() % 2 === 0) return v;
      const convert = newOp('convert', [v], {}, [v.type]);
      const result = convert.results[0] as Value;
      result.layout = next() % 3 === 0 ? nearLayout(v.layout, next) : anyLayout(v.layout.shape, next);
      converts.push(convert);
      return result;
    });
    for (const region of op.regions) convertUses(region, next);
    return [...converts, op];
  });
}
