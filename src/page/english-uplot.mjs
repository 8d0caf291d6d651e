/** A change of uPlot while it is bundled. */
import { readFileSync } from 'node:fs';

const NUMBERS = "new Intl.NumberFormat(domEnv ? nav.language : 'en-US')";

/**
 * Makes uPlot write numbers as the pages do, in English. It takes the language of the browser, and ends
 * with an error where that is `C`: WebKitGTK without a language (uPlot 1.6.32).
 */
export const englishUplot = {
  name: 'uPlot in English',
  setup({ onLoad }) {
    onLoad({ filter: /\buPlot\.esm\.js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8');
      if (!contents.includes(NUMBERS)) throw new Error(`${path} has no ${NUMBERS}`);
      return { contents: contents.replace(NUMBERS, "new Intl.NumberFormat('en-US')") };
    });
  },
};
