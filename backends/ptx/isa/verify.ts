import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Line } from './builder.js';
import { LAC_SHARED, type Reg } from './operand.js';
import type { Source } from './signature.js';
import { registerText } from './text.js';

/** Registers and names that a source reads. */
function* readsOf(source: Source): Generator<Reg | string> {
  if (typeof source === 'string') yield source;
  else if (!('kind' in source)) for (const s of source) yield* readsOf(s);
  else if (source.kind === 'reg') yield source;
  else if (source.kind === 'address') yield source.base;
}

/**
 * What holds of a whole body: labels that are gone to are placed, once; registers that are read are written somewhere;
 * names are those of `params` or of shared memory.
 * @throws Bug
 */
export function verifyBody(lines: readonly Line[], params: readonly string[]): void {
  const [written, read, names] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const [placed, wanted] = [new Set<string>(), new Set<string>()];
  for (const line of lines) {
    if (line.kind === 'label') {
      if (placed.has(line.label.name)) throw new Bug(`label ${line.label.name} is placed twice`);
      placed.add(line.label.name);
    }
    if (line.kind === 'branch') wanted.add(line.label.name);
    if (line.kind === 'read') written.add(registerText(line.dst));
    if ((line.kind === 'branch' || line.kind === 'instruction') && line.guard !== null)
      read.add(registerText(line.guard.reg));
    if (line.kind !== 'instruction') continue;
    for (const reg of line.dst) written.add(registerText(reg));
    for (const x of line.src.flatMap((s) => [...readsOf(s)]))
      if (typeof x === 'string') names.add(x);
      else read.add(registerText(x));
  }
  refuse('labels that are not placed', wanted, placed);
  refuse('registers that are never written', read, written);
  refuse('unknown names', names, new Set([...params, LAC_SHARED]));
}

function refuse(what: string, used: ReadonlySet<string>, known: ReadonlySet<string>): void {
  const bad = [...used].filter((x) => !known.has(x));
  if (bad.length > 0) throw new Bug(`${what}: ${bad.join(', ')}`);
}
