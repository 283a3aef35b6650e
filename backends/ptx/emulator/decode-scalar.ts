import { conversionRow } from './convert.js';
import type { Decoded, Decoder, Operands } from './decode.js';
import type { Execute } from './loops.js';
import { comparisonRow, scalarRow } from './scalar.js';
import type { Form } from './slots.js';
import { WIDE_ROWS } from './wide.js';

interface AnyRow {
  readonly shape: string;
  readonly make: (bases: readonly number[]) => Execute;
}

const FORM_OF: Readonly<Record<string, Form>> = { u: 'int', s: 'int', f: 'float', q: 'wide' };

/** The loop of a row over the operands of an instruction: result first. */
function fromRow(o: Operands, row: AnyRow): Decoded {
  const [result = '', sources = ''] = row.shape.split('=');
  o.expect(1 + sources.length);
  const bases = [...sources].map((letter, i) => o.source(i + 1, FORM_OF[letter] ?? 'int'));
  return { execute: row.make([o.destination(0, result === 'q'), ...bases]) };
}

const arithmetic: Decoder = (o) => fromRow(o, WIDE_ROWS[o.opcode] ?? scalarRow(o.opcode) ?? o.refuse());

const compare: Decoder = (o) => {
  const joined = o.count > 3 ? o.at(3) : null;
  const row = comparisonRow(o.opcode, joined?.kind === 'not') ?? o.refuse();
  if (joined?.kind !== 'not') return fromRow(o, row);
  const form = FORM_OF[row.shape[2] ?? ''] ?? 'int';
  const bases = [o.destination(0, false), o.source(1, form), o.source(2, form), o.slots.register(joined.id)];
  return { execute: row.make(bases) };
};

const convert: Decoder = (o) => fromRow(o, WIDE_ROWS[o.opcode] ?? conversionRow(o.opcode) ?? o.refuse());

/** mov also packs and unpacks: `mov.b32 %r, {%h, %h}`. */
const move: Decoder = (o) => {
  o.expect(2);
  const [to, from] = [o.at(0), o.at(1)];
  const wide = o.opcode.endsWith('64');
  if (from.kind === 'vector') {
    const parts = o.sources(1, 'int');
    if (parts.length !== 2) return o.refuse('only two parts are packed');
    return { execute: pack(o.destination(0, wide), parts[0] ?? 0, parts[1] ?? 0, wide) };
  }
  if (to.kind === 'vector') {
    const parts = o.destinations(0, false);
    if (parts.length !== 2) return o.refuse('only two parts are unpacked');
    return { execute: unpack(parts[0] ?? 0, parts[1] ?? 0, o.source(1, wide ? 'wide' : 'int'), wide) };
  }
  return arithmetic(o);
};

const pack =
  (d: number, low: number, high: number, wide: boolean): Execute =>
  ({ u }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const a = u[low + l] as number;
      const b = u[high + l] as number;
      if (wide) {
        u[d + 2 * l] = a;
        u[d + 2 * l + 1] = b;
      } else u[d + l] = (a & 0xffff) | (b << 16);
    }
  };

const unpack =
  (low: number, high: number, a: number, wide: boolean): Execute =>
  ({ u }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const word = u[wide ? a + 2 * l : a + l] as number;
      const next = wide ? (u[a + 2 * l + 1] as number) : word >>> 16;
      u[low + l] = wide ? word : word & 0xffff;
      u[high + l] = next;
    }
  };

/** lop3: bit i of the table is the result where the three source bits spell i. */
const logic: Decoder = (o) => {
  if (o.opcode !== 'lop3.b32') return o.refuse();
  o.expect(5);
  const table = o.literal(4);
  const [d, a, b, c] = [o.destination(0, false), o.source(1, 'int'), o.source(2, 'int'), o.source(3, 'int')];
  return {
    execute: ({ u }, lanes, n) => {
      for (let i = 0; i < n; i++) {
        const l = lanes[i] as number;
        u[d + l] = ternary(table, u[a + l] as number, u[b + l] as number, u[c + l] as number);
      }
    },
  };
};

function ternary(table: number, a: number, b: number, c: number): number {
  let r = 0;
  for (let k = 0; k < 8; k++) if (table & (1 << k)) r |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
  return r;
}

const ARITHMETIC = [
  ...['add', 'sub', 'mul', 'mad', 'div', 'rem', 'min', 'max', 'neg', 'abs', 'fma', 'copysign', 'testp'],
  ...['and', 'or', 'xor', 'not', 'shl', 'shr', 'shf', 'popc', 'clz', 'brev', 'bfe', 'bfi', 'prmt'],
  ...['rcp', 'sqrt', 'rsqrt', 'ex2', 'lg2', 'sin', 'cos', 'tanh', 'selp', 'cvta'],
];

export const SCALAR_DECODERS: Readonly<Record<string, Decoder>> = {
  ...Object.fromEntries(ARITHMETIC.map((head) => [head, arithmetic])),
  lop3: logic,
  mov: move,
  setp: compare,
  cvt: convert,
};
