import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { ts } from '../dsl/read/typescript.js';

export interface TranspiledModule {
  readonly code: string;
  /** URL of the TypeScript module that a specifier means. */
  readonly imports: Readonly<Record<string, string>>;
}
/** JavaScript of TypeScript modules by URL, ready for a loader. */
export type Modules = Readonly<Record<string, TranspiledModule>>;

/** A `.js` specifier names the `.ts` source beside it, as tsc has it. */
const CANDIDATES: readonly (readonly [RegExp, string])[] = [
  [/\.js$/, '.ts'],
  [/\.mjs$/, '.mts'],
  [/$/, ''],
];

/** The TypeScript file that a relative specifier names, or null where that is none: plain JavaScript, JSON, a package. */
function typescriptSource(specifier: string, from: string): string | null {
  if (!/^\.{1,2}\//.test(specifier)) return null;
  const path = resolve(dirname(from), specifier);
  const found = CANDIDATES.map(([end, ts]) => path.replace(end, ts)).find(
    (file) => /\.m?ts$/.test(file) && isFile(file),
  );
  return found ?? null;
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * A TypeScript module and the TypeScript modules that it imports by relative specifiers, types erased; nothing is
 * checked, nothing runs. Imports that only bring types vanish.
 */
export function transpileModules(entry: string): Modules {
  const modules: Record<string, TranspiledModule> = {};
  const waiting = [resolve(entry)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const url = pathToFileURL(file).href;
    if (url in modules) continue;
    const code = transpile(file);
    const imports: Record<string, string> = {};
    modules[url] = { code, imports };
    for (const { fileName } of ts.preProcessFile(code, true, true).importedFiles) {
      const next = typescriptSource(fileName, file);
      if (next === null) continue;
      imports[fileName] = pathToFileURL(next).href;
      waiting.push(next);
    }
  }
  return modules;
}

function transpile(file: string): string {
  const { outputText, diagnostics = [] } = ts.transpileModule(readSource(file), {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      inlineSourceMap: true,
      inlineSources: true,
      verbatimModuleSyntax: false,
    },
  });
  const faults = diagnostics.filter((d) => d.category === ts.DiagnosticCategory.Error);
  if (faults.length === 0) return outputText;
  throw new LacError(
    faults.map((d) => {
      const start = d.start ?? 0;
      const message = ts.flattenDiagnosticMessageText(d.messageText, '\n');
      return diagnostic('LAC0903', message, { file, start, end: start + (d.length ?? 1) });
    }),
  );
}

function readSource(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new LacError(diagnostic('LAC0001', `${file}: ${(error as Error).message}`));
  }
}
