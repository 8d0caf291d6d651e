import { expect, it } from 'vitest';
import type { Store } from '../../src/store/store.js';
import { blocked, describeInChromium, textOf } from '../browser/chromium.js';
import { CLI_STORES, type CliStore } from '../cli/stores.js';
import { figure, settled } from './page.js';
import { startDashboard } from './program.js';
import { keyNumber, put, responsePayload } from './records.js';

const SCRIPT = '<script>document.title = "run"</script>';
let store: Store;

async function serve() {
  const place = (await CLI_STORES.find(({ name }) => name === 'LMDB')?.open()) as CliStore;
  ({ store } = place);
  for (let number = 0; number < 120; number++) await put(store, keyNumber(number));
  const headers = [['content-type', 'text/html']] as const;
  await put(store, '..', { codec: 'http-response', payload: responsePayload(headers, SCRIPT) });
  await put(store, 'busy', { state: 'running' });
  await put(store, 'crashed', { state: 'unknown' });
  const program = await startDashboard([...place.address, '--allow-evict'], place.env);
  return {
    address: program.link,
    async stop() {
      await program.stop();
      await place.end();
    },
  };
}

describeInChromium('the page of the dashboard, with its server', { serve, settled }, ({ open }) => {
  it('shows a store, opens records and evicts one', async () => {
    const page = await open();
    await expect.poll(() => figure(page, 'records-now')).toBe('123');
    expect(await textOf(page, '#running-table .key-button')).toEqual(['busy']);
    expect(await textOf(page, '#unknown-table .key-button')).toEqual(['crashed']);
    await page.getByText('To count calls, use').waitFor();
    // Without a log nobody counts calls, and zeros would be untrue.
    expect(await page.locator('#panel-live').textContent()).toContain('Executed');
    expect(await page.getByText('Executed').isVisible()).toBe(false);
    expect(await page.getByText('Slowest keys', { exact: true }).isVisible()).toBe(false);

    await page.getByRole('tab', { name: 'Records' }).click();
    await expect.poll(() => page.locator('#records-table tbody tr').count()).toBe(50);
    await page.getByLabel('State').selectOption('unknown');
    await expect.poll(() => textOf(page, '#records-table .key-button')).toEqual(['crashed']);
    await page.getByLabel('State').selectOption('');
    // A browser resolves this key in a path.
    await page.getByRole('button', { name: '..', exact: true }).click();
    expect(await page.locator('#record .body').textContent()).toBe(SCRIPT);
    await page.getByRole('button', { name: 'Evict' }).click();
    await page.locator('#question-evict').click();
    await page.locator('#record').waitFor({ state: 'hidden' });
    expect((await store.read('..')).record).toBeUndefined();
    await expect.poll(() => textOf(page, '#records-table .key-button')).not.toContain('..');

    // A record that is put while the page is open.
    await put(store, 'busy-too', { state: 'running' });
    await page.getByRole('tab', { name: 'Live' }).click();
    await expect
      .poll(() => textOf(page, '#running-table .key-button'))
      .toEqual(['busy', 'busy-too']);
    expect(await blocked(page)).toEqual([]);
    expect(await page.title()).toBe('samekey dashboard');
  });
});
