/** What a WebGPU device allows one pipeline to use. Defaults are the limits that every WebGPU device has (WebGPU, "Limits"). */
export interface WgslLimits {
  /** Bytes of workgroup memory: maxComputeWorkgroupStorageSize. */
  readonly workgroupBytes: number;
  /** Invocations of a workgroup: maxComputeInvocationsPerWorkgroup, and the size along x. */
  readonly invocations: number;
  /** maxStorageBuffersPerShaderStage. */
  readonly storageBuffers: number;
  /** maxStorageBufferBindingSize, in bytes. */
  readonly bindingBytes: number;
}

export const TIER1: WgslLimits = {
  workgroupBytes: 16384,
  invocations: 256,
  storageBuffers: 8,
  bindingBytes: 128 * 2 ** 20,
};

/** Registers of 32 bits that one tile may take in one invocation; more would only spill. */
export const MAX_TILE_REGISTERS = 256;

/** Invocations in one of the groups that the knob `warps` counts. */
export const WARP = 32;
