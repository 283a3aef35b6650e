import { expect, test } from 'vitest';
import type { Code } from '../../../compiler/diag/codes.js';
import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import { faultOf } from '../../../tuner/worker/verdict.js';

/** What the process can do no more after, and what it can. */
const CODES: readonly (readonly [code: Code, state: string, unfit: boolean])[] = [
  ['LAC0705', 'lost', true],
  ['LAC0707', 'lost', true],
  ['LAC0713', 'lost', true],
  ['LAC0706', 'memory', true],
  ['LAC0503', 'limit', false],
  ['LAC0614', 'limit', false],
  ['LAC0801', 'wrong', false],
  ['LAC0205', 'error', false],
];

test.each(CODES)('%s is %s', (code, state, unfit) => {
  const error = new LacError(diagnostic(code, 'the first line\nand more'));
  expect(faultOf(error)).toEqual({ state, unfit, code, why: 'the first line' });
});

test('memory of the host is memory too; what nobody foresaw is an error of the configuration', () => {
  expect(faultOf(new RangeError('Array buffer allocation failed'))).toMatchObject({ state: 'memory', unfit: true });
  expect(faultOf(new RangeError('out of range'))).toMatchObject({ state: 'error', unfit: false });
  expect(faultOf('thrown')).toEqual({ state: 'error', unfit: false, why: 'thrown' });
});
