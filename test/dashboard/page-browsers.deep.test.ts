import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../cli/program.js';
import { busyMessage, NOON_MS } from './example-data.js';
import { type ExampleServer, serveExample } from './example-server.js';

interface BrowserProgram {
  readonly name: string;
  missing(): string | undefined;
}
const {
  BROWSERS,
  open,
}: {
  BROWSERS: readonly BrowserProgram[];
  open(browser: BrowserProgram, url: string): () => Promise<void>;
} = await import(new URL('../runtimes/rows/browser-programs.mjs', import.meta.url).href);

/** No browser is driven: this script runs in the page, and posts what the page shows. */
const REPORT = `
const faults = [];
addEventListener('error', ({ message }) => faults.push(message));
addEventListener('unhandledrejection', ({ reason }) => faults.push(String(reason)));
addEventListener('securitypolicyviolation', ({ effectiveDirective }) => faults.push(effectiveDirective));
const text = (selector) => document.querySelector(selector)?.textContent;
const until = async (isTrue) => {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 50));
};
const count = (selector) => document.querySelectorAll(selector).length;
await until(() => text('#hit-ratio .value') !== '–' && count('#calls-chart canvas') === 1);
const lease = text('#running-table td.lease');
await until(() => text('#running-table td.lease') !== lease);
document.querySelector('#slowest-table .key-button').click();
await until(() => text('#record-body .fault') !== undefined);
document.querySelector('#record-close').click();
document.querySelector('#tab-records').click();
await until(() => count('#records-table tbody tr') > 0 || !document.querySelector('#records-table .empty').hidden);
const colour = getComputedStyle(document.querySelector('.brand')).color;
const canvas = document.querySelector('#calls-chart canvas');
const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
await fetch('report', { method: 'POST', body: JSON.stringify({
  faults,
  connection: text('#connection'),
  ratio: text('#hit-ratio .value'),
  executed: text('#outcome-executed .value'),
  running: count('#running-table tbody tr'),
  isOpen: document.querySelector('#record').open,
  isStyled: colour !== 'rgb(0, 0, 0)',
  isDrawn: pixels.some((value) => value > 0),
}) });
`;

describe('the page of the dashboard', () => {
  let server: ExampleServer;
  beforeAll(async () => {
    server = await serveExample(ROOT, busyMessage(NOON_MS));
    server.scripts = { 'report.js': REPORT };
  });
  afterAll(() => server.stop());

  for (const browser of BROWSERS) {
    it(`works in ${browser.name}`, async () => {
      const missing = browser.missing();
      if (missing !== undefined) {
        console.warn(`${browser.name}: ${missing}, skipped`);
        expect(process.env.CI, `CI requires ${browser.name}`).toBeFalsy();
        return;
      }
      server.reports.length = 0;
      const close = open(browser, server.address);
      try {
        await expect.poll(() => server.reports.length).toBe(1);
      } finally {
        await close();
      }
      expect(JSON.parse(server.reports[0] ?? '')).toEqual({
        faults: [],
        connection: 'Live',
        ratio: '57.5 %',
        executed: '41,207',
        running: 18,
        isOpen: false,
        isStyled: true,
        isDrawn: true,
      });
    });
  }
});
