import { beforeEach, expect, it } from 'vitest';
import type { Overview } from '../../src/dashboard/messages.js';
import { blocked, overflow, textOf } from '../browser/chromium.js';
import {
  busyMessage,
  doneRow,
  keyFor,
  NOON_MS,
  OVERVIEW,
  runningRow,
  storeMessage,
  unknownRow,
} from './example-data.js';
import { describeDashboard, figure } from './page.js';

describeDashboard('the page of the dashboard', ({ open, server, reset, complaints }) => {
  beforeEach(reset);

  it('shows totals, savings, runs and keys under a strict policy', async () => {
    const page = await open({ viewport: { width: 1280, height: 900 } });
    const { totals, savings } = busyMessage(NOON_MS);
    expect(await figure(page, 'outcome-executed')).toBe('41,207');
    expect(await figure(page, 'outcome-refused')).toBe(String(totals.refused));
    // Duplicates among the calls that got a result: (9631 + 46118) / (41207 + 9631 + 46118).
    expect(await figure(page, 'hit-ratio')).toBe('57.5 %');
    expect(await figure(page, 'tokens')).toBe(
      (savings.inputTokens + savings.outputTokens).toLocaleString('en-US'),
    );
    expect(await figure(page, 'money')).toBe('$1,284.37');
    expect(await figure(page, 'records-now')).toBe('100,000');
    expect(await page.locator('#running-table tbody tr').count()).toBe(18);
    expect(await textOf(page, '#unknown-table .key-button')).toEqual(
      [0, 1, 2].map((at) => unknownRow(at, NOON_MS).key),
    );
    expect(await textOf(page, '#slowest-table tbody tr:first-child td')).toEqual([
      '1 min 13 s',
      '3',
      'claude-sonnet-4-5',
    ]);
    expect(await textOf(page, '#repeated-table .temperature')).toContain('0.7');
    // The chart is drawn: uPlot sets its styles by properties, which the policy allows.
    expect(await page.locator('#calls-chart canvas').count()).toBe(1);
    expect(await blocked(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
  });

  it('counts leases down by the clock of the server, until the owner renews them', async () => {
    const page = await open();
    const key = runningRow(0, NOON_MS).key;
    const lease = page.locator('#running-table tr', { hasText: key }).locator('td.lease');
    const left = async () => Number((await lease.textContent())?.replace(' s', ''));
    const before = await left();
    expect(before).toBeLessThanOrEqual(30);
    await expect.poll(left).toBeLessThan(before - 1);
    const renewed = busyMessage(NOON_MS);
    const running = renewed.running.map((row) => ({ ...row, leaseEndsAtMs: NOON_MS + 90_000 }));
    server().send({ ...renewed, running });
    await expect.poll(() => lease.textContent()).toMatch(/^1 m/);
  });

  it('lists records by key or state, a page at a time', async () => {
    server().records = Array.from({ length: 120 }, (_, at) =>
      at % 10 === 3 ? unknownRow(at, NOON_MS) : doneRow(keyFor(`record ${at}`), at, NOON_MS),
    ).sort((a, b) => (a.key < b.key ? -1 : 1));
    const keys = server().records.map(({ key }) => key);
    const page = await open();
    await page.getByRole('tab', { name: 'Records' }).click();
    const shown = () => textOf(page, '#records-table .key-button');
    await expect.poll(shown).toEqual(keys.slice(0, 50));
    expect(await textOf(page, '#records-place')).toEqual([
      '1 to 50 of 120 records, as of 14:05:00',
    ]);
    const next = page.getByRole('button', { name: 'Next' }).last();
    // The second click comes before the page of the first has arrived.
    await next.dblclick();
    await expect.poll(shown).toEqual(keys.slice(100));
    expect(await next.isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Previous' }).last().click();
    await expect.poll(shown).toEqual(keys.slice(50, 100));

    await page.getByLabel('State').selectOption('unknown');
    await expect.poll(shown).toEqual(
      server()
        .records.filter(({ state }) => state === 'unknown')
        .map(({ key }) => key),
    );
    await page.getByLabel('State').selectOption('');
    await page.getByLabel('Key, or its beginning').fill(keys[77]?.slice(0, 20) ?? '');
    await page.keyboard.press('Enter');
    await expect.poll(shown).toEqual([keys[77]]);
    await page.getByLabel('Key, or its beginning').fill('nothing');
    await page.keyboard.press('Enter');
    await page.getByText('No record matches.').first().waitFor();
  });

  it('keeps to the query that is shown while another one is typed', async () => {
    server().records = Array.from({ length: 60 }, (_, at) =>
      doneRow(keyFor(`record ${at}`), 0, NOON_MS),
    ).sort((a, b) => (a.key < b.key ? -1 : 1));
    const keys = server().records.map(({ key }) => key);
    const page = await open();
    await page.getByRole('tab', { name: 'Records' }).click();
    const shown = () => textOf(page, '#records-table .key-button');
    await expect.poll(shown).toEqual(keys.slice(0, 50));
    await page.getByLabel('Key, or its beginning').fill('not searched for');
    await page.locator('#records-next').click();
    await expect.poll(shown).toEqual(keys.slice(50));
    await page.getByRole('button', { name: keys[55] ?? '' }).click();
    await page.getByRole('button', { name: 'Evict' }).click();
    await page.locator('#question-evict').click();
    await expect.poll(shown).toEqual(keys.slice(50).filter((key) => key !== keys[55]));
    await page.locator('#records-previous').click();
    await expect.poll(shown).toEqual(keys.slice(0, 50));
  });

  it('shows what is searched for last, although clicks on Next wait for their turn', async () => {
    server().records = Array.from({ length: 120 }, (_, at) =>
      doneRow(keyFor(`record ${at}`), 0, NOON_MS),
    ).sort((a, b) => (a.key < b.key ? -1 : 1));
    const last = server().records.at(-1)?.key ?? '';
    const page = await open();
    await page.getByRole('tab', { name: 'Records' }).click();
    await expect.poll(() => page.locator('#records-table tbody tr').count()).toBe(50);
    const answer = server().hold('api/records');
    await page.locator('#records-next').dblclick();
    await page.getByLabel('Key, or its beginning').fill(last);
    await page.keyboard.press('Enter');
    answer();
    await page.getByText('1 to 1 of 1 record').first().waitFor();
    expect(await textOf(page, '#records-table .key-button')).toEqual([last]);
  });

  it('says since when the calls are counted', async () => {
    const caption = async (source: Overview['source']) => {
      server().overview = { ...OVERVIEW, source };
      const page = await open();
      return page.locator('#calls-caption').textContent();
    };
    expect(await caption('proxy')).toMatch(/Totals: since the server started\.$/);
    // `--log` counts the lines from before the server started as well.
    expect(await caption('store')).toMatch(/Totals: of the whole log\.$/);
  });

  it.each([390, 1280])('shows no figure of calls for a store alone: %i pixels', async (width) => {
    server().overview = { ...OVERVIEW, source: 'store', hasCalls: false };
    server().first = storeMessage(NOON_MS);
    const page = await open({ viewport: { width, height: 900 } });
    await page.getByText('To count calls, use').waitFor();
    expect(await figure(page, 'records-now')).toBe('100,000');
    for (const id of ['hit-ratio', 'calls', 'slowest', 'repeated']) {
      expect(await page.locator(`#${id}`).isVisible(), id).toBe(false);
    }
    expect(await page.locator('#panel-live .panel:visible h2').allTextContents()).toEqual([
      'Runs in progress',
      'Unknown outcomes',
    ]);
    // The tables follow the summary at the distance of any two panels.
    const [summary, columns] = await Promise.all(
      ['.summary', '.columns'].map((each) => page.locator(each).boundingBox()),
    );
    expect((columns?.y ?? 0) - (summary?.y ?? 0) - (summary?.height ?? 0)).toBeCloseTo(16, 0);
  });

  it('shows the calls once its server counts them', async () => {
    server().overview = { ...OVERVIEW, source: 'store', hasCalls: false };
    server().first = storeMessage(NOON_MS);
    const page = await open();
    await server().stop();
    server().overview = OVERVIEW;
    server().first = busyMessage(NOON_MS);
    await server().start();
    await expect.poll(() => page.locator('#calls-chart canvas').isVisible()).toBe(true);
    await expect.poll(() => figure(page, 'outcome-executed')).toBe('41,207');
    await expect.poll(() => page.locator('#slowest-table tbody tr').count()).toBe(12);
    // The refused connections are in the console.
    expect(complaints.splice(0).join('\n')).toMatch(/net::ERR_/);
  });
});
