/** What programs do, by what limits it. All are counts, none is a time; sums over the warps of a program. */
const KINDS = [
  /** Floating-point operations of products with 16-bit operands on tensor cores, as executed: 2 m n k an instruction. */
  'tensorFlops',
  /** The same with f32 operands in tf32. */
  'tf32Flops',
  /** Floating-point operations of products in f32 arithmetic. */
  'productFlops',
  /** Cycles of the tensor core of the busiest sub-core. */
  'tensorCycles',
  /** Instructions that warps issue. */
  'issued',
  /** Those of them that go to the units for integers, comparisons, selections and conversions: a warp takes them two cycles. */
  'halfRate',
  /** Those of them that go to the special function units. */
  'special',
  /** Wavefronts of shared memory, bank conflicts included. */
  'wavefronts',
  /** Barriers of all warps of a program. */
  'barriers',
  /** Bytes read from and written to tensors. */
  'readBytes',
  'writtenBytes',
  /** The same in whole sectors of the cache. */
  'sectorBytes',
  /** Instructions that access tensors element by element. */
  'scattered',
  /** Cycles that one warp waits for results, where nothing else hides them. */
  'latency',
  /** Times that a program waits for memory that nobody asked for ahead. */
  'exposedLoads',
] as const;
type Kind = (typeof KINDS)[number];
export type Work = Readonly<Record<Kind, number>>;

export const NO_WORK = Object.fromEntries(KINDS.map((k) => [k, 0])) as Work;

export const work = (parts: Partial<Work>): Work => ({ ...NO_WORK, ...parts });

/** Sum of works, each so many times. */
export class WorkSum {
  readonly #sum: Record<Kind, number> = { ...NO_WORK };

  add(w: Partial<Work>, times = 1): void {
    for (const kind of KINDS) {
      const n = w[kind];
      if (n !== undefined && n !== 0) this.#sum[kind] += n * times;
    }
  }

  get total(): Work {
    return { ...this.#sum };
  }
}
