import fc from 'fast-check';

/**
 * Where CI is set every property starts from one seed, so that a commit is judged by what it changes; elsewhere each run
 * draws its own. `LAC_SEED=n` gives another. A failure prints the seed that repeats it.
 */
const seed = process.env.LAC_SEED ?? (process.env.CI ? '20261122' : undefined);
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
