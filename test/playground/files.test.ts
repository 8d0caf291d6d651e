import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { keyOf, keyOfJson, sha256Hex } from '../../src/index.js';
import { writeLinkContent } from '../../src/playground/link-content.js';
import { toShareLink } from '../../src/playground/share-link.js';
import { textOf } from '../browser/chromium.js';
import { folder, ROOT } from '../cli/program.js';
import { describeInChromium, settled, shownFormats, shownKey } from './page.js';

const REQUEST = '{ "model": "m", "n": 1.0, "trace_id": "t-1", "text": "Grüezi 🙂" }';
const VALUE = JSON.parse(REQUEST);

const EXAMPLE = readFileSync(join(ROOT, 'examples/openai-responses.json'), 'utf8');

const files = folder();

/** Holds the content of files back. The function that it returns lets them go, the last one first. */
async function holdFiles(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    const held: (() => void)[] = [];
    const read = File.prototype.arrayBuffer;
    File.prototype.arrayBuffer = async function (this: File) {
      await new Promise<void>((resolve) => held.push(resolve));
      return read.call(this);
    };
    Object.assign(globalThis, {
      async letGo() {
        for (const next of held.reverse()) {
          next();
          // Until the page has handled the content.
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      },
    });
  });
  return () => page.evaluate(() => (globalThis as unknown as { letGo(): Promise<void> }).letGo());
}

/** Puts a link to the request `[2]` into the address. */
async function openLink(page: Page): Promise<void> {
  const paths = { presets: [], exclude: '', include: '', refs: '' };
  const content = writeLinkContent({
    tab: 'keys',
    requests: [{ text: '[2]' }],
    identity: { ...paths, bits: '256', roundsIntegers: false },
    view: 'structure',
    fields: { uuid: 'URL', scoped: '' },
  });
  const fragment = await toShareLink(content);
  await page.evaluate((hash) => {
    location.hash = hash;
  }, fragment);
}

