import { Bug } from '../diag/diagnostic.js';
import { TypeRuleError } from '../ops/schema.js';
import { type AttrsOf, type OpName, opRow } from '../ops/table.js';
import { type Block, type Loc, newOp, type Op, type Value } from './module.js';
import { type DType, scalarType, type Type } from './types.js';

/** Appends ops to a block; result types come from the op table. Ill-typed requests are bugs of the caller. */
export class Builder {
  block: Block;
  loc: Loc | null;

  constructor(block: Block, loc: Loc | null = null) {
    this.block = block;
    this.loc = loc;
  }

  /** `resultTypes` is needed by ops whose result does not follow from their operands (const, iota, splat, broadcast, load, ...). */
  op<N extends OpName>(
    name: N,
    operands: readonly Value[],
    attrs: AttrsOf<N>,
    resultTypes?: readonly Type[],
    regions: readonly Block[] = [],
  ): Op<N> {
    const op = newOp(name, operands, attrs, inferTypes(name, operands, attrs, resultTypes), regions, this.loc);
    this.block.ops.push(op);
    return op;
  }

  /** The single result of `op`. */
  value<N extends OpName>(name: N, operands: readonly Value[], attrs: AttrsOf<N>, resultType?: Type): Value {
    const result = this.op(name, operands, attrs, resultType && [resultType]).results[0];
    if (result === undefined) throw new Bug(`${name} has no result`);
    return result;
  }

  constant(value: number, dtype: DType): Value {
    return this.value('const', [], { value }, scalarType(dtype));
  }
}

export function inferTypes(
  name: OpName,
  operands: readonly Value[],
  attrs: object,
  declared: readonly Type[] | undefined,
): readonly Type[] {
  try {
    return opRow(name).rule({ operands: operands.map((v) => v.type), attrs: attrs as Record<string, never>, declared });
  } catch (error) {
    if (error instanceof TypeRuleError) throw new Bug(`${name}: ${error.message}`);
    throw error;
  }
}
