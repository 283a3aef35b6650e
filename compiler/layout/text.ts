import { Bug } from '../diag/diagnostic.js';
import { axisField, coordinates, flatten } from './axes.js';
import type { InDim, Layout } from './layout.js';
import { dimsOf, makeLayout } from './layout.js';

/**
 * Layouts as text: `reg[c1 c2 r8] inv[r1 r2 0]`. Each entry is the image of bit 0, 1, 2, ... of that hardware index, as a
 * sum of letter and number an axis (`r48c64`); `0` means that the bit holds a copy. The last axis is c, before it r, p, q.
 */
const DIM_TEXT = { register: 'reg', lane: 'lane', warp: 'warp', invocation: 'inv', offset: 'off' } as const satisfies {
  [D in InDim]: string;
};
const LETTERS = 'qprc';

export const inDimOf = (text: string): InDim | undefined =>
  (Object.keys(DIM_TEXT) as InDim[]).find((d) => DIM_TEXT[d] === text);

function basisText(basis: number, shape: readonly number[]): string {
  if (shape.length > LETTERS.length) throw new Bug(`layout: no letters for ${shape.length} axes`);
  const letters = LETTERS.slice(LETTERS.length - shape.length);
  const parts = coordinates(shape, basis).map((x, axis) => (x === 0 ? '' : `${letters[axis]}${x}`));
  return parts.join('') || '0';
}

export const layoutText = (l: Layout): string =>
  dimsOf(l)
    .map((d) => `${DIM_TEXT[d]}[${(l.ins[d] ?? []).map((b) => basisText(b, l.shape)).join(' ')}]`)
    .join(' ');

/** Index of a basis for a tile of this shape; a message where the text is not one. */
export function parseBasis(text: string, shape: readonly number[]): number | string {
  if (text === '0') return 0;
  if (!/^(?:[qprc][0-9]{1,9})+$/.test(text)) return `\`${text}\` is no basis: write r2, c16, r48c64 or 0`;
  const at = new Map<number, number>();
  for (const [, letter = '', digits = ''] of text.matchAll(/([qprc])([0-9]+)/g)) {
    const axis = LETTERS.indexOf(letter) - LETTERS.length + shape.length;
    if (axis < 0 || at.has(axis)) return `\`${text}\`: axis ${letter} is missing or named twice`;
    const { extent } = axisField(shape, axis);
    if (Number(digits) >= extent) return `\`${text}\` is outside of extent ${extent}`;
    at.set(axis, Number(digits));
  }
  return flatten(
    shape,
    shape.map((_, axis) => at.get(axis) ?? 0),
  );
}

/** The layout that `layoutText` prints so; a message where the text is none. Extents must be powers of two. */
export function parseLayout(text: string, shape: readonly number[]): Layout | string {
  const ins: { [D in InDim]?: readonly number[] } = {};
  const form = /\s*([a-z]+)\[([^\]]*)\]\s*/y;
  while (form.lastIndex < text.length) {
    const start = form.lastIndex;
    const [, name = '', list = ''] = form.exec(text) ?? [];
    const dim = inDimOf(name);
    if (dim === undefined) return `\`${text.slice(start, start + 20)}\`: expected reg[...], lane, warp, inv or off`;
    if (ins[dim] !== undefined) return `${name} is given twice`;
    const bases: number[] = [];
    for (const word of list.split(/\s+/).filter((w) => w !== '')) {
      const basis = parseBasis(word, shape);
      if (typeof basis === 'string') return basis;
      bases.push(basis);
    }
    if (bases.length > 30) return `${name} has ${bases.length} bits; at most 30`;
    ins[dim] = bases;
  }
  const total = Object.values(ins).reduce((n, b) => n + b.length, 0);
  return total > 31 ? `${total} hardware bits; at most 31` : makeLayout(shape, ins);
}
