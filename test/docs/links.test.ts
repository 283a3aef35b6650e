import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, readable, repositoryFiles } from '../house/sources.js';

const pages = repositoryFiles().filter((f) => f.endsWith('.md') && !f.includes('fixtures/'));
const textOf = (page: string): string => readable(page) ?? '';

/** What stands in code is no link, and no heading. */
const prose = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '');

/** Anchors of headings by GitHub's rule: letters, digits, - and _ stay, spaces become hyphens. */
const anchors = (page: string): string[] =>
  [...prose(textOf(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

function faults(page: string): string[] {
  const links = [...prose(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  const inside = links.filter((link) => !/^\w+:/.test(link));
  return inside.flatMap((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, target))) return [`${page}: ${link} leads nowhere`];
    return anchor === undefined || anchors(target).includes(anchor) ? [] : [`${page}: ${link} has no such heading`];
  });
}

test('links between the pages of the repository lead somewhere', () => {
  expect(pages.length).toBeGreaterThan(20);
  expect(pages.flatMap(faults)).toEqual([]);
});
