import type { Code } from '../diag/codes.js';
import { type Diagnostic, diagnostic, type Span } from '../diag/diagnostic.js';
import { type AttrKind, type AttrValue, TypeRuleError } from '../ops/schema.js';
import { isElementwise, opRow } from '../ops/table.js';
import { LIMITS } from './limits.js';
import type { Block, Kernel, Module, Op, Value } from './module.js';
import { nameText, opLine, ValueNames } from './print.js';
import { DTYPES, sameType, scalarType, type Type, typeText } from './types.js';
import { headerFaults } from './verify-header.js';
import { attrFault, layoutFault, typeFault } from './verify-values.js';

export interface VerifyOptions {
  /** Place of an op, where that is better known than from its location. */
  readonly spanOf?: (op: Op) => Span | null;
}

/** Diagnostics that one kernel gets before the verifier stops looking. */
const MAX_FAULTS = 20;

/**
 * Checks everything that holds between passes: type rules, attributes, dominance, regions against operands and results,
 * names of axes and dimensions, limits, layouts. IR without findings is safe to give to any pass, backend or `interpret`.
 */
export function verifyModule(module: Module, options: VerifyOptions = {}): Diagnostic[] {
  const faults = module.kernels.flatMap((k) => verifyKernel(k, options));
  const names = new Set<string>();
  for (const { name } of module.kernels) {
    if (names.has(name)) faults.push(diagnostic('LAC0409', `two kernels have the name ${nameText(name)}`));
    names.add(name);
  }
  return faults;
}

export function verifyKernel(kernel: Kernel, options: VerifyOptions = {}): Diagnostic[] {
  const verifier = new Verifier(kernel, options);
  verifier.run();
  return verifier.faults;
}

class Verifier {
  readonly faults: Diagnostic[] = [];
  readonly #kernel: Kernel;
  readonly #options: VerifyOptions;
  /** Values that dominate the current point. */
  readonly #visible = new Set<Value>();
  readonly #seen = new Set<Op | Block>();
  readonly #dims: ReadonlySet<string>;
  #names: ValueNames | undefined;
  #ops = 0;

  constructor(kernel: Kernel, options: VerifyOptions) {
    this.#kernel = kernel;
    this.#options = options;
    this.#dims = new Set(kernel.params.flatMap((p) => (p.kind === 'view' ? p.dims : [])));
  }

  run(): void {
    for (const f of headerFaults(this.#kernel))
      this.faults.push(diagnostic(f.code, `kernel ${this.#where()}: ${f.message}`));
    this.#block(this.#kernel.body, null, 0);
  }

  #where(): string {
    return nameText(this.#kernel.name);
  }

  #fault(code: Code, op: Op | null, message: string): void {
    if (this.faults.length >= MAX_FAULTS) return;
    if (op === null) {
      this.faults.push(diagnostic(code, `kernel ${this.#where()}: ${message}`));
      return;
    }
    const span = this.#options.spanOf?.(op) ?? op.loc?.span ?? null;
    this.faults.push(diagnostic(code, `kernel ${this.#where()}, \`${this.#line(op)}\`: ${message}`, span));
  }

  /** Names are given in printing order, as `lac ir` shows them; worked out at the first fault only. */
  #line(op: Op): string {
    if (this.#names === undefined) {
      this.#names = new ValueNames();
      for (const p of this.#kernel.params) this.#names.of(p.value, p.name);
      nameBlock(this.#kernel.body, this.#names, 0);
    }
    const line = opLine(op, this.#names);
    return line.length > 200 ? `${line.slice(0, 200)}...` : line;
  }

  #block(block: Block, parent: Op | null, depth: number): void {
    if (this.#seen.has(block)) {
      this.#fault('LAC0406', parent, 'a region is in two places');
      return;
    }
    this.#seen.add(block);
    if (depth > LIMITS.depth) {
      this.#fault('LAC0402', parent, `regions nest more than ${LIMITS.depth} deep`);
      return;
    }
    const defined: Value[] = [];
    for (const v of block.args) this.#define(v, block, parent, defined);
    block.ops.forEach((op, i) => {
      this.#op(op, depth, defined);
      if (op.name === 'yield' && (parent === null || i !== block.ops.length - 1))
        this.#fault('LAC0406', op, 'yield stands only at the end of a region');
    });
    for (const v of defined) this.#visible.delete(v);
  }

  #define(v: Value, by: Op | Block, op: Op | null, into: Value[]): void {
    if (v.def !== by) this.#fault('LAC0404', op, `${typeText(v.type)} value names another definition than this one`);
    if (this.#visible.has(v)) this.#fault('LAC0404', op, 'a value is defined twice');
    this.#visible.add(v);
    into.push(v);
    const type = typeFault(v.type);
    if (type !== null) {
      this.#fault(type.code, op, type.message);
      return;
    }
    const layout = layoutFault(v);
    if (layout !== null) this.#fault('LAC0408', op, layout);
  }

  #op(op: Op, depth: number, defined: Value[]): void {
    if (this.#seen.has(op)) {
      this.#fault('LAC0404', op, 'the op is in two places');
      return;
    }
    this.#seen.add(op);
    if (++this.#ops === LIMITS.ops + 1) this.#fault('LAC0402', op, `more than ${LIMITS.ops} ops`);
    if (Math.max(op.operands.length, op.results.length) > LIMITS.arity) {
      this.#fault('LAC0402', op, `more than ${LIMITS.arity} operands or results`);
      return;
    }
    op.operands.forEach((v, i) => {
      if (!this.#visible.has(v)) this.#fault('LAC0404', op, `operand ${i} is not defined before this op`);
    });
    if (this.#attrs(op)) {
      const fault = attrFault(op);
      if (fault === null) this.#rule(op);
      else this.#fault('LAC0405', op, fault);
      this.#namesOf(op);
    }
    if (this.#regionCount(op)) for (const region of op.regions) this.#block(region, op, depth + 1);
    for (const v of op.results) this.#define(v, op, op, defined);
  }

  /** True where the attributes are as the row says, so that the type rule can rely on them. */
  #attrs(op: Op): boolean {
    const kinds = opRow(op.name).attrs;
    const attrs = op.attrs as Readonly<Record<string, AttrValue | undefined>>;
    const before = this.faults.length;
    for (const key of Object.keys(attrs))
      if (!Object.hasOwn(kinds, key)) this.#fault('LAC0407', op, `there is no attribute ${nameText(key)}`);
    for (const [key, kind] of Object.entries(kinds)) {
      const value = attrs[key];
      if (value === undefined ? !kind.endsWith('?') : !isOfKind(value, kind))
        this.#fault(
          'LAC0407',
          op,
          value === undefined ? `attribute ${key} is missing` : `attribute ${key} must be ${kind}`,
        );
    }
    return this.faults.length === before && before < MAX_FAULTS;
  }

  #rule(op: Op): void {
    const declared = op.results.map((v) => v.type);
    try {
      const operands = op.operands.map((v) => v.type);
      const types = opRow(op.name).rule({
        operands,
        attrs: op.attrs as Record<string, AttrValue | undefined>,
        declared,
      });
      if (types.length !== declared.length || types.some((t, i) => !sameType(t, declared[i] as Type)))
        this.#fault('LAC0405', op, `the result is ${types.map(typeText).join(', ') || 'nothing'}`);
    } catch (error) {
      if (!(error instanceof TypeRuleError)) throw error;
      this.#fault('LAC0405', op, error.message);
    }
  }

  #namesOf(op: Op): void {
    const { axis, name } = op.attrs as { axis?: string; name?: string };
    if (op.name === 'program_id' && !this.#kernel.axes.includes(String(axis)))
      this.#fault('LAC0409', op, `the kernel has no program axis ${nameText(String(axis))}`);
    if (op.name === 'dim' && !this.#dims.has(String(name)))
      this.#fault('LAC0409', op, `no argument has a dimension ${nameText(String(name))}`);
  }

  #regionCount(op: Op): boolean {
    const expected = opRow(op.name).regions;
    if (op.regions.length !== expected) {
      this.#fault('LAC0406', op, `has ${op.regions.length} regions, takes ${expected}`);
      return false;
    }
    const results = op.results.map((v) => v.type);
    if (op.name === 'if' && results.some((t) => t.kind === 'view')) this.#fault('LAC0406', op, 'yields a view');
    op.regions.forEach((region, i) => {
      const { args, yields } = signature(op, i);
      this.#region(op, region, args, yields);
    });
    if (op.name === 'reduce_by' || op.name === 'scan_by') this.#laneOps(op);
    return true;
  }

  /** A combining function works on lanes: arithmetic on scalars, nothing that needs the other lanes or memory. */
  #laneOps(op: Op): void {
    for (const inner of op.regions[0]?.ops ?? [])
      if (inner.name !== 'const' && inner.name !== 'yield' && !isElementwise(inner.name))
        this.#fault('LAC0406', op, `its function has a ${inner.name}, which is no arithmetic on lanes`);
  }

