import type { Block, Loc, Module, Op, Value } from '../../compiler/ir/module.js';

/**
 * A module as plain data without identities: values are numbered in program order, hints are left out. Two modules are
 * the same program iff their outlines are deeply equal.
 */
export function outline(module: Module, options: { locs?: boolean } = {}): unknown {
  return module.kernels.map((k) => {
    const numbers = new Map<Value, number>();
    const value = (v: Value): unknown => {
      numbers.set(v, numbers.size);
      return { type: v.type, layout: v.layout ?? null };
    };
    const use = (v: Value): number => numbers.get(v) ?? -1;
    const block = (b: Block): unknown => ({ args: b.args.map(value), ops: b.ops.map(op) });
    const op = (o: Op): unknown => ({
      name: o.name,
      operands: o.operands.map(use),
      attrs: Object.fromEntries(Object.entries(o.attrs).filter(([, v]) => v !== undefined)),
      regions: o.regions.map(block),
      results: o.results.map(value),
      loc: options.locs ? chain(o.loc) : null,
    });
    const params = k.params.map((p) => ({ ...p, value: p.value.type }));
    return { name: k.name, params, axes: k.axes, comptime: k.comptime, config: k.config, body: block(k.body) };
  });
}

function chain(loc: Loc | null): unknown[] {
  const links: unknown[] = [];
  for (let at = loc; at != null; at = at.caller ?? null) links.push({ ...at.span, callee: at.callee ?? null });
  return links;
}
