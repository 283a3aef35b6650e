import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { SourceForm } from './forms.js';
import { type Address, LAC_SHARED, type Operand, type Reg, type RegClass } from './operand.js';
import { classOf, type ScalarKind, type Source, type SourceKind } from './signature.js';

/** How many registers a builder made, by class. */
export type RegisterCounts = Readonly<Record<RegClass, number>>;

export const BITS: Readonly<Record<RegClass, number>> = { pred: 1, b16: 16, b32: 32, b64: 64 };

/** @throws Bug where `reg` is not a register of class `cls` that this builder made. */
export function checkRegister(what: string, cls: RegClass, reg: Reg, counts: RegisterCounts): void {
  if (reg.kind !== 'reg' || reg.cls !== cls) throw new Bug(`${what}: ${describe(reg)} instead of a ${cls} register`);
  if (reg.id >= counts[cls]) throw new Bug(`${what}: ${describe(reg)} of another builder`);
}

/** @throws Bug where the instruction `name` cannot take the source. */
export function checkSource(name: string, form: SourceForm, source: Source, counts: RegisterCounts): void {
  const { kind, vector, register } = form;
  if (register !== null && typeof source === 'object' && 'kind' in source && source.kind === 'reg') {
    checkRegister(name, register, source, counts);
  } else if (vector !== null && isVector(source) && source.length === vector[1]) {
    for (const s of source) checkScalar(name, vector[0], s, counts);
  } else if (vector !== null || isVector(source) || !accepts(name, form, source, counts)) {
    throw new Bug(`${name}: ${describe(source)} as ${kind}`);
  }
}

/** An element of a vector. */
function checkScalar(name: string, kind: ScalarKind, source: Operand, counts: RegisterCounts): void {
  if (source.kind === 'reg') checkRegister(name, classOf(kind), source, counts);
  else if (!acceptsImmediate(kind, source)) throw new Bug(`${name}: ${describe(source)} as ${kind}`);
}

function accepts(
  name: string,
  { kind, scalar }: SourceForm,
  source: Operand | Address | string,
  counts: RegisterCounts,
): boolean {
  if (typeof source === 'string') return kind === 'word' && source === LAC_SHARED;
  if (source.kind === 'address') return acceptsAddress(name, kind, source, counts);
  if (kind === 'global' || kind === 'shared' || kind === 'param') return false;
  if (source.kind !== 'reg') return acceptsImmediate(scalar, source);
  checkRegister(name, classOf(scalar), source, counts);
  return kind !== 'int';
}

function acceptsAddress(name: string, kind: SourceKind, { base, offset }: Address, counts: RegisterCounts): boolean {
  if (!Number.isInteger(offset) || offset < -(2 ** 31) || offset >= 2 ** 31) return false;
  if (typeof base === 'string') return kind === 'param' || (kind === 'shared' && base === LAC_SHARED);
  checkRegister(name, kind === 'global' ? 'b64' : 'b32', base, counts);
  return kind === 'global' || kind === 'shared';
}

/** An integer for a float could be its bits or its value: only 0 is both. Halves take bits. */
function acceptsImmediate(kind: ScalarKind, source: Exclude<Operand, Reg>): boolean {
  if (source.kind === 'f32') return kind === 'f32' || kind === 'b32';
  if (kind === 'f32') return source.value === 0 || source.value === 0n;
  return fits(source.value, BITS[classOf(kind)]);
}

/** Whether an integer is one of `bits` bits, signed or unsigned. A number must be exact. */
function fits(value: number | bigint, bits: number): boolean {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= (bits > 1 ? -(2 ** (bits - 1)) : 0) && value < 2 ** bits;
  return value === BigInt.asUintN(bits, value) || (bits > 1 && value === BigInt.asIntN(bits, value));
}

const isVector = (source: Source): source is readonly Operand[] => Array.isArray(source);

function describe(source: Source): string {
  if (typeof source === 'string') return `the name ${source}`;
  if (isVector(source)) return `a vector of ${source.length}`;
  if (source.kind === 'address') return 'an address';
  return source.kind === 'reg' ? `a ${source.cls} register` : `the immediate ${source.value}`;
}
