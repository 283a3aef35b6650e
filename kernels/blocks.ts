/** Powers of two: the least that is not below x, and the greatest that is not above it, from 1 up. */
export const up = (x: number): number => 2 ** Math.ceil(Math.log2(x));
export const down = (x: number): number => 2 ** Math.floor(Math.log2(Math.max(1, x)));
export const within = (least: number, x: number, most: number): number => Math.min(most, Math.max(least, x));

export const doublings = (a: number, b: number): number => Math.abs(Math.log2(a / b));

/** What `prefer` has of a device and of dtypes. */
export interface On {
  readonly processors: number;
  readonly sharedBytes: number;
  readonly elementBytes: number;
}

/** So many programs, or almost, occupy every multiprocessor. */
export const ALMOST = 1.1;

/** No GPU gives a program more shared memory than this through WebGPU, where products are sums of f32 without tensor cores. */
export const WEBGPU_BYTES = 65536;

/** What is added where a program needs more shared memory than there is: such blocks come last. */
export const tooLarge = (bytes: number, sharedBytes: number): number => (bytes > sharedBytes ? 100 : 0);
