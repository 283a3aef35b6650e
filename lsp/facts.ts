import type { ts } from 'ts-morph';
import type { Val } from '../dsl/lower/value.js';
import type { KernelDecl, Observer, Specialisation } from '../dsl/source.js';
import { type Shown, shown } from './shown.js';

/** Different values of one node that are kept: a helper function that is called with other shapes. */
const MOST_VALUES = 4;
/** Visits of one node after which nobody looks any more: unrolled loops. */
const MOST_VISITS = 64;

/** A kernel as it was lowered when something was seen; null for declarations, which no kernel has to be lowered for. */
export interface Variant {
  readonly decl: KernelDecl;
  readonly spec: Specialisation;
}

export interface Fact {
  readonly variant: Variant | null;
  /** In the order in which they were seen; at least one. */
  readonly values: readonly Shown[];
}

interface Note {
  readonly variant: Variant | null;
  readonly values: Shown[];
  visits: number;
}

/** Keeps what a check sees of each node. The first variant that reaches a node decides; others only fill gaps. */
export class Facts implements Observer {
  readonly #notes = new Map<ts.Node, Note>();
  #variant: Variant | null = null;

  begins(decl: KernelDecl, spec: Specialisation): void {
    this.#variant = { decl, spec };
  }

  saw(node: ts.Node, val: Val): void {
    if (val.kind === 'poison') return;
    const note = this.#notes.get(node);
    if (note === undefined) this.#notes.set(node, { variant: this.#variant, values: [shown(val)], visits: 1 });
    else if (note.variant === this.#variant && ++note.visits <= MOST_VISITS && note.values.length < MOST_VALUES)
      addDifferent(note.values, shown(val));
  }

  of(node: ts.Node): Fact | undefined {
    return this.#notes.get(node);
  }
}

function addDifferent(values: Shown[], value: Shown): void {
  if (!values.some((v) => v.text === value.text && v.below === value.below)) values.push(value);
}
