/** ldmatrix, stmatrix, movmatrix, mma: instructions of a whole warp on fragments (PTX ISA, "Matrix multiply-accumulate"). */
import type { AddressSource, Decoder } from './decode.js';
import { countBanks } from './decode-memory.js';
import { productOf } from './mma.js';
import { WARP_WIDE } from './race.js';
import type { Warp } from './warp.js';

const ALL = Uint8Array.from({ length: 32 }, (_, l) => l);
const ROW_BYTES = 16;
/** Half e of row r of a matrix at 8 r + e. */
const matrix = new Uint16Array(64);

const FORM = /^(ld|st)matrix\.sync\.aligned\.m8n8\.(x1|x2|x4)(\.trans)?\.shared(::cta)?\.b16$/;

const moveMatrices: Decoder = (o) => {
  const match = FORM.exec(o.opcode);
  if (match === null) return o.refuse();
  o.expect(2);
  const [count, transposed, loads] = [Number(match[2]?.slice(1)), match[3] !== undefined, match[1] === 'ld'];
  const registers = loads ? o.destinations(0, false) : o.sources(1, 'int');
  if (registers.length !== count) return o.refuse(`${registers.length} registers`);
  const address = o.address(loads ? 1 : 0);
  const move = loads ? loadMatrix : storeMatrix;
  return {
    kind: 'aligned',
    execute: (w) => {
      // All rows are read before any register is written: the address may be one of them.
      rowAddresses(w, address, count);
      for (let m = 0; m < count; m++) move(w, registers[m] as number, m, transposed);
      countBanks(w, ALL, 8 * count, ROW_BYTES);
    },
  };
};

/** Lane 8 m + r gives the address of row r of matrix m; in w.addresses. */
function rowAddresses(w: Warp, a: AddressSource, count: number): void {
  for (let l = 0; l < 8 * count; l++) w.addresses[l] = (w.u[a.slot + (a.wide ? 2 * l : l)] as number) + a.offset;
}

function loadMatrix(w: Warp, d: number, m: number, transposed: boolean): void {
  const { shared } = w.cta;
  for (let r = 0; r < 8; r++) {
    const at = w.addresses[8 * m + r] as number;
    shared.read(w, WARP_WIDE, at, ROW_BYTES);
    if (!transposed) for (let c = 0; c < 4; c++) w.u[d + 4 * r + c] = shared.words[(at >> 2) + c] as number;
    else for (let e = 0; e < 8; e++) matrix[8 * r + e] = shared.halves[(at >> 1) + e] as number;
  }
  if (transposed) toFragment(w, d, true);
}

function storeMatrix(w: Warp, a: number, m: number, transposed: boolean): void {
  const { shared } = w.cta;
  if (transposed) fromFragment(w, a, true);
  for (let r = 0; r < 8; r++) {
    const at = w.addresses[8 * m + r] as number;
    shared.write(w, WARP_WIDE, at, ROW_BYTES);
    if (!transposed) for (let c = 0; c < 4; c++) shared.words[(at >> 2) + c] = w.u[a + 4 * r + c] as number;
    else for (let e = 0; e < 8; e++) shared.halves[(at >> 1) + e] = matrix[8 * r + e] as number;
  }
}

/** Lane 4 r + c holds the halves 2 c and 2 c + 1 of row r; transposed: of column r. */
function toFragment({ u }: Warp, d: number, transposed: boolean): void {
  for (let l = 0; l < 32; l++) {
    const r = l >> 2;
    const e = 2 * (l & 3);
    const low = matrix[transposed ? 8 * e + r : 8 * r + e] as number;
    const high = matrix[transposed ? 8 * (e + 1) + r : 8 * r + e + 1] as number;
    u[d + l] = low | (high << 16);
  }
}

function fromFragment({ u }: Warp, a: number, transposed: boolean): void {
  for (let l = 0; l < 32; l++) {
    const r = l >> 2;
    const e = 2 * (l & 3);
    const pair = u[a + l] as number;
    matrix[transposed ? 8 * e + r : 8 * r + e] = pair;
    matrix[transposed ? 8 * (e + 1) + r : 8 * r + e + 1] = pair >>> 16;
  }
}

const transpose: Decoder = (o) => {
  if (o.opcode !== 'movmatrix.sync.aligned.m8n8.trans.b16') return o.refuse();
  o.expect(2);
  const [d, a] = [o.destination(0, false), o.source(1, 'int')];
  return {
    kind: 'aligned',
    execute: (w) => {
      fromFragment(w, a, false);
      toFragment(w, d, true);
    },
  };
};

const multiply: Decoder = (o) => {
  const product = productOf(o.opcode) ?? o.refuse();
  o.expect(4);
  const { a, b, c } = product.registers;
  const bases = [o.destinations(0, false), o.sources(1, 'int'), o.sources(2, 'int'), o.sources(3, 'int')] as const;
  const [toD, fromA, fromB, fromC] = bases;
  if (toD.length !== c || fromA.length !== a || fromB.length !== b || fromC.length !== c)
    return o.refuse(`fragments of ${a}, ${b} and ${c} registers are expected`);
  return { kind: 'aligned', execute: product.make(toD, fromA, fromB, fromC) };
};

export const MATRIX_DECODERS: Readonly<Record<string, Decoder>> = {
  ldmatrix: moveMatrices,
  stmatrix: moveMatrices,
  movmatrix: transpose,
  mma: multiply,
};
