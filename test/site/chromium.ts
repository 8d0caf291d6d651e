import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ServedSite, serveSite } from './serve.js';

/** The browser: CHROME_PATH, or Chromium or Chrome in the PATH. */
const CHROMIUM =
  process.env.CHROME_PATH ||
  spawnSync('sh', ['-c', 'command -v chromium || command -v google-chrome'], {
    encoding: 'utf8',
  }).stdout.trim();

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
];

const AXE = readFileSync(
  fileURLToPath(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url)),
  'utf8',
);

export interface Visit {
  /** Opens a page of the site by its path, such as `once.html`. */
  open(path: string, options?: BrowserContextOptions): Promise<Page>;
}

/** Runs tests in Chromium. Without Chromium it prints a warning, and fails in CI. */
export function describeInChromium(name: string, tests: (visit: Visit) => void): void {
  if (CHROMIUM === '') {
    it(`${name}: in Chromium`, () => {
      console.warn(`Chromium is not installed, skipped: ${name}`);
      expect(process.env.CI, 'CI requires Chromium').toBeFalsy();
    });
    return;
  }
  describe(name, () => {
    let browser: Browser;
    let site: ServedSite;
    const complaints: string[] = [];

    beforeAll(async () => {
      const { folder, base } = inject('site');
      site = await serveSite(folder, base);
      browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
      expect(complaints.splice(0)).toEqual([]);
      expect(site.missing.splice(0)).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      await site?.close();
    });

    tests({
      async open(path, options = {}) {
        const context = await browser.newContext(options);
        const page = await context.newPage();
        const { origin } = new URL(site.address);
        page.on('pageerror', ({ message }) => complaints.push(message));
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text());
        });
        page.on('request', (request) => {
          const url = new URL(request.url());
          if (url.origin !== origin && url.protocol !== 'data:') complaints.push(url.href);
        });
        await page.addInitScript(() => {
          const shifts: string[] = [];
          Object.assign(globalThis, { shifts });
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
              const { value, sources } = entry as unknown as {
                value: number;
                sources: { node: Element | null }[];
              };
              const where = sources.map(({ node }) => `${node?.nodeName}.${node?.className}`);
              shifts.push(`${value} ${where}`);
            }
          }).observe({ type: 'layout-shift', buffered: true });
        });
        await page.goto(new URL(path, site.address).href, { waitUntil: 'load' });
        await hydrated(page);
        return page;
      },
    });
  });
}

/** Waits until the page answers to its reader. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForFunction(() => '__vue_app__' in (document.querySelector('#app') ?? {}));
}

/** The faults that axe finds, as lines. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(
        ({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`,
      ),
    );
  });
}

/** Where the page moved while it was read: each shift with its elements. */
export const shifts = (page: Page): Promise<string[]> =>
  page.evaluate(() => (globalThis as unknown as { shifts: string[] }).shifts);

/** How far the page can be scrolled sideways. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** Counts the bytes that arrive over the network, heads included, by path. */
export async function countBytes(page: Page): Promise<Map<string, number>> {
  const session = await page.context().newCDPSession(page);
  const paths = new Map<string, string>();
  const counts = new Map<string, number>();
  session.on('Network.responseReceived', ({ requestId, response }) => {
    const { protocol, pathname } = new URL(response.url);
    if (protocol !== 'data:') paths.set(requestId, pathname);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const path = paths.get(requestId);
    if (path !== undefined) counts.set(path, (counts.get(path) ?? 0) + encodedDataLength);
  });
  await session.send('Network.enable');
  return counts;
}
