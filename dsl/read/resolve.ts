import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, parse, relative, resolve, sep } from 'node:path';

/** Nearest folder above the file that holds package.json or .git, else the file's own folder. */
export function projectRoot(file: string): string {
  const top = parse(file).root;
  for (let dir = dirname(file); dir !== top; dir = dirname(dir))
    if (existsSync(join(dir, 'package.json')) || existsSync(join(dir, '.git'))) return dir;
  return dirname(file);
}

export function isInside(root: string, file: string): boolean {
  const path = relative(root, file);
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

/** With symbolic links resolved; the path itself where nothing is there. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The source that an import means: TypeScript writes `./x.js` for `./x.ts`. */
export function sourceFileOf(importer: string, specifier: string): string | null {
  const path = resolve(dirname(importer), specifier);
  const stem = path.replace(/\.(?:[mc]?js|ts)$/, '');
  const candidates = [`${stem}.ts`, path, `${stem}.js`, `${stem}.mjs`, join(path, 'index.ts'), join(path, 'index.js')];
  return candidates.find((c) => /\.[mc]?[jt]s$/.test(c) && existsSync(c)) ?? null;
}

/** Whether an import means the language itself: 'lac', a file named lac, or the dsl index of the package lac. */
export function isLanguage(importer: string, specifier: string): boolean {
  if (specifier === 'lac') return true;
  if (!specifier.startsWith('.')) return false;
  if (/^lac(?:\.d)?(?:\.[mc]?[jt]s)?$/.test(basename(specifier))) return true;
  // Where lac is installed as a package, its kernels lie there as source and the language does not.
  const file = sourceFileOf(importer, specifier) ?? resolve(dirname(importer), specifier);
  if (!/^index\.[jt]s$/.test(basename(file))) return false;
  const root = packageRoot(file);
  return root !== null && /^(?:dist\/)?(?:dsl\/)?index\.[jt]s$/.test(relative(root, file).split(sep).join('/'));
}

/** Folder of the package `lac` that holds the file; null if another package, or none, holds it. */
function packageRoot(file: string): string | null {
  const top = parse(file).root;
  for (let dir = dirname(file); dir !== top; dir = dirname(dir)) {
    const manifest = join(dir, 'package.json');
    if (existsSync(manifest)) return packageName(manifest) === 'lac' ? dir : null;
  }
  return null;
}

const packageNames = new Map<string, string | null>();
function packageName(manifest: string): string | null {
  const known = packageNames.get(manifest);
  if (known !== undefined) return known;
  const name = readName(manifest);
  packageNames.set(manifest, name);
  return name;
}

function readName(manifest: string): string | null {
  try {
    const json: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
    const name = typeof json === 'object' && json !== null && 'name' in json ? json.name : null;
    return typeof name === 'string' ? name : null;
  } catch {
    return null;
  }
}
