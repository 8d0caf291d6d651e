import { spawn, spawnSync } from 'node:child_process';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PROGRAM, ROOT } from '../cli/program.js';

export interface ServedPlayground {
  readonly address: string;
  /** Stops the server as Ctrl-C does, and returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `samekey playground`. */
export async function servePlayground(...args: string[]): Promise<ServedPlayground> {
  const child = spawn(process.execPath, [PROGRAM, 'playground', ...args], { cwd: ROOT });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  let output = '';
  const address = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = /^samekey playground: (http:\S+)[\s\S]*\n/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    exit.then((code) => reject(new Error(`it ended with ${code}: ${output}`)));
  });
  return {
    address,
    stop(signal = 'SIGINT') {
      child.kill(signal);
      return exit;
    },
  };
}

/** The browser: CHROME_PATH, or Chromium or Chrome in the PATH. */
const CHROMIUM =
  process.env.CHROME_PATH ||
  spawnSync('sh', ['-c', 'command -v chromium || command -v google-chrome'], {
    encoding: 'utf8',
  }).stdout.trim();

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Opens pages, and collects their errors. */
export interface Visit {
  open(options?: BrowserContextOptions & { readonly path?: string }): Promise<Page>;
  /** Requests to other servers, exceptions, and errors in the console. */
  readonly complaints: string[];
}

/**
 * Runs tests in Chromium, against a playground that is served with the arguments `serve`. Without
 * Chromium it prints a warning, and fails in CI.
 */
export function describeInChromium(
  name: string,
  { serve = [], flags = [], at }: { serve?: string[]; flags?: string[]; at?: (url: URL) => URL },
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
    let served: ServedPlayground;
    const complaints: string[] = [];

    beforeAll(async () => {
      served = await servePlayground('--port', '0', ...serve);
      browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
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
        await page.goto(new URL(path, url).href);
        await settled(page);
        return page;
      },
    });
  });
}

/** Waits until the page shows the results of its input. */
export async function settled(page: Page): Promise<void> {
  await page.locator('#results[aria-busy="false"]').waitFor({ state: 'attached' });
  // The formats of a large request are shown one after the other.
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.format:not([hidden]) .output')].every(
      ({ childElementCount }) => childElementCount > 0,
    ),
  );
}

/** Fills a field, and waits for the results. */
export async function put(page: Page, field: string, text: string): Promise<void> {
  await page.fill(field, text);
  await settled(page);
}

/** The key at the top of the page; `undefined` without one. */
export async function shownKey(page: Page): Promise<string | undefined> {
  const key = page.locator('#key-body .key-text');
  return (await key.count()) === 0 ? undefined : ((await key.textContent()) ?? undefined);
}

const FORMATS = ['bits-256', 'bits-128', 'custom-id', 'uuid', 'scoped', 'hmac', 'raw'] as const;

/** The keys in the list of formats, by the id of the format. */
export async function shownFormats(page: Page): Promise<Record<string, string>> {
  const formats: Record<string, string> = {};
  for (const id of FORMATS) {
    const key = page.locator(`#format-${id} .key-text`);
    if ((await key.count()) > 0) formats[id] = (await key.textContent()) ?? '';
  }
  return formats;
}

export const textOf = (page: Page, selector: string): Promise<string[]> =>
  page.locator(selector).allTextContents();

/** The violations of the content security policy that the page has reported. */
export const blocked = (page: Page): Promise<string[]> =>
  page.evaluate(() => (globalThis as unknown as { blocked: string[] }).blocked);

/** How far the page can be scrolled sideways. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
