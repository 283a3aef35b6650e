/** What compilers of kernels use: reads source, never runs it. Authors of kernels import index.ts. */
export { checkFile, checkingFile, checkKernel, type FileCheck } from './check.js';
export { type Lowered, lowerKernel, type Specialisation } from './lower/kernel.js';
export type { Observer } from './lower/observer.js';
export type { FunctionRef, KernelBody, KernelDecl, OptionValue } from './read/declaration.js';
export { type ReadResult, SourceProject } from './read/project.js';
export { type Representatives, representatives } from './representatives.js';
