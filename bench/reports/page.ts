import type { Measurements } from './measurements.js';

/** A page with the files that it shows. */
export interface Page {
  readonly name: string;
  readonly markdown: string;
  readonly svgs: Readonly<Record<string, string>>;
}

/** `H100, CUDA, bf16`: what tells the sections of a page apart. */
export const placeText = ({ device, api, dtype }: Measurements): string => `${device}, ${api}, ${dtype}`;

/** Where figures come from. */
export const sourceText = (measured: Measurements): string =>
  `${placeText(measured)}, ${measured.date}${measured.commit === '' ? '' : `, commit ${measured.commit}`}`;

/** Part of a file name. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');

/** What pages have to say of themselves. */
export const NOTE = '<!-- Written by `node dist/bench/reports/main.js` from bench/reports/data. -->';

export const groupBy = <T>(list: readonly T[], key: (x: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const x of list) groups.set(key(x), [...(groups.get(key(x)) ?? []), x]);
  return groups;
};
