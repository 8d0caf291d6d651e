import { describe, expect, it } from 'vitest';
import { random } from '../runtime/random.js';
import { hookedStore, latch } from '../store/hooked-store.js';
import {
  events,
  fetchWith,
  json,
  outcomeOf,
  rejection,
  server,
  soon,
  store,
  upstream,
  useUpstream,
} from './scene.js';

useUpstream();

describe('callers that wait together', () => {
  it('each wait for their own waitMs, not for that of the first caller', async () => {
    const answered = latch();
    server.behave = async ({ count }, response) => {
      await answered.opened;
      json(response, { count });
    };
    const elsewhere = fetchWith().ask();
    await expect.poll(() => upstream.requests.length).toBe(1);
    const { ask, stats } = fetchWith({ waitMs: 300, store: hookedStore({}, store) });
    const first = rejection(ask());
    await soon(150);
    const second = ask();
    expect((await first).code).toBe('SAMEKEY_IN_PROGRESS');
    answered.open();
    expect(await (await second).json()).toEqual({ count: 1 });
    await (await elsewhere).text();
    expect(stats().conflicts).toBe(1);
  });

  it('are each refused while another process runs the request', async () => {
    const answered = latch();
    server.behave = async ({ count }, response) => {
      await answered.opened;
      json(response, { count });
    };
    const elsewhere = fetchWith().ask();
    await expect.poll(() => upstream.requests.length).toBe(1);
    const here = fetchWith({ onDuplicate: 'reject', store: hookedStore({}, store) });
    const refused = await Promise.all([rejection(here.ask()), rejection(here.ask())]);
    expect(refused.map(({ code }) => code)).toEqual(['SAMEKEY_IN_PROGRESS', 'SAMEKEY_IN_PROGRESS']);
    expect(here.stats().conflicts).toBe(2);
    expect(events.filter(({ type }) => type === 'conflict')).toHaveLength(2);
    answered.open();
    await (await elsewhere).text();
  });

  it('wait for no longer than waitMs while the response is written, and then get it', async () => {
    const written = latch();
    const { ask, stats } = fetchWith({
      waitMs: 50,
      store: hookedStore({ complete: (call) => written.opened.then(call) }),
    });
    server.behave = ({ count }, response) => json(response, { count });
    const first = await ask();
    expect(await first.json()).toEqual({ count: 1 });
    const { code, message } = await rejection(ask());
    expect([code, message]).toEqual(['SAMEKEY_IN_PROGRESS', expect.stringContaining('50 ms')]);
    expect(stats().conflicts).toBe(1);
    expect(events.find(({ type }) => type === 'conflict')).toMatchObject({ layer: 'process' });
    written.open();
    expect(await (await ask()).json()).toEqual({ count: 1 });
    expect(upstream.requests).toHaveLength(1);
  });

  it('are refused if a response is too long to join, and counted as conflicts', async () => {
    const { ask, stats } = fetchWith({
      maxResultBytes: 10,
      fetch: async () => new Response(new Uint8Array(1000)),
    });
    const first = await ask();
    expect((await rejection(ask())).code).toBe('SAMEKEY_TOO_LONG');
    expect(stats().conflicts).toBe(1);
    expect((await first.arrayBuffer()).byteLength).toBe(1000);
  });
});

describe('waitUntil', () => {
  it('that throws prevents the request', async () => {
    let sentCount = 0;
    const { ask } = fetchWith({
      waitUntil: () => {
        throw new TypeError('Illegal invocation');
      },
      fetch: async () => Response.json({ count: ++sentCount }),
    });
    expect((await rejection(ask())).message).toBe('Illegal invocation');
    await soon();
    expect(sentCount).toBe(0);
  });
});

describe('a response of an abandoned request that the store refuses', () => {
  it.each([
    ['by HTTP', undefined],
    ['from this process', async () => Response.json({ count: 1 })],
  ])('reaches a caller that joined before it arrived %s', async (_, fetch) => {
    const claimed = latch();
    let sentCount = 0;
    const { ask } = fetchWith({
      fetch: (input, init) => {
        sentCount++;
        return (fetch ?? globalThis.fetch)(input, init);
      },
      store: hookedStore({
        async claim(call) {
          await claimed.opened;
          return call();
        },
        complete: async () => {
          throw Object.assign(new Error('full'), { code: 'SAMEKEY_STORE_FULL' });
        },
      }),
    });
    const leaving = new AbortController();
    const left = rejection(ask({ model: 'm' }, {}, { signal: leaving.signal }));
    await soon();
    leaving.abort();
    await left;
    const stays = ask();
    await soon();
    claimed.open();
    const response = await stays;
    expect([outcomeOf(response), await response.json()]).toEqual(['joined', { count: 1 }]);
    expect(sentCount).toBe(1);
  });
});

