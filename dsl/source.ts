/** What compilers of kernels use: reads source, never runs it. Authors of kernels import index.ts. */
export { checkFile, checkKernel, type FileCheck } from './check.js';
export { type Lowered, lowerKernel, type Specialisation } from './lower/kernel.js';
export type { FunctionRef, KernelBody, KernelDecl, OptionValue } from './read/declaration.js';
export { type ReadResult, SourceProject } from './read/project.js';
export { type Representatives, representatives } from './representatives.js';
