/**
 * Imported before anything else: from 22.1 on Node can keep compiled JavaScript between processes, so that what a verb
 * loads, TypeScript most of all, is not compiled anew each time. NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE of the
 * environment go first. Without a folder nothing is kept.
 */
import * as nodeModule from 'node:module';
import { privateFolder } from '../runtime/cache-folder.js';

const { enableCompileCache } = nodeModule as { readonly enableCompileCache?: (folder: string) => unknown };
const folder = enableCompileCache === undefined ? null : privateFolder('node');
if (folder !== null) enableCompileCache?.(folder);
