import { describe, expect, test } from 'vitest';
import { diagnostic, type Span } from '../../compiler/diag/diagnostic.js';
import { countText, renderDiagnostic } from '../../compiler/diag/render.js';
import { lineText, positionAt } from '../../compiler/diag/source-text.js';

const SOURCE = 'const a = 1;\n\tconst p = dot(q, k);\nconst z = p + mask;\n';
const span = (text: string, from = 0): Span => {
  const start = SOURCE.indexOf(text, from);
  return { file: 'k.ts', start, end: start + text.length };
};
const text = (file: string): string | undefined => (file === 'k.ts' ? SOURCE : undefined);

describe('a finding as text', () => {
  test('underlines the span and its labels, and shows the edited line', () => {
    const d = diagnostic('LAC0001', 'k needs its rows as columns', span('dot(q, k)'), {
      labels: [
        { span: span('q, k'), text: 'tile<[C=32, D=64] x f32>' },
        { span: span('mask'), text: 'used here' },
      ],
      help: [{ text: 'transpose it', edit: { span: span('k)'), newText: 'trans(k))' } }, 'or load it so'],
    });
    expect(renderDiagnostic(d, { text })).toBe(
      [
        'error[LAC0001]: k needs its rows as columns',
        '  --> k.ts:2:12',
        '  |',
        '2 |     const p = dot(q, k);',
        '  |               ^^^^^^^^^',
        '  |                   tile<[C=32, D=64] x f32>',
        '3 | const z = p + mask;',
        '  |               ---- used here',
        '  = help: transpose it',
        '  + const p = dot(q, trans(k));',
        '  = help: or load it so',
      ].join('\n'),
    );
  });

  test('two labels on one line have stems', () => {
    const d = diagnostic('LAC0001', 'ranks differ', span('p + mask'), {
      labels: [
        { span: span('p + mask'), text: 'here' },
        { span: span('z'), text: 'the name' },
        { span: span('mask'), text: 'the mask' },
      ],
    });
    expect(renderDiagnostic(d, { text }).split('\n').slice(3)).toEqual([
      '3 | const z = p + mask;',
      '  |       -   ^^^^^^^^ the mask',
      '  |       |   here',
      '  |       the name',
    ]);
  });

  test('a file that cannot be read, and no span at all', () => {
    const gone = diagnostic('LAC0001', 'gone', { file: 'other.ts', start: 4, end: 5 }, { severity: 'warning' });
    expect(renderDiagnostic(gone, { text })).toBe('warning[LAC0001]: gone\n  --> other.ts');
    expect(renderDiagnostic(diagnostic('LAC0001', 'no device'), { text })).toBe('error[LAC0001]: no device');
  });

  test('escape sequences of a source do not reach the terminal', () => {
    const hostile = 'x = "\u001b[2Jgone\u202e";';
    const d = diagnostic('LAC0001', 'bad \u001b[31m name', { file: 'h.ts', start: 0, end: 1 });
    const shown = renderDiagnostic(d, { text: () => hostile });
    expect(shown).not.toMatch(/\p{Cf}/u);
    expect(shown).not.toContain('\u001b');
    expect(shown).toContain('\ufffd[2Jgone\ufffd');
  });

  test('a span past the end of its file is shown at the end', () => {
    const d = diagnostic('LAC0001', 'cut off', { file: 'k.ts', start: 10_000, end: 20_000 });
    expect(renderDiagnostic(d, { text })).toContain('4 | \n  | ^');
  });
});

test('lines end with \\n, \\r\\n or \\r', () => {
  const mixed = 'a\r\nb\rc\nd';
  expect([0, 3, 5, 7].map((o) => positionAt(mixed, o))).toEqual([1, 2, 3, 4].map((line) => ({ line, column: 1 })));
  expect([1, 2, 3, 4].map((n) => lineText(mixed, n))).toEqual(['a', 'b', 'c', 'd']);
});

test('counts', () => {
  const d = diagnostic('LAC0001', 'x');
  expect(countText([d, d, { ...d, severity: 'warning' }])).toBe('2 errors, 1 warning');
  expect(countText([])).toBe('');
});
