/**
 * Every diagnostic code, in one place. Codes are stable: never renumber, never reuse.
 *   00xx files, limits, general      01xx syntax that the language does not have     02xx shapes, dtypes, values
 *   03xx kernel declarations         04xx IR text and verifier                       05xx backend and target limits
 *   06xx launch: arguments, shapes   07xx devices and drivers                        08xx run-time traps (`interpret`)
 *   09xx command line
 */
export interface CodeInfo {
  readonly title: string;
  /** Long form, for `lac explain`: what it means, why it is a rule. */
  readonly explain: string;
  readonly wrong?: string;
  readonly right?: string;
}

export const CODES = {
  LAC0001: {
    title: 'file cannot be read',
    explain: 'The file named on the command line, or imported by a kernel, does not exist or cannot be opened.',
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof CODES;
