/**
 * The software Vulkan driver (SwiftShader) and the Vulkan loader that npm's @sparticuz/chromium carries, so that WebGPU
 * works without a GPU and without any system package. Linux on x86-64 only.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { cacheFolders, fillFolder, makePrivate } from '../cache-folder.js';
import { messageOf, runtimeError } from '../errors.js';
import { loadLibrary } from './library.js';
import { readTar } from './tar.js';

const ICD = 'libvk_swiftshader.so';
const LOADER = 'libvulkan.so.1';
const MANIFEST = 'icd.json';

export interface SoftwareDriver {
  readonly folder: string;
  /** Absolute path of the Vulkan loader. */
  readonly loader: string;
  /** Absolute path of the driver's manifest, for VK_DRIVER_FILES. */
  readonly icd: string;
}

export const softwareSupported = (): boolean => process.platform === 'linux' && process.arch === 'x64';

/** Folder of the npm package, or null where it is not installed. */
function packageFolder(): string | null {
  try {
    let folder = path.dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium'));
    while (path.basename(folder) !== 'chromium' && path.dirname(folder) !== folder) folder = path.dirname(folder);
    return folder;
  } catch {
    return null;
  }
}

let unpacked: SoftwareDriver | null = null;

/**
 * The driver, unpacked on first use into the first cache folder that can be written to and lets libraries load. Throws
 * LAC0704 with what was wrong with each.
 */
export function softwareDriver(folders: readonly string[] = cacheFolders()): SoftwareDriver {
  if (unpacked && folders.some((f) => unpacked?.folder.startsWith(f + path.sep))) return unpacked;
  const archive = archivePath();
  const failures: string[] = [];
  for (const parent of folders) {
    try {
      unpacked = unpackInto(parent, archive);
      return unpacked;
    } catch (e) {
      failures.push(`${parent}: ${messageOf(e)}`);
    }
  }
  throw runtimeError(
    'LAC0704',
    `no folder can hold the software driver: ${failures.join('; ')}`,
    'set LAC_CACHE to a folder that can be written to, with 7 MB free',
  );
}

function archivePath(): string {
  const help = 'install a Vulkan driver of the system: apt-get install mesa-vulkan-drivers';
  if (!softwareSupported())
    throw runtimeError('LAC0704', `no software driver for ${process.platform} on ${process.arch} is carried`, help);
  const folder = packageFolder();
  if (folder === null)
    throw runtimeError('LAC0704', 'the npm package @sparticuz/chromium is not installed', 'run npm ci', help);
  return path.join(folder, 'bin', 'swiftshader.tar.br');
}

function unpackInto(parent: string, archive: string): SoftwareDriver {
  makePrivate(parent);
  const packed = readFileSync(archive);
  const folder = path.join(parent, `swiftshader-${fingerprint(packed)}`);
  const driver = { folder, loader: path.join(folder, LOADER), icd: path.join(folder, MANIFEST) };
  fillFolder(folder, () => driverFiles(packed, folder), isWhole);
  makePrivate(folder);
  const failure = loadLibrary(driver.loader, 'global') ?? loadLibrary(path.join(folder, ICD), 'local');
  if (failure !== null) throw new Error(failure);
  return driver;
}

/** Length and a few words of the archive: another version of the package gets another folder. */
function fingerprint(packed: Buffer): string {
  let hash = 2166136261;
  for (let i = 0; i < packed.length; i += 1021) hash = Math.imul(hash ^ (packed[i] as number), 16777619);
  return `${packed.length.toString(36)}-${(hash >>> 0).toString(36)}`;
}

/** All files there, in full length, and the manifest names the library where it lies now. */
function isWhole(folder: string): boolean {
  try {
    const manifest = JSON.parse(readFileSync(path.join(folder, MANIFEST), 'utf8')) as Manifest;
    const complete = Object.entries(manifest.sizes).every(([name, n]) => statSync(path.join(folder, name)).size === n);
    return complete && manifest.ICD.library_path === path.join(folder, ICD);
  } catch {
    return false;
  }
}

/** The loader's manifest; it ignores `sizes`, which are ours. */
interface Manifest {
  readonly file_format_version: string;
  readonly ICD: { readonly library_path: string; readonly api_version: string };
  readonly sizes: Readonly<Record<string, number>>;
}

/** The two libraries, and a manifest with the absolute path that the loader wants. */
function driverFiles(packed: Buffer, folder: string): Map<string, Uint8Array> {
  const archive = readTar(brotliDecompressSync(packed));
  const files = new Map<string, Uint8Array>();
  for (const name of [ICD, LOADER]) {
    const content = archive.get(name);
    if (content === undefined) throw runtimeError('LAC0704', `the driver archive has no ${name}`, 'run npm ci');
    files.set(name, content);
  }
  const sizes = Object.fromEntries([...files].map(([name, content]) => [name, content.length]));
  const manifest: Manifest = {
    file_format_version: '1.0.0',
    ICD: { library_path: path.join(folder, ICD), api_version: '1.0.5' },
    sizes,
  };
  return files.set(MANIFEST, Buffer.from(JSON.stringify(manifest)));
}
