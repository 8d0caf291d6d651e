import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, inject, it } from 'vitest';
import { axe, overflow } from '../browser/chromium.js';
import { countBytes, describeSite, hydrated, shifts } from './chromium.js';

/** The bytes of the first page on the wire, without the index of the search. */
const MOST_BYTES = 100 * 1024;

/** A page of each kind. */
const PAGES = [
  '',
  'guides/stop-an-sdk-from-billing-twice.html',
  'benchmarks.html',
  'dashboard.html',
  'reference/samekey/once.html',
];

const SCHEMES = ['light', 'dark'] as const;

/** Reads to the end, so that everything has arrived. */
async function scrollThrough(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let y = 0; y < document.body.scrollHeight; y += innerHeight) {
      scrollTo({ top: y, behavior: 'instant' });
      await frame();
    }
    await Promise.all([...document.images].map((image) => image.decode()));
  });
}

async function search(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.locator('#localsearch-input').fill(text);
  await page.locator('#localsearch-list .result').first().waitFor();
}

describeSite('the site', ({ open }) => {
  describe.each(SCHEMES)('in %s colors', (colorScheme) => {
    it.each(PAGES)('has no fault that axe finds on page "%s"', async (path) => {
      const page = await open(path, { colorScheme });
      expect(await axe(page)).toEqual([]);
    });

    it('has no fault that axe finds in the search', async () => {
      const page = await open('', { colorScheme });
      await search(page, 'lease');
      expect(await axe(page)).toEqual([]);
    });

    it('has no fault that axe finds in the menu of a phone', async () => {
      const page = await open('', { colorScheme, viewport: { width: 390, height: 844 } });
      await page.getByRole('button', { name: 'mobile navigation' }).press('Enter');
      await page.locator('.VPNavScreen').waitFor();
      expect(await axe(page)).toEqual([]);
    });
  });

  it.each(PAGES)(
    'is as wide as its screen, from a phone to a large one, on page "%s"',
    async (path) => {
      const page = await open(path);
      for (const width of [390, 768, 1280, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await overflow(page), `${width} px`).toBe(0);
      }
    },
  );

  it.each([390, 1280])('does not move while it arrives, on %i px', async (width) => {
    for (const path of PAGES) {
      const page = await open(path, { viewport: { width, height: 844 } });
      await scrollThrough(page);
      expect(await shifts(page), path).toEqual([]);
      await page.context().close();
    }
  });

  it('searches its whole text from the keyboard, and gives the focus back', async () => {
    const page = await open('');
    await page.getByRole('button', { name: 'Search' }).focus();
    await search(page, 'fencing token');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('.VPLocalSearchBox').count()).toBe(0);
    await search(page, 'encryptedCodec');
    await page.keyboard.press('Enter');
    await expect.poll(() => new URL(page.url()).pathname).toMatch(/\.html$/);
    await expect.poll(() => page.locator('main').textContent()).toContain('encryptedCodec');
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open('once.html');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe(
      'Skip to content',
    );
    await page.keyboard.press('Enter');
    const reached: string[] = [];
    await page.evaluate(() => (document.activeElement as HTMLElement)?.blur());
    for (let count = 0; count < 400; count++) {
      await page.keyboard.press('Tab');
      const place = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return undefined;
        const { outlineStyle, boxShadow } = getComputedStyle(element);
        const { width } = element.getBoundingClientRect();
        const isSeen = (outlineStyle !== 'none' || boxShadow !== 'none') && width > 0;
        return isSeen ? '' : `${element.outerHTML.slice(0, 120)} shows no focus`;
      });
      if (place === undefined) break;
      reached.push(place);
    }
    expect(reached.length).toBeGreaterThan(50);
    expect(reached.filter((line) => line !== '')).toEqual([]);
  });

  it('changes its colors, and keeps the choice', async () => {
    const page = await open('', { colorScheme: 'light' });
    const isDark = () => page.evaluate(() => document.documentElement.classList.contains('dark'));
    expect(await isDark()).toBe(false);
    await page.getByRole('switch').first().press('Space');
    await expect.poll(isDark).toBe(true);
    await page.reload();
    expect(await isDark()).toBe(true);
  });

  it('stands still for a reader who wants that', async () => {
    const page = await open('fetch.html', { reducedMotion: 'reduce' });
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .filter((element) => {
          const { animationName, transitionDuration, transitionProperty } =
            getComputedStyle(element);
          const takesTime = transitionDuration
            .split(', ')
            .some((time) => Number.parseFloat(time) > 0);
          return animationName !== 'none' || (takesTime && transitionProperty !== 'none');
        })
        .map(({ outerHTML }) => outerHTML.slice(0, 100)),
    );
    expect(moving).toEqual([]);
  });

  it('changes pages without a reload, also to the playground', async () => {
    const page = await open('');
    await page.getByRole('link', { name: 'Which part do I need?' }).first().click();
    await expect.poll(() => page.locator('h1').textContent()).toContain('samekey');
    await page.getByRole('navigation').getByRole('link', { name: 'Playground' }).click();
    await page.locator('#results[aria-busy="false"]').waitFor({ state: 'attached' });
    expect(await page.locator('#key-body .key-text').textContent()).toMatch(/^ik_[0-9a-f]{64}$/);
  });

  it(`needs less than ${MOST_BYTES} bytes for its first page`, async () => {
    const page = await open('');
    const counts = await countBytes(page);
    await page.reload({ waitUntil: 'networkidle' });
    await hydrated(page);
    const lines = [...counts].map(([path, bytes]) => `${String(bytes).padStart(8)}  ${path}`);
    const total = [...counts.values()].reduce((sum, bytes) => sum + bytes, 0);
    console.log(`The first page on the wire, in bytes:\n${lines.join('\n')}\n${total} in total`);
    expect(counts.size).toBeGreaterThan(3);
    expect([...counts.keys()].filter((path) => path.includes('localSearchIndex'))).toEqual([]);
    expect(total).toBeLessThan(MOST_BYTES);
  });
});

it('llms.txt names the Markdown of each page, and llms-full.txt has the text', () => {
  const { folder, base } = inject('site');
  const read = (path: string) => readFileSync(join(folder, path), 'utf8');
  const paths = [...read('llms.txt').matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(50);
  for (const path of paths) {
    expect(path.startsWith(base)).toBe(true);
    const name = path.slice(base.length);
    expect(read(name)).toMatch(/^# /m);
    expect(read(name.replace(/\.md$/, '.html'))).toContain('<h1');
  }
  expect(read('llms-full.txt')).toContain(read('once.md'));
});
