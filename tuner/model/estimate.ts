import type { Code } from '../../compiler/diag/codes.js';
import type { Config } from '../../driver/configurations.js';
import type { KernelDecl, PlanDecl } from '../../driver/source.js';
import type { SpaceContext } from '../space.js';
import type { Resources } from '../types.js';
import type { Machine } from './machine.js';

export interface ModelContext extends SpaceContext {
  readonly machine: Machine;
}

export interface Estimate {
  readonly estimateMs: number;
  readonly resources: Resources;
}

/** Why there is no estimate; fields of a row. */
export interface NoEstimate {
  readonly state: 'limit' | 'same';
  readonly why: string;
  readonly code?: Code;
}

/** The cost model of one problem: each call compiles one configuration as far as its program text, without a driver. */
export declare function estimator(
  decl: KernelDecl | PlanDecl,
  ctx: ModelContext,
): (config: Config) => Estimate | NoEstimate;
