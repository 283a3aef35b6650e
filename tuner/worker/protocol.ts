/** What a worker and its parent say to each other: structured clones over the channel of a child process. */
import type { Diagnostic } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import type { Made } from '../../driver/made-before.js';
import type { Expected } from '../../driver/outputs.js';
import type { Dims } from '../../driver/reference.js';
import type { NativeDevice } from '../../runtime/cuda/native.js';
import type { Device } from '../../runtime/device.js';
import type { Problem, Row, Samples, Verdict } from '../types.js';

/** A device of a worker, as far as data goes. */
export interface DeviceDescription extends Pick<Device, 'backend' | 'name' | 'info' | 'limits' | 'notes'> {
  readonly features: readonly string[];
  /** What the CUDA driver says of it. */
  readonly properties?: NativeDevice;
}

/** What the reference says of a problem. Computed once: a worker that takes the place of another is given it. */
export interface Known {
  /** The reduced sizes. */
  readonly dims: Dims;
  /** At those. */
  readonly reduced: Expected;
  /** At full sizes; null where that would take too long. */
  readonly full: Expected | null;
}

/** Elements of outputs at full sizes, of a configuration that was right at reduced ones. */
export interface Trusted {
  readonly config: Config;
  /** Configurations that agree with it, itself among them. */
  readonly votes: number;
  readonly outputs: Readonly<Record<string, Float64Array>>;
}

/** `cold`: launches take turns on sets of tensors that no cache holds together. */
export type Caches = 'cold' | 'warm';

/** A program of a kernel: the place of that among `kernelsOf` the declaration. */
export interface ProgramOf {
  readonly at: number;
  readonly key: string;
  readonly made: Made;
}

export type Request =
  | {
      readonly kind: 'open';
      readonly device: string;
      readonly problem: Problem;
      readonly caches: Caches;
      readonly known: Known | null;
      readonly trusted: Trusted | null;
    }
  /** `programs`: what was compiled of it already. */
  | { readonly kind: 'prepare'; readonly config: Config; readonly programs: readonly ProgramOf[] }
  /** `bestMs`: see `MeasureOptions`. */
  | {
      readonly kind: 'sample';
      readonly configs: readonly Config[];
      readonly count: number;
      readonly bestMs?: number;
    }
  | { readonly kind: 'recheck'; readonly config: Config }
  /** The problem is over: what is under way ends, and what was made for it is given back. The device stays open. */
  | { readonly kind: 'leave' };

/** The child gives its device back and ends. */
export const END = { kind: 'end' } as const;
export type ToChild = { readonly id: number; readonly request: Request } | typeof END;

/**
 * What a request is at. `check` and `time` run on the device, alone; `compile` holds the child's only thread; `driver` does
 * neither; `waiting`: for the device, or to be begun.
 */
const STAGES = ['waiting', 'open', 'reference', 'compile', 'driver', 'check', 'time'] as const;
export type Stage = (typeof STAGES)[number];

/** An error of a worker, as data. */
export interface Failure {
  readonly message: string;
  /** Of a LacError; none where it was something else. */
  readonly diagnostics: readonly Diagnostic[];
}

export type Answer =
  | { readonly kind: 'ready'; readonly device: DeviceDescription; readonly known: Known }
  /** `launchMs`: of one launch at full sizes; null where there was none. `trusted`, `known`: where they are new. */
  | {
      readonly kind: 'prepared';
      readonly row: Row;
      readonly launchMs: number | null;
      readonly trusted: Trusted | null;
      readonly known: Known | null;
    }
  /** Null: timing failed, and several were in the race. */
  | { readonly kind: 'sampled'; readonly results: readonly (Samples | Row)[] | null }
  | { readonly kind: 'rechecked'; readonly row: Row | null }
  /** Nothing is under way, and another problem may come. */
  | { readonly kind: 'left' }
  /** The request cannot be done, for no reason that lies in a configuration. */
  | { readonly kind: 'failed'; readonly failure: Failure };

export type FromChild =
  | { readonly id: number; readonly stage: Stage }
  /** `unfit`: the device is lost, or out of memory; the child takes no more requests. */
  | { readonly id: number; readonly answer: Answer; readonly unfit: boolean };

const STATES: readonly Row['state'][] = [
  'open',
  'measured',
  ...(['pruned', 'limit', 'wrong', 'crash', 'hang', 'memory', 'lost', 'error'] satisfies Verdict[]),
];

