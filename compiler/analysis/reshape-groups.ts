/** Axes of the source and of the target of a reshape that hold the same elements, the leading axis first. */
export interface AxisGroup {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

/**
 * Splits a row-major reshape into the smallest groups of axes of equal size; axes of extent 1 belong to none. null if
 * the sizes differ.
 */
export function groupAxes(from: readonly number[], to: readonly number[]): AxisGroup[] | null {
  const source = wideAxes(from);
  const target = wideAxes(to);
  const groups: AxisGroup[] = [];
  let [i, j] = [0, 0];
  while (i < source.length && j < target.length) {
    const group = { source: [source[i] as number], target: [target[j] as number] };
    let [a, b] = [from[source[i++] as number] as number, to[target[j++] as number] as number];
    while (a !== b) {
      const axis = a < b ? source[i++] : target[j++];
      if (axis === undefined) return null;
      if (a < b) [a] = [a * (from[axis] as number), group.source.push(axis)];
      else [b] = [b * (to[axis] as number), group.target.push(axis)];
    }
    groups.push(group);
  }
  return i === source.length && j === target.length ? groups : null;
}

const wideAxes = (shape: readonly number[]): number[] => shape.flatMap((extent, axis) => (extent === 1 ? [] : [axis]));
