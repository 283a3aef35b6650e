/** Lightning Attention in segments as the design has it, with a launch that works in place. */
import { describe, test } from 'vitest';
import { type PlanDecl, SourceProject } from '../../driver/source.js';
import { lightningSegments as reference } from '../../kernels/lightning/segments.ref.js';
import { ROOT } from '../house/sources.js';
import { devices, expectRight } from '../kernels/session.js';

const project = new SourceProject();
function planIn(file: string): PlanDecl {
  const found = project.read(`${ROOT}${file}`).plans.find((p) => p.name === 'lightningSegments');
  if (found === undefined) throw new Error(`${file} has no plan`);
  return found;
}

const designed = planIn('test/dsl/fixtures/examples/segments.ts');
const cases = [{ what: 'as designed', decl: designed, G: [1, 2, 8], dtypes: { T: 'bf16' } }] as const;

describe('forward in segments', () => {
  const on = devices('exact', 'webgpu', 'sm90');
  for (const key of ['exact', 'webgpu', 'sm90'] as const)
    test.each(cases)(`$what, on ${key}`, async ({ decl, G, dtypes }) => {
      for (const [i, N] of [37, 64, 3].entries()) {
        const dims = { B: 1, H: 2, N, D: 16, E: 16 };
        const config = { G: G[i % G.length] ?? 1 };
        await expectRight({ decl, reference, device: on[key], dims, dtypes, config, seed: N });
      }
    });
});
