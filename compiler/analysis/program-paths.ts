import type { Block, Op } from '../ir/module.js';
import { isLoop } from '../ir/rewrite.js';

/** An op and where it stands. */
export interface Place {
  readonly block: Block;
  readonly index: number;
  readonly op: Op;
}

/** From the kernel's body inwards: each place holds the block of the next one, the last is the op itself. */
export type Path = readonly Place[];

/** Paths of all ops, in program order. */
export function pathsOf(body: Block): Map<Op, Path> {
  const paths = new Map<Op, Path>();
  const visit = (block: Block, around: Path): void => {
    block.ops.forEach((op, index) => {
      const path = [...around, { block, index, op }];
      paths.set(op, path);
      for (const region of op.regions) visit(region, path);
    });
  };
  visit(body, []);
  return paths;
}

/** Number of blocks, from the outermost, in which both ops stand. */
export function commonBlocks(a: Path, b: Path): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n]?.block === b[n]?.block) n++;
  return n;
}

/** The loops around an op, outermost first. */
export const loopsOf = (path: Path): Op[] => path.slice(0, -1).flatMap(({ op }) => (isLoop(op) ? [op] : []));
