export * from './algebra.js';
export * from './axes.js';
export * from './blocked.js';
export * from './holders.js';
export * from './layout.js';
export * from './shape.js';
