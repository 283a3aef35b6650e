import type { ts } from 'ts-morph';
import type { KernelDecl } from '../read/declaration.js';
import type { Specialisation } from './kernel.js';
import type { Val } from './value.js';

/**
 * Told what a walk over source finds out, node by node; an editor shows it. Nothing that is compiled depends on one.
 * A node comes as often as it is evaluated: once a call that is inlined, once a trip of an unrolled loop.
 */
export interface Observer {
  /** A kernel is lowered from here on, for these values. */
  begins(decl: KernelDecl, spec: Specialisation): void;
  /** The value of an expression, or what a declared name holds from there on. */
  saw(node: ts.Node, val: Val): void;
}
