import { planConversions } from '../../compiler/passes/plan-conversions.js';
import { textCases } from './text-cases.js';

textCases(planConversions({ stmatrix: true }));
