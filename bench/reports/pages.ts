import { lengthsPage } from './lengths-page.js';
import type { Measurements } from './measurements.js';
import type { Page } from './page.js';
import { sharesPage } from './shares-page.js';

/** The pages of which something was measured. */
export function pages(all: readonly Measurements[]): Page[] {
  const has = (key: 'lengths' | 'shares'): boolean => all.some((m) => (m[key] ?? []).length > 0);
  return [...(has('lengths') ? [lengthsPage(all)] : []), ...(has('shares') ? [sharesPage(all)] : [])];
}
