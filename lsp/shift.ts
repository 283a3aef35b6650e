/**
 * Where a place of one text is in another one, which came of it by an edit. Null inside of what was changed. Lets what is
 * known of the last text that had a meaning serve while the present one has none.
 */
export class Shift {
  readonly #prefix: number;
  readonly #suffix: number;
  readonly #from: number;
  readonly #to: number;

  constructor(from: string, to: string) {
    const most = Math.min(from.length, to.length);
    let prefix = from === to ? most : 0;
    while (prefix < most && from.charCodeAt(prefix) === to.charCodeAt(prefix)) prefix++;
    let suffix = 0;
    while (
      suffix < most - prefix &&
      from.charCodeAt(from.length - 1 - suffix) === to.charCodeAt(to.length - 1 - suffix)
    )
      suffix++;
    [this.#prefix, this.#suffix, this.#from, this.#to] = [prefix, suffix, from.length, to.length];
  }

  forwards(offset: number): number | null {
    return this.#map(offset, this.#from, this.#to);
  }

  backwards(offset: number): number | null {
    return this.#map(offset, this.#to, this.#from);
  }

  #map(offset: number, from: number, to: number): number | null {
    if (offset <= this.#prefix) return offset;
    return offset >= from - this.#suffix ? offset - from + to : null;
  }
}
