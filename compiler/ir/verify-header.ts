import type { Kernel, Param } from './module.js';
import { nameText } from './print.js';
import { sameType, scalarType } from './types.js';
import type { Fault } from './verify-values.js';

/** What is wrong with a kernel before its ops are looked at. */
export function headerFaults(k: Kernel): Fault[] {
  const messages: string[] = [];
  if (k.name === '') messages.push('the name is empty');
  messages.push(
    ...twice(
      'parameter',
      k.params.map((p) => p.name),
    ),
    ...twice('program axis', k.axes),
  );
  if (k.body.args.length !== k.params.length || k.params.some((p, i) => p.value !== k.body.args[i]))
    messages.push('the arguments of the body are not the values of the parameters');
  messages.push(...k.params.flatMap(paramFaults), ...extentFaults(k), ...inherited(k));
  for (const [name, size] of [...Object.entries(k.comptime), ...Object.entries(k.config)])
    if (!Number.isFinite(size)) messages.push(`${nameText(name)} has no finite value`);
  return messages.map((message) => ({ code: 'LAC0409', message }));
}

/** Sizes and configurations are objects, in which names that every object has (`constructor`) would always be found. */
function inherited(k: Kernel): string[] {
  const names = [...k.params.flatMap((p) => [p.name, ...(p.kind === 'view' ? p.dims : [])]), ...k.axes];
  return [...new Set(names)].filter((n) => n in {}).map((n) => `${nameText(n)} is no name: every object has it`);
}

function* duplicates(names: readonly string[]): Generator<string> {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) yield name;
    seen.add(name);
  }
}
const twice = (what: string, names: readonly string[]): string[] =>
  [...new Set(duplicates(names))].map((n) => `${what} ${nameText(n)} is named twice`);

function paramFaults(p: Param): string[] {
  const t = p.value.type;
  const name = nameText(p.name);
  if (p.kind === 'scalar') {
    if (p.dtype === 'i1') return [`scalar parameter ${name} is a mask: pass an i32`];
    return sameType(t, scalarType(p.dtype)) ? [] : [`parameter ${name} is no ${p.dtype} scalar`];
  }
  if (t.kind !== 'view') return [`parameter ${name} is no view`];
  return t.extents.length === p.dims.length ? [] : [`${name} has ${t.extents.length} axes and ${p.dims.length} names`];
}

/** One name means one extent, and the one in `comptime` where it is there. */
function extentFaults(k: Kernel): string[] {
  const known = new Map(Object.entries(k.comptime));
  const faults: string[] = [];
  for (const p of k.params) {
    const t = p.value.type;
    if (p.kind !== 'view' || t.kind !== 'view') continue;
    p.dims.forEach((dim, i) => {
      const extent = t.extents[i] ?? null;
      const other = known.get(dim);
      if (extent === null) return;
      if (other !== undefined && other !== extent) faults.push(`dimension ${nameText(dim)} is ${other} and ${extent}`);
      known.set(dim, extent);
    });
  }
  return faults;
}
