import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { table } from '../../bench/table.js';
import { ACCURACY, type Bound, type ElementwiseOp, POWER } from '../../compiler/ops/accuracy.js';

const FILE = resolve(import.meta.dirname, '../../docs/math.md');

/** What authors write for an op. */
const NAMES: { readonly [N in ElementwiseOp]?: string } = {
  add: 'a + b',
  sub: 'a - b',
  mul: 'a * b',
  div: 'a / b',
  rem: 'a % b',
  max: 'maximum',
  min: 'minimum',
  neg: '-x',
};

const boundText = ({ ulp, perX }: Bound, x: string): string =>
  ulp === 0 ? 'exact' : perX === undefined ? String(ulp) : `${ulp} + ${perX} ${x}`;

/** A row for every op on floats whose accuracy is worth a word; comparisons, selects and integers are exact. */
function accuracyTable(): string {
  const left = new Set<string>(['idiv', 'and', 'or', 'xor', 'shl', 'shr', 'ushr', 'mulhi', 'not', 'cmp', 'select']);
  const ops = (Object.keys(ACCURACY) as ElementwiseOp[]).filter((op) => !left.has(op));
  const row = (name: string, { ptx, wgsl }: { ptx: Bound; wgsl: Bound }, x: string): string[] => [
    `\`${name}\``,
    ...[ptx, wgsl].flatMap((bound) => [boundText(bound, x), bound.from?.replaceAll('|x|', 'abs(x)') ?? '']),
  ];
  const rows = ops.map((op) => row(NAMES[op] ?? op, ACCURACY[op], 'abs(x)'));
  return table(['function', 'PTX (ulp)', 'from', 'WGSL (ulp)', 'from'], [...rows, row('a ** b', POWER, 'abs(t)')]);
}

it('docs/math.md has the table of accuracy.ts (LAC_UPDATE=1 writes it)', () => {
  const text = readFileSync(FILE, 'utf8');
  const [, before = '', shown = '', after = ''] =
    /^([\s\S]*<!-- table.*-->\n)([\s\S]*)(<!-- end -->[\s\S]*)$/.exec(text) ?? [];
  const made = `${accuracyTable()}\n`;
  if (process.env.LAC_UPDATE === '1') writeFileSync(FILE, before + made + after);
  else expect(shown).toBe(made);
});
