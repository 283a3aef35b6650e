import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escaped, printable } from './escape.js';

/** Colours that are told apart on light and dark pages, and by most of those who see few colours (Okabe and Ito 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** Where a plot will stand: in a file of its own, on white; or in a page, whose colours it takes. */
type Place = 'file' | 'page';

const STYLES: Readonly<Record<Place, Readonly<Record<string, string>>>> = {
  file: { background: 'white', color: '#222', fontSize: '12px' },
  page: { background: 'none', fontSize: '12px' },
};

/** A plot as the text of an SVG file or element. The same options give the same text. */
export function svgOf(title: string, options: Plot.PlotOptions, place: Place = 'file'): string {
  const { document } = parseHTML('<html><body></body></html>');
  const figure = Plot.plot({
    ...options,
    document: document as unknown as Document,
    color: { range: COLOURS, ...options.color },
    style: STYLES[place],
    // With a legend of its own a plot is a figure of HTML; series are named at their ends instead.
    figure: false,
  });
  const text = printable((figure as unknown as { readonly outerHTML: string }).outerHTML);
  const [open = ''] = /^<svg [^>]*>/.exec(text) ?? [];
  const role = place === 'page' ? ` role="img" aria-label="${escaped(title)}"` : '';
  const head = open.replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg"${role} `);
  return `${head}<title>${escaped(title)}</title>${renumbered(text.slice(open.length))}\n`;
}

/** Plot counts the markers of a process: here those of a file. */
function renumbered(text: string): string {
  const known = new Map<string, number>();
  return text.replaceAll(/plot-marker-(\d+)/g, (_, id: string) => {
    known.set(id, known.get(id) ?? known.size + 1);
    return `plot-marker-${known.get(id)}`;
  });
}
