/** Which Vulkan drivers the loader would find: manifests named by variables, or lying in the usual folders. Linux. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, runtimeError } from '../errors.js';
import { loadLibrary } from './library.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Variables that choose the driver, ours first; the loader prefers VK_DRIVER_FILES. */
const CHOICES = ['LAC_ICD', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;

/** A driver that the user chose, and the variable that says so. */
export function chosenDriver(env: Env = process.env): { variable: string; files: string } | null {
  for (const variable of CHOICES) {
    const files = env[variable];
    if (files) return { variable, files };
  }
  return null;
}

/** Throws LAC0710 when none of the files named can serve. The files come as the loader takes them, separated by colons. */
export function checkChosenDriver(choice: { variable: string; files: string }): void {
  const problems = choice.files
    .split(path.delimiter)
    .filter((f) => f !== '')
    .map(problemOf);
  if (problems.length === 0 || problems.every((p) => p !== null))
    throw runtimeError(
      'LAC0710',
      `${choice.variable}=${choice.files}: ${problems.join('; ')}`,
      `correct ${choice.variable}, or unset it`,
    );
}

function problemOf(file: string): string | null {
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { ICD?: { library_path?: unknown } };
    const library = manifest.ICD?.library_path;
    if (typeof library !== 'string') return `${file} has no ICD.library_path`;
    const failure = loadLibrary(library.includes('/') ? path.resolve(path.dirname(file), library) : library, 'local');
    return failure === null ? null : `${file} names a library that does not load: ${failure}`;
  } catch (e) {
    return messageOf(e);
  }
}

/** Folders that the Vulkan loader searches (loader's LoaderInterfaceArchitecture, "Driver Discovery on Linux"). */
function manifestFolders(env: Env): string[] {
  const home = env.HOME ?? '';
  const roots = [
    env.XDG_CONFIG_HOME ?? path.join(home, '.config'),
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':'),
    '/usr/local/etc',
    '/etc',
    env.XDG_DATA_HOME ?? path.join(home, '.local/share'),
    ...(env.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
  ];
  return roots.map((root) => path.join(root, 'vulkan', 'icd.d'));
}

/** Where containers of some cloud providers mount NVIDIA's driver, outside the loader's search path. */
const MOUNTED = '/usr/local/nvidia/share/vulkan/icd.d';

export interface InstalledDrivers {
  /** Manifests that the loader finds by itself. */
  readonly found: readonly string[];
  /** Manifests that it would have to be told of. */
  readonly mounted: readonly string[];
}

export function installedDrivers(env: Env = process.env): InstalledDrivers {
  return { found: manifestFolders(env).flatMap(manifestsIn), mounted: manifestsIn(MOUNTED) };
}

function manifestsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

/** Whose GPU the kernel of this machine drives, by what it shows of it; null where it shows none. */
export function gpuKernelDriver(): 'NVIDIA' | 'AMD or Intel' | null {
  if (existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version')) return 'NVIDIA';
  return existsSync('/dev/dri/renderD128') ? 'AMD or Intel' : null;
}
