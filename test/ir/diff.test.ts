import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffLines, diffText } from '../../compiler/ir/diff.js';

describe('line diff', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 20 }).map((lines) => lines.join('\n'));
  const join = (lines: readonly { text: string }[]): string => lines.map((l) => l.text).join('\n');

  it('keeps and removes what was there, keeps and adds what is there now', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = diffLines(before, after);
        expect(join(lines.filter((l) => l.sign !== '+'))).toBe(before);
        expect(join(lines.filter((l) => l.sign !== '-'))).toBe(after);
      }),
    );
  });

  it('shows changes with three lines around them', () => {
    const before = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'];
    const after = before.map((l) => (l === '5' ? 'five' : l)).join('\n');
    expect(diffText(before.join('\n'), after)).toBe('...\n  2\n  3\n  4\n- 5\n+ five\n  6\n  7\n  8\n...\n');
    expect(diffText(after, after)).toBe('');
  });
});
