/** Rows of the lower triangle. */
export type Triangle = readonly (readonly number[])[];

/** L with L L^T = K, for a symmetric positive definite K of which the lower triangle is read. */
export function cholesky(size: number, k: (i: number, j: number) => number): Triangle {
  const rows: number[][] = [];
  for (let i = 0; i < size; i++) {
    const row: number[] = [];
    for (let j = 0; j < i; j++) row.push((k(i, j) - dot(row, rows[j] ?? [], j)) / (rows[j]?.[j] ?? 1));
    row.push(Math.sqrt(k(i, i) - dot(row, row, i)));
    rows.push(row);
  }
  return rows;
}

/** x with L x = b. */
export function solveLower(l: Triangle, b: readonly number[]): number[] {
  const x: number[] = [];
  for (const [i, row] of l.entries()) x.push(((b[i] ?? 0) - dot(row, x, i)) / (row[i] ?? 1));
  return x;
}

function dot(a: readonly number[], b: readonly number[], count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
