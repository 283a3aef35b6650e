import type { CodeInfo } from './codes.js';

const indent = (text: string): string => text.replace(/^/gm, '    ');

/** The long form of a code. */
export function explanation(code: string, { title, explain, wrong, right }: CodeInfo): string {
  const parts = [`${code}: ${title}`, explain];
  if (wrong !== undefined) parts.push(`wrong:\n${indent(wrong)}`);
  if (right !== undefined) parts.push(`right:\n${indent(right)}`);
  return parts.join('\n\n');
}
