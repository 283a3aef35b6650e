/**
 * Limits on IR, so that text from anywhere ends in a diagnostic instead of a crash or a hang. They are far above what a
 * kernel needs: the largest kernels have a few thousand ops, and tiles must fit into the registers of one workgroup.
 */
export const LIMITS = {
  /** UTF-16 units of one IR text. */
  textLength: 4 * 1024 * 1024,
  /** Ops of one module, regions included. */
  ops: 200_000,
  /** Regions inside regions; also the depth to which braces may nest in text. */
  depth: 128,
  tileRank: 3,
  tileExtent: 1 << 16,
  tileElements: 1 << 20,
  viewRank: 8,
  /** Slots of a buffer in shared memory. */
  slots: 64,
  /** Operands, results or region arguments of one op. */
  arity: 4096,
  /** Calls through which one op was inlined. */
  locChain: 256,
} as const;