describeInChromium('the playground', {}, ({ open }) => {
  it('asks before it processes a large request', async () => {
    const page = await open();
    const large = JSON.stringify({ list: Array.from({ length: 400_000 }, (_, i) => `item ${i}`) });
    expect(large.length).toBeGreaterThan(5_000_000);
    await page.evaluate((text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', text);
      const area = document.getElementById('text-a') as HTMLTextAreaElement;
      const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
      if (area.dispatchEvent(event)) area.value = text;
    }, large);
    await settled(page);
    expect(await page.inputValue('#text-a')).toBe('');
    expect(await textOf(page, '#editor-a strong')).toEqual(['The pasted text has 5.5 MB.']);
    expect(await textOf(page, '#key-body')).toEqual(['Waiting for your answer.']);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await settled(page);
    expect(await textOf(page, '#key-body')).toEqual(['No request yet.']);
    expect(await page.locator('#text-a').isVisible()).toBe(true);

    const path = files.write('large.json', large);
    await page.locator('#editor-a input[type=file]').setInputFiles(path);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.locator('#key-body .key-text').waitFor();
    await settled(page);
    expect(await shownKey(page)).toBe(keyOfJson(large));
    expect((await shownFormats(page)).raw).toBe(sha256Hex(large));
    // Only the first rows are drawn.
    const rowCount = await page.locator('.row').count();
    expect(rowCount).toBeLessThan(1000);
    await page.getByRole('button', { name: 'Show more' }).click();
    expect(await page.locator('.row').count()).toBeGreaterThan(rowCount);
    await page.getByRole('button', { name: 'Close' }).click();
    await settled(page);
    expect(await shownKey(page)).toBeUndefined();
  });

  it.each([
    ['a text is typed', (page: Page) => page.fill('#text-a', '[1]'), '[1]'],
    [
      'the input is cancelled',
      (page: Page) => page.getByRole('button', { name: 'Cancel' }).click(),
      '',
    ],
    [
      'an example is chosen',
      (page: Page) => page.getByLabel('Example for: Request').selectOption('openai-responses'),
      EXAMPLE,
    ],
    ['a link is opened', openLink, '[2]'],
  ])('drops a file that is still read when %s', async (_, change, text) => {
    const page = await open();
    const release = await holdFiles(page);
    const isLarge = text === '';
    const content = isLarge ? ' '.repeat(5_000_001) : REQUEST;
    await page
      .locator('#editor-a input[type=file]')
      .setInputFiles(files.write('slow.json', content));
    if (isLarge) await page.getByRole('button', { name: 'Use it' }).click();
    await change(page);
    await settled(page);
    const shown = () => page.inputValue('#text-a');
    await expect.poll(shown).toBe(text);
    await release();
    await settled(page);
    expect(await shown()).toBe(text);
    expect(await page.locator('#text-a').isVisible()).toBe(true);
    expect(await shownKey(page)).toBe(text === '' ? undefined : keyOfJson(text));
  });

  it('shows the file that was opened last, although another one takes longer to read', async () => {
    const page = await open();
    const release = await holdFiles(page);
    const input = page.locator('#editor-a input[type=file]');
    await input.setInputFiles(files.write('first.json', '[1]'));
    await input.setInputFiles(files.write('second.json', '[2]'));
    // The last one is read first.
    await release();
    await settled(page);
    expect(await page.inputValue('#text-a')).toBe('[2]');
    expect(await shownKey(page)).toBe(keyOfJson('[2]'));
  });

  it('moves the focus to what replaces a button that goes away', async () => {
    const page = await open();
    const focused = () =>
      page.evaluate(() => {
        const { id, className, textContent } = document.activeElement as HTMLElement;
        return id || className || textContent;
      });
    const large = JSON.stringify(Array.from({ length: 900_000 }, (_, i) => i));
    const input = page.locator('#editor-a input[type=file]');
    const choose = () => input.setInputFiles(files.write('large.json', large));
    await choose();
    expect(await focused()).toBe('primary');
    await page.getByRole('button', { name: 'Cancel' }).press('Enter');
    expect(await focused()).toBe('text-a');
    await choose();
    await page.getByRole('button', { name: 'Use it' }).press('Enter');
    await page.getByRole('button', { name: 'Close' }).waitFor();
    expect(await focused()).toBe('Close');
    await settled(page);
    const rowCount = await page.locator('.row').count();
    await page.getByRole('button', { name: 'Show more' }).press('Enter');
    // It stays where it was: the rows are above the new button.
    expect(await page.locator('.row').count()).toBeGreaterThan(rowCount);
    expect(await focused()).toBe('rows');
  });

  it('hashes the raw bytes of a file', async () => {
    const page = await open();
    const input = page.locator('#editor-a input[type=file]');
    const crlf = '{\r\n"a": 1\r\n}';
    await input.setInputFiles(files.write('crlf.json', crlf));
    await settled(page);
    expect(await shownFormats(page)).toMatchObject({
      'bits-256': keyOf({ a: 1 }),
      raw: sha256Hex(crlf),
    });
    const marked = '\ufeff{"a":1}';
    await input.setInputFiles(files.write('marked.json', marked));
    await settled(page);
    expect(await shownFormats(page)).toMatchObject({
      'bits-256': keyOf({ a: 1 }),
      raw: sha256Hex(marked),
    });
    const bytes = Uint8Array.of(0x7b, 0xff, 0x00);
    await input.setInputFiles(files.write('image.png', bytes));
    await settled(page);
    expect(await textOf(page, '#text-a-fault p')).toEqual([expect.stringContaining('wanted')]);
    expect(await shownFormats(page)).toEqual({ raw: sha256Hex(bytes) });
  });

  it('accepts a dropped file', async () => {
    const page = await open();
    await page.evaluate((text) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], 'request.json'));
      const event = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
      document.getElementById('text-a')?.dispatchEvent(event);
    }, REQUEST);
    await page.waitForFunction(
      (text) => (document.getElementById('text-a') as HTMLTextAreaElement).value === text,
      REQUEST,
    );
    await settled(page);
    expect(await shownKey(page)).toBe(keyOf(VALUE));
  });
});
