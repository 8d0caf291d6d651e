/**
 * A plugin of esbuild for pages with charts. uPlot asks `Intl` for the browser's language when it is loaded. Where
 * the locale of the system is `C`, WebKitGTK 2.50 has the language `C`, which `Intl` refuses, and no script
 * of the page would run. The pages write numbers in English anyway.
 */
import { readFile } from 'node:fs/promises';

const ASKED = "domEnv ? nav.language : 'en-US'";

/** @type {import('esbuild').Plugin} */
export const chartNumbers = {
  name: 'charts write numbers in English',
  setup({ onLoad }) {
    onLoad({ filter: /uPlot\.esm\.js$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      if (!code.includes(ASKED)) throw new Error(`${path} does not contain ${ASKED}`);
      return { contents: code.replace(ASKED, "'en-US'") };
    });
  },
};
