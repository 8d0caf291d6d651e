import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLI_STORES, type CliStore } from '../cli/stores.js';
import { describeWith } from '../servers/process.js';
import { type RunningDashboard, startDashboard, type Visitor, visit } from './program.js';
import { keyNumber, put, responsePayload } from './records.js';

/** Each scan of these two is billed, so their looks are a minute apart. */
const BILLED = ['DynamoDB', 'Upstash'];

const DONE = keyNumber(0);
const FAILED = keyNumber(1);
const RUNNING = keyNumber(2);
const CRASHED = keyNumber(3);
const COUNT = 50;

for (const { name, isThere, tool, open } of CLI_STORES) {
  describeWith(tool, isThere, `samekey dashboard on ${name}`, () => {
    let place: CliStore;
    let program: RunningDashboard;
    let page: Visitor;

    beforeAll(async () => {
      place = await open();
      const { store } = place;
      const headers = [
        ['content-type', 'text/plain'],
        ['x-api-key', 'sk-secret'],
      ] as const;
      const payload = responsePayload(headers, 'hello');
      await put(store, DONE, { codec: 'http-response', payload });
      await put(store, FAILED, { state: 'failed' });
      await put(store, RUNNING, { state: 'running' });
      await put(store, CRASHED, { state: 'unknown' });
      for (let number = 4; number < COUNT; number++) await put(store, keyNumber(number));
      program = await startDashboard([...place.address, '--allow-evict'], place.env);
      page = await visit(program.link);
    });
    afterAll(async () => {
      expect(await program?.stop()).toBe(0);
      await place?.end();
    });

    it('says which store it shows, without a password', async () => {
      const { json } = await page.get('/api/overview');
      expect(json).toMatchObject({
        source: 'store',
        storeName: place.store.name,
        allowEvict: true,
        hasCalls: false,
      });
      expect(JSON.stringify(json)).not.toMatch(/secret|password/);
    });

    it('lists the records in the order of their keys, page by page', async () => {
      const keys: string[] = [];
      let after = '';
      do {
        const { json } = await page.get(`/api/records?limit=20&after=${after}`);
        expect(json).toMatchObject({ matchCount: COUNT, isWhole: true });
        for (const { key } of json.records) keys.push(key);
        after = json.next ?? '';
      } while (after !== '');
      expect(keys).toEqual(Array.from({ length: COUNT }, (_, number) => keyNumber(number)));
    });

    it('finds a key, the beginning of keys, and a state', async () => {
      const found = async (query: string) => {
        const { json } = await page.get(`/api/records?${query}`);
        return [json.matchCount, ...json.records.map(({ key }: { key: string }) => key)];
      };
      expect(await found(`search=${DONE}`)).toEqual([1, DONE]);
      expect(await found(`search=${keyNumber(0).slice(0, -1)}&limit=2`)).toEqual([
        16,
        DONE,
        FAILED,
      ]);
      expect(await found('state=running')).toEqual([1, RUNNING]);
      expect(await found('state=unknown')).toEqual([1, CRASHED]);
      expect(await found('state=failed')).toEqual([1, FAILED]);
      expect(await found('search=nothing')).toEqual([0]);
      expect(await found(`search=${DONE}&state=running`)).toEqual([0]);
    });

    it('shows a record without headers that may be credentials', async () => {
      const { json, text } = await page.get(`/api/record?key=${DONE}`);
      expect(json).toMatchObject({
        key: DONE,
        state: 'done',
        attempt: 1,
        owner: `owner of ${DONE}`,
        fingerprint: 'f',
        codec: 'http-response',
        head: { status: 200, headers: [['content-type', 'text/plain']] },
        text: 'hello',
        isCut: false,
      });
      expect(text).not.toContain('sk-secret');
      const missing = await page.get(`/api/record?key=${keyNumber(999)}`);
      expect([missing.status, missing.json.code]).toEqual([404, 'SAMEKEY_REFUSED']);
    });

    it('tells live of runs in progress and of unknown outcomes', async () => {
      const live = await page.live();
      await expect.poll(() => live.last()?.recordCount).toBe(COUNT);
      expect(live.last()).toMatchObject({
        isWhole: true,
        runningCount: 1,
        running: [{ key: RUNNING, state: 'running', leaseEndsAtMs: expect.any(Number) }],
        unknownCount: 1,
        unknown: [{ key: CRASHED, state: 'unknown' }],
      });
      expect(live.last()?.recordBytes).toBeGreaterThan(7 * (COUNT - 4));
      expect(live.last()?.storeFault).toBeUndefined();
      if (!BILLED.includes(name)) {
        await put(place.store, keyNumber(COUNT));
        await expect.poll(() => live.last()?.recordCount).toBe(COUNT + 1);
      }
      live.close();
    });

    it('deletes a record, and none that is running', async () => {
      const outcome = async (key: string) =>
        (await page.post(`/api/evict?key=${key}`)).json.outcome;
      expect(await outcome(RUNNING)).toBe('running');
      expect(await outcome(CRASHED)).toBe('evicted');
      expect((await place.store.read(CRASHED)).record).toBeUndefined();
      expect(await outcome(CRASHED)).toBe('missing');
      // It has left the lists before the next look.
      const { json } = await page.get('/api/records?state=unknown');
      expect(json.matchCount).toBe(0);
    });
  });
}

for (const { name, isThere, tool, open } of CLI_STORES.filter((each) =>
  ['Redis', 'PostgreSQL'].includes(each.name),
)) {
  describeWith(tool, isThere, `samekey dashboard on a ${name} that ends`, () => {
    it('says that the store does not answer, and goes on when it is back', async () => {
      const place = await open();
      await put(place.store, DONE);
      const program = await startDashboard(place.address, place.env);
      const page = await visit(program.link);
      const live = await page.live();
      await expect.poll(() => live.last()?.recordCount).toBe(1);
      await place.kill?.();
      await expect.poll(() => live.last()?.storeFault, { timeout: 60_000 }).toMatch(/\w/);
      expect(live.last()?.storeFault).not.toContain('@');
      // The known records are still shown, and so is the page.
      expect(live.last()?.recordCount).toBe(1);
      expect((await page.get('/api/records')).json.matchCount).toBe(1);
      expect((await page.get(`/api/record?key=${DONE}`)).json.code).toBe('SAMEKEY_STORE');
      await place.start?.();
      await expect.poll(() => live.last()?.storeFault, { timeout: 60_000 }).toBeUndefined();
      expect((await page.get(`/api/record?key=${DONE}`)).status).toBe(200);
      live.close();
      expect(await program.stop()).toBe(0);
      await place.end();
    }, 180_000);
  });
}
