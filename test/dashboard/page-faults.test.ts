import type { Locator, Page } from 'playwright-core';
import { beforeEach, expect, it } from 'vitest';
import { blocked, overflow, textOf } from '../browser/chromium.js';
import { busyMessage, doneRow, keyFor, NOON_MS, OVERVIEW, runningRow } from './example-data.js';
import { describeDashboard, figure, settled } from './page.js';

const notice = (page: Page) => page.locator('#notice');
/** Hides its tab, or shows it. Chromium without a window never does. */
const setHidden = (page: Page, isHidden: boolean) =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
const placeOf = async (locator: Locator) =>
  (await locator.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
const connection = (page: Page) => page.locator('#connection').textContent();

describeDashboard('the page of the dashboard', ({ open, server, reset, complaints }) => {
  beforeEach(reset);

  it('tells a fault of the store and since when, until the store can be read again', async () => {
    const page = await open();
    const later = { ...busyMessage(NOON_MS), nowMs: NOON_MS + 61_000, buckets: [] };
    server().send({ ...later, storeFault: 'connect ECONNREFUSED \u202e127.0.0.1:6379' });
    // The time is that of the server, in the time zone of the browser.
    await expect
      .poll(() => notice(page).textContent())
      .toMatch(
        /^The store cannot be read since \d\d:06:01: connect ECONNREFUSED \\u202e127\.0\.0\.1:6379\. /,
      );
    expect(await connection(page)).toBe('Store fault');
    expect(await textOf(page, '#status')).toEqual([expect.stringContaining('ECONNREFUSED')]);
    server().send(later);
    await notice(page).waitFor({ state: 'hidden' });
    expect(await connection(page)).toBe('Live');
    expect(await textOf(page, '#status')).toEqual(['The store can be read again.']);
  });

  it('connects again by itself, and begins with the buckets of the new server', async () => {
    const page = await open();
    const shown = () => textOf(page, '#outcome-executed .note');
    expect(await shown()).not.toEqual(['0 in 15 min']);
    await server().stop();
    await notice(page).waitFor();
    expect(await notice(page).textContent()).toMatch(
      /^No connection to the server of the dashboard\. Since \d\d:\d\d:\d\d\. /,
    );
    expect(await connection(page)).toBe('Not connected');
    server().overview = { ...OVERVIEW, version: '9.9.9' };
    server().first = { ...busyMessage(NOON_MS), buckets: [] };
    await server().start();
    await notice(page).waitFor({ state: 'hidden' });
    expect(await connection(page)).toBe('Live');
    await expect.poll(shown).toEqual(['0 in 15 min']);
    await expect.poll(() => textOf(page, '#version')).toEqual(['samekey 9.9.9']);
    // The refused connections are in the console.
    expect(complaints.splice(0).join('\n')).toMatch(/net::ERR_/);
  });

  it('says why the server refuses, and goes on once it does not', async () => {
    const page = await open();
    server().status = 401;
    await server().stop();
    await server().start();
    await expect.poll(() => notice(page).textContent()).toMatch(/^The session has ended\. Since /);
    server().status = undefined;
    await notice(page).waitFor({ state: 'hidden' });
    expect(complaints.splice(0).join('\n')).toMatch(/401/);
  });

  it('announces that a search failed', async () => {
    const page = await open();
    await page.getByRole('tab', { name: 'Records' }).click();
    await page.getByText('No record matches.').first().waitFor();
    server().status = 503;
    await page.getByRole('button', { name: 'Search' }).click();
    const alert = page.locator('#panel-records').getByRole('alert');
    await expect.poll(() => alert.textContent()).toBe('The session has ended.');
    expect(complaints.splice(0).join('\n')).toMatch(/503/);
  });

  it('holds no connection while its tab is hidden, and says nothing of it', async () => {
    const page = await open();
    await page.evaluate(() => {
      const notices: (string | null)[] = [];
      Object.assign(globalThis, { notices });
      for (const id of ['notice', 'connection', 'status']) {
        const root = document.getElementById(id) as HTMLElement;
        const options = { childList: true, characterData: true, subtree: true };
        new MutationObserver(() => notices.push(root.textContent)).observe(root, options);
      }
    });
    await expect.poll(() => server().readerCount).toBe(1);
    await setHidden(page, true);
    await expect.poll(() => server().readerCount).toBe(0);
    server().first = { ...busyMessage(NOON_MS), recordCount: 7 };
    await setHidden(page, false);
    await expect.poll(() => figure(page, 'records-now')).toBe('7');
    expect(server().readerCount).toBe(1);
    await setHidden(page, true);
    await setHidden(page, false);
    await setHidden(page, true);
    await setHidden(page, false);
    await expect.poll(() => server().readerCount).toBe(1);
    expect(await connection(page)).toBe('Live');
    expect(
      await page.evaluate(() => (globalThis as unknown as { notices: string[] }).notices),
    ).toEqual([]);
  });

  it('connects only once its tab is visible, and not while the server is away', async () => {
    const page = await open();
    await page.addInitScript(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: true });
    });
    await page.reload();
    await expect.poll(() => server().readerCount).toBe(0);
    expect(await page.locator('#live').getAttribute('aria-busy')).toBe('true');
    await setHidden(page, false);
    await settled(page);
    await server().stop();
    await notice(page).waitFor();
    await setHidden(page, true);
    complaints.splice(0);
    await server().start();
    await setHidden(page, false);
    await notice(page).waitFor({ state: 'hidden' });
    expect(await connection(page)).toBe('Live');
    expect(server().readerCount).toBe(1);
  });

  it('copies and announces in an open dialog, also where the browser has no clipboard', async () => {
    server().records = [doneRow('order-a', 1, NOON_MS)];
    const page = await open();
    // As over plain HTTP from another machine.
    await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
    await page.getByRole('tab', { name: 'Records' }).click();
    await page.getByRole('button', { name: 'order-a' }).click();
    const record = page.locator('#record');
    await record.getByText('Fencing token').waitFor();
    const said = record.getByRole('status');
    expect(await said.textContent()).toBe('The record is shown. Its state: done.');
    await page.getByRole('button', { name: 'Copy the key' }).click();
    await expect.poll(() => said.textContent()).toBe('Copied the key');
    expect(await page.locator('#record-key .copy').textContent()).toBe('Copied');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
      'Copy the key',
    );

    await page.getByRole('button', { name: 'Evict' }).click();
    server().send({ ...busyMessage(NOON_MS), storeFault: 'connect ECONNREFUSED' });
    const question = page.locator('#question').getByRole('status');
    await expect.poll(() => question.textContent()).toContain('ECONNREFUSED');
    // One place at a time has a text.
    expect(await said.textContent()).toBe('');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.getByLabel('Key, or its beginning').focus();
    await page.keyboard.press('Control+V');
    expect(await page.getByLabel('Key, or its beginning').inputValue()).toBe('order-a');
  });

  it('closes a record by a click beside it, not by one inside of it', async () => {
    server().records = [doneRow('order-a', 1, NOON_MS)];
    const page = await open({ viewport: { width: 1280, height: 1400 } });
    await page.getByRole('tab', { name: 'Records' }).click();
    await page.getByRole('button', { name: 'order-a' }).click();
    const record = page.locator('#record');
    const fact = record.getByText('Fencing token');
    await fact.waitFor();
    const { x, y, width, height } = await placeOf(record);
    const [besideX, middleX] = [x - 50, x + width / 2];
    // In the free place below a short record.
    await page.mouse.click(middleX, y + height - 20);
    expect(await record.isVisible()).toBe(true);
    // As when text is selected, up to a place beside the record, and the other way.
    const text = await placeOf(fact);
    const drag = async (fromX: number, toX: number) => {
      await page.mouse.move(fromX, text.y + 5);
      await page.mouse.down();
      await page.mouse.move(toX, text.y + 5);
      await page.mouse.up();
    };
    await drag(text.x + 40, besideX);
    expect(await record.isVisible()).toBe(true);
    await drag(besideX, text.x + 40);
    expect(await record.isVisible()).toBe(true);
    await page.mouse.click(besideX, text.y);
    await record.waitFor({ state: 'hidden' });
  });

  it('keeps a question open when the answer about another record arrives', async () => {
    server().records = ['a', 'b'].map((name) => doneRow(`order-${name}`, 1, NOON_MS));
    const page = await open();
    await page.getByRole('tab', { name: 'Records' }).click();
    const evict = async (name: string) => {
      await page.getByRole('button', { name }).click();
      await page.getByRole('button', { name: 'Evict' }).click();
    };
    const answer = server().hold('api/evict');
    await evict('order-a');
    await page.locator('#question-evict').click();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await evict('order-b');
    answer();
    await expect.poll(() => textOf(page, '#records-table .key-button')).toEqual(['order-b']);
    expect(await page.locator('#question').isVisible()).toBe(true);
    expect(await page.locator('#question-key').textContent()).toBe('order-b');

    // The record of b is shown without a question.
    await page.keyboard.press('Escape');
    server().records = ['a', 'b'].map((name) => doneRow(`order-${name}`, 1, NOON_MS));
    const second = server().hold('api/evict');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Search' }).click();
    await evict('order-a');
    await page.locator('#question-evict').click();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'order-b' }).click();
    second();
    await expect.poll(() => textOf(page, '#records-table .key-button')).toEqual(['order-b']);
    expect(await page.locator('#record').isVisible()).toBe(true);
    expect(server().evicted).toEqual(['order-a', 'order-a']);
  });

  it('evicts after a question, and never a run in progress', async () => {
    const done = ['a', 'b', 'c'].map((name, at) => doneRow(`order-${name}`, at, NOON_MS));
    const running = runningRow(0, NOON_MS);
    server().records = [...done, { ...running, key: 'z' }];
    const page = await open();
    await page.getByRole('tab', { name: 'Records' }).click();
    await page.getByRole('button', { name: 'order-b' }).click();
    await page.getByRole('button', { name: 'Evict' }).click();
    const question = page.getByRole('dialog', { name: 'Evict this record?' });
    await question.getByText('may be billed again').waitFor();
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'hidden' });
    expect(server().evicted).toEqual([]);
    expect(await page.locator('#record').isVisible()).toBe(true);

    await page.getByRole('button', { name: 'Evict' }).click();
    await question.getByRole('button', { name: 'Evict' }).click();
    await page.locator('#record').waitFor({ state: 'hidden' });
    expect(server().evicted).toEqual(['order-b']);
    await expect
      .poll(() => textOf(page, '#records-table .key-button'))
      .toEqual(['order-a', 'order-c', 'z']);
    expect(await textOf(page, '#status')).toEqual([expect.stringMatching(/evicted|3 records/)]);

    await page.getByRole('button', { name: 'z', exact: true }).click();
    await page.getByText('Fencing token').waitFor();
    expect(await page.getByRole('button', { name: 'Evict' }).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Close' }).click();

    // It began to run after it was opened.
    await page.getByRole('button', { name: 'order-a' }).click();
    await page.getByRole('button', { name: 'Evict' }).click();
    server().records = server().records.map((row) => ({ ...row, state: 'running' }));
    await question.getByRole('button', { name: 'Evict' }).click();
    await question.getByText('A run in progress is never evicted.').waitFor();
    expect(server().evicted).toEqual(['order-b']);
  });

  it('has no way to evict without permission', async () => {
    server().overview = { ...OVERVIEW, allowEvict: false };
    server().records = [doneRow('order-a', 1, NOON_MS)];
    const page = await open();
    await page.getByText('start with --allow-evict').waitFor();
    await page.getByRole('tab', { name: 'Records' }).click();
    await page.getByRole('button', { name: 'order-a' }).click();
    await page.getByText('Fencing token').waitFor();
    expect(await page.getByRole('button', { name: 'Evict' }).isVisible()).toBe(false);
  });

  it('shows hostile content as text', async () => {
    const script = '<script>document.title="run"</script><img src=x onerror=alert(1)>';
    const turned = 'abc\u202etxt.exe\u2066';
    const terminal = '\u001b[2J\u001b]0;title\u0007\u009b31m';
    const long = 'k'.repeat(3000);
    const keys = [script, turned, terminal, long, '..', '.', 'a/b?c#d&e=f', '\u05d0\u05d1\u05d2'];
    server().records = keys.map((key, at) => ({ ...doneRow(key, at, NOON_MS), state: 'done' }));
    server().details.set(script, {
      owner: script,
      codec: turned,
      head: {
        status: 200,
        headers: [
          [script, terminal],
          ['x-long', 'v'.repeat(50_000)],
        ],
      },
      text: `${script}\n${turned}\t${terminal}\r\nend`,
    });
    server().details.set(turned, {
      text: undefined,
      hex: 'ff00'.repeat(2048),
      isCut: true,
      payloadBytes: 10_000_000,
    });
    const message = busyMessage(NOON_MS);
    server().first = {
      ...message,
      slowest: [...keys, 'k'.repeat(100_000)].map((key) => ({
        key,
        calls: 1,
        runMs: 5,
        model: `${script}${turned}`,
      })),
      savings: { ...message.savings, costs: [{ currency: script, cost: 2 }] },
      running: keys.map((key, at) => ({ ...runningRow(at, NOON_MS), key })),
      storeFault: script,
    };
    server().overview = { ...OVERVIEW, storeName: script, storeAddress: turned, version: script };
    const page = await open({ viewport: { width: 390, height: 800 } });
    await expect.poll(() => notice(page).textContent()).toContain(script);
    expect(await textOf(page, '#store')).toEqual(['abc\\u202etxt.exe\\u2066']);
    const shownKeys = await textOf(page, '#slowest-table .key-button');
    expect(shownKeys.slice(0, 3)).toEqual([
      script,
      'abc\\u202etxt.exe\\u2066',
      '\\u001b[2J\\u001b]0;title\\u0007\\u009b31m',
    ]);
    expect(shownKeys[3]?.length).toBeLessThan(200);
    expect(shownKeys.at(-1)?.length).toBeLessThan(200);
    expect(await figure(page, 'money')).toBe('2.00 <script>docu');
    expect(await overflow(page)).toBe(0);

    await page.getByRole('tab', { name: 'Records' }).click();
    const rows = page.locator('#records-table tbody .key-button');
    for (const [at, key] of keys.entries()) {
      await rows.nth(at).click();
      await page.getByText('Fencing token').waitFor();
      const size = await page
        .locator('#record')
        .evaluate((each) => each.scrollWidth - each.clientWidth);
      expect(size, key.slice(0, 20)).toBeLessThanOrEqual(0);
      if (key === script) {
        expect(await page.locator('#record .body').textContent()).toBe(
          `${script}\nabc\\u202etxt.exe\\u2066\t\\u001b[2J\\u001b]0;title\\u0007\\u009b31m\nend`,
        );
      }
      if (key === turned) {
        expect(await page.locator('#record .body').textContent()).toMatch(
          /^0000 {2}ff 00 ff 00 .*\n0010 {2}ff 00/,
        );
        await page.getByText('the beginning of 10 MB').waitFor();
      }
      await page.keyboard.press('Escape');
    }
    expect(await page.title()).toBe('samekey dashboard');
    expect(await page.locator('main img, main script, dialog img, dialog script').count()).toBe(0);
    expect(await blocked(page)).toEqual([]);
  });

  it('reads a record that is gone as such', async () => {
    const page = await open();
    await page.locator('#slowest-table .key-button').first().click();
    await page
      .locator('#record-body')
      .getByText('The store has no record of this key any more.')
      .waitFor();
    await page.keyboard.press('Escape');
    expect(complaints.splice(0).join('\n')).toMatch(/404/);
    expect(keyFor('slow 0')).toBe(
      await textOf(page, '#slowest-table .key-button').then(([key]) => key),
    );
  });
});
