import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Line } from './builder.js';
import { LAC_SHARED, type Reg, type RegClass } from './operand.js';
import type { Source } from './signature.js';
import { registerText } from './text.js';

/** Registers, by class and number. */
class RegisterSet {
  readonly #has: Readonly<Record<RegClass, boolean[]>> = { pred: [], b16: [], b32: [], b64: [] };
  readonly add = (reg: Reg): void => {
    this.#has[reg.cls][reg.id] = true;
  };
  has(reg: Reg): boolean {
    return this.#has[reg.cls][reg.id] === true;
  }
}

/** Calls `visit` for every register and name that a source reads. */
function readsOf(source: Source, visit: (x: Reg | string) => void): void {
  if (typeof source === 'string') visit(source);
  else if (!('kind' in source)) for (const s of source) readsOf(s, visit);
  else if (source.kind === 'reg') visit(source);
  else if (source.kind === 'address') visit(source.base);
}

/**
 * What holds of a whole body: labels that are gone to are placed, once; registers that are read are written somewhere;
 * names are those of `params` or of shared memory.
 * @returns the names that it reads.
 * @throws Bug
 */
export function verifyBody(lines: readonly Line[], params: readonly string[]): ReadonlySet<string> {
  const { written, labels } = madeIn(lines);
  const names = new Set([...params, LAC_SHARED]);
  const read = new Set<string>();
  const check = (x: Reg | string): void => {
    if (typeof x === 'string') {
      if (!names.has(x)) throw new Bug(`unknown name: ${x}`);
      read.add(x);
    } else if (!written.has(x)) throw new Bug(`register that is never written: ${registerText(x)}`);
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as Line;
    if (line.kind !== 'instruction' && line.kind !== 'branch') continue;
    if (line.guard !== null) check(line.guard.reg);
    if (line.kind === 'instruction') for (let j = 0; j < line.src.length; j++) readsOf(line.src[j] as Source, check);
    else if (!labels.has(line.label.name)) throw new Bug(`label ${line.label.name} is not placed`);
  }
  return read;
}

/** Registers that are written, and labels that are placed. */
function madeIn(lines: readonly Line[]): { readonly written: RegisterSet; readonly labels: ReadonlySet<string> } {
  const written = new RegisterSet();
  const labels = new Set<string>();
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as Line;
    if (line.kind === 'instruction') line.dst.forEach(written.add);
    else if (line.kind === 'read') written.add(line.dst);
    else if (line.kind === 'label') {
      if (labels.has(line.label.name)) throw new Bug(`label ${line.label.name} is placed twice`);
      labels.add(line.label.name);
    }
  }
  return { written, labels };
}
