import type { Layout } from '../../compiler/layout/layout.js';
import type { Emitter } from './emitter.js';
import { elected } from './memory.js';
import type { Buffer } from './statement.js';

/** What one register writes, where its condition holds. */
interface Write {
  readonly condition: string | null;
  /** Element of the buffer. */
  readonly offset: string;
  readonly value: string;
}

/** How the writes of one op are made: type of their values, the text of one, and what barriers are to know. */
export interface Writing {
  readonly type: string;
  readonly put: (offset: string, value: string) => string;
  /** Of more conditions than these the writes become a loop. */
  readonly mostBranches: number;
  readonly order: readonly Buffer[];
}

/**
 * Writes of one holder of each element. Many conditions are a loop over an array with the offset -1 where one fails: the
 * text stays short, and drivers that search all paths through a loop's body (SwiftShader) meet two instead of 2^n.
 */
export function emitWrites(e: Emitter, layout: Layout, writes: readonly Write[], w: Writing): void {
  const branches = writes.filter(({ condition }) => condition !== null).length;
  const body = branches > w.mostBranches ? inLoop(e, writes, w) : writes.map((one) => guardedWrite(one, w)).join('\n');
  e.line(elected(e, layout, body), [], w.order);
}

const guardedWrite = ({ condition, offset, value }: Write, w: Writing): string =>
  condition === null ? w.put(offset, value) : `if (${condition}) {\n${w.put(offset, value)}\n}`;

function inLoop(e: Emitter, writes: readonly Write[], w: Writing): string {
  const [offsets, values, i, at] = [e.name('w'), e.name('x'), e.name('n'), e.name('o')];
  const n = writes.length;
  const list = (type: string, of: (one: Write) => string): string =>
    `array<${type}, ${n}>(${writes.map(of).join(', ')})`;
  return `var ${offsets} = ${list('i32', ({ condition, offset }) => (condition === null ? offset : `select(-1i, ${offset}, ${condition})`))};
var ${values} = ${list(w.type, ({ value }) => value)};
for (var ${i} = 0i; ${i} < ${n}i; ${i}++) {
let ${at} = ${offsets}[${i}];
if (${at} >= 0i) {
${w.put(at, `${values}[${i}]`)}
}
}`;
}
