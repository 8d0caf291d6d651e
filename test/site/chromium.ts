import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterEach, expect, inject } from 'vitest';
import { describeInChromium } from '../browser/chromium.js';
import { type ServedSite, serveSite } from './serve.js';

export interface Visit {
  /** Opens a page of the site by its path, such as `once.html`. */
  open(path: string, options?: BrowserContextOptions): Promise<Page>;
}

/** Runs tests of the built site in Chromium. */
export function describeSite(name: string, tests: (visit: Visit) => void): void {
  let site: ServedSite;
  async function serve() {
    const { folder, base } = inject('site');
    site = await serveSite(folder, base);
    return { address: site.address, stop: () => site.close() };
  }
  describeInChromium(name, { serve, settled: hydrated, prepare: watchShifts }, ({ open }) => {
    afterEach(() => expect(site.missing.splice(0)).toEqual([]));
    tests({ open: (path, options) => open({ ...options, path }) });
  });
}

/** Waits until the page answers to its reader. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForFunction(() => '__vue_app__' in (document.querySelector('#app') ?? {}));
}

/** Notes each layout shift of a page. */
async function watchShifts(page: Page): Promise<void> {
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
}

/** Where the page moved while it was read: each shift with its elements. */
export const shifts = (page: Page): Promise<string[]> =>
  page.evaluate(() => (globalThis as unknown as { shifts: string[] }).shifts);

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
