import type { ts } from 'ts-morph';
import type { Loc } from '../../compiler/ir/module.js';
import type { SourceModule } from '../read/module.js';
import type { Cell } from './value.js';

/** One activation of a function: the kernel's body, or a call being inlined. */
export interface Frame {
  readonly callee: string | null;
  readonly node: ts.Node | null;
  /** Location of the call that is being inlined. */
  readonly call: Loc | null;
  readonly parent: Frame | null;
  readonly depth: number;
}

export const rootFrame: Frame = { callee: null, node: null, call: null, parent: null, depth: 0 };

/** A block's names. The outermost scope of every function is a child of its module's. */
export class Scope {
  readonly module: SourceModule;
  readonly parent: Scope | null;
  readonly frame: Frame;
  readonly cells = new Map<string, Cell>();

  constructor(module: SourceModule, parent: Scope | null, frame: Frame) {
    this.module = module;
    this.parent = parent;
    this.frame = frame;
  }

  child(frame: Frame = this.frame): Scope {
    return new Scope(this.module, this, frame);
  }

  find(name: string): { readonly cell: Cell; readonly frame: Frame } | undefined {
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const cell = scope.cells.get(name);
      if (cell !== undefined) return { cell, frame: scope.frame };
    }
    return undefined;
  }

  *names(): Generator<string> {
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) yield* scope.cells.keys();
  }
}
