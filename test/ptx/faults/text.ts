/** Faults seeded in PTX text: each breaks one line, or swaps two. */
export interface TextFault {
  readonly what: string;
  /** Line of the sound text, from 1. */
  readonly line: number;
  readonly text: string;
}

const withLine = (lines: readonly string[], i: number, by: string): string => lines.with(i, by).join('\n');

/** One fault for each line that matches: what the replacement makes of it. */
function eachLine(text: string, what: string, pattern: RegExp, by: (match: RegExpExecArray) => string): TextFault[] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    const match = pattern.exec(line);
    if (match === null) return [];
    const changed = line.replace(pattern, () => by(match));
    return changed === line
      ? []
      : [{ what: `${what}: ${line.trim()}`, line: i + 1, text: withLine(lines, i, changed) }];
  });
}

const ADDRESS = /\[[^\]]*\](?=;)/;

/** Each two matrix loads that follow each other read what the other should. */
function swappedAddresses(text: string): TextFault[] {
  const lines = text.split('\n');
  const loads = lines.flatMap((line, i) => (line.includes('ldmatrix') ? [i] : []));
  return loads.slice(1).flatMap((second, n) => {
    const first = loads[n] ?? 0;
    const [a, b] = [lines[first] ?? '', lines[second] ?? ''];
    const [at, other] = [ADDRESS.exec(a)?.[0] ?? '', ADDRESS.exec(b)?.[0] ?? ''];
    if (at === other) return [];
    const swapped = lines.with(first, a.replace(ADDRESS, other)).with(second, b.replace(ADDRESS, at));
    return [{ what: `swapped addresses: ${a.trim()} and ${b.trim()}`, line: first + 1, text: swapped.join('\n') }];
  });
}

export const TEXT_FAULTS = {
  'no barrier': (text) => eachLine(text, 'no barrier', /^\s*bar\.(warp\.)?sync [^;]*;/, () => ''),
  'no wait': (text) => eachLine(text, 'no wait', /^\s*cp\.async\.wait_group \d+;/, () => ''),
  'one group less': (text) =>
    eachLine(text, 'one group less', /wait_group (\d+);/, ([, n]) => `wait_group ${Number(n) + 1};`),
  'no commit': (text) => eachLine(text, 'no commit', /^\s*cp\.async\.commit_group;/, () => ''),
  'other chunk': (text) =>
    eachLine(text, 'other chunk', /(xor\.b32 %r\d+, %r\d+, )(\d+);/, ([, head, n]) => `${head}${Number(n) ^ 16};`),
  'not transposed': (text) => eachLine(text, 'not transposed', /(ldmatrix[\w.]*)\.trans/, ([, head]) => head ?? ''),
  'swapped addresses': swappedAddresses,
  'no copy': (text) => eachLine(text, 'no copy', /^\s*(@!?%p\d+ )?cp\.async\.c[ag][^;]*;/, () => ''),
  'no guard': (text) => eachLine(text, 'no guard', /@!?%p\d+ (?=(ld|st)\.global)/, () => ''),
  'all bytes': (text) =>
    eachLine(text, 'all bytes', /(cp\.async[^;]*, )(\d+), %r\d+;/, ([, head, n]) => `${head}${n}, ${n};`),
} satisfies Readonly<Record<string, (text: string) => readonly TextFault[]>>;

const SHARED_ACCESS = /ldmatrix|stmatrix|(ld|st)\.shared/;
const WAIT = /wait_group (\d+);/;

/**
 * Waits that make no difference. Those that nothing is read behind, before the next wait or the end: the next wait waits
 * for the same. Those behind the last loop: it copies only for trips that come, so that its last groups are empty.
 * Lines from 1.
 */
export function idleWaits(text: string): ReadonlySet<number> {
  const lines = text.split('\n');
  const end = lines.findLastIndex((line) => /bra \$L\d+_loop/.test(line));
  const waits = lines.flatMap((line, i) => (WAIT.test(line) ? [i] : []));
  const isIdle = (at: number, n: number): boolean =>
    (end >= 0 && at > end) || !lines.slice(at, waits[n + 1]).some((line) => SHARED_ACCESS.test(line));
  return new Set(waits.filter(isIdle).map((i) => i + 1));
}

/** Every wait that something is read behind waits for all groups: which group a copy is in makes no difference then. */
export const waitsForAll = (text: string): boolean =>
  text.split('\n').every((line, i) => (WAIT.exec(line)?.[1] ?? '0') === '0' || idleWaits(text).has(i + 1));
