import { InvalidArgumentError } from 'commander';
import { doublings, type SweepAxis } from '../benchmark/sweep.js';
import { size } from './arguments.js';

const NAMES = /^[A-Za-z_$][\w$]*(=[A-Za-z_$][\w$]*)*$/;

/**
 * `N=1k..64k` (both ends, and the powers of two between them), `N=1k,3k,8k`, `N=1k..64k,D=64,128` (every combination),
 * `D=E=64,128` (both together); collected over repeated options.
 */
export function sweep(text: string, previous: readonly SweepAxis[] = []): readonly SweepAxis[] {
  const axes: { names: readonly string[]; sizes: number[] }[] = [];
  for (const part of text.split(',')) {
    const at = part.lastIndexOf('=');
    if (at >= 0) axes.push({ names: namesOf(part.slice(0, at), part), sizes: [] });
    const axis = axes.at(-1);
    if (axis === undefined)
      throw new InvalidArgumentError(`${JSON.stringify(part)} belongs to no dimension: N=1k..64k.`);
    for (const each of sizesOf(part.slice(at + 1).trim())) if (!axis.sizes.includes(each)) axis.sizes.push(each);
  }
  return [...previous, ...axes];
}

function namesOf(text: string, part: string): readonly string[] {
  const names = text.replaceAll(/\s/g, '');
  if (!NAMES.test(names)) throw new InvalidArgumentError(`${JSON.stringify(part)} is not of the form NAME=SIZES.`);
  return names.split('=');
}

function sizesOf(text: string): number[] {
  const ends = text.split('..');
  if (ends.length > 2) throw new InvalidArgumentError(`${JSON.stringify(text)} is no range such as 1k..64k.`);
  const [from, to = from] = ends.map((end) => size(end.trim()));
  return doublings(from as number, to as number);
}
