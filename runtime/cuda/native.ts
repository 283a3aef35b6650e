/** The addon of native/: its types, where it lies, and how the driver is opened. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, runtimeError } from '../errors.js';
import { placeComputeCache } from './compute-cache.js';
import { openingError } from './failures.js';

/** Properties of one GPU. */
export interface NativeDevice {
  readonly name: string;
  readonly memoryBytes: number;
  /** Compute capability times ten. */
  readonly sm: number;
  readonly multiprocessors: number;
  readonly clockKHz: number;
  readonly l2Bytes: number;
  readonly warpLanes: number;
  /** Threads of a program. */
  readonly maxThreads: number;
  /** Programs along the first axis of a grid. */
  readonly maxGrid: number;
  /** Shared memory of one program, the part that has to be asked for included. */
  readonly maxSharedBytes: number;
}

export interface NativeDriver {
  /** 1000 x major + 10 x minor version of CUDA that the driver supports. */
  readonly version: number;
  readonly devices: readonly NativeDevice[];
  createContext(ordinal: number): Promise<NativeContext>;
}

/** Addresses are numbers: those of device memory are far below 2^53. Every function may throw a `CudaFailure`. */
export interface NativeContext {
  allocate(bytes: number): number;
  release(address: number): void;
  memory(): { readonly free: number; readonly total: number };
  /** Returns when the bytes have been copied from the host's memory; the device has them before any later launch. */
  write(address: number, data: ArrayBufferView): void;
  /** `count` elements of `width` bytes, each with these bits. */
  fill(address: number, bits: number, width: 2 | 4, count: number): void;
  /** Work submitted before the call is seen, later work waits. `into` must not be touched meanwhile. */
  read(address: number, into: Uint8Array): Promise<void>;
  /**
   * Compiles PTX for this GPU, as a whole program. `params` is read by every launch of the kernel. `lineInfo`: with the
   * table that profilers show source lines by.
   */
  load(
    ptx: string,
    entry: string,
    threads: number,
    sharedBytes: number,
    params: ArrayBuffer,
    lineInfo: boolean,
  ): Promise<NativeKernel>;
  /** Launches in order, submitted as one: kernels by their handles, programs, and parameter blocks, which are copied. */
  graph(handles: readonly NativeHandle[], programs: readonly number[], params: readonly Uint8Array[]): NativeGraph;
  synchronize(): Promise<void>;
  events(count: number): NativeEvents;
  /** What is submitted from here on waits on the device for `letGo`, two seconds at most. */
  hold(): void;
  letGo(): void;
  /** Frees everything, once work in the background has ended. Idempotent; every other function throws afterwards. */
  destroy(): void;
}

export interface NativeKernel {
  readonly registers: number;
  readonly localBytes: number;
  readonly staticSharedBytes: number;
  readonly maxThreads: number;
  readonly programsPerSm: number;
  /** What the driver's compiler said; empty where it did not run. */
  readonly log: string;
  launch(programs: number): void;
  readonly handle: NativeHandle;
}

declare const HANDLE: unique symbol;
/** What only the addon can look into. */
export interface NativeHandle {
  readonly [HANDLE]: never;
}

export interface NativeGraph {
  /** For later launches; those that are queued keep what they were given. */
  setParams(step: number, params: Uint8Array): void;
  launch(): void;
}

export interface NativeEvents {
  record(event: number): void;
  /** Milliseconds between two events that have happened. */
  elapsedMs(from: number, to: number): number;
}

interface Addon {
  openDriver(library: string): NativeDriver;
}

const BUILT = path.join('build', 'Release', 'lac_cuda.node');
const SCRIPT = path.join('scripts', 'build-native.mjs');

/** The package's folder: the nearest one above this file, which may be compiled, that can build the addon. */
function packageRoot(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  for (let root = here; root !== path.dirname(root); root = path.dirname(root))
    if (existsSync(path.join(root, SCRIPT))) return root;
  return here;
}

/** The command that builds the addon of this installation. */
const buildCommand = (root: string): string => `node ${path.relative(process.cwd(), path.join(root, SCRIPT))}`;

/** Why the last build failed, as it said itself. */
function reasonIn(root: string): string {
  try {
    const [first = ''] = readFileSync(path.join(root, BUILT.replace(/node$/, 'txt')), 'utf8').split('\n');
    return first === '' ? '' : `: ${first}`;
  } catch {
    return '';
  }
}

/** Throws LAC0702 where the addon was not built, or does not load. */
export function loadAddon(root = packageRoot()): Addon {
  const file = path.join(root, BUILT);
  if (process.platform !== 'linux') throw runtimeError('LAC0702', 'CUDA is for Linux only', 'use webgpu');
  if (!existsSync(file)) {
    const fix = `install a C++ compiler (apt-get install g++), then run ${buildCommand(root)}`;
    throw runtimeError('LAC0702', `the native part of lac is not built${reasonIn(root)}`, fix);
  }
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (e) {
    throw runtimeError('LAC0702', `the native part of lac does not load: ${messageOf(e)}`, buildCommand(root));
  }
}

const opened = new Map<string, NativeDriver>();

/** The driver, loaded once, its cache of compiled programs in ours. LAC_LIBCUDA names another library than libcuda.so.1. Throws LAC0702. */
export function openDriver(library = process.env.LAC_LIBCUDA || 'libcuda.so.1'): NativeDriver {
  const known = opened.get(library);
  if (known !== undefined) return known;
  const addon = loadAddon();
  placeComputeCache();
  try {
    const driver = addon.openDriver(library);
    opened.set(library, driver);
    return driver;
  } catch (e) {
    throw openingError(e);
  }
}
