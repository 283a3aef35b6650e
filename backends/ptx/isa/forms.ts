import { type InstructionName, instruction } from './instructions.js';
import type { RegClass } from './operand.js';
import { classOf, type InstructionRow, type ScalarKind, type SourceKind, scalarOf, vectorOf } from './signature.js';

/** How one source of an instruction is read and written. */
export interface SourceForm {
  readonly kind: SourceKind;
  readonly scalar: ScalarKind;
  /** Kind and number of the elements of a vector. */
  readonly vector: readonly [ScalarKind, number] | null;
  /** Class of the one register that it may be; null where a register alone does not do. */
  readonly register: RegClass | null;
  /** PTX has no immediates of this kind. */
  readonly registerOnly: boolean;
}

/** A row of the instruction table, worked out for those who go through programs line by line. */
export interface InstructionForm {
  readonly row: InstructionRow;
  /** Classes of the destinations. */
  readonly dst: readonly RegClass[];
  readonly src: readonly SourceForm[];
  /** Destinations are written in braces. */
  readonly braced: boolean;
}

const REGISTER_ONLY: ReadonlySet<SourceKind> = new Set(['f16', 'f16x2', 'fragment']);
const NO_REGISTER: ReadonlySet<SourceKind> = new Set(['global', 'shared', 'param', 'int']);

function sourceForm(kind: SourceKind): SourceForm {
  const vector = vectorOf(kind);
  const scalar = scalarOf(kind);
  const register = vector !== null || NO_REGISTER.has(kind) ? null : classOf(scalar);
  return { kind, scalar, vector, register, registerOnly: REGISTER_ONLY.has(kind) };
}

const forms = new Map<InstructionName, InstructionForm>();

export function formOf(name: InstructionName): InstructionForm {
  const known = forms.get(name);
  if (known !== undefined) return known;
  const row = instruction(name);
  const braced = row.dst.length !== 1 || row.dst[0] === 'fragment';
  const form: InstructionForm = { row, dst: row.dst.map(classOf), src: row.src.map(sourceForm), braced };
  forms.set(name, form);
  return form;
}
