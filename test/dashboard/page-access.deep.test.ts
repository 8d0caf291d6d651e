import type { Page } from 'playwright-core';
import { beforeEach, expect, it } from 'vitest';
import { axe, overflow } from '../browser/chromium.js';
import {
  busyMessage,
  doneRow,
  emptyMessage,
  keyFor,
  NOON_MS,
  OVERVIEW,
  storeMessage,
} from './example-data.js';
import type { ExampleServer } from './example-server.js';
import { describeDashboard, settled } from './page.js';

/** Brings the page into each of its states. */
async function* states(page: Page, server: ExampleServer): AsyncGenerator<string> {
  yield 'busy';
  await page.getByText('Figures of the chart').first().click();
  await page.locator('#calls-figures-table td').first().waitFor();
  yield 'figures';
  server.send({ ...busyMessage(NOON_MS), storeFault: 'connect ECONNREFUSED' });
  await page.locator('#notice').waitFor();
  yield 'store fault';
  server.send(busyMessage(NOON_MS));
  await page.locator('#notice').waitFor({ state: 'hidden' });
  await page.getByRole('tab', { name: 'Records' }).click();
  await page.locator('#records-table .key-button').first().waitFor();
  yield 'records';
  await page.locator('#records-table .key-button').first().click();
  await page.locator('#record .body').waitFor();
  yield 'a record';
  await page.getByRole('button', { name: 'Evict' }).click();
  await page.locator('#question').waitFor();
  yield 'the question';
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.getByLabel('Key, or its beginning').fill('nothing');
  await page.keyboard.press('Enter');
  await page.locator('#records-table .empty').waitFor();
  yield 'no record';
  server.first = emptyMessage(NOON_MS);
  await page.goto(server.address);
  await page.reload();
  await settled(page);
  yield 'empty';
  server.overview = { ...OVERVIEW, hasCalls: false, allowEvict: false };
  server.first = storeMessage(NOON_MS);
  await page.reload();
  await settled(page);
  yield 'a store alone';
}
const STATE_COUNT = 9;

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };

