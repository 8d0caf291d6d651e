import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, launchChromium } from './launch.js';

/** Opens pages, and collects their errors. */
export interface Visit {
  open(options?: BrowserContextOptions & { readonly path?: string }): Promise<Page>;
  /** Requests to other servers, exceptions, and errors in the console. */
  readonly complaints: string[];
}

export interface Served {
  readonly address: string;
  stop(): Promise<unknown>;
}

export interface ChromiumOptions {
  /** Starts the server of the page, once for all tests. */
  serve(): Promise<Served>;
  /** Waits until a page that was opened can be used. */
  settled(page: Page): Promise<void>;
  readonly flags?: readonly string[];
  /** Another address of the same server. */
  at?(url: URL): URL;
  /** Prepares a page before it is opened. */
  prepare?(page: Page): Promise<void>;
}

/** Runs tests in Chromium. Without Chromium it prints a warning, and fails in CI. */
export function describeInChromium(
  name: string,
  { serve, settled, flags = [], at, prepare }: ChromiumOptions,
  tests: (visit: Visit) => void,
): void {
  if (CHROMIUM === '') {
    it(`${name}: in Chromium`, () => {
      console.warn(`Chromium is not installed, skipped: ${name}`);
      expect(process.env.CI, 'CI requires Chromium').toBeFalsy();
    });
    return;
  }
  describe(name, () => {
    let browser: Browser;
    let served: Served;
    const complaints: string[] = [];

    beforeAll(async () => {
      served = await serve();
      browser = await launchChromium(flags);
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
      expect(complaints.splice(0)).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      await served?.stop();
    });

    tests({
      complaints,
      async open({ path = '', ...options } = {}) {
        const context = await browser.newContext(options);
        const page = await context.newPage();
        const url = at?.(new URL(served.address)) ?? new URL(served.address);
        page.on('pageerror', ({ message }) => complaints.push(message));
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text());
        });
        page.on('request', (request) => {
          const { origin, protocol } = new URL(request.url());
          if (origin !== url.origin && protocol !== 'data:') complaints.push(request.url());
        });
        await page.addInitScript(() => {
          const blocked: string[] = [];
          Object.assign(globalThis, { blocked });
          addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) => {
            blocked.push(`${effectiveDirective} ${blockedURI}`);
          });
        });
        await prepare?.(page);
        await page.goto(new URL(path, url).href);
        await settled(page);
        return page;
      },
    });
  });
}

export const textOf = (page: Page, selector: string): Promise<string[]> =>
  page.locator(selector).allTextContents();

/** The violations of the content security policy that the page has reported. */
export const blocked = (page: Page): Promise<string[]> =>
  page.evaluate(() => (globalThis as unknown as { blocked: string[] }).blocked);

/** How far the page can be scrolled sideways. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Returns the violations of WCAG 2.2 AA and of axe's best practices, including contrast. */
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
