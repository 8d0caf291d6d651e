import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeInChromium } from '../playground/page.js';

const folder = new URL('../../docs/charts/', import.meta.url);

describeInChromium('docs/charts', {}, ({ open }) => {
  it.each(readdirSync(folder))('%s: no text is cut off or covers another one', async (name) => {
    const page = await open();
    // The policy of the playground forbids the style of a picture.
    await page.goto('about:blank');
    const faults = await page.evaluate(
      (svg) => {
        document.body.innerHTML = svg;
        const card = document.querySelector('svg') as SVGSVGElement;
        const { right, left } = card.getBoundingClientRect();
        const texts = [...card.querySelectorAll('text')].map((text) => ({
          words: text.textContent,
          box: text.getBoundingClientRect(),
        }));
        const cut = texts.filter(({ box }) => box.left < left + 8 || box.right > right - 8);
        const covered = texts.flatMap(({ words, box }, i) =>
          texts
            .slice(i + 1)
            // Lines of one paragraph touch.
            .filter(
              ({ box: other }) =>
                Math.min(box.right, other.right) - Math.max(box.left, other.left) > 1 &&
                Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 4,
            )
            .map((other) => `${words} | ${other.words}`),
        );
        return [...cut.map(({ words }) => `cut: ${words}`), ...covered];
      },
      readFileSync(new URL(name, folder), 'utf8'),
    );
    expect(faults).toEqual([]);
  });
});
