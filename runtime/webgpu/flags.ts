/** Constants of the WebGPU standard (GPUBufferUsage, GPUMapMode, GPUShaderStage), which Node has no globals for. */
export const USAGE = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 64, storage: 128, queryResolve: 512 } as const;
export const MAP_READ = 1;
export const STAGE_COMPUTE = 4;
