import type { Device, Tensor, TuneOptions } from './kernel-types.js';
import type { DType } from './types.js';

/** A place in a file that ran: `file` is a path, `line` and `column` count from 1. */
export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What a host program holds of a kernel: where its source is, never the source itself. */
export interface KernelHandle {
  /** The call of `kernel`, `plan` or `.with` that made it. */
  readonly site: CallSite;
  /** The kernel whose `.with` made it; null for `kernel(...)` itself. */
  readonly base: KernelHandle | null;
  /** What `.with` was given. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The first argument of `kernel` or `plan`, as the host evaluated it. */
  readonly spec: unknown;
}

export type HostConfig = Readonly<Record<string, number>>;
export type HostArguments = Readonly<Record<string, unknown>>;

/** How kernels reach a device. The language knows no runtime: `driver/` installs one. */
export interface HostHook {
  launch(kernel: KernelHandle, device: Device, args: HostArguments, opts?: { config?: HostConfig }): Promise<void>;
  tune(kernel: KernelHandle, device: Device, args: HostArguments, opts?: TuneOptions): Promise<HostConfig>;
  openDevice(which?: string): Promise<Device>;
  empty(device: Device, dtype: string, shape: readonly number[]): Tensor;
}

let installed: HostHook | null = null;

/** Installs the runtime for every kernel of this process; null removes it. */
export function setHost(hook: HostHook | null): void {
  installed = hook;
}

/** The installed runtime; throws where there is none. */
export function host(what: string): HostHook {
  if (installed === null)
    throw new Error(`${what} needs a runtime: import it from 'lac' (the package), not from its dsl folder`);
  return installed;
}

/** `which`: 'webgpu', 'interpret', 'cuda:0', or nothing for the best one found. */
export async function openDevice(which?: string): Promise<Device> {
  return host('openDevice()').openDevice(which);
}

/** An uninitialised, contiguous tensor; `shape` in elements. */
export function empty<D extends string, const S extends readonly number[]>(
  dev: Device,
  dtype: DType<D>,
  shape: S,
): Tensor<D, S> {
  return host('empty()').empty(dev, dtype.name, shape) as Tensor<D, S>;
}

/** Where `caller` was called from, out of the stack: the first frame outside it. */
export function callSite(caller: (...args: never[]) => unknown): CallSite {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 4;
  Error.captureStackTrace(holder, caller);
  Error.stackTraceLimit = limit;
  return frameSite(holder.stack ?? '');
}

/** `    at name (file:///path/x.ts:12:3)` or `    at /path/x.js:12:3`. */
export function frameSite(stack: string): CallSite {
  const frame = /^\s*at (?:.*\()?((?:file:\/\/)?[^()]+?)(?:\?[^:()]*)?:(\d+):(\d+)\)?$/m.exec(stack);
  if (frame === null) return { file: '', line: 0, column: 0 };
  const [, where = '', line, column] = frame;
  const file = where.startsWith('file://') ? decodeURIComponent(new URL(where).pathname) : where;
  return { file, line: Number(line), column: Number(column) };
}
