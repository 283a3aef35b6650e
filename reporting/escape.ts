/** What a terminal would obey, and what XML does not take as text. */
const CONTROL = /[^\P{Cc}\n\r\t]|\p{Cs}|[\ufffe\uffff]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters and halves of characters become the sign for what cannot be shown. */
export const printable = (text: string): string => text.replaceAll(CONTROL, '\ufffd');

/** Text for HTML and SVG, inside elements and in quoted attributes. */
export const escaped = (text: string): string => printable(text).replaceAll(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