describe('two hundred duplicates, some of which abort', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'are answered or aborted, and the counts add up (seed %i)',
    async (seed) => {
      const rng = random(seed);
      const unhandled: unknown[] = [];
      const listen = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', listen);
      const KEYS = 5;
      const statuses = [200, 200, 200, 503];
      const sent = new Map<string, number>();
      server.behave = async ({ body }, response) => {
        const text = body.toString();
        const nth = (sent.get(text) ?? 0) + 1;
        sent.set(text, nth);
        await soon(rng() * 20);
        const status = nth === 1 ? (statuses[Math.floor(rng() * 4)] as number) : 200;
        response.writeHead(status, { 'content-type': 'application/json' });
        response.write(`{"nth":${nth},`);
        await soon(rng() * 20);
        response.end(`"text":${text}}`);
      };
      const onAbandoned = seed % 2 === 0 ? 'abort' : 'keep';
      const fetch = fetchWith({
        onAbandoned,
        store: hookedStore({
          async claim(call) {
            await soon(rng() * 5);
            return call();
          },
          async complete(call) {
            await soon(rng() * 5);
            return call();
          },
        }),
      });
      const told: Record<string, number> = {};
      const count = (what: string) => {
        told[what] = (told[what] ?? 0) + 1;
      };
      let askCount = 0;
      const longLived = new AbortController();
      const call = async (at: number) => {
        const leaving = new AbortController();
        const signal = at % 7 === 0 ? longLived.signal : leaving.signal;
        const isLeaving = rng() < 0.5;
        await soon(rng() * 60);
        const body = { n: at % KEYS };
        const afterMs = rng() * 30;
        const leave = () => leaving.abort(new Error('left'));
        const ask = () => fetch.ask(body, {}, { signal });
        let pending = ask();
        if (isLeaving && afterMs < 3) leave();
        else if (isLeaving) setTimeout(leave, afterMs);
        for (let isAnswered = false; ; isAnswered = false) {
          askCount++;
          try {
            const response = await pending;
            isAnswered = true;
            count(outcomeOf(response) as string);
            expect((await response.json()).text).toEqual(body);
            if (response.ok) return;
          } catch (error) {
            if (!leaving.signal.aborted) throw error;
            expect((error as Error).message).toBe('left');
            if (!isAnswered) count('left');
            return;
          }
          // An SDK retries in this way.
          pending = ask();
        }
      };
      await Promise.all(Array.from({ length: 200 }, (_, at) => call(at)));
      await fetch.close();
      process.off('unhandledRejection', listen);
      expect(unhandled).toEqual([]);
      expect(Object.values(told).reduce((sum, each) => sum + each, 0)).toBe(askCount);
      const types: Record<string, number> = {};
      for (const { type } of events) types[type] = (types[type] ?? 0) + 1;
      const { executed, failed, joined, replayed, conflicts, storeErrors, inFlight } =
        fetch.stats();
      expect({ executed, failed, joined, replayed, conflicts, storeErrors, inFlight }).toEqual({
        executed: types.executed ?? 0,
        failed: types.failed ?? 0,
        joined: types.joined ?? 0,
        replayed: types.replayed ?? 0,
        conflicts: 0,
        storeErrors: 0,
        inFlight: 0,
      });
      // Each run sends one request.
      expect(upstream.requests.length).toBeLessThanOrEqual(executed + failed);
      if (onAbandoned === 'keep') {
        expect(upstream.requests.length).toBe(executed + failed);
        for (const [, nth] of sent) expect(nth).toBeLessThanOrEqual(2);
      }
      expect(executed).toBe(KEYS);
      // The callers that did not abort saw the same outcomes as the events.
      expect(joined).toBeGreaterThanOrEqual(told.joined ?? 0);
      expect(replayed).toBeGreaterThanOrEqual(told.replayed ?? 0);
    },
  );
});
