/** What a terminal would obey, and what XML does not take as text. */
const CONTROL = /[^\P{Cc}\n\r\t]|\p{Cs}|[\ufffe\uffff]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for HTML and SVG, inside elements and in quoted attributes. */
export const escaped = (text: string): string =>
  text.replaceAll(CONTROL, '\ufffd').replaceAll(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
