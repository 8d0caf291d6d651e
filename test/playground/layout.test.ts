import { expect, it } from 'vitest';
import { overflow } from '../browser/chromium.js';
import { describeInChromium, settled } from './page.js';

/** The order of the parts in the document, and so for the keyboard, and their order on the screen. */
const PARTS = ['#editor-a', '#answer', '.identity', '#canonical'];

describeInChromium('the layout of the playground', {}, ({ open }) => {
  it.each([360, 390, 600, 768])(
    'has the key above the request, and nothing is cut off, %i pixels wide',
    async (width) => {
      const page = await open({ viewport: { width, height: 844 } });
      const order = await page.evaluate((parts) => {
        const found = [...document.querySelectorAll(parts.join())];
        const tops = found.map((part) => part.getBoundingClientRect().top);
        return { names: found.map((part) => part.id || part.className), tops };
      }, PARTS);
      expect(order.names).toEqual(['answer', 'editor-a', 'identity', 'canonical']);
      expect(order.tops).toEqual(order.tops.toSorted((a, b) => a - b));
      expect(await overflow(page)).toBe(0);
      // The key is on the first screen.
      const { y = 0, height = 0 } = (await page.locator('#key').boundingBox()) ?? {};
      expect(y + height).toBeLessThan(844);
    },
  );

  it('has the key beside the request where there are two columns', async () => {
    const page = await open({ viewport: { width: 1280, height: 900 } });
    const boxes = await Promise.all(
      ['#editor-a', '#answer'].map((part) => page.locator(part).boundingBox()),
    );
    expect(boxes[0]?.y).toBe(boxes[1]?.y);
    expect(boxes[1]?.x).toBeGreaterThan(boxes[0]?.x ?? Number.POSITIVE_INFINITY);
    // Turning a tablet moves the key.
    await page.setViewportSize({ width: 700, height: 900 });
    const editorBelowAnswer = async () => {
      const [editor, answer] = await Promise.all(
        ['#editor-a', '#answer'].map((part) => page.locator(part).boundingBox()),
      );
      return (editor?.y ?? 0) - (answer?.y ?? 0);
    };
    await expect.poll(editorBelowAnswer).toBeGreaterThan(0);
  });

  it.each([390, 1280, 1920])(
    'shows the whole name of an example, %i pixels wide',
    async (width) => {
      const page = await open({ viewport: { width, height: 844 }, hasTouch: width === 390 });
      await page.getByRole('button', { name: 'Compare with a second request' }).click();
      for (const menu of await page.locator('.editor select').all()) {
        const names = await menu.locator('option').allTextContents();
        for (const name of names.slice(1)) {
          await menu.selectOption(name);
          // As wide as a menu that has only this name, and so not cut.
          const [shown, wanted] = await menu.evaluate((select: HTMLSelectElement) => {
            const alone = select.cloneNode(false) as HTMLSelectElement;
            alone.style.cssText = 'position: absolute; max-width: none';
            alone.append(new Option(select.value));
            document.body.append(alone);
            const widths = [select, alone].map((each) => each.getBoundingClientRect().width);
            alone.remove();
            return widths;
          });
          expect(shown, name).toBeGreaterThanOrEqual(wanted as number);
        }
      }
      await settled(page);
      expect(await overflow(page)).toBe(0);
    },
  );

  it.each([
    ['', 390],
    ['', 1280],
    ['#speed', 390],
  ])('shifts nothing while it opens: %j, %i pixels wide', async (path, width) => {
    const page = await open({ path, viewport: { width, height: 844 } });
    const shifts = await page.evaluate(
      () =>
        new Promise<number[]>((resolve) => {
          const found: number[] = [];
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
              found.push((entry as unknown as { value: number }).value);
            }
          }).observe({ type: 'layout-shift', buffered: true });
          // Two frames later, the buffered entries have arrived.
          requestAnimationFrame(() =>
            requestAnimationFrame(() => setTimeout(() => resolve(found))),
          );
        }),
    );
    expect(shifts).toEqual([]);
  });

  it('shows which presets and which tab are chosen in forced colors', async () => {
    const page = await open();
    await page.emulateMedia({ forcedColors: 'active' });
    await page.getByText('volatile', { exact: true }).click();
    const colors = (name: string) =>
      page.getByText(name, { exact: true }).evaluate((span) => {
        const { backgroundColor, color } = getComputedStyle(span);
        return { backgroundColor, color };
      });
    const [chosen, other] = [await colors('volatile'), await colors('openai')];
    expect(chosen.backgroundColor).not.toBe(other.backgroundColor);
    expect(chosen.color).not.toBe(chosen.backgroundColor);
    const lines = await page
      .locator('[role=tab]')
      .evaluateAll((tabs) => tabs.map((tab) => getComputedStyle(tab).borderBottomColor));
    expect(lines[0]).not.toBe(lines[1]);
  });
});
