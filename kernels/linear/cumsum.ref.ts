import type { Reference } from '../../driver/reference.js';
import { lightning1Fwd } from '../lightning/lightning1.ref.js';

/** The quadratic definition: o_t = sum over j <= t of exp(-slope (t - j)) (q_t . k_j) v_j. */
export const linearCumsum: Reference = lightning1Fwd;
