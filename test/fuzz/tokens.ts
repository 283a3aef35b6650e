import { languageNames } from '../../dsl/lower/builtins/table.js';
import { TENSOR_METHODS } from '../../dsl/lower/builtins/tensors.js';
import { VIEW_METHODS } from '../../dsl/lower/builtins/views.js';

const TOKEN =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|'[^'\n]*'|[\p{ID_Start}$_][\p{ID_Continue}$]*|\d[\w.]*|=>|\.\.\.|(?:\*\*|>>>|>>|<<|&&|\|\||\?\?|[-+*/%&|^=!<>])=?=?|[\s\S]/gu;

/** A text cut so that joining the pieces gives it back. */
export const tokensOf = (text: string): string[] => text.match(TOKEN) ?? [];

export const isWord = (token: string): boolean => /^[\p{ID_Start}$_]/u.test(token);
export const isNumber = (token: string): boolean => /^\d/.test(token);
export const isOperator = (token: string): boolean => /^[-+*/%&|^=!<>?:]+$/.test(token) && token !== '=>';

/** Names that every object of JavaScript has, and words with a meaning of their own. */
export const TREACHEROUS = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'length', 'name', 'then'],
  ...[
    'arguments',
    'eval',
    'undefined',
    'NaN',
    'Infinity',
    'Math',
    'globalThis',
    'process',
    'require',
    'async',
    'await',
  ],
  ...['static', 'yield', 'let', 'of', 'type', 'get', 'set', 'warps', 'stages', 'é', 'ꙮ', '变量', '$', '_', 'ﬀ'],
];

export const OPERATORS = [
  ...['+', '-', '*', '/', '%', '**', '&', '|', '^', '<<', '>>', '>>>', '&&', '||', '??', '<', '<=', '>', '>='],
  ...['===', '!==', '==', '!=', '=', '+=', '-=', '*=', '>>>=', '**=', '&&=', '??=', ',', '?', ':', 'in', 'instanceof'],
];

/** Those that may stand between any two expressions. */
export const BINARY = OPERATORS.filter((o) => !/^[?:,]$|[^=!<>]=$|^=$|\?\?|in/.test(o));

export const NUMBERS = [
  ...['0', '1', '2', '3', '-1', '0.5', '1e400', '-1e400', 'NaN', 'Infinity', '-0', '2 ** 31', '-(2 ** 31)', '2 ** 32'],
  ...['4294967295', '65536', '1048577', '1e-320', '0x7fffffff', '0b11', '1_000', '10n', '1e21', '.5', '1e9', '2 ** 53'],
];

export const LANGUAGE: readonly string[] = [...languageNames(), ...Object.keys(VIEW_METHODS)];

const SYNTAX = [
  ...[
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    ';',
    '.',
    '...',
    '=>',
    '?.',
    '!',
    '~',
    '++',
    '--',
    '`',
    "'",
    '"',
    '\\',
    '@',
    '#',
  ],
  ...['const ', 'let ', 'var ', 'function ', 'return ', 'return;', 'if (', 'else ', 'for (', 'while (', 'do ', 'of '],
  ...['break;', 'continue;', 'switch (', 'case ', 'default ', 'try {', 'catch ', 'throw ', 'new ', 'class ', 'this'],
  ...['typeof ', 'void ', 'delete ', 'await ', 'async ', 'yield ', 'export ', 'import ', 'from ', ' as ', 'satisfies '],
  ...[
    'extends ',
    'interface ',
    'enum ',
    'namespace ',
    'declare ',
    'super',
    'true',
    'false',
    'null',
    '/',
    '//',
    '/*',
    '*/',
  ],
  ...["'x'", "'N'", "''", '`a${', 'range(', 'kernel({', 'plan({', 'args: {', 'grid: (', 'tune: {', 'options: {'],
  ...['prune: (', 'tuneKey: (', 'comptime: [', 'temps: (', 'run(', '.with({', 'mask: ', 'pad: ', 'reverse: true'],
  ...['unroll: true', 'stages: 3', 'inBounds: true', 'precision: ', 'fill: 0', '\n', '\r\n', ' '],
];

/** What hostile text is made of. */
export const VOCABULARY: readonly string[] = [
  ...LANGUAGE,
  ...LANGUAGE.map((name) => `${name}(`),
  ...[...Object.keys(VIEW_METHODS), ...Object.keys(TENSOR_METHODS)].map((name) => `.${name}(`),
  ...SYNTAX,
  ...OPERATORS,
  ...NUMBERS,
  ...TREACHEROUS,
];

/** Where the bracket at `from` closes, exclusive; the end of the text where it does not. */
export function closing(tokens: readonly string[], from: number): number {
  let depth = 0;
  for (let i = from; i < tokens.length; i++) {
    const token = tokens[i] as string;
    if (/^[([{]$/.test(token)) depth++;
    else if (/^[)\]}]$/.test(token) && --depth <= 0) return i + 1;
  }
  return tokens.length;
}
