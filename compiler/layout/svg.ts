import type { Layout } from './layout.js';
import { apply, registerCount, threadCount, tileBits } from './layout.js';

const CELL = 34;
/** More cells than this are not drawn: the picture shows the first rows and columns, and says so. */
const SHOWN = 64;

/**
 * Picture of a layout of rank 0 to 2 (leading axes of higher ranks are laid below each other): one cell an element, with
 * the lowest thread (t) and register (r) that hold it, coloured by thread; `x2` where it has two holders.
 */
export function layoutSvg(l: Layout): string {
  const columns = l.shape[l.shape.length - 1] ?? 1;
  const rows = 2 ** tileBits(l.shape) / columns;
  const [width, height] = [Math.min(columns, SHOWN), Math.min(rows, SHOWN)];
  const owners = holdersOf(l);
  const cells: string[] = [];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      cells.push(cell(row, column, owners.get(row * columns + column) ?? []));
  const cut = width < columns || height < rows ? `, first ${height} rows and ${width} columns` : '';
  const title = `${l.shape.join('x') || 'scalar'}: ${threadCount(l)} threads x ${registerCount(l)} registers${cut}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width * CELL} ${height * CELL}" font-family="monospace" font-size="9">`,
    `<title>${title}</title>`,
    ...cells,
    '</svg>',
  ].join('\n');
}

interface Holder {
  readonly thread: number;
  readonly register: number;
}

/** Holders of each element, by thread, then register. A warp's lanes are numbered on from those of the warp before. */
function holdersOf(l: Layout): Map<number, Holder[]> {
  const lanes = l.ins.lane?.length ?? 0;
  const warps = l.ins.warp?.length ?? 0;
  const owners = new Map<number, Holder[]>();
  for (let thread = 0; thread < threadCount(l); thread++)
    for (let register = 0; register < registerCount(l); register++) {
      const lane = thread & (2 ** lanes - 1);
      const warp = (thread >>> lanes) & (2 ** warps - 1);
      const index = apply(l, { register, lane, warp, invocation: thread >>> (lanes + warps) });
      const list = owners.get(index);
      if (list === undefined) owners.set(index, [{ thread, register }]);
      else list.push({ thread, register });
    }
  return owners;
}

function cell(row: number, column: number, holders: readonly Holder[]): string {
  const first = holders[0];
  // Multiples of the golden angle keep neighbouring threads apart in colour.
  const fill = first === undefined ? 'white' : `hsl(${Math.round((first.thread * 137.508) % 360)} 70% 80%)`;
  const [x, y] = [column * CELL, row * CELL];
  const copies = holders.length > 1 ? `<text x="${x + 2}" y="${y + 31}">x${holders.length}</text>` : '';
  const text =
    first === undefined
      ? ''
      : `<text x="${x + 2}" y="${y + 11}">t${first.thread}</text><text x="${x + 2}" y="${y + 21}">r${first.register}</text>`;
  return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${fill}" stroke="gray"/>${text}${copies}`;
}
