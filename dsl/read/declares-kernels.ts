/** Whether text may declare kernels: it names the call and the language. Parses nothing. */
export const declaresKernels = (text: string): boolean =>
  /\b(?:kernel|plan)\s*\(|\.with\s*\(/.test(text) && /from\s*['"][^'"]*(?:lac|dsl\/index|index)/.test(text);
