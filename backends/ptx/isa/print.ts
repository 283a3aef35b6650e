import type { Span } from '../../../compiler/diag/diagnostic.js';
import { newerVersion, type PtxTarget, type PtxVersion } from '../target.js';
import type { Line, PtxBuilder } from './builder.js';
import { type InstructionName, instruction, versionOf } from './instructions.js';
import { LAC_SHARED, type RegClass } from './operand.js';
import { guardText, instructionText, registerPrefix, registerText } from './text.js';
import { verifyBody } from './verify.js';

/** A parameter of the entry: a 64-bit word, or `bytes` bytes at an 8-byte boundary. */
export interface PtxParam {
  readonly name: string;
  readonly bytes?: number;
}

/** A place in a source file as `.loc` gives it: line and column from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface PtxModule {
  readonly target: PtxTarget;
  /** Name of the entry: letters, digits, _ and $. */
  readonly entry: string;
  readonly params: readonly PtxParam[];
  /** Threads of a block along x, y, z. */
  readonly block: readonly [number, number, number];
  /** Blocks that shall fit on a multiprocessor: ptxas keeps the registers below what that allows. */
  readonly minCtas?: number;
  /** Registers a thread at most. */
  readonly maxRegs?: number;
  readonly body: PtxBuilder;
  /** Where a span lies; null keeps it out of the text. Without it there are no `.loc` lines. */
  readonly position?: (span: Span) => SourcePosition | null;
}

/**
 * The text of a module with one entry. The same input gives the same text. `.version` and `.target` are the least that
 * the target and the instructions in use need; shared memory is declared where the body names it.
 * @throws Bug where the body does not hold together (`verifyBody`).
 */
export function ptxModule(module: PtxModule): string {
  const lines = module.body.lines();
  const read = verifyBody(
    lines,
    module.params.map((p) => p.name),
  );
  const files = new Map<string, number>();
  const body = bodyText(lines, module.position ?? (() => null), files);
  const { version, target } = header(module.body.names, module.target);
  return [
    `.version ${version.join('.')}`,
    `.target ${target}`,
    '.address_size 64',
    ...[...files].map(([name, number]) => `.file ${number} "${fileText(name)}"`),
    ...(read.has(LAC_SHARED) ? [`.extern .shared .align 1024 .b8 ${LAC_SHARED}[];`] : []),
    '',
    `.visible .entry ${module.entry}(${module.params.map((p) => `\n  .param ${paramText(p)}`).join(',')}`,
    ')',
    `.maxntid ${module.block.join(', ')}`,
    ...(module.minCtas === undefined ? [] : [`.minnctapersm ${module.minCtas}`]),
    ...(module.maxRegs === undefined ? [] : [`.maxnreg ${module.maxRegs}`]),
    '{',
    ...CLASSES.flatMap((cls) => declaration(cls, module.body.count(cls))),
    ...body,
    '  ret;',
    '}',
    '',
  ].join('\n');
}

/** Strings of PTX have no escapes: what cannot stand in them becomes a question mark. */
const fileText = (name: string): string => name.replaceAll('\\', '/').replaceAll(/[^\x20-\x7e]|"/g, '?');

const CLASSES: readonly RegClass[] = ['pred', 'b16', 'b32', 'b64'];

const paramText = ({ name, bytes }: PtxParam): string =>
  bytes === undefined ? `.u64 ${name}` : `.align 8 .b8 ${name}[${bytes}]`;

const declaration = (cls: RegClass, count: number): string[] =>
  count === 0 ? [] : [`  .reg .${cls} ${registerPrefix(cls)}<${count}>;`];

function header(names: ReadonlySet<InstructionName>, target: PtxTarget): { version: PtxVersion; target: string } {
  const specific = [...names].some((name) => instruction(name).specific === true);
  const least = (specific ? target.specificVersion : null) ?? target.ptxVersion;
  return {
    version: [...names].map(versionOf).reduce(newerVersion, least),
    target: specific ? `${target.name}a` : target.name,
  };
}

/** Files get their numbers in the order in which they come up. A place is written before the first thing that is there. */
function bodyText(
  lines: readonly Line[],
  position: (span: Span) => SourcePosition | null,
  files: Map<string, number>,
): string[] {
  const text: string[] = [];
  let [pending, current] = ['', ''];
  for (const line of lines) {
    if (line.kind === 'loc') {
      const at = position(line.span);
      if (at === null) continue;
      if (!files.has(at.file)) files.set(at.file, files.size + 1);
      pending = `  .loc ${files.get(at.file)} ${at.line} ${at.column}`;
      continue;
    }
    if (line.kind !== 'label' && line.kind !== 'comment' && pending !== current) {
      text.push(pending);
      current = pending;
    }
    text.push(lineText(line));
  }
  return text;
}

function lineText(line: Exclude<Line, { kind: 'loc' }>): string {
  switch (line.kind) {
    case 'instruction':
      return `  ${instructionText(line)}`;
    case 'read':
      return `  mov.u32 ${registerText(line.dst)}, ${line.special};`;
    case 'branch':
      return `  ${guardText(line.guard)}bra ${line.label.name};`;
    case 'label':
      return `${line.label.name}:`;
    case 'comment':
      return `  // ${line.text}`;
  }
}
