/** Results of the CUDA driver as errors of lac: a code, what happened, and what helps. */
import type { Code } from '../../compiler/diag/codes.js';
import { Bug, LacError } from '../../compiler/diag/diagnostic.js';
import { messageOf, runtimeError } from '../errors.js';

/** What the addon throws for a CUresult (native/promise.cc). */
export interface CudaFailure extends Error {
  readonly cuResult: number;
  /** CUDA_ERROR_... */
  readonly cuName: string;
  /** The function that returned it. */
  readonly cuCall: string;
  readonly cuText: string;
  /** What the driver's compiler printed. */
  readonly log: string;
}

export const isCudaFailure = (e: unknown): e is CudaFailure => e instanceof Error && 'cuResult' in e && 'cuName' in e;

/** Faults that end the context: every later call on it gives the same result (CUDA Driver API, CUresult). */
const FATAL: Readonly<Record<number, string>> = {
  4: 'the driver is shutting down',
  214: 'an uncorrectable ECC error in device memory',
  220: 'an uncorrectable NVLink error',
  226: 'an uncorrectable error, contained to this process',
  700: 'a kernel used an address outside of every allocation',
  702: 'a kernel ran past the time limit of the GPU',
  709: 'the context is gone',
  710: 'an assertion in a kernel failed',
  714: 'a kernel damaged its call stack',
  715: 'a kernel ran an illegal instruction, or a trap',
  716: 'a kernel used a misaligned address',
  717: 'a kernel used an address in the wrong space',
  718: 'a kernel jumped to an address that holds no program',
  719: 'a kernel failed',
  721: 'a kernel ended without freeing its tensor memory',
  999: 'an unknown error',
};

/** Whether a failure ends the context of whoever met it. */
export const isFatal = (e: unknown): e is CudaFailure => isCudaFailure(e) && e.cuResult in FATAL;

export const fatalText = (e: CudaFailure): string => `${FATAL[e.cuResult] ?? e.cuText} (${e.cuName})`;

/** Other results that mean something to a user, and what helps. */
const KNOWN: Readonly<Record<number, readonly [code: Code, fix: string]>> = {
  2: ['LAC0706', 'free tensors, or use smaller ones'],
  34: ['LAC0702', "take the CUDA toolkit's folder of stubs out of LD_LIBRARY_PATH"],
  36: ['LAC0702', 'update the NVIDIA driver'],
  46: ['LAC0702', 'another process has the GPU for itself: end it, or set the compute mode with nvidia-smi -c 0'],
  100: ['LAC0702', 'check with nvidia-smi; give a container its GPU: docker run --gpus all'],
  209: ['LAC0709', 'compile for this GPU: --target names its sm'],
  221: [
    'LAC0702',
    'libnvidia-ptxjitcompiler.so.1 is missing: docker run -e NVIDIA_DRIVER_CAPABILITIES=compute,utility',
  ],
  222: ['LAC0712', 'update the NVIDIA driver, or compile for an older --target'],
  701: ['LAC0708', 'the launch needs more registers than there are: choose another configuration'],
  802: ['LAC0702', 'the GPUs are not ready: systemctl start nvidia-fabricmanager'],
  803: ['LAC0702', "the driver's library and its kernel module differ: reboot after an update"],
  804: ['LAC0702', 'take the CUDA compatibility folder out of LD_LIBRARY_PATH'],
};

/** `doing`: what was tried, for people. Whatever is no failure of the driver is returned as it is. */
export function cudaError(e: unknown, doing: string): unknown {
  if (!isCudaFailure(e)) return e;
  const [code, fix] = KNOWN[e.cuResult] ?? (['LAC0708', ''] as const);
  const message = `${doing}: ${e.cuText} (${e.cuName} of ${e.cuCall})`;
  return fix === '' ? runtimeError(code, message) : runtimeError(code, message, fix);
}

/**
 * PTX that the driver refuses is a mistake of lac, unless the driver is too old or lacks its compiler. What ended the
 * context, or came after the compilation, is returned as it is.
 */
export function compileError(e: unknown, entry: string, text: string): unknown {
  if (!isCudaFailure(e) || e.cuCall !== COMPILE || e.cuResult in FATAL) return e;
  const log = e.log.trim();
  if (e.cuResult in KNOWN) return cudaError(e, `${entry}${log === '' ? '' : `\n${log}\n`}`);
  if (INVALID.has(e.cuResult)) return new Bug(`PTX of ${entry} does not compile (${e.cuName})\n${log}`, text);
  return runtimeError('LAC0709', `${entry}: ${e.cuText} (${e.cuName})\n${log}`, 'try another configuration (--config)');
}

const COMPILE = 'cuModuleLoadDataEx';

/** CUDA_ERROR_INVALID_IMAGE, _INVALID_PTX, _INVALID_SOURCE. */
const INVALID: ReadonlySet<number> = new Set([200, 218, 300]);

const NO_LIBRARY = 'install the NVIDIA driver, or give a container its GPU: docker run --gpus all';

/** What keeps the driver from being opened: always LAC0702. */
export function openingError(e: unknown): unknown {
  if (e instanceof LacError) return e;
  if (!isCudaFailure(e)) return runtimeError('LAC0702', `there is no CUDA driver: ${messageOf(e)}`, NO_LIBRARY);
  const [, fix] = KNOWN[e.cuResult] ?? ['LAC0702', 'nvidia-smi says what the driver finds'];
  return runtimeError('LAC0702', `the CUDA driver does not start: ${e.cuText} (${e.cuName})`, fix);
}
