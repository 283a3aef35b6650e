/** A name that a declaration may use: an identifier that no object has by itself (`constructor`). */
export const isName = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name) && !(name in {});

/** Edit distance with transpositions (Damerau-Levenshtein, optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row: number[] = [i];
    for (let j = 1; j <= b.length; j++) row.push(cellDistance(rows, row, a, b, i, j));
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

function cellDistance(rows: number[][], row: number[], a: string, b: string, i: number, j: number): number {
  const above = rows[i - 1] ?? [];
  const same = a[i - 1] === b[j - 1] ? 0 : 1;
  let best = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + same);
  if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
    best = Math.min(best, (rows[i - 2]?.[j - 2] ?? 0) + 1);
  return best;
}

/** The known name that was probably meant: nearest, at most a third of the letters wrong. */
export function didYouMean(name: string, known: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of new Set(known)) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const d = candidate.toLowerCase() === name.toLowerCase() ? 0.5 : editDistance(name, candidate);
    // Of names of one or two letters every other one is near.
    if (name.length <= 2 && d !== 0.5 && (name.length === 1 || candidate.length !== 2)) continue;
    if (d < bestDistance && d < Math.max(name.length, 2)) [best, bestDistance] = [candidate, d];
  }
  return best;
}
