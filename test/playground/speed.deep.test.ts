import { cpSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { identities, keyOf, keyOfJson } from '../../src/index.js';
import { blocked, textOf } from '../browser/chromium.js';
import { folder, ROOT } from '../cli/program.js';
import { describeInChromium, settled, shownKey } from './page.js';

const SIZES = ['64 B', '256 B', '1 KiB', '4 KiB', '16 KiB', '64 KiB', '256 KiB', '1 MiB'];
const EXAMPLE = readFileSync(join(ROOT, 'examples/anthropic-messages.json'), 'utf8');

async function runSpeed(page: Page): Promise<void> {
  await page.getByRole('tab', { name: 'Speed' }).click();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('button', { name: 'Run again' }).waitFor({ timeout: 100_000 });
}

/** The cells of the table, by row. A cell contains throughput and time. */
async function table(page: Page): Promise<string[][]> {
  const rows = await page.locator('#speed-table tr').all();
  return Promise.all(rows.map((row) => row.locator('th, td').allTextContents()));
}

const FIGURES = /^[\d.]+ [MG]B\/s[\d.]+ (ns|µs|ms)$/;

/** Counts the pixels of the chart that have the colour of a series. */
function drawnPixels(page: Page, name: string): Promise<number> {
  return page.evaluate((series) => {
    const swatch = document.querySelector(`.swatch.${series}`) as Element;
    const wanted = getComputedStyle(swatch).borderTopColor.match(/\d+/g)?.map(Number) ?? [];
    const canvas = document.querySelector('#speed-chart canvas') as HTMLCanvasElement;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 255 && wanted.every((part, i) => data[at + i] === part)) count++;
    }
    return count;
  }, name);
}

describeInChromium('the speed tab', {}, ({ open }) => {
  it('times all contenders, and draws a chart', async () => {
    const page = await open();
    expect(await textOf(page, '#engine')).toEqual(['Engine: WebAssembly with SIMD']);
    await page.getByRole('tab', { name: 'Speed' }).click();
    expect(await textOf(page, '#speed-notes li')).toEqual(['WebAssembly works here, with SIMD.']);
    expect(await drawnPixels(page, 'wasm')).toBe(0);
    await runSpeed(page);
    const [head, ...rows] = await table(page);
    expect(head).toEqual(['Size', 'WASM, four lanes', 'WASM', 'crypto.subtle', 'JavaScript']);
    expect(rows.map(([size]) => size)).toEqual(SIZES);
    for (const [, ...cells] of rows) {
      expect(cells.length).toBe(4);
      for (const cell of cells) expect(cell).toMatch(FIGURES);
    }
    expect(await page.locator('td.best').count()).toBe(SIZES.length);
    for (const name of ['lanes', 'wasm', 'subtle', 'js']) {
      expect(await drawnPixels(page, name), name).toBeGreaterThan(100);
    }
    expect(await textOf(page, '#speed-finding')).toEqual([
      expect.stringMatching(/^At 64 B WASM is [\d.]+ times as fast as awaiting crypto\.subtle\./),
    ]);
    // The run restores the engine of the page.
    await page.getByRole('tab', { name: 'Keys' }).click();
    expect(await shownKey(page)).toBe(keyOfJson(EXAMPLE));
  });

  it('keeps the page usable during the run, and can be stopped', async () => {
    const page = await open();
    await page.getByRole('tab', { name: 'Speed' }).click();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('td.best').first().waitFor();
    await page.getByRole('tab', { name: 'Keys' }).click();
    await page.fill('#text-a', '[1]');
    await settled(page);
    expect(await shownKey(page)).toBe(keyOf([1]));
    await page.getByRole('tab', { name: 'Speed' }).click();
    expect(await textOf(page, '#speed-progress')).toEqual([expect.stringMatching(/^Running: /)]);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped.').first().waitFor();
    expect((await table(page)).at(-1)).toEqual(['1 MiB', '–', '–', '–', '–']);
    expect(await textOf(page, '#speed-finding')).toEqual(['']);
  });
});

