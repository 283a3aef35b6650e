/** Compiled programs between processes: the driver's own cache, placed in the folder of ours. */
import { cacheFolders, privateFolder } from '../cache-folder.js';

/** Far more than a search over configurations writes; the driver drops the oldest behind it. */
const MAX_BYTES = 2 ** 30;

/**
 * The driver keeps what it compiles by the text, the options, the GPU and its own version, and reads these variables when it
 * starts. What the user has set stays. Where no folder can be made it keeps its default, ~/.nv/ComputeCache; so it does in
 * a worker thread, whose variables are a copy.
 */
export function placeComputeCache(env: NodeJS.ProcessEnv = process.env, folders = cacheFolders(env)): void {
  env.CUDA_CACHE_MAXSIZE ??= String(MAX_BYTES);
  if (env.CUDA_CACHE_PATH !== undefined) return;
  const folder = privateFolder('cuda', folders);
  if (folder !== null) env.CUDA_CACHE_PATH = folder;
}
