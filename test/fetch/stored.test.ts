import { describe, expect, it } from 'vitest';
import { hookedStore, latch } from '../store/hooked-store.js';
import {
  events,
  fetchWith,
  json,
  outcomeOf,
  readOutcome,
  rejection,
  server,
  soon,
  store,
  upstream,
  useUpstream,
} from './scene.js';

useUpstream();

describe('a complete response that is not stored yet', () => {
  it('is not replayed before the store has it', async () => {
    const writing = latch();
    const kept = latch();
    const { ask } = fetchWith({
      store: hookedStore({
        async complete(call) {
          writing.open();
          await kept.opened;
          return call();
        },
      }),
    });
    expect(await readOutcome(ask())).toBe('executed');
    await writing.opened;
    let isAnswered = false;
    const later = ask().finally(() => {
      isAnswered = true;
    });
    await soon(50);
    expect(isAnswered).toBe(false);
    kept.open();
    expect(await readOutcome(later)).toBe('replayed');
    expect(upstream.requests).toHaveLength(1);
  });

  it('does not serve a later request after another owner has claimed the key', async () => {
    const writing = latch();
    const lost = latch();
    const slow = fetchWith({
      leaseMs: 200,
      store: hookedStore(
        {
          async complete(call) {
            writing.open();
            await lost.opened;
            return call();
          },
          // The process is paused and does not renew its lease.
          renew: () => new Promise(() => {}),
        },
        store,
      ),
    });
    const other = fetchWith({ leaseMs: 200 });
    const first = await slow.ask();
    expect(await first.json()).toEqual({ count: 1 });
    await writing.opened;
    const later = slow.ask();
    expect(await (await other.ask()).json()).toEqual({ count: 2 });
    lost.open();
    expect(await (await later).json()).toEqual({ count: 2 });
    expect(await (await slow.ask()).json()).toEqual({ count: 2 });
    expect(upstream.requests).toHaveLength(2);
  });

  it('does not serve a later request if it could not be stored', async () => {
    const { ask } = fetchWith({
      store: hookedStore({
        complete: async () => {
          await soon(50);
          throw Object.assign(new Error('full'), { code: 'SAMEKEY_STORE_FULL' });
        },
      }),
    });
    expect(await (await ask()).json()).toEqual({ count: 1 });
    const later = await ask();
    expect([outcomeOf(later), await later.json()]).toEqual(['executed', { count: 2 }]);
  });
});

describe('evict', () => {
  it('while a caller reads the record: a later request does not receive that record', async () => {
    const found = latch();
    const told = latch();
    let isHeld = false;
    const { ask, evict } = fetchWith({
      cache: false,
      store: hookedStore({
        async claim(call) {
          const claim = await call();
          if (isHeld) {
            isHeld = false;
            found.open();
            await told.opened;
          }
          return claim;
        },
      }),
    });
    const first = await ask();
    const key = first.headers.get('samekey-key') as string;
    await first.text();
    await soon();
    isHeld = true;
    const looking = ask();
    await found.opened;
    expect(await evict(key)).toBe(true);
    const later = ask();
    await soon();
    told.open();
    expect(await (await looking).json()).toEqual({ count: 1 });
    expect(await (await later).json()).toEqual({ count: 2 });
  });

  it('of a stored response before the store has replied to this process', async () => {
    const kept = latch();
    const told = latch();
    let isSlow = true;
    const { ask, evict } = fetchWith({
      store: hookedStore({
        async complete(call) {
          const isOurs = await call();
          if (isSlow) {
            isSlow = false;
            kept.open();
            await told.opened;
          }
          return isOurs;
        },
      }),
    });
    const first = await ask();
    await first.text();
    await kept.opened;
    expect(await evict(first.headers.get('samekey-key') as string)).toBe(true);
    const later = ask();
    await soon();
    told.open();
    expect(await (await later).json()).toEqual({ count: 2 });
  });
});

describe('a fresh request', () => {
  it('that waits for a reader of the store does not receive the older response', async () => {
    const other = fetchWith({ cache: false });
    const here = fetchWith({ cache: false });
    await (await other.ask()).text();
    await soon();
    const fails = latch();
    server.behave = async ({ count }, response) => {
      if (count === 2) await fails.opened;
      json(response, { count }, count === 2 ? 503 : 200);
    };
    const failing = other.ask({ model: 'm' }, { 'samekey-fresh': '1' });
    await expect.poll(() => upstream.requests.length).toBe(2);
    // Waits for the request of the other process. When that fails, it receives the older response.
    const plain = here.ask();
    await soon();
    const fresh = here.ask({ model: 'm' }, { 'samekey-fresh': '1' });
    await soon();
    fails.open();
    expect((await failing).status).toBe(503);
    expect(await (await plain).json()).toEqual({ count: 1 });
    expect(await (await fresh).json()).toEqual({ count: 3 });
  });
});

describe('two payloads under one key', () => {
  const KEY = '00000000-0000-4000-8000-000000000001';
  const headers = { 'idempotency-key': KEY };

  it('the first payload is answered while the other one reads the store', async () => {
    const looking = latch();
    const told = latch();
    let isHeld = false;
    const { ask } = fetchWith({
      keyFormat: 'uuid',
      cache: false,
      store: hookedStore({
        async claim(call) {
          if (isHeld) {
            isHeld = false;
            looking.open();
            await told.opened;
          }
          return call();
        },
      }),
    });
    await (await ask({ pay: 10 }, headers)).text();
    await soon();
    isHeld = true;
    const wrong = rejection(ask({ pay: 99 }, headers));
    await looking.opened;
    const right = ask({ pay: 10 }, headers);
    await soon();
    told.open();
    expect((await wrong).code).toBe('SAMEKEY_MISMATCH');
    expect(await (await right).json()).toEqual({ count: 1 });
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('a response that the store cannot write', () => {
  it('reaches its callers, and later callers do not wait forever', async () => {
    const { ask, stats } = fetchWith({
      leaseMs: 300,
      store: hookedStore({
        complete: async () => {
          throw new Error('ERR the disk is full');
        },
      }),
    });
    const first = await ask();
    expect([outcomeOf(first), await first.json()]).toEqual(['executed', { count: 1 }]);
    expect(await ask()).toBeInstanceOf(Response);
    expect(stats().executed).toBe(events.filter(({ type }) => type === 'executed').length);
  });
});
