/** What compilers of kernels use: reads source, never runs it. Authors of kernels import index.ts. */
export { checkFile, checkingFile, checkKernel, type FileCheck } from './check.js';
export { type Lowered, lowerKernel, type Specialisation } from './lower/kernel.js';
export type { Observer } from './lower/observer.js';
export type { DeviceName, KernelBody, KernelDecl } from './read/declaration.js';
export { declaresKernels } from './read/declares-kernels.js';
export { fingerprint } from './read/fingerprint.js';
export { isPlan, type PlanDecl, type RunDecl } from './read/plan-declaration.js';
export { type ReadResult, SourceProject } from './read/project.js';
export type { Declaration, FunctionRef, OptionValue } from './read/spec-reader.js';
export { type Representatives, representatives } from './representatives.js';
