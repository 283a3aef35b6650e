import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Line } from './builder.js';
import { LAC_SHARED, type Reg, type RegClass } from './operand.js';
import type { Source } from './signature.js';
import { registerText } from './text.js';

/** Registers, by class and number. */
class RegisterSet {
  readonly #has: Readonly<Record<RegClass, boolean[]>> = { pred: [], b16: [], b32: [], b64: [] };
  add(reg: Reg): void {
    this.#has[reg.cls][reg.id] = true;
  }
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
 * @throws Bug
 */
export function verifyBody(lines: readonly Line[], params: readonly string[]): void {
  verifyLabels(lines);
  const written = new RegisterSet();
  for (const line of lines)
    if (line.kind === 'read') written.add(line.dst);
    else if (line.kind === 'instruction') for (const reg of line.dst) written.add(reg);

  const names = new Set([...params, LAC_SHARED]);
  const check = (x: Reg | string): void => {
    if (typeof x === 'string' ? !names.has(x) : !written.has(x))
      throw new Bug(
        typeof x === 'string' ? `unknown name: ${x}` : `register that is never written: ${registerText(x)}`,
      );
  };
  for (const line of lines) {
    if (line.kind !== 'instruction' && line.kind !== 'branch') continue;
    if (line.guard !== null) check(line.guard.reg);
    if (line.kind === 'instruction') for (let i = 0; i < line.src.length; i++) readsOf(line.src[i] as Source, check);
  }
}

function verifyLabels(lines: readonly Line[]): void {
  const placed = new Set<string>();
  for (const line of lines) {
    if (line.kind !== 'label') continue;
    if (placed.has(line.label.name)) throw new Bug(`label ${line.label.name} is placed twice`);
    placed.add(line.label.name);
  }
  for (const line of lines)
    if (line.kind === 'branch' && !placed.has(line.label.name)) throw new Bug(`label ${line.label.name} is not placed`);
}
