import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { prepare } from '../../driver/prepare.js';
import { SourceProject } from '../../driver/source.js';
import { openDevice } from '../../runtime/index.js';
import { ROOT } from '../house/sources.js';

test('a plan can be bound with the kernels that it has at other sizes', async () => {
  const { plans } = new SourceProject().read(resolve(ROOT, 'test/plans/fixtures.ts'));
  const decl = plans.find((p) => p.name === 'scaled');
  if (decl === undefined) throw new Error('no plan scaled');
  const device = await openDevice('interpret');
  const tensors = { x: device.empty('f32', [40]), y: device.empty('f32', [40]) };
  const common = { decl, device, tensors, scalars: { f: 2 }, config: { G: 1 } };
  const first = prepare({ ...common, how: {} });
  const blocks = ({ launches }: typeof first) => launches.launches.map((plan) => plan.variant.config.C);
  const others = [...first.steps].map(([kernel, config]) => [kernel, 'C' in config ? { C: 32 } : config] as const);
  expect(blocks(first)).toContain(16);
  const second = prepare({ ...common, how: { steps: new Map(others) } });
  expect(blocks(second)).toEqual(blocks(first).map((C) => C && 32));
  device.destroy();
});
