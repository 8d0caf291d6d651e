import { expect, it } from 'vitest';

interface Pages {
  renderPages(): { name: string; page: string; wanted: string }[];
}

const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
const { renderPages }: Pages = await load('pages');

it.each(renderPages())(
  'docs/$name shows exactly the numbers of bench/results',
  ({ page, wanted }) => {
    expect(page).toBe(wanted);
  },
);
