/** Browsers: a Vite build of the program, without a content security policy and under two of them. */
import path from 'node:path';
import { imports, requestImports } from '../project.mjs';
import { BROWSERS, versionOfBrowser } from './browser-programs.mjs';
import { REPORT, visit } from './pages.mjs';
import { JS, WASM } from './row.mjs';

const STRICT = "script-src 'self'";
const WITH_WASM = "script-src 'self' 'wasm-unsafe-eval'";
const PAGE_TIMEOUT_MS = 90_000;

const PAGES = [
  { file: 'index.html', name: '', expected: WASM, asksToo: true },
  { file: 'index.html', name: `CSP \`${STRICT}\``, policy: STRICT, expected: JS, isBlocked: true },
  {
    file: 'index.html',
    name: `CSP \`${WITH_WASM}\``,
    policy: WITH_WASM,
    expected: WASM,
  },
  {
    file: 'pure.html',
    name: `\`samekey/pure\`, CSP \`${STRICT}\``,
    policy: STRICT,
    expected: JS,
  },
];

/** Not a row, but a part of the first row of a browser. */
const requestsPage = (/** @type {string} */ browser) => ({ file: `requests-${browser}.html` });

/** @param {string} entryPoint */
const script = (entryPoint) => `${imports(entryPoint)}${REPORT}
answer(() => conformance(samekey, vectors));
`;
const askingScript = (/** @type {import('./row.mjs').Platform} */ platform) =>
  `${requestImports(platform)}${REPORT}
answer(askAll);
`;
const html = (/** @type {string} */ file) =>
  `<!doctype html><meta charset="utf-8"><title>samekey</title><script type="module" src="./${file}"></script>\n`;

/** @type {Promise<string> | undefined} */
let built;

/** One build for all browsers. */
async function buildPages(/** @type {import('../project.mjs').Project} */ project) {
  const { build } = await import('vite');
  project.write('index.html', html('page.mjs'));
  project.write('page.mjs', script('samekey'));
  project.write('pure.html', html('page-pure.mjs'));
  project.write('page-pure.mjs', script('samekey/pure'));
  for (const { name, platform } of BROWSERS) {
    project.write(requestsPage(name).file, html(`requests-${name}.mjs`));
    project.write(`requests-${name}.mjs`, askingScript(platform));
  }
  const root = project.directory;
  const outDir = path.join(root, 'pages');
  await build({
    root,
    base: './',
    logLevel: 'warn',
    build: {
      outDir,
      rolldownOptions: {
        input: [...PAGES, ...BROWSERS.map(({ name }) => requestsPage(name))].map(({ file }) =>
          path.join(root, file),
        ),
      },
      chunkSizeWarningLimit: 4096,
    },
  });
  return outDir;
}

/** @type {import('./row.mjs').Group[]} */
export const browsers = BROWSERS.map((browser) => {
  /** @type {[number, number]} */
  const ofBlocked = [browser.reportsBlockedWasm ? 1 : 0, 1];
  const pages = PAGES.map(({ name, isBlocked, asksToo, ...page }) => ({
    ...page,
    ...(asksToo && { requests: browser.platform }),
    name: name === '' ? browser.name : `${browser.name}, ${name}`,
    ...(isBlocked && { cspReports: ofBlocked }),
  }));
  return {
    rows: pages,
    missing: browser.missing,
    async run(project, report) {
      built ??= buildPages(project);
      const folder = await built;
      const version = versionOfBrowser(browser);
      const answers = await visit(
        browser,
        folder,
        [...pages, requestsPage(browser.name)],
        PAGE_TIMEOUT_MS,
      );
      const asked = answers[pages.length];
      pages.forEach((page, i) => {
        const answer = answers[i] ?? new Error('it was not opened');
        if (answer instanceof Error) report(page, answer);
        else if (page.requests === undefined) report(page, { ...answer, version });
        else if (asked instanceof Error) report(page, asked);
        else report(page, { ...answer, version, fetched: asked?.result });
      });
    },
  };
});
