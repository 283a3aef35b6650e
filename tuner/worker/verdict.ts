import { type Diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import { messageOf } from '../../runtime/errors.js';
import type { Row, Verdict } from '../types.js';
import type { Failure } from './protocol.js';

/** What an error means for the configuration that met it. */
export interface Fault extends Pick<Row, 'why' | 'code'> {
  readonly state: Verdict;
  /** The process can do no more: its device is lost, or memory has run out and may be torn. */
  readonly unfit: boolean;
}

const LIMIT = /^LAC(050[123]|061[3-6])$/;
/** What a device leaves unspecified, and the interpreter and the emulator trap. */
const TRAP = /^LAC08/;
const LOST = /^LAC(0705|0707|0713)$/;
const MEMORY = /^LAC0706$/;

/** What V8 says where the host has no memory for an array. */
const NO_ARRAY = /array buffer allocation|invalid (typed )?array length/i;

export function faultOf(error: unknown): Fault {
  const [first] = error instanceof LacError ? error.diagnostics : [];
  if (first !== undefined) return { ...stateOf(first), why: textOf(first), code: first.code };
  const why = firstLine(messageOf(error));
  if (error instanceof RangeError && NO_ARRAY.test(why)) return { state: 'memory', why, unfit: true };
  return { state: 'error', why, unfit: false };
}

function stateOf({ code }: Diagnostic): Pick<Fault, 'state' | 'unfit'> {
  if (LOST.test(code)) return { state: 'lost', unfit: true };
  if (MEMORY.test(code)) return { state: 'memory', unfit: true };
  if (TRAP.test(code)) return { state: 'wrong', unfit: false };
  return { state: LIMIT.test(code) ? 'limit' : 'error', unfit: false };
}

const firstLine = (text: string): string => text.split('\n')[0] ?? text;
const textOf = ({ message }: Diagnostic): string => firstLine(message);

export const failureOf = (error: unknown): Failure =>
  error instanceof LacError
    ? { message: error.message, diagnostics: error.diagnostics }
    : { message: messageOf(error), diagnostics: [] };

/** The error that a worker met, to be thrown by its parent. */
export const errorOf = ({ message, diagnostics }: Failure): Error =>
  diagnostics.length > 0 ? new LacError(diagnostics) : new Error(message);