  #region(op: Op, region: Block, args: readonly Type[], yields: readonly Type[]): void {
    const has = region.args.map((v) => v.type);
    if (!sameTypes(has, args)) this.#fault('LAC0406', op, `region arguments are ${list(has)}, not ${list(args)}`);
    const last = region.ops.at(-1);
    if (last?.name !== 'yield') {
      this.#fault('LAC0406', op, 'a region does not end with yield');
      return;
    }
    const ends = last.operands.map((v) => v.type);
    if (!sameTypes(ends, yields)) this.#fault('LAC0406', op, `a region yields ${list(ends)}, not ${list(yields)}`);
  }
}

/** Types of the arguments of region `i` of an op, and of what it yields. */
function signature(op: Op, i: number): { args: readonly Type[]; yields: readonly Type[] } {
  const results = op.results.map((v) => v.type);
  switch (op.name) {
    case 'for':
      return { args: [scalarType('i32'), ...results], yields: results };
    case 'while':
      return { args: results, yields: i === 0 ? [scalarType('i1')] : results };
    case 'reduce_by':
    case 'scan_by': {
      const lanes = op.operands.map((v) => scalarType(v.type.dtype));
      return { args: [...lanes, ...lanes], yields: lanes };
    }
    default:
      return { args: [], yields: results };
  }
}

const list = (types: readonly Type[]): string => (types.length === 0 ? 'none' : types.map(typeText).join(', '));
const sameTypes = (a: readonly Type[], b: readonly Type[]): boolean =>
  a.length === b.length && a.every((t, i) => sameType(t, b[i] as Type));

function nameBlock(block: Block, names: ValueNames, depth: number): void {
  if (depth > LIMITS.depth) return;
  for (const v of block.args) names.of(v);
  for (const op of block.ops) {
    for (const v of op.results) names.of(v);
    for (const region of op.regions) nameBlock(region, names, depth + 1);
  }
}

function isOfKind(value: AttrValue, kind: AttrKind): boolean {
  switch (kind.replace('?', '')) {
    case 'num':
      return typeof value === 'number';
    case 'int':
      return Number.isSafeInteger(value);
    case 'str':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'ints':
      return Array.isArray(value) && value.every((x) => Number.isSafeInteger(x));
    case 'bools':
      return Array.isArray(value) && value.every((x) => typeof x === 'boolean');
    default:
      return (DTYPES as readonly unknown[]).includes(value);
  }
}
