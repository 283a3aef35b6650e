/** Words that have a place of their own in textual IR; as names they are written in quotes. */
export const KEYWORDS = ['kernel', 'axes', 'comptime', 'config', 'as', 'loc'] as const;
export const isKeyword = (s: string): boolean => (KEYWORDS as readonly string[]).includes(s);
