/**
 * Enters: a kernel whose tile extents are powers of two. Leaves: every tile that lives in registers has `layout`; where a
 * use needs another layout than the one at hand there is a `convert`, or, for values that are cheap to make, a second copy
 * of the op that makes them (rematerialisation). A `trans` that only dots read has no layout: they read its operand.
 *
 * Sound because a layout never changes a value: copies of pure ops, and of loads side by side, give the same tile, and
 * `convert` is the identity.
 */
import { isPowerOfTwo } from '../analysis/padding.js';
import { diagnostic, LacError } from '../diag/diagnostic.js';
import { type Kernel, walk } from '../ir/module.js';
import { typeText } from '../ir/types.js';
import type { ArrangeOptions } from './arrange-warps.js';
import { type LayoutAnchors, Opinions } from './infer-layouts/opinions.js';
import { Placement } from './infer-layouts/place.js';
import { warpAnchors } from './infer-layouts/warp-anchors.js';
import type { Pass } from './pass.js';

export type { LayoutAnchors } from './infer-layouts/opinions.js';

/** The pass of a backend: `anchorsOf` says which layouts its hardware asks for in a kernel. */
export const inferLayouts = (anchorsOf: (kernel: Kernel) => LayoutAnchors): Pass => ({
  name: 'infer-layouts',
  summary: 'Gives every tile its layout; converts tiles, or makes them anew, where uses disagree.',
  requires: ['inline', 'pad-tiles'],
  run(kernel) {
    refuseUnready(kernel);
    kernel.body.ops = new Placement(new Opinions(kernel, anchorsOf(kernel))).block(kernel.body);
  },
});

/** The pass of a backend with lanes and warps, after arrange-warps with the same options. */
export const inferFragments = (options: ArrangeOptions): Pass => {
  const pass = inferLayouts((kernel) => warpAnchors(kernel, options.warps));
  return { ...pass, requires: [...pass.requires, 'arrange-warps'] };
};

/** Text from anywhere may not have been through the passes that must come first. */
function refuseUnready(kernel: Kernel): void {
  for (const op of walk(kernel.body)) {
    const odd = op.results.find(({ type }) => type.kind === 'tile' && !type.shape.every(isPowerOfTwo));
    if (odd === undefined && op.name !== 'inline') continue;
    const [message, help] = odd
      ? [`${typeText(odd.type)} has no layout`, 'pad-tiles']
      : ['inline has no layout', 'inline'];
    throw new LacError(diagnostic('LAC0408', message, op.loc?.span ?? null, { help: [`run ${help} first`] }));
  }
}
