import { pipelineLoads } from '../../compiler/passes/pipeline-loads.js';
import { placeBarriers } from '../../compiler/passes/place-barriers.js';
import { rotateRoundTrips } from '../../compiler/passes/rotate-round-trips.js';
import { textCases } from './text-cases.js';

textCases(pipelineLoads({ canCopy: () => true }));
textCases(rotateRoundTrips());
textCases(placeBarriers);
