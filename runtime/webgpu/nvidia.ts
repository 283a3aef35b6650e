/**
 * NVIDIA's Vulkan driver on machines without a display. The manifest that comes with the driver names libGLX_nvidia, which
 * refuses to work where libGLX and its like are not installed, as in most containers; libEGL_nvidia is the same driver
 * and asks for none of them (seen with driver 580 on an H100 that had no X11 and no GL package).
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolders, fillFolder, makePrivate } from '../cache-folder.js';
import { gpuKernelDriver } from './drivers.js';
import { loadLibrary } from './library.js';

const LIBRARY = 'libEGL_nvidia.so.0';
const MANIFEST = 'nvidia_egl_icd.json';

const TEXT = JSON.stringify({ file_format_version: '1.0.1', ICD: { library_path: LIBRARY, api_version: '1.3.0' } });

/** A manifest that names the EGL form of the driver, made on first use; null where it does not apply. */
export function headlessNvidia(folders: readonly string[] = cacheFolders()): string | null {
  if (gpuKernelDriver() !== 'NVIDIA' || loadLibrary(LIBRARY, 'local') !== null) return null;
  for (const parent of folders) {
    const folder = path.join(parent, 'nvidia');
    try {
      makePrivate(parent);
      fillFolder(folder, () => new Map([[MANIFEST, Buffer.from(TEXT)]]), isWhole);
      return path.join(folder, MANIFEST);
    } catch {
      // The next folder, or none: then the driver's own manifest has to do.
    }
  }
  return null;
}

function isWhole(folder: string): boolean {
  try {
    return readFileSync(path.join(folder, MANIFEST), 'utf8') === TEXT;
  } catch {
    return false;
  }
}
