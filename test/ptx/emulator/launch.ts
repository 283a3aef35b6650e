/** Hand-written PTX in the emulator: the text around a body, and launches with arrays as buffers. */
import { type Checks, type Counters, emulate, GlobalMemory, parsePtx } from '../../../backends/ptx/emulator/index.js';
import { LacError } from '../../../compiler/diag/diagnostic.js';

/** A module with one entry `k` whose parameters are addresses; registers %p, %h, %r, %d are declared. */
export const moduleText = (body: string, params: readonly string[] = [], block = 1024): string =>
  `.version 8.0
.target sm_90
.address_size 64
.file 1 "kernel.ts"
.extern .shared .align 1024 .b8 lac_shared[];
.visible .entry k(${params.map((p) => `.param .u64 ${p}`).join(', ')})
.maxntid ${block}, 1, 1
{
  .reg .pred %p<32>;
  .reg .b16 %h<32>;
  .reg .b32 %r<256>;
  .reg .b64 %d<64>;
  ${body.trim()}
  ret;
}
`;

export interface LaunchOptions {
  readonly threads?: number;
  readonly ctas?: number;
  readonly sharedBytes?: number;
  readonly checks?: Checks;
  /** Watch for races in global memory. */
  readonly watch?: boolean;
}

/** Runs a body with a buffer for each parameter; arrays are written in place. */
export function launch(
  body: string,
  buffers: Readonly<Record<string, Float32Array | Int32Array | Uint32Array | Uint16Array>> = {},
  { threads = 32, ctas = 1, sharedBytes = 0, checks = {}, watch = false }: LaunchOptions = {},
): Counters | null {
  const memory = new GlobalMemory();
  const names = Object.keys(buffers);
  const params = new BigUint64Array(names.length);
  const copies = names.map((name, i) => {
    const array = buffers[name] as Float32Array;
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const copy = new ArrayBuffer(Math.ceil(bytes.length / 4) * 4);
    new Uint8Array(copy).set(bytes);
    params[i] = memory.add(name, copy, bytes.length, watch ? 'watched' : 'free');
    return { bytes, copy };
  });
  try {
    return emulate(parsePtx(moduleText(body, names)), {
      entry: 'k',
      grid: [ctas, 1, 1],
      block: [threads, 1, 1],
      sharedBytes,
      params: new Uint8Array(params.buffer),
      memory,
      checks,
    });
  } finally {
    for (const { bytes, copy } of copies) bytes.set(new Uint8Array(copy).subarray(0, bytes.length));
  }
}

/** Codes and text of the error that it throws. */
export function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (e) {
    if (e instanceof LacError) return e.message;
    throw e;
  }
  return 'no error';
}

/** Loads the addresses of parameters into %d0, %d1, ... and the thread into %r0. */
export const prologue = (...params: string[]): string =>
  [
    'mov.u32 %r0, %tid.x;',
    ...params.flatMap((p, i) => [`ld.param.b64 %d${i}, [${p}];`, `cvta.to.global.u64 %d${i}, %d${i};`]),
  ].join('\n  ');
