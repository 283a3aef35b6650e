import { existsSync } from 'node:fs';
import { register } from 'node:module';
import { extname, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Reference } from './reference.js';
import { transpileModules } from './transpile.js';

/** `x.ref.ts` of `x.ts`, where it exists. */
export function referenceFileOf(kernelFile: string): string | null {
  const extension = extname(kernelFile);
  const stem = kernelFile.slice(0, kernelFile.length - extension.length);
  return [`${stem}.ref${extension}`, `${stem}.ref.ts`, `${stem}.ref.js`].find((file) => existsSync(file)) ?? null;
}

/** Options of `.with` do not change what a reference says: it is told them. */
export async function loadReference(file: string, kernel: string): Promise<Reference> {
  const path = resolve(file);
  if (!existsSync(path)) throw new LacError(diagnostic('LAC0001', `${file} does not exist`));
  const found = (await importModule(path, file))[kernel];
  if (found === undefined) {
    const help = [`export const ${kernel}: Reference = { shape: { ... }, run: ({ inputs, dims }) => ({ ... }) };`];
    throw new LacError(diagnostic('LAC0902', `${file} exports no reference named ${kernel}`, null, { help }));
  }
  if (!isReference(found))
    throw new LacError(diagnostic('LAC0903', `${kernel} in ${file} is no Reference: it needs \`shape\` and \`run\``));
  return found;
}

function isReference(x: unknown): x is Reference {
  if (typeof x !== 'object' || x === null) return false;
  const { shape, run } = x as Partial<Record<keyof Reference, unknown>>;
  return typeof run === 'function' && typeof shape === 'object' && shape !== null;
}

async function importModule(path: string, shown: string): Promise<Readonly<Record<string, unknown>>> {
  const entry = extname(path) === '.js' || extname(path) === '.mjs' ? pathToFileURL(path).href : serve(path);
  try {
    return (await import(/* @vite-ignore */ entry)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof LacError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new LacError(
      diagnostic('LAC0903', `${shown} fails while it is loaded: ${message.replaceAll(`${process.cwd()}${sep}`, '')}`),
    );
  }
}

let served = 0;

/**
 * Registers a loader that knows the transpiled modules, and returns the URL of the first. Node 20 has no types of its
 * own to strip; a query in the URL makes every load a fresh one, for watching.
 */
function serve(path: string): string {
  const query = `?lac=${++served}`;
  const fresh = (url: string): string => url + query;
  const modules = Object.fromEntries(
    Object.entries(transpileModules(path)).map(([url, { code, imports }]) => [
      fresh(url),
      { code, imports: Object.fromEntries(Object.entries(imports).map(([name, to]) => [name, fresh(to)])) },
    ]),
  );
  register(`data:text/javascript,${encodeURIComponent(LOADER)}`, { data: modules });
  return fresh(pathToFileURL(path).href);
}

/** Runs on the loader's thread, so that it is text: it can close over nothing. */
const LOADER = `
let modules = {};
export const initialize = (data) => { modules = data; };
export const resolve = (specifier, context, next) => {
  const url = modules[context.parentURL]?.imports[specifier] ?? (specifier in modules ? specifier : undefined);
  return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true };
};
export const load = (url, context, next) =>
  url in modules ? { format: 'module', source: modules[url].code, shortCircuit: true } : next(url, context);
`;
