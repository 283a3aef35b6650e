/**
 * Every diagnostic code, in one place. Codes are stable: never renumber, never reuse.
 *   00xx files, limits, general      01xx syntax that the language does not have     02xx shapes, dtypes, values
 *   03xx kernel declarations         04xx IR text and verifier                       05xx backend and target limits
 *   06xx launch: arguments, shapes   07xx devices and drivers                        08xx run-time traps (`interpret`)
 *   09xx command line
 */
export interface CodeInfo {
  readonly title: string;
  /** Long form, for `lac explain`: what it means, why it is a rule. */
  readonly explain: string;
  readonly wrong?: string;
  readonly right?: string;
}

export const CODES = {
  LAC0001: {
    title: 'file cannot be read',
    explain: 'The file named on the command line, or imported by a kernel, does not exist or cannot be opened.',
  },

  // ---- 08xx run-time traps
  LAC0801: {
    title: 'broken inBounds promise',
    explain:
      '`inBounds: true` is the promise that every lane of the access lies inside the view; devices then check nothing. A lane lay outside. Drop the option (lanes outside read `pad`, stores drop them), or mask the lanes off.',
    wrong: 'x.load([m * BM], [BM], { inBounds: true })   // N is no multiple of BM',
    right: 'x.load([m * BM], [BM])',
  },
  LAC0802: {
    title: 'read of something never written',
    explain:
      'An uninitialised temporary or output was read before anything was stored there. Devices give whatever the memory held.',
    right: 'temp(f32, [B, H, D, E], { fill: 0 })   // or store before loading',
  },
  LAC0803: {
    title: 'two programs write one element',
    explain:
      'Programs of one launch run in no order, so which value stays is unspecified. Let the grid give every element of the result to one program.',
    wrong:
      'grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B })   // and o.store([n, 0], ...): every e writes the same columns',
    right: 'O.store([n, e * BE], ...)',
  },
  LAC0804: {
    title: 'a program depends on the stores of another',
    explain:
      'A program read an element that another program of the same launch writes. There is no order between programs of a launch, not even progress: split the work into two launches (a plan), or give the element to one program.',
  },
  LAC0805: {
    title: 'two lanes of one store write one element',
    explain:
      'Two lanes of a store have the same address, so which value stays is unspecified. Outputs need strides that keep distinct elements apart.',
  },
  LAC0806: {
    title: 'integer division by zero',
    explain: 'idiv and % of integers by zero have no value; devices give an unspecified one.',
    right: 'idiv(n, maximum(k, 1))   // or a where() around the divisor',
  },
  LAC0807: {
    title: 'integer division overflows',
    explain: '-2^31 / -1 is 2^31, which i32 does not hold; devices give an unspecified value.',
  },
  LAC0808: {
    title: 'loop step is not positive',
    explain: 'The step of range must be at least 1. Descending order is the option `reverse`.',
    wrong: 'for (const n of range(N, 0, -C))',
    right: 'for (const n of range(0, N, C, { reverse: true }))',
  },
  LAC0809: {
    title: 'step limit reached',
    explain:
      'The interpreter stopped after a fixed number of operations, so that a loop that never ends does not hang it. Use smaller sizes, or raise the limit.',
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof CODES;
