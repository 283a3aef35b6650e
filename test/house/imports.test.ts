import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readable, repositoryFiles } from './sources.js';

interface Rule {
  readonly from: string;
  readonly may: readonly string[];
  /** Types alone. */
  readonly types?: readonly string[];
  /** When it is needed: `await import(...)`. */
  readonly later?: readonly string[];
}

/** Who may import what: the first row whose `from` begins the path of the importing file. */
const RULES: readonly Rule[] = [
  { from: 'compiler/', may: ['compiler/'] },
  { from: 'dsl/', may: ['dsl/', 'compiler/'] },
  { from: 'backends/ptx/', may: ['backends/ptx/', 'compiler/'] },
  { from: 'backends/wgsl/', may: ['backends/wgsl/', 'compiler/'] },
  { from: 'runtime/interpret/', may: ['runtime/', 'compiler/'] },
  { from: 'runtime/emulate/', may: ['runtime/', 'compiler/', 'backends/ptx/'] },
  {
    from: 'runtime/',
    may: [
      'runtime/',
      'compiler/artifact',
      'compiler/expr',
      'compiler/diag/',
      'compiler/ir/types',
      'compiler/ops/round',
    ],
  },
  { from: 'kernels/', may: ['kernels/', 'dsl/index'], types: ['driver/reference'] },
  { from: 'attention/', may: ['attention/', 'kernels/', 'runtime/', 'compiler/diag/'] },
  {
    from: 'store/',
    may: ['store/', 'runtime/cache-folder', 'runtime/make-folder', 'runtime/json-value', 'compiler/diag/'],
  },
  { from: 'reporting/', may: ['reporting/'] },
  {
    from: 'tuner/',
    may: ['tuner/', 'store/', 'reporting/', 'driver/', 'runtime/', 'backends/', 'dsl/', 'compiler/'],
  },
  {
    from: 'benchmark/',
    may: ['benchmark/', 'tuner/', 'store/', 'reporting/', 'driver/', 'runtime/', 'backends/', 'dsl/', 'compiler/'],
  },
  { from: 'driver/', may: ['driver/', 'store/', 'runtime/', 'backends/', 'dsl/', 'compiler/'] },
  { from: 'docs/', may: ['docs/'] },
  {
    from: 'index.ts',
    may: ['attention/', 'driver/', 'runtime/', 'dsl/', 'compiler/'],
    later: ['tuner/from-host'],
  },
  { from: 'lsp/', may: ['lsp/', 'dsl/', 'compiler/'] },
  {
    from: 'cli/',
    may: [
      'cli/',
      'lsp/',
      'benchmark/',
      'tuner/',
      'store/',
      'reporting/',
      'driver/',
      'runtime/',
      'backends/',
      'dsl/',
      'compiler/',
    ],
  },
];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly later: boolean;
}

const STATEMENT =
  /^(?:import|export)\s+(type\s)?[^;'"]*?from\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

function importsOf(text: string): Import[] {
  return [...text.matchAll(STATEMENT)].map(([, type, from, bare, dynamic]) => ({
    specifier: from ?? bare ?? dynamic ?? '',
    typeOnly: type !== undefined,
    later: dynamic !== undefined,
  }));
}

/** What breaks the rules in one file. */
function violations(path: string, text: string): string[] {
  const rule = RULES.find((r) => path.startsWith(r.from));
  if (rule === undefined) return [];
  return importsOf(text).flatMap(({ specifier, typeOnly, later }) => {
    if (!specifier.startsWith('.')) return [];
    const target = normalize(join(dirname(path), specifier));
    const allowed = [...rule.may, ...((typeOnly && rule.types) || []), ...((later && rule.later) || [])];
    const fine = allowed.some((prefix) =>
      prefix.endsWith('/') ? target.startsWith(prefix) : target === `${prefix}.js`,
    );
    return fine ? [] : [`${path} imports ${target}${typeOnly ? '' : ' (as a value)'}`];
  });
}

const sources = repositoryFiles().filter(
  (f) => f.endsWith('.ts') && !/^(test|bench)\//.test(f) && f !== 'vitest.config.ts',
);

describe('imports point one way', () => {
  test('every source is under a rule and keeps it', () => {
    expect(sources.filter((f) => !RULES.some((r) => f.startsWith(r.from)))).toEqual([]);
    expect(sources.flatMap((f) => violations(f, readable(f) ?? ''))).toEqual([]);
  });

  test('the check sees what it should', () => {
    const text = `import a from '../dsl/index.js';\nimport type { B } from '../driver/reference.js';\nexport * from "./x.js";\nconst c = await import('../cli/main.js');\nimport './side.js';\nimport {\n  d,\n} from '../runtime/d.js';`;
    expect(importsOf(text).map((i) => i.specifier)).toEqual([
      '../dsl/index.js',
      '../driver/reference.js',
      './x.js',
      '../cli/main.js',
      './side.js',
      '../runtime/d.js',
    ]);
    expect(violations('compiler/x.ts', text)).toHaveLength(4);
    expect(violations('kernels/x.ts', "import type { R } from '../driver/reference.js';")).toEqual([]);
    expect(violations('kernels/x.ts', "import { R } from '../driver/reference.js';")).toHaveLength(1);
    expect(violations('index.ts', "const t = await import('./tuner/from-host.js');")).toEqual([]);
    expect(violations('index.ts', "import { t } from './tuner/from-host.js';")).toHaveLength(1);
  });
});
