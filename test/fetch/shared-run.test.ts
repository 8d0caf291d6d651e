import { describe, expect, it } from 'vitest';
import { crash } from '../once/scene.js';
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

/** Makes the upstream wait for `open` before it answers. */
function heldUpstream() {
  const answered = latch();
  server.behave = async ({ count }, response) => {
    await answered.opened;
    json(response, { count });
  };
  return answered;
}

/** The key of the request that `ask` sends. */
async function freeKey(): Promise<string> {
  const { ask, evict } = fetchWith({ fetch: async () => Response.json(1) });
  const response = await ask();
  await response.text();
  const key = response.headers.get('samekey-key') as string;
  await expect.poll(() => evict(key)).toBe(true);
  return key;
}

const requestsAre = (count: number) => expect.poll(() => upstream.requests.length).toBe(count);

describe('a duplicate of a request in progress', () => {
  it('with another body is refused at once, also if another process sent the first', async () => {
    const answered = heldUpstream();
    const headers = { 'idempotency-key': 'order-7' };
    const first = fetchWith().ask({ item: 1 }, headers);
    await requestsAre(1);
    const { code } = await rejection(fetchWith().ask({ item: 2 }, headers));
    expect(code).toBe('SAMEKEY_MISMATCH');
    answered.open();
    expect(await readOutcome(first)).toBe('executed');
  });

  it('waits for waitMs altogether: for another process, and then for a run of its own', async () => {
    const answered = heldUpstream();
    const key = await freeKey();
    // Another process holds the key for the first 150 of 300 ms, and crashes.
    await crash(store, key, 150);
    const { ask } = fetchWith({ waitMs: 300 });
    const first = ask();
    const refused = rejection(ask());
    // If it waited again for the run in its own process, this would come first.
    const winner = await Promise.race([refused, requestsAre(1).then(() => soon(250))]);
    expect(winner).toMatchObject({ code: 'SAMEKEY_IN_PROGRESS' });
    answered.open();
    expect(await readOutcome(first)).toBe('executed');
  });

  it('tells how long it waited since its call', async () => {
    const answered = heldUpstream();
    const { ask } = fetchWith();
    const both = [readOutcome(ask()), readOutcome(ask())];
    await requestsAre(1);
    await soon(50);
    answered.open();
    expect((await Promise.all(both)).sort()).toEqual(['executed', 'joined']);
    const joinedEvents = () => events.filter(({ type }) => type === 'joined');
    await expect.poll(() => joinedEvents().length).toBe(1);
    const [joined] = joinedEvents();
    // Less than 50 for timers that fire early.
    expect((joined as { waitedMs?: number }).waitedMs).toBeGreaterThan(40);
  });

  it('that is fresh and waited for another process sends a request of its own', async () => {
    const answered = heldUpstream();
    const elsewhere = readOutcome(fetchWith().ask());
    await requestsAre(1);
    const { ask } = fetchWith({ store: hookedStore({}, store) });
    const waiting = readOutcome(ask());
    const fresh = readOutcome(ask(undefined, { 'samekey-fresh': '1' }));
    answered.open();
    expect(await Promise.all([elsewhere, waiting, fresh])).toEqual([
      'executed',
      'joined',
      'executed',
    ]);
    expect(upstream.requests).toHaveLength(2);
  });

  it('reads the stream of a request whose callers have left', async () => {
    const answered = latch();
    server.behave = async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first ');
      await answered.opened;
      response.end('last');
    };
    const { ask } = fetchWith();
    await (await ask()).body?.cancel();
    const later = await ask();
    const reader = (later.body as ReadableStream<Uint8Array>).getReader();
    // The response has not ended.
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('first ');
    answered.open();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('last');
    expect(outcomeOf(later)).toBe('joined');
  });
});

describe('waitUntil', () => {
  it('is called for every request that is sent or looks into the store, not for a replay of this process', async () => {
    const settled: Promise<void>[] = [];
    const { ask } = fetchWith({ waitUntil: (promise) => settled.push(promise) });
    await readOutcome(ask());
    expect([await readOutcome(ask()), settled.length]).toEqual(['replayed', 1]);
  });

  it('receives a promise that lasts as long as a request whose caller has left', async () => {
    const answered = heldUpstream();
    const settled: Promise<void>[] = [];
    const { ask } = fetchWith({ waitUntil: (promise) => settled.push(promise) });
    const leaving = new AbortController();
    const left = rejection(ask(undefined, {}, { signal: leaving.signal }));
    await requestsAre(1);
    leaving.abort();
    await left;
    const first = await Promise.race([settled[0]?.then(() => 'settled'), soon(50)]);
    expect(first).toBeUndefined();
    answered.open();
    await settled[0];
    expect(await readOutcome(ask())).toBe('replayed');
  });
});

it('a request inside the same request is refused', async () => {
  const { ask } = fetchWith({
    fetch: async (...request) => {
      expect(await rejection(ask())).toMatchObject({ code: 'SAMEKEY_DEADLOCK' });
      return fetch(...request);
    },
  });
  expect(await readOutcome(ask())).toBe('executed');
});

it('a response that onUnknown found reaches its caller even if the store has no room for it', async () => {
  const { ask } = fetchWith({
    store: hookedStore(
      {
        complete: async () => {
          throw Object.assign(new Error('full'), { code: 'SAMEKEY_STORE_FULL' });
        },
      },
      store,
    ),
    onUnknown: async () => ({
      value: {
        status: 201,
        statusText: '',
        headers: [['x-found', 'yes']],
        url: '',
        body: Buffer.from('found'),
      },
    }),
  });
  const key = await freeKey();
  await crash(store, key, 1);
  await soon();
  const response = await ask();
  expect([response.status, response.headers.get('x-found'), await response.text()]).toEqual([
    201,
    'yes',
    'found',
  ]);
});
