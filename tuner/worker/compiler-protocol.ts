/** What a compiler and its parent say to each other: structured clones, one job after another. */
import type { ArgFacts } from '../../compiler/artifact.js';
import type { Config } from '../../driver/configurations.js';
import type { Dims } from '../../driver/reference.js';
import type { Modelled } from '../model/kernel-model.js';
import type { Problem, Row } from '../types.js';
import { type DeviceDescription, type END, isRecord, isRow, type ProgramOf } from './protocol.js';

/** What everything is compiled for. */
export interface Commission {
  readonly problem: Problem;
  readonly device: DeviceDescription;
  /** The reduced sizes; null: as they usually are. */
  readonly reduced: Dims | null;
  /** Name of a device whose driver is to compile too, and keeps that for other processes; null: none does. */
  readonly driver: string | null;
}

export type ToCompiler =
  /** What was compiled for before is over. */
  | { readonly kind: 'begin'; readonly commission: Commission }
  | { readonly kind: 'reduced'; readonly dims: Dims }
  | { readonly kind: 'compile'; readonly config: Config }
  /** What the cost model wants to know. `facts`: as `SpaceContext` has them. */
  | { readonly kind: 'model'; readonly config: Config; readonly facts?: Readonly<Record<string, ArgFacts>> }
  | typeof END;

/** What compiling a configuration ahead gave. `row`: it is out. */
export type Compilation =
  | { readonly programs: readonly ProgramOf[]; readonly compileMs: number }
  | { readonly row: Row };

const STAGES = ['open', 'compile', 'driver'] as const;
export type CompilerStage = (typeof STAGES)[number];

/** `null`: the worker has to find out by itself. */
export type FromCompiler =
  | { readonly kind: 'stage'; readonly stage: CompilerStage }
  | { readonly kind: 'ready' }
  | { readonly kind: 'compiled'; readonly compilation: Compilation | null }
  | { readonly kind: 'modelled'; readonly modelled: Modelled | null };

const isProgram = (x: unknown): boolean =>
  isRecord(x) && Number.isSafeInteger(x.at) && typeof x.key === 'string' && isRecord(x.made);

function isCompilation(x: unknown): boolean {
  if (!isRecord(x)) return x === null;
  if ('row' in x) return isRow(x.row);
  return typeof x.compileMs === 'number' && Array.isArray(x.programs) && x.programs.every(isProgram);
}

const isModelled = (x: unknown): boolean => x === null || (isRecord(x) && (isRecord(x.launch) || isRecord(x.limit)));

/** A message of a process that may have run into anything: null where it is none of ours. */
export function readCompilerMessage(x: unknown): FromCompiler | null {
  if (!isRecord(x)) return null;
  const isOurs =
    x.kind === 'ready' ||
    (x.kind === 'stage' && STAGES.some((stage) => stage === x.stage)) ||
    (x.kind === 'compiled' && isCompilation(x.compilation)) ||
    (x.kind === 'modelled' && isModelled(x.modelled));
  return isOurs ? (x as unknown as FromCompiler) : null;
}
