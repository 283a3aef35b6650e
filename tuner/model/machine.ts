import type { Device } from '../../runtime/device.js';

/** What a device does at most: what the cost model divides by. Rates are a millisecond's. */
export interface Machine {
  readonly kind: 'gpu' | 'software';
  readonly multiprocessors: number;
  /** Cycles. */
  readonly clocksPerMs: number;
  /** Of device memory, as a copy moves them. */
  readonly bytesPerMs: number;
  /** Of the cache that all multiprocessors share, and what it holds. */
  readonly l2BytesPerMs: number;
  readonly l2Bytes: number;
  /** Of products on tensor cores with 16-bit operands, as `mma` reaches. */
  readonly tensorFlopsPerMs: number;
  /** Of f32 multiply-adds. */
  readonly flopsPerMs: number;
  /** Of shared memory, all multiprocessors together. */
  readonly sharedBytesPerMs: number;
  /** What a launch costs that does nothing. */
  readonly launchMs: number;
}

export declare function machineOf(device: Pick<Device, 'backend' | 'info' | 'limits' | 'name'>): Machine;
