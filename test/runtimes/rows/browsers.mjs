/** Browsers: a Vite build of the program, under no content security policy and under two. */
import path from 'node:path';
import { imports } from '../project.mjs';
import { BROWSERS, versionOfBrowser } from './browser-programs.mjs';
import { REPORT, visit } from './pages.mjs';
import { JS, WASM } from './row.mjs';

const STRICT = "script-src 'self'";
const WITH_WASM = "script-src 'self' 'wasm-unsafe-eval'";
const PAGE_TIMEOUT_MS = 90_000;

const PAGES = [
  { file: 'index.html', name: '', expected: WASM },
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

/** @param {string} entryPoint */
const script = (entryPoint) => `${imports(entryPoint)}${REPORT}
answer(() => conformance(samekey, vectors));
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
  const root = project.directory;
  const outDir = path.join(root, 'pages');
  await build({
    root,
    base: './',
    logLevel: 'warn',
    build: {
      outDir,
      rolldownOptions: { input: [path.join(root, 'index.html'), path.join(root, 'pure.html')] },
      chunkSizeWarningLimit: 4096,
    },
  });
  return outDir;
}

/** @type {import('./row.mjs').Group[]} */
export const browsers = BROWSERS.map((browser) => {
  /** @type {[number, number]} */
  const ofBlocked = [browser.reportsBlockedWasm ? 1 : 0, 1];
  const pages = PAGES.map(({ name, isBlocked, ...page }) => ({
    ...page,
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
      const answers = await visit(browser, folder, pages, PAGE_TIMEOUT_MS);
      answers.forEach((answer, i) => {
        const page = pages[i];
        if (page === undefined) throw new Error(`there is no page ${i}`);
        if (answer instanceof Error) report(page, answer);
        else report(page, { ...answer, version });
      });
    },
  };
});
