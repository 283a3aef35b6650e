import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { Compiled } from './compile.js';
import type { KernelDecl } from './source.js';

/** What compiling one configuration gave: a program, or the limit that it exceeds. Data, which another process may have. */
export type Made = Pick<Compiled, 'variant' | 'config' | 'timings' | 'diagnostics'> | Diagnostic;

/** `key` says what it was compiled for; equal ones are equal in every process. */
export interface MadeProgram {
  readonly decl: KernelDecl;
  readonly key: string;
  readonly made: Made;
}

const known = new WeakMap<KernelDecl, Map<string, Made>>();
let asked: MadeProgram[] | null = null;

/** As long as the declaration lives. */
export function madeBefore(decl: KernelDecl, key: string, make: () => Made): Made {
  const made = known.get(decl)?.get(key) ?? make();
  remember({ decl, key, made });
  asked?.push({ decl, key, made });
  return made;
}

/** Takes what another process made. What was known before stays: a device may have loaded it. */
export function remember({ decl, key, made }: MadeProgram): void {
  const own = known.get(decl) ?? new Map<string, Made>();
  known.set(decl, own);
  if (!own.has(key)) own.set(key, made);
}

/** Everything that `work` asked for, compiled by it or before; also where it throws. */
export function madeDuring(work: () => void): { readonly programs: readonly MadeProgram[]; readonly error: unknown } {
  const programs: MadeProgram[] = [];
  asked = programs;
  try {
    work();
    return { programs, error: null };
  } catch (error) {
    return { programs, error };
  } finally {
    asked = null;
  }
}
