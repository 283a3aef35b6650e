/** Moved to driver/reduced-dims.ts (STORE), which the driver needs too: import from there, and remove this file. */
export { elementsOf, reducedDims } from '../../driver/reduced-dims.js';