describeInChromium(
  'the playground with WebAssembly forbidden',
  { serve: ['--strict-csp'] },
  ({ open }) => {
    it('derives the same keys in JavaScript, and says so', async () => {
      const page = await open();
      expect(await textOf(page, '#engine')).toEqual([
        'Engine: JavaScript (WebAssembly is blocked)',
      ]);
      expect(await shownKey(page)).toBe(keyOfJson(EXAMPLE));
      await page.getByText('anthropic', { exact: true }).click();
      await settled(page);
      expect(await shownKey(page)).toBe(keyOfJson(EXAMPLE, identities.anthropic));
      await page.getByRole('button', { name: 'Compare with a second request' }).click();
      await page.getByLabel('Example for: Second request').selectOption('anthropic-messages-retry');
      await settled(page);
      expect(await textOf(page, '#verdict h2')).toEqual(['Same key']);

      await runSpeed(page);
      expect(await textOf(page, '#speed-notes li')).toEqual([
        expect.stringContaining('WebAssembly is blocked here'),
      ]);
      const [head, ...rows] = await table(page);
      expect(head).toEqual(['Size', 'crypto.subtle', 'JavaScript']);
      for (const [, ...cells] of rows) {
        expect(cells.length).toBe(2);
        for (const cell of cells) expect(cell).toMatch(FIGURES);
      }
      // One report, for the first attempt to compile a module.
      expect(await blocked(page)).toEqual(['script-src wasm-eval']);
    });
  },
);

describeInChromium(
  'the playground on an insecure origin',
  {
    flags: ['--host-resolver-rules=MAP playground.test 127.0.0.1'],
    at: (url) => new URL(`http://playground.test:${url.port}/`),
  },
  ({ open }) => {
    it('works without crypto.subtle and the clipboard API, and says so', async () => {
      const page = await open();
      expect(await page.evaluate(() => isSecureContext)).toBe(false);
      expect(await shownKey(page)).toBe(keyOfJson(EXAMPLE));
      await page.getByRole('button', { name: 'Copy the key', exact: true }).click();
      await page.getByText('Copied', { exact: true }).waitFor();
      await page.locator('#text-a').selectText();
      await page.keyboard.press('Control+V');
      expect(await page.inputValue('#text-a')).toBe(keyOfJson(EXAMPLE));
      await runSpeed(page);
      expect(await textOf(page, '#speed-notes li')).toEqual([
        'WebAssembly works here, with SIMD.',
        expect.stringMatching(/^crypto\.subtle is missing: .*http:\/\/playground\.test/),
      ]);
      expect((await table(page))[0]).toEqual(['Size', 'WASM, four lanes', 'WASM', 'JavaScript']);
    });
  },
);

const published = folder();
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
};
/** A static host. */
const host = createServer(({ url = '' }, response) => {
  const name = url.replace('/', '').replace(/\/$/, '/index.html');
  response.setHeader('Content-Type', TYPES[extname(name)] ?? 'text/plain');
  response.end(readFileSync(join(published.path, name)));
});

describeInChromium(
  'the playground on a static host',
  {
    at: () => new URL(`http://127.0.0.1:${(host.address() as AddressInfo).port}/tools/samekey/`),
  },
  ({ open, complaints }) => {
    it('works from a copy of its folder, and still cannot connect to anything', async () => {
      cpSync(join(ROOT, 'dist/playground'), join(published.path, 'tools/samekey'), {
        recursive: true,
      });
      await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
      try {
        const page = await open();
        expect(await textOf(page, '#engine')).toEqual(['Engine: WebAssembly with SIMD']);
        expect(await shownKey(page)).toBe(keyOfJson(EXAMPLE));
        const sent = await page.evaluate(() =>
          fetch('./index.html').then(
            () => 'sent',
            () => 'refused',
          ),
        );
        expect(sent).toBe('refused');
        expect(await blocked(page)).toEqual([expect.stringMatching(/^connect-src http/)]);
        expect(complaints.splice(0).join()).toMatch(/violates .*Content Security Policy/);
      } finally {
        host.close();
        host.closeAllConnections();
      }
    });
  },
);
