import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import { type AnyOp, type Kernel, type Op, type Value, walk } from '../../compiler/ir/module.js';

/**
 * exp(x - m) where both may be -Infinity: the difference is NaN, or 0 where a device has no infinities (semantics.md,
 * "NaN, Infinity, masked lanes"). What may be -Infinity: the constant, and whatever selections, maxima, shape changes,
 * sums and loops make of it.
 */
export function infinityWarnings(kernel: Kernel): Diagnostic[] {
  const flow = new InfinityFlow(kernel);
  const found: Diagnostic[] = [];
  for (const op of walk(kernel.body)) {
    const [x] = op.operands;
    if ((op.name !== 'exp' && op.name !== 'exp2') || x === undefined) continue;
    const sub = producer(x);
    if (sub?.name !== 'sub' || !sub.operands.every((v) => flow.mayBe(v))) continue;
    found.push(
      diagnostic('LAC0224', `${op.name} of a difference whose two sides may both be -Infinity`, op.loc?.span ?? null, {
        severity: 'warning',
        help: ['subtract where(m === -Infinity, 0, m) instead of m'],
      }),
    );
  }
  return found;
}

/** The op that makes a value; undefined for arguments of blocks. */
const producer = (v: Value): Op | undefined => (v.def.kind === 'op' ? v.def : undefined);

const PASSES_ON = new Set([
  'splat',
  'broadcast',
  'expand',
  'reshape',
  'trans',
  'cast',
  'convert',
  'reduce',
  'min',
  'add',
  'mul',
  'sub',
  'div',
]);

class InfinityFlow {
  readonly #known = new Map<Value, boolean>();
  /** Where each argument of a region comes from: initial values and yields of loops. */
  readonly #sources = new Map<Value, Value[]>();

  constructor(kernel: Kernel) {
    for (const op of walk(kernel.body)) this.#connect(op);
  }

  #connect(op: Op): void {
    const yields = op.regions.map((r) => r.ops.at(-1)?.operands ?? []);
    for (const [i, result] of op.results.entries())
      if (op.regions.length > 0)
        this.#sources.set(
          result,
          op.name === 'if'
            ? this.#selected([op.operands[0], yields[0]?.[i], yields[1]?.[i]])
            : yields.flatMap((y) => y[i] ?? []),
        );
    if (op.name === 'for') this.#carry(op, op.operands.slice(3), [op.regions[0]?.args.slice(1)], yields[0]);
    if (op.name === 'while')
      this.#carry(
        op,
        op.operands,
        op.regions.map((r) => r.args),
        yields[1],
      );
    if (op.name !== 'reduce_by' && op.name !== 'scan_by') return;
    for (const [i, lane] of (op.regions[0]?.args ?? []).entries()) {
      const from = op.operands[i % op.operands.length];
      if (from !== undefined) this.#sources.set(lane, [from]);
    }
    for (const [i, result] of op.results.entries()) {
      const sources = [op.operands[i], yields[0]?.[i]].filter((v) => v !== undefined);
      this.#sources.set(result, sources);
    }
  }

  /** A loop: what it begins with, the arguments that stand for it, what each trip leaves. */
  #carry(
    op: Op,
    inits: readonly Value[],
    regions: readonly (readonly Value[] | undefined)[],
    left: readonly Value[] | undefined,
  ): void {
    for (const [i, init] of inits.entries()) {
      const sources = [init, left?.[i]].filter((v) => v !== undefined);
      for (const v of [op.results[i], ...regions.map((args) => args?.[i])])
        if (v !== undefined) this.#sources.set(v, sources);
    }
  }

  /** A value met again while it is being looked at adds nothing. */
  mayBe(v: Value): boolean {
    const known = this.#known.get(v);
    if (known !== undefined) return known;
    this.#known.set(v, false);
    const result = this.#look(v);
    this.#known.set(v, result);
    return result;
  }

  #look(v: Value): boolean {
    const sources = this.#sources.get(v);
    if (sources !== undefined) return sources.some((s) => this.mayBe(s));
    const op = producer(v) as AnyOp | undefined;
    if (op === undefined) return false;
    if (op.name === 'const') return op.attrs.value === Number.NEGATIVE_INFINITY;
    if (op.name === 'load') return op.attrs.pad === Number.NEGATIVE_INFINITY;
    if (op.name === 'max') return op.operands.every((x) => this.mayBe(x));
    if (op.name === 'select') return this.#selected(op.operands).some((x) => this.mayBe(x));
    return PASSES_ON.has(op.name) && op.operands.some((x) => this.mayBe(x));
  }

  /** Arms that can carry it, of a mask and two arms: in where(m === -Infinity, 0, m) the arm m cannot. */
  #selected([mask, yes, no]: readonly (Value | undefined)[]): Value[] {
    if (mask === undefined || yes === undefined || no === undefined) return [];
    const cmp = producer(origin(mask)) as AnyOp | undefined;
    if (cmp?.name !== 'cmp') return [yes, no];
    const [a, b] = cmp.operands;
    const tested = a !== undefined && b !== undefined ? (isInfinity(b) ? a : isInfinity(a) ? b : undefined) : undefined;
    const guarded = cmp.attrs.pred === 'eq' ? no : cmp.attrs.pred === 'ne' ? yes : undefined;
    if (tested === undefined || guarded === undefined || origin(tested) !== origin(guarded)) return [yes, no];
    return [guarded === no ? yes : no];
  }
}

/** Through changes of shape, which keep the values. */
function origin(v: Value): Value {
  const op = producer(v);
  const [x] = op?.operands ?? [];
  return op !== undefined && x !== undefined && (op.name === 'broadcast' || op.name === 'expand' || op.name === 'splat')
    ? origin(x)
    : v;
}

function isInfinity(v: Value): boolean {
  const op = producer(origin(v)) as AnyOp | undefined;
  return op?.name === 'const' && op.attrs.value === Number.NEGATIVE_INFINITY;
}
