/** What Python has where TypeScript has a syntax error: a pattern of the line, and what to write. */
const PYTHON: readonly (readonly [line: RegExp, help: string])[] = [
  [/\bdef\s+\w+\s*\(/, 'write const f = (a, b) => ..., or function f(a, b) { ... }'],
  [/\blambda\b/, 'write (a, b) => a + b'],
  [/\bfor\s+\w+\s+in\b/, 'write for (const i of range(n)) { ... }'],
  [
    /^\s*(?:if|elif|else|while|with)\b.*:\s*(?:#.*)?$/,
    'a condition stands in parentheses, a block in braces: if (n > 0) { ... }',
  ],
  [/=.*\bif\b.*\belse\b/, 'write condition ? a : b; of tiles: where(mask, a, b)'],
  [/\band\b|\bor\b|\bnot\b/, 'write &&, || and !'],
  [/\[[^\]()]*:[^\]]*\]/, 'tiles have no subscripts: slice(x, origin, shape) is a part, col(x) and row(x) insert axes'],
  [/[\w)]\s+@\s+[\w(]/, 'write dot(a, b)'],
  [/^\s*@\w/, 'write export const name = kernel({ ... }, body)'],
  [/^\s*#/, 'comments begin with //'],
];

/** Help where the line that the parser stopped at is written in Python. */
export function foreignSyntax(text: string, at: number): string[] {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  // Patterns are tried on what a person would write in one line.
  const line = text.slice(start, end < 0 ? undefined : end).slice(0, 400);
  const found = PYTHON.find(([pattern]) => pattern.test(line));
  return found === undefined ? [] : [found[1]];
}