describeDashboard('the page of the dashboard', ({ open, server, reset }) => {
  beforeEach(() => {
    reset();
    server().records = Array.from({ length: 60 }, (_, at) => ({
      ...doneRow(keyFor(`record ${at}`), at, NOON_MS),
      state: 'done' as const,
    }));
  });

  it.each([
    ['light', PHONE],
    ['dark', PHONE],
    ['light', DESKTOP],
    ['dark', DESKTOP],
  ] as const)('has no violations found by axe, and fits: %s, %o', async (colorScheme, viewport) => {
    const page = await open({ colorScheme, viewport });
    const found: Record<string, unknown> = {};
    let count = 0;
    for await (const state of states(page, server())) {
      count++;
      const faults = await axe(page);
      if (faults.length > 0) found[state] = faults;
      if ((await overflow(page)) > 0) found[`${state}, width`] = await overflow(page);
    }
    expect(found).toEqual({});
    expect(count).toBe(STATE_COUNT);
  });

  it.each([1024, 1920])('fits a window of %i pixels in every state', async (width) => {
    const page = await open({ viewport: { width, height: 900 } });
    for await (const state of states(page, server())) {
      expect(await overflow(page), state).toBeLessThanOrEqual(0);
    }
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open({ viewport: DESKTOP });
    const press = (key: string) => page.keyboard.press(key);
    const focused = () =>
      page.evaluate(() => {
        const { id, textContent } = document.activeElement as HTMLElement;
        return id || textContent || '';
      });
    /** Presses Tab until the element has the focus, and checks that the focus is visible. */
    const tabTo = async (wanted: string) => {
      const seen: string[] = [];
      while (seen.at(-1) !== wanted) {
        await press('Tab');
        seen.push(await focused());
        expect(seen.length, `no ${wanted} in ${seen}`).toBeLessThan(60);
      }
      const outline = await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement as Element);
        return `${outlineStyle} ${outlineWidth}`;
      });
      expect(outline).toBe('solid 2px');
    };
    const last = busyMessage(NOON_MS).running.at(-1)?.key ?? '';
    await tabTo('tab-live');
    await tabTo(last);
    // The row was scrolled into view.
    expect(await page.getByRole('button', { name: last }).boundingBox()).toMatchObject({
      height: expect.any(Number),
    });
    await press('Home');
    await page.goto(server().address);
    await settled(page);
    await tabTo('tab-live');
    await press('ArrowRight');
    expect(await focused()).toBe('tab-records');
    await page.locator('#records-table .key-button').first().waitFor();
    const [first, second] = server().records.map(({ key }) => key) as [string, string];
    await tabTo('records-search');
    await tabTo('records-state');
    await tabTo(second);
    await press('Enter');
    await page.locator('#record .body').waitFor();
    await tabTo('record-evict');
    await press('Enter');
    expect(await focused()).toBe('question-cancel');
    await press('Escape');
    expect(await page.locator('#question').isVisible()).toBe(false);
    expect(await focused()).toBe('record-evict');
    await press('Escape');
    expect(await page.locator('#record').isVisible()).toBe(false);
    // The focus is back where the record was opened.
    expect(await focused()).toBe(second);
    await press('Enter');
    await page.locator('#record .body').waitFor();
    await tabTo('record-evict');
    await press('Enter');
    await tabTo('question-evict');
    await press('Enter');
    await page.locator('#record').waitFor({ state: 'hidden' });
    expect(server().evicted).toEqual([second]);
    expect(first).not.toBe(second);
  });

  it('keeps the focus in a row that moves, and moves nothing else', async () => {
    const page = await open({ viewport: DESKTOP });
    await page.evaluate(() => {
      const shifts: string[] = [];
      Object.assign(globalThis, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { sources } = entry as unknown as { sources: { node: Node | null }[] };
          const moved = sources.map(({ node }) =>
            node instanceof Element ? node : node?.parentElement,
          );
          // Rows move when one above them leaves.
          const others = moved.filter((each) => each?.closest('tbody') === null);
          shifts.push(...others.map((each) => each?.outerHTML.slice(0, 80) ?? ''));
        }
      }).observe({ type: 'layout-shift' });
    });
    const message = busyMessage(NOON_MS);
    const [one, two, ...others] = message.running;
    const button = page.getByRole('button', { name: two?.key ?? '' });
    await button.focus();
    const place = await page.locator('#slowest-title').boundingBox();
    for (let turn = 1; turn <= 3; turn++) {
      const rows = turn % 2 === 1 ? [two, one] : [one, two];
      server().send({
        ...message,
        nowMs: NOON_MS + turn * 1000,
        totals: { ...message.totals, executed: 10 ** (turn * 2) },
        savings: { ...message.savings, inputTokens: 10 ** (turn * 3) },
        running: turn === 3 ? [] : [...(rows as typeof others), ...others.slice(turn * 5)],
        runningCount: turn,
      });
      await expect.poll(() => page.locator('#running-now .value').textContent()).toBe(String(turn));
      await expect
        .poll(() => page.locator('#running-table tbody tr').count())
        .toBe(turn === 3 ? 0 : 18 - turn * 5);
      if (turn === 3) continue;
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(two?.key);
    }
    // The row was removed, and the focus is still in its table.
    expect(
      await page.evaluate(() => document.activeElement?.closest('#running-table') !== null),
    ).toBe(true);
    expect(await page.locator('#slowest-title').boundingBox()).toEqual(place);
    expect(
      await page.evaluate(() => (globalThis as unknown as { shifts: string[] }).shifts),
    ).toEqual([]);
  });

  it('announces nothing while only figures change', async () => {
    const page = await open();
    await page.evaluate(() => {
      const said: (string | null)[] = [];
      Object.assign(globalThis, { said });
      for (const status of document.querySelectorAll('[role="status"]')) {
        new MutationObserver(() => said.push(status.textContent)).observe(status, {
          childList: true,
        });
      }
    });
    for (let turn = 1; turn <= 3; turn++) {
      server().send({ ...busyMessage(NOON_MS + turn * 1000), runningCount: turn });
      await expect.poll(() => page.locator('#running-now .value').textContent()).toBe(String(turn));
    }
    expect(await page.evaluate(() => (globalThis as unknown as { said: string[] }).said)).toEqual(
      [],
    );
    const live = await page.locator('[aria-live], [role="status"], [role="alert"]').count();
    // One for the page and for each dialog, and the faults of the records and of the question.
    expect(live).toBe(5);
  });

  it('moves nothing for a reader who prefers reduced motion', async () => {
    const page = await open({ reducedMotion: 'reduce' });
    const moving = await page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter((each) => {
          const { transitionDuration, animationName } = getComputedStyle(each);
          return transitionDuration !== '0s' || animationName !== 'none';
        }).length,
    );
    expect(moving).toBe(0);
  });
});
