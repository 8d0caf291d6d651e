import { expect, it } from 'vitest';
import { keyOfJson, sha256Hex } from '../../src/index.js';
import { textOf } from '../browser/chromium.js';
import { folder } from '../cli/program.js';
import { describeInChromium, put, settled, shareLink, shownFormats, shownKey } from './page.js';

const files = folder();

describeInChromium('a shared link', {}, ({ open }) => {
  it('is no longer in the address when the input has changed', async () => {
    const page = await open();
    await put(page, '#text-a', '[1]');
    const link = await shareLink(page);
    const other = await open({ path: link });
    expect(new URL(other.url()).hash).toBe(link);
    await other.reload();
    await settled(other);
    expect(await shownKey(other)).toBe(keyOfJson('[1]'));
    await put(other, '#text-a', '[2]');
    expect(new URL(other.url()).hash).toBe('');
    expect(await shownKey(other)).toBe(keyOfJson('[2]'));
    // A link that is pasted into the address of an open page.
    await other.evaluate((hash) => {
      location.hash = hash;
    }, link);
    await expect.poll(() => shownKey(other)).toBe(keyOfJson('[1]'));
  });

  it('holds the bytes of a file', async () => {
    const page = await open();
    const crlf = '{\r\n"a": 1\r\n}';
    const name = '<img src=x>.json';
    await page.locator('#editor-a input[type=file]').setInputFiles(files.write(name, crlf));
    await settled(page);
    const other = await open({ path: await shareLink(page) });
    expect((await shownFormats(other)).raw).toBe(sha256Hex(crlf));
    expect(await textOf(other, '#editor-a strong')).toEqual([`${name}, 12 bytes`]);
  });

  it('can be copied', async () => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    const link = await shareLink(page);
    await page.getByRole('button', { name: 'Copy the link' }).click();
    await page.getByText('Copied', { exact: true }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(new URL(copied).hash).toBe(link);
  });

  it('is not made of an input that is too large, and the page says why', async () => {
    const page = await open();
    await shareLink(page);
    const numbers = (length: number) => JSON.stringify(Array.from({ length }, () => Math.random()));
    for (const [length, message] of [
      [4_000, /^The input is too large for a link: [\d,]+ characters, at most 32,000\.$/],
      [40_000, /^The input is too large for a link: \d+ KB, at most 250 KB\.$/],
    ] as const) {
      await put(page, '#text-a', numbers(length));
      await expect.poll(() => page.locator('#share-fault').innerText()).toMatch(message);
    }
    expect(await page.locator('#share-link').isVisible()).toBe(false);
    await put(page, '#text-a', '1');
    await page.locator('#share-link').waitFor();
    expect(await page.locator('#share-fault').isVisible()).toBe(false);
  });
});
