import { Bug } from '../../compiler/diag/diagnostic.js';
import { USAGE } from './flags.js';

const RING_BYTES = 64 * 1024;
/** Alignment of uniform bindings that every device accepts. */
const SLOT_BYTES = 256;
/** Parameter blocks are array<vec4<u32>>. */
const UNIT_BYTES = 16;

/**
 * Parameter blocks of launches, in one uniform buffer that is used round and round. A slot may be overwritten while an
 * earlier launch that reads it is still queued: the queue keeps writes and submissions in order.
 */
export class ParamRing {
  readonly #gpu: GPUDevice;
  readonly #buffer: GPUBuffer;
  #next = 0;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    this.#buffer = gpu.createBuffer({ label: 'params', size: RING_BYTES, usage: USAGE.uniform | USAGE.copyDst });
  }

  /** Queues the words and returns where a launch binds them. */
  write(words: Uint32Array<ArrayBuffer>): GPUBufferBinding {
    const size = Math.max(Math.ceil(words.byteLength / UNIT_BYTES), 1) * UNIT_BYTES;
    if (size > RING_BYTES) throw new Bug(`a parameter block of ${words.length} words`);
    if (this.#next + size > RING_BYTES) this.#next = 0;
    const offset = this.#next;
    this.#next += Math.ceil(size / SLOT_BYTES) * SLOT_BYTES;
    if (words.length > 0) this.#gpu.queue.writeBuffer(this.#buffer, offset, words);
    return { buffer: this.#buffer, offset, size };
  }
}
