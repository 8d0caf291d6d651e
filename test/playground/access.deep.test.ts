import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { identities, keyOf } from '../../src/index.js';
import { axe, overflow } from '../browser/chromium.js';
import { describeInChromium, put, settled, shownKey } from './page.js';

/** Brings the page into each of its states. */
async function* states(page: Page): AsyncGenerator<string> {
  yield 'a request';
  await page.getByRole('button', { name: 'Share' }).click();
  await page.locator('#share-copy button').waitFor();
  yield 'a link to share';
  await page.getByText('anthropic', { exact: true }).click();
  await page.fill('#field-scoped', 'tenant-1');
  await page.getByText('As code').click();
  await put(page, '#refs', '$..data');
  yield 'excluded parts';
  await page.getByRole('button', { name: 'Compare with a second request' }).click();
  await page.getByLabel('Example for: Second request').selectOption('anthropic-messages-retry');
  await settled(page);
  yield 'two requests with the same key';
  await page.getByLabel('Example for: Second request').selectOption('openai-responses');
  await settled(page);
  yield 'two requests with different keys';
  await put(page, '#text-a', `{"a": [1, 2,, "${'long '.repeat(200)}"]}`);
  await put(page, '#exclude', '$.a[');
  yield 'faults';
  await page.locator('#editor-a input[type=file]').setInputFiles({
    name: `${'long-name-'.repeat(12)}.json`,
    mimeType: 'application/json',
    buffer: Buffer.alloc(6_000_000, 0x20),
  });
  await page.getByRole('button', { name: 'Use it' }).waitFor();
  await settled(page);
  yield 'a question';
  await page.evaluate(() => {
    location.hash = '#share.1.z.cut';
  });
  await page.locator('#link-fault').waitFor();
  yield 'a link that cannot be opened';
  await page.getByRole('tab', { name: 'Speed' }).click();
  yield 'speed, not run';
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('td.best').first().waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped.').first().waitFor();
  yield 'speed, stopped';
}

describeInChromium('the playground', {}, ({ open }) => {
  it.each([
    ['light', 390],
    ['dark', 390],
    ['light', 1280],
    ['dark', 1280],
  ] as const)('has no violations found by axe, %s, %i pixels wide', async (colorScheme, width) => {
    const page = await open({ colorScheme, viewport: { width, height: 844 } });
    const found: Record<string, string[]> = {};
    let count = 0;
    for await (const state of states(page)) {
      count++;
      const faults = await axe(page);
      if (faults.length > 0) found[state] = faults;
    }
    expect(count).toBe(10);
    expect(found).toEqual({});
  });

  it.each([360, 390, 768])('scrolls sideways in no state, %i pixels wide', async (width) => {
    const page = await open({ viewport: { width, height: 740 }, hasTouch: true });
    const tooWide: string[] = [];
    let count = 0;
    for await (const state of states(page)) {
      count++;
      if ((await overflow(page)) > 0) tooWide.push(state);
    }
    expect(count).toBe(10);
    expect(tooWide).toEqual([]);
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    const press = (key: string) => page.keyboard.press(key);
    const focused = () =>
      page.evaluate(() => {
        const { id, ariaLabel, textContent, value } = document.activeElement as HTMLInputElement;
        return id || ariaLabel || value || textContent;
      });
    /** Presses Tab until the element has the focus, and checks that the focus is visible. */
    const tabTo = async (wanted: string) => {
      const seen: string[] = [];
      while (seen.at(-1) !== wanted) {
        await press('Tab');
        seen.push((await focused()) ?? '');
        expect(seen.length, `no ${wanted} in ${seen}`).toBeLessThan(40);
      }
      const outline = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const shown = element.matches('.chips input') ? element.nextElementSibling : element;
        const sheet = element.closest('.sheet');
        const { outlineStyle, outlineWidth } = getComputedStyle(shown as Element);
        return sheet ? getComputedStyle(sheet).boxShadow : `${outlineStyle} ${outlineWidth}`;
      });
      expect(outline).toMatch(/^solid 2px$|^rgb.* 0px 0px 0px 1px/);
    };
    await tabTo('tab-keys');
    await press('ArrowRight');
    expect(await focused()).toBe('tab-speed');
    expect(await page.locator('#panel-speed').isVisible()).toBe(true);
    expect(await page.locator('#panel-keys').isVisible()).toBe(false);
    await press('Home');
    expect(await focused()).toBe('tab-keys');
    expect(await page.locator('#panel-keys').isVisible()).toBe(true);

    await tabTo('text-a');
    await press('Control+A');
    await page.keyboard.type('{"trace_id": 1, "a": 2}');
    await tabTo('compare-switch');
    await press('Enter');
    expect(await focused()).toBe('text-b');
    await page.keyboard.type('{"a": 2}');
    await settled(page);
    expect(await page.locator('#verdict h2').textContent()).toBe('Different keys');
    await tabTo('volatile');
    await press('Space');
    await settled(page);
    expect(await page.locator('#verdict h2').textContent()).toBe('Same key');
    await tabTo('Copy the key');
    await press('Enter');
    await page.getByText('Copied', { exact: true }).waitFor();
    const key = keyOf({ trace_id: 1, a: 2 }, identities.volatile);
    expect(await shownKey(page)).toBe(key);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
  });

  it('opens the tab that the URL names', async () => {
    const page = await open({ path: '#speed' });
    expect(await page.locator('#panel-speed').isVisible()).toBe(true);
    await page.getByRole('tab', { name: 'Keys' }).click();
    expect(new URL(page.url()).hash).toBe('');
  });
});
