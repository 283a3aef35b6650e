import { Bug } from '../../../compiler/diag/diagnostic.js';
import { type Address, LAC_SHARED, type Operand, type Reg, type RegClass } from './operand.js';
import { classOf, type ScalarKind, type Source, type SourceKind, scalarOf, vectorOf } from './signature.js';

/** How many registers a builder made, by class. */
export type RegisterCounts = Readonly<Record<RegClass, number>>;

export const BITS: Readonly<Record<RegClass, number>> = { pred: 1, b16: 16, b32: 32, b64: 64 };

/** @throws Bug where `reg` is not a register of class `cls` that this builder made. */
export function checkRegister(what: string, cls: RegClass, reg: Reg, counts: RegisterCounts): void {
  if (reg.kind !== 'reg' || reg.cls !== cls) throw new Bug(`${what}: ${describe(reg)} instead of a ${cls} register`);
  if (reg.id >= counts[cls]) throw new Bug(`${what}: ${describe(reg)} of another builder`);
}

/** @throws Bug where the instruction `name` cannot take the source. */
export function checkSource(name: string, kind: SourceKind, source: Source, counts: RegisterCounts): void {
  const vector = vectorOf(kind);
  if (vector !== null && isVector(source) && source.length === vector[1]) {
    for (const s of source) checkSource(name, vector[0], s, counts);
  } else if (vector !== null || isVector(source) || !accepts(name, kind, source, counts)) {
    throw new Bug(`${name}: ${describe(source)} as ${kind}`);
  }
}

function accepts(name: string, kind: SourceKind, source: Operand | Address | string, counts: RegisterCounts): boolean {
  if (typeof source === 'string') return kind === 'word' && source === LAC_SHARED;
  if (source.kind === 'address') return acceptsAddress(name, kind, source, counts);
  if (kind === 'global' || kind === 'shared' || kind === 'param') return false;
  if (source.kind !== 'reg') return acceptsImmediate(scalarOf(kind), source);
  checkRegister(name, classOf(scalarOf(kind)), source, counts);
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
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return false;
  const x = BigInt(value);
  return x === BigInt.asUintN(bits, x) || (bits > 1 && x === BigInt.asIntN(bits, x));
}

const isVector = (source: Source): source is readonly Operand[] => Array.isArray(source);

function describe(source: Source): string {
  if (typeof source === 'string') return `the name ${source}`;
  if (isVector(source)) return `a vector of ${source.length}`;
  if (source.kind === 'address') return 'an address';
  return source.kind === 'reg' ? `a ${source.cls} register` : `the immediate ${source.value}`;
}
