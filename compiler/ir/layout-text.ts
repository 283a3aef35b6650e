import type { InDim, Layout } from '../layout/layout.js';

/**
 * Layouts as text: `reg[c1 c2 r8] inv[r1 r2 0]`. Each entry is the image of bit 0, 1, 2, ... of that hardware index, as a
 * sum of letter and number an axis (`r48c64`); `0` means that the bit holds a copy. The last axis is c, before it r, p.
 */
const DIM_TEXT = { register: 'reg', lane: 'lane', warp: 'warp', invocation: 'inv', offset: 'off' } as const satisfies {
  [D in InDim]: string;
};
const DIMS = Object.keys(DIM_TEXT) as InDim[];
const LETTERS = 'prc';

const letterOf = (axis: number, rank: number): string => LETTERS[LETTERS.length - rank + axis] ?? '?';
const bitsOf = (extent: number): number => Math.max(0, Math.ceil(Math.log2(extent)));

function basisText(index: number, shape: readonly number[]): string {
  let text = '';
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = 2 ** (axis === 0 ? 31 : bitsOf(shape[axis] ?? 1));
    const part = rest % size;
    if (part !== 0) text = `${letterOf(axis, shape.length)}${part}${text}`;
    rest = Math.floor(rest / size);
  }
  return text === '' ? '0' : text;
}

export function layoutText(layout: Layout): string {
  const present = DIMS.filter((d) => layout.ins[d] !== undefined);
  return present
    .map((d) => `${DIM_TEXT[d]}[${(layout.ins[d] ?? []).map((b) => basisText(b, layout.shape)).join(' ')}]`)
    .join(' ');
}

export const inDimOf = (text: string): InDim | undefined => DIMS.find((d) => DIM_TEXT[d] === text);

/** Index of a basis for a tile of this shape; a message where the text is not one. */
export function parseBasis(text: string, shape: readonly number[]): number | string {
  if (text === '0') return 0;
  if (!/^(?:[prc][0-9]{1,9})+$/.test(text)) return `\`${text}\` is no basis: write r2, c16, r48c64 or 0`;
  const seen = new Set<string>();
  let index = 0;
  for (const [, letter = '', digits = ''] of text.matchAll(/([prc])([0-9]+)/g)) {
    const axis = LETTERS.indexOf(letter) - LETTERS.length + shape.length;
    const extent = shape[axis];
    const part = Number(digits);
    if (extent === undefined || seen.has(letter)) return `\`${text}\`: axis ${letter} is missing or named twice`;
    if (part >= extent) return `\`${text}\` is outside of extent ${extent}`;
    seen.add(letter);
    index += part * 2 ** shape.slice(axis + 1).reduce((n, e) => n + bitsOf(e), 0);
  }
  return index;
}
