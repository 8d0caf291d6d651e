import { beforeEach, expect, it } from 'vitest';
import { blocked, overflow, textOf } from '../browser/chromium.js';
import {
  busyMessage,
  doneRow,
  keyFor,
  NO_COUNTS,
  NOON_MS,
  OVERVIEW,
  runningRow,
  unknownRow,
} from './example-data.js';
import { describeDashboard, figure } from './page.js';

describeDashboard('the page of the dashboard', ({ open, server, reset }) => {
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
      '1 m 13 s',
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

  it('says how to count calls where a store alone is shown', async () => {
    server().overview = { ...OVERVIEW, source: 'store', hasCalls: false };
    server().first = { ...busyMessage(NOON_MS), totals: { ...NO_COUNTS, executed: 12, failed: 1 } };
    const page = await open();
    await page.getByText('To count calls, use').waitFor();
    expect(await page.locator('#hit-ratio').isVisible()).toBe(false);
    expect(await page.locator('#repeated').isVisible()).toBe(false);
    expect(await page.locator('#outcome-replayed').isVisible()).toBe(false);
    expect(await figure(page, 'outcome-executed')).toBe('12');
    expect(await page.getByRole('heading', { name: 'Runs', exact: true }).count()).toBe(1);
  });
});