type Fields = Readonly<Record<string, unknown>>;
export const isRecord = (x: unknown): x is Fields => typeof x === 'object' && x !== null && !Array.isArray(x);
const isNumber = (x: unknown): x is number => typeof x === 'number' && Number.isFinite(x) && x >= 0;
const optional = (x: unknown, is: (x: unknown) => boolean): boolean => x === undefined || is(x);
const isText = (x: unknown): x is string => typeof x === 'string';
const isOneOf = (list: readonly unknown[], x: unknown): boolean => list.includes(x);
const ofNumbers = (x: unknown): boolean =>
  isRecord(x) && Object.values(x).every((value) => typeof value === 'number' && Number.isFinite(value));
const ofArrays = (x: unknown): boolean => isRecord(x) && Object.values(x).every((a) => a instanceof Float64Array);

const isSamples = (x: unknown): boolean =>
  isRecord(x) && isOneOf(['timestamp', 'host'], x.how) && Array.isArray(x.ms) && x.ms.every(isNumber);

const isResources = (x: unknown): boolean =>
  isRecord(x) &&
  [x.sharedBytes, x.threads, x.programs].every(isNumber) &&
  [x.registers, x.spillBytes].every((n) => optional(n, isNumber));

export const isRow = (x: unknown): boolean =>
  isRecord(x) &&
  ofNumbers(x.config) &&
  isOneOf(STATES, x.state) &&
  [x.why, x.code].every((text) => optional(text, isText)) &&
  [x.rmse, x.compileMs, x.estimateMs].every((n) => optional(n, (v) => typeof v === 'number')) &&
  optional(x.resources, isResources) &&
  optional(x.samples, isSamples);

const isExpected = (x: unknown): boolean => isRecord(x) && ofArrays(x.outputs) && ofNumbers(x.sizes);
export const isKnown = (x: unknown): boolean =>
  isRecord(x) && ofNumbers(x.dims) && isExpected(x.reduced) && (x.full === null || isExpected(x.full));
const isTrusted = (x: unknown): boolean =>
  isRecord(x) && ofNumbers(x.config) && isNumber(x.votes) && ofArrays(x.outputs);
const isDevice = (x: unknown): boolean =>
  isRecord(x) && isText(x.backend) && isText(x.name) && isRecord(x.info) && isRecord(x.limits);
const isFailure = (x: unknown): boolean => isRecord(x) && isText(x.message) && Array.isArray(x.diagnostics);

const ANSWERS: Readonly<Record<Answer['kind'], (x: Fields) => boolean>> = {
  ready: (x) => isDevice(x.device) && isKnown(x.known),
  prepared: (x) =>
    isRow(x.row) &&
    (x.launchMs === null || isNumber(x.launchMs)) &&
    (x.trusted === null || isTrusted(x.trusted)) &&
    (x.known === null || isKnown(x.known)),
  sampled: ({ results }) =>
    results === null || (Array.isArray(results) && results.every((one) => isRow(one) || isSamples(one))),
  rechecked: (x) => x.row === null || isRow(x.row),
  left: () => true,
  failed: (x) => isFailure(x.failure),
};

const isAnswer = (x: unknown): boolean =>
  isRecord(x) && isText(x.kind) && Object.hasOwn(ANSWERS, x.kind) && ANSWERS[x.kind as Answer['kind']](x);

/** A message of a child that may have run into anything: null where it is none of ours. */
export function readMessage(x: unknown): FromChild | null {
  if (!isRecord(x) || !Number.isSafeInteger(x.id)) return null;
  if (isText(x.stage)) return isOneOf(STAGES, x.stage) ? (x as unknown as FromChild) : null;
  return typeof x.unfit === 'boolean' && isAnswer(x.answer) ? (x as unknown as FromChild) : null;
}

/** What a request is answered with, unless it fails. */
const ANSWER_TO = {
  open: 'ready',
  prepare: 'prepared',
  sample: 'sampled',
  recheck: 'rechecked',
  leave: 'left',
} as const;

export type AnswerTo<K extends Request['kind']> = Extract<Answer, { readonly kind: (typeof ANSWER_TO)[K] }>;

/** Whether an answer is one to this request, as many results as configurations included. */
export function answers<R extends Request>(request: R, answer: Answer): answer is AnswerTo<R['kind']> {
  if (answer.kind !== ANSWER_TO[request.kind]) return false;
  if (request.kind !== 'sample' || answer.kind !== 'sampled') return true;
  return answer.results === null || answer.results.length === request.configs.length;
}
