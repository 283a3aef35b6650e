/** A decision (a branch, an address, a number of trips) hangs on a value that devices may round differently. */
export class Uncertain extends Error {}
