/**
 * Pages that report results: a server serves a built folder under content security policies, receives the
 * result of one page after another, and counts the violation reports.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { open } from './browser-programs.mjs';

/**
 * @typedef {object} Page
 * @property {string} file in the folder
 * @property {string} [policy] a content security policy
 *
 * @typedef {object} Answer
 * @property {any} result
 * @property {number} cspReports
 */

const TYPES = /** @type {Record<string, string>} */ ({
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
});

/** A report is sent after the page's script. After this time none is pending. */
const REPORTS_SETTLE_MS = 500;
/** Clocks are finer in an isolated page. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Sends the result of a page. The response has the address of the next page. */
export const REPORT = `
let blocked = 0;
addEventListener('securitypolicyviolation', () => { blocked += 1; });
async function answer(make) {
  let body;
  try {
    body = { result: await make() };
  } catch (error) {
    body = { error: String(error?.stack ?? error) };
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  const response = await fetch('answer', { method: 'POST', body: JSON.stringify({ ...body, blocked }) });
  const next = await response.text();
  if (next) location.replace(next);
}
addEventListener('error', ({ message }) => answer(() => Promise.reject(message)));
`;

/**
 * Opens one page after another in one browser, each in a new realm.
 *
 * @param {import('./browser-programs.mjs').Browser} browser
 * @param {string} folder
 * @param {Page[]} pages
 * @param {number} timeoutMs for one page
 * @returns {Promise<(Answer | Error)[]>}
 */
export async function visit(browser, folder, pages, timeoutMs) {
  /** @type {(Answer | Error)[]} */
  const answers = [];
  const reports = pages.map(() => 0);
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {() => void} */
  let finish = () => {};
  const finished = new Promise((resolve) => {
    finish = () => resolve(undefined);
  });
  const awaitPage = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      answers.push(new Error(`no answer within ${timeoutMs} ms`));
      finish();
    }, timeoutMs);
  };

  const server = createServer(async (request, response) => {
    const [, index = '', ...rest] = (request.url ?? '').split('/');
    const page = pages[Number(index)];
    const file = rest.join('/');
    if (page === undefined || index === '') {
      response.writeHead(404).end();
    } else if (file === 'report') {
      reports[Number(index)] = (reports[Number(index)] ?? 0) + 1;
      request.resume();
      response.writeHead(204).end();
    } else if (file === 'answer') {
      const { result, error, blocked } = JSON.parse(await textOf(request));
      await new Promise((resolve) => setTimeout(resolve, REPORTS_SETTLE_MS));
      const cspReports = Math.max(blocked, reports[Number(index)] ?? 0);
      answers.push(error === undefined ? { result, cspReports } : new Error(error));
      const next = Number(index) + 1;
      response.end(next < pages.length ? `/${next}/` : '');
      if (next < pages.length) awaitPage();
      else finish();
    } else {
      const name = file || page.file;
      const policy = page.policy && `${page.policy}; report-uri /${index}/report`;
      try {
        const body = readFileSync(path.join(folder, path.normalize(`/${name}`)));
        response.writeHead(200, {
          'content-type': TYPES[path.extname(name)] ?? 'application/octet-stream',
          'cache-control': 'no-store',
          ...ISOLATED,
          ...(policy && { 'content-security-policy': policy }),
        });
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const close = open(browser, `http://127.0.0.1:${port}/0/`);
  try {
    awaitPage();
    await finished;
  } finally {
    clearTimeout(timer);
    await close();
    server.closeAllConnections();
    server.close();
  }
  return answers;
}

/** @param {import('node:http').IncomingMessage} request */
async function textOf(request) {
  request.setEncoding('utf8');
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}
