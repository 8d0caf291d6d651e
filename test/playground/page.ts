import { spawn } from 'node:child_process';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import {
  type ChromiumOptions,
  describeInChromium as describePage,
  type Visit,
} from '../browser/chromium.js';
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

/** Runs tests in Chromium, against a playground that is served with the arguments `serve`. */
export function describeInChromium(
  name: string,
  { serve = [], ...options }: Pick<ChromiumOptions, 'flags' | 'at'> & { serve?: string[] },
  tests: (visit: Visit) => void,
): void {
  const server = () => servePlayground('--port', '0', ...serve);
  describePage(name, { ...options, serve: server, settled }, tests);
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

/** Opens the panel of the link to share, and returns the part after the address of the page. */
export async function shareLink(page: Page): Promise<string> {
  const button = page.getByRole('button', { name: 'Share' });
  if ((await button.getAttribute('aria-expanded')) === 'false') await button.click();
  await page.locator('#share-copy button').waitFor();
  await settled(page);
  const link = await page.inputValue('#share-link');
  expect(link.startsWith(page.url().replace(/#.*/, ''))).toBe(true);
  return new URL(link).hash;
}
