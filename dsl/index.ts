/** What authors of kernels import. */
export * from './declare.js';
export { type CallSite, empty, type HostHook, type KernelHandle, openDevice, setHost } from './host.js';
export type * from './kernel-types.js';
export * from './surface.js';
export type * from './types.js';
export * from './values.js';
