/** One line of a comparison: kept (' '), removed ('-') or added ('+'). */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Pairs of lines beyond which the middle of two texts is not compared, but given as removed and added. */
const MAX_PAIRS = 16_000_000;

/** What turns one text into the other, by lines: the longest common subsequence is kept. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [splitLines(before), splitLines(after)];
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return [
    ...signed(' ', a.slice(0, head)),
    ...compare(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...signed(' ', a.slice(a.length - tail)),
  ];
}

/** The comparison as text: changed lines with `context` kept lines around them, gaps marked `...`. Empty: no change. */
export function diffText(before: string, after: string, context = 3): string {
  const lines = diffLines(before, after);
  const near = lines.map(() => false);
  lines.forEach((line, i) => {
    if (line.sign !== ' ') near.fill(true, Math.max(0, i - context), i + context + 1);
  });
  if (!near.includes(true)) return '';
  const shown = lines.flatMap((line, i) => (near[i] ? [`${line.sign} ${line.text}`] : near[i - 1] ? ['...'] : []));
  return `${near[0] ? '' : '...\n'}${shown.join('\n')}\n`;
}

const splitLines = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
const signed = (sign: DiffLine['sign'], lines: readonly string[]): DiffLine[] => lines.map((text) => ({ sign, text }));

function compare(a: readonly string[], b: readonly string[]): DiffLine[] {
  if (a.length * b.length > MAX_PAIRS) return [...signed('-', a), ...signed('+', b)];
  const common = commonLengths(a, b);
  const width = b.length + 1;
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]];
    const skipA = common[(i + 1) * width + j] ?? -1;
    const skipB = common[i * width + j + 1] ?? -1;
    if (x !== undefined && x === y) {
      lines.push({ sign: ' ', text: x });
      i++;
      j++;
    } else if (x !== undefined && (y === undefined || skipA >= skipB)) {
      lines.push({ sign: '-', text: x });
      i++;
    } else if (y !== undefined) {
      lines.push({ sign: '+', text: y });
      j++;
    }
  }
  return lines;
}

/** Entry (i, j), row-major: length of the longest common subsequence of a from i and b from j. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint32Array {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => table[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  return table;
}
