import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { keyOfJson, sha256Hex } from '../../src/index.js';
import { readShareLink } from '../../src/playground/share-link.js';
import { textOf } from '../browser/chromium.js';
import { ROOT } from '../cli/program.js';
import { describeInChromium, put, settled, shareLink, shownFormats, shownKey } from './page.js';

const EXAMPLE = readFileSync(join(ROOT, 'examples/anthropic-messages.json'), 'utf8');

const linkFault = (page: Page) => page.locator('#link-fault').innerText();

/** All that the page shows of an input. */
const stateOf = async (page: Page) => ({
  key: await shownKey(page),
  formats: await shownFormats(page),
  canonical: await textOf(page, '#canonical-body'),
  verdict: await textOf(page, '#verdict'),
  fields: await page
    .locator('#panel-keys textarea, #panel-keys input, #panel-keys select')
    .evaluateAll((all) =>
      (all as HTMLInputElement[])
        .filter(({ type }) => type !== 'file' && type !== 'password')
        .map(({ id, value, checked }) => `${id} ${value} ${checked}`),
    ),
  tab: await page.locator('[role=tab][aria-selected=true]').innerText(),
});

describeInChromium('a shared link', {}, ({ open }) => {
  it('restores requests, options, fields and the tab, and holds no secret', async () => {
    const page = await open();
    await put(page, '#text-a', '{ "model": "m", "trace_id": "t-1", "text": "Grüezi 🙂" }');
    await page.getByRole('button', { name: 'Compare with a second request' }).click();
    await put(page, '#text-b', '{ "model": "m", "trace_id": "t-2" }');
    await page.getByText('volatile', { exact: true }).click();
    await page.getByText('gemini', { exact: true }).click();
    await page.fill('#exclude', '$.a\n$.b');
    await page.fill('#refs', '$..text');
    await page.getByLabel('128', { exact: true }).check();
    await page.getByLabel('Round integers').check();
    await page.getByLabel('Text', { exact: true }).check();
    await page.selectOption('#field-uuid', 'DNS');
    await page.fill('#field-scoped', 'tenant-1');
    await settled(page);
    const link = await shareLink(page);
    await page.fill('#field-hmac', 'hush-hush');
    await settled(page);
    expect((await shownFormats(page)).hmac).toMatch(/^ik_/);
    expect(await shareLink(page)).toBe(link);
    expect(await readShareLink(link)).not.toContain('hush');
    expect(await page.locator('#share').innerText()).toContain('never the HMAC secret');
    await page.fill('#field-hmac', '');
    const made = await stateOf(page);
    expect(made.verdict).toEqual([expect.stringContaining('Different keys')]);

    const other = await open({ path: link });
    expect(await stateOf(other)).toEqual(made);
    expect(await linkFault(other)).toBe('');
    expect(await shareLink(other)).toBe(link);

    // The tab is part of the link, and the link follows the page.
    await page.getByRole('tab', { name: 'Speed' }).click();
    await expect.poll(() => shareLink(page)).not.toBe(link);
    const ofSpeed = await open({ path: await shareLink(page) });
    expect(await stateOf(ofSpeed)).toEqual({ ...made, tab: 'Speed' });
  });

  it('is not made of a large file, which is not encoded to find that out', async () => {
    const page = await open();
    await shareLink(page);
    // A file that is not text would be encoded by `btoa`.
    await page.evaluate(() => {
      const encode = globalThis.btoa;
      Object.assign(globalThis, { encodedChars: 0 });
      globalThis.btoa = (text) => {
        const counts = globalThis as unknown as { encodedChars: number };
        counts.encodedChars += text.length;
        return encode(text);
      };
    });
    await page.locator('#editor-a input[type=file]').setInputFiles({
      name: 'large.bin',
      mimeType: 'application/octet-stream',
      buffer: Buffer.alloc(4_000_000),
    });
    await settled(page);
    const fault = page.locator('#share-fault');
    await expect
      .poll(() => fault.textContent())
      .toBe('The input is too large for a link: 4.0 MB, at most 250 KB.');
    expect(await page.inputValue('#share-link')).toBe('');
    const encoded = () =>
      page.evaluate(() => (globalThis as unknown as { encodedChars: number }).encodedChars);
    expect(await encoded()).toBeLessThan(4_000_000);
    await page.getByRole('button', { name: 'Close' }).click();
    await put(page, '#text-a', '[1]');
    await expect.poll(() => page.inputValue('#share-link')).not.toBe('');
    expect(await fault.isVisible()).toBe(false);
  });

  it('that the browser cannot make is a fault, without the link to an earlier input', async () => {
    const page = await open();
    const link = await shareLink(page);
    await page.evaluate(() => {
      globalThis.CompressionStream = class {
        constructor() {
          throw new RangeError('out of memory');
        }
      } as unknown as typeof CompressionStream;
    });
    await put(page, '#text-a', '[1]');
    const fault = page.locator('#share-fault');
    await expect.poll(() => fault.textContent()).toBe('The link cannot be made: out of memory');
    expect(await page.inputValue('#share-link')).toBe('');
    expect(link).not.toBe('');
  });

  it('that cannot be opened shows one sentence and the default page', async () => {
    const page = await open();
    const link = await shareLink(page);
    for (const [path, message] of [
      [link.slice(0, -20), 'This link is incomplete or was changed: ask for the whole link.'],
      [
        `${link}${'a'.repeat(40_000)}`,
        /^This link is too long: [\d,]+ characters, at most 32,000\.$/,
      ],
      [link.replace('.1.', '.2.'), /^This link was made by a later version of samekey/],
      [
        `#share.1.p.e30.${sha256Hex('#share.1.p.e30').slice(-8)}`,
        /^This link was not made by this page/,
      ],
    ] as const) {
      const other = await open({ path });
      expect(await linkFault(other)).toEqual(expect.stringMatching(message));
      expect(await shownKey(other)).toBe(keyOfJson(EXAMPLE));
      expect(await other.locator('#panel-keys').isVisible()).toBe(true);
      await put(other, '#text-a', '1');
      expect(await other.locator('#link-fault').isVisible()).toBe(false);
    }
  });
});
