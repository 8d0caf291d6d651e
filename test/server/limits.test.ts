import { once } from 'node:events';
import { connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import type { OnceEvent } from '../../src/once/index.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { idempotent, type ServerOptions } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { type Leaping, leapingTime } from '../runtime/leaping.js';
import { request } from '../store/requests.js';
import { FRAMEWORKS, type Started } from './frameworks.js';

let time: Leaping;
let store: Store;
let events: OnceEvent[];
beforeEach(() => {
  time = leapingTime();
  store = memoryStore();
  events = [];
});
afterEach(() => time.restore());

const onEvent = (event: OnceEvent) => events.push(event);
const limited = () => events.flatMap((event) => (event.type === 'limited' ? [event.limit] : []));
const headersOf = (key: string, user: string | undefined) => ({
  'content-type': 'application/json',
  'idempotency-key': key,
  ...(user !== undefined && { authorization: user }),
});
const outcomeOf = ({ headers }: Response) => headers.get('samekey');
const outcomesOf = (responses: readonly Response[]) =>
  responses.map((response) => outcomeOf(response) ?? response.status);

describe.each(Object.entries(FRAMEWORKS))('limits on %s', (_, start) => {
  let server: Started | undefined;
  afterEach(() => server?.stop());

  it('refuse new keys beyond keysPerMinute, and no duplicate', async () => {
    let runs = 0;
    const limits = { keysPerMinute: 3 };
    server = await start({ store, onEvent, limits, cache: false }, () => {
      runs++;
      return { body: 'created', status: 201 };
    });
    const { url } = server;
    const post = (key: string, user?: string) =>
      fetch(`${url}/orders`, { method: 'POST', body: '{}', headers: headersOf(key, user) });
    const keys = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6'];
    const burst = await Promise.all(keys.map((key) => post(key)));
    expect(runs).toBe(3);
    expect(burst.filter((each) => outcomeOf(each) === 'executed')).toHaveLength(3);
    const refused = burst.filter(({ status }) => status !== 201);
    for (const response of refused) {
      expect(response.status).toBe(429);
      const seconds = Number(response.headers.get('retry-after'));
      expect([60, 61]).toContain(seconds);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.headers.get('ratelimit-policy')).toBe('"keysPerMinute";q=3;w=60');
      expect(response.headers.get('ratelimit')).toBe(`"keysPerMinute";r=0;t=${seconds}`);
      expect(await response.json()).toEqual({
        type: expect.stringMatching(/\/docs\/server\.md#limit-reached$/),
        title: expect.any(String),
        status: 429,
        detail: `Cannot process the request: its account has started 3 runs within a minute (keysPerMinute), wanted another attempt after ${seconds} s`,
        code: 'SAMEKEY_LIMIT',
      });
    }
    expect(limited()).toEqual(['keysPerMinute', 'keysPerMinute', 'keysPerMinute']);
    const again = await Promise.all(keys.map((key) => post(key)));
    expect(outcomesOf(again)).toEqual(
      burst.map((each) => (outcomeOf(each) === 'executed' ? 'replayed' : 429)),
    );
    // Another account has a limit of its own.
    expect(outcomeOf(await post('k9', 'Bearer other'))).toBe('executed');
    time.leap(61_000);
    const later = await Promise.all(keys.map((key) => post(key)));
    expect(outcomesOf(later).sort()).toEqual([
      'executed',
      'executed',
      'executed',
      'replayed',
      'replayed',
      'replayed',
    ]);
    expect(runs).toBe(7);
  });
});

/** A handler, and a function that posts to it. */
function serving(
  behave: (request: Request) => Response | Promise<Response>,
  options: Partial<ServerOptions<Request>> = {},
) {
  const seen: string[] = [];
  const handler = idempotent(
    async (request: Request) => {
      seen.push(request.headers.get('idempotency-key') ?? '');
      return behave(request);
    },
    { store, onEvent, ...options },
  );
  const post = (key: string, init: { user?: string; body?: string; signal?: AbortSignal } = {}) => {
    const { user, body = '{}', signal } = init;
    const request = { method: 'POST', body, headers: headersOf(key, user) };
    return handler(
      new Request('http://localhost/orders', {
        ...request,
        ...(signal !== undefined && { signal }),
      }),
    );
  };
  return { post, seen, handler };
}

/** The store of the test with some functions replaced. */
const storeWith = (replaced: Partial<Store>): Store => ({
  name: 'replaced',
  claim: (...given) => store.claim(...given),
  renew: (...given) => store.renew(...given),
  complete: (...given) => store.complete(...given),
  release: (...given) => store.release(...given),
  read: (key) => store.read(key),
  evict: (key) => store.evict(key),
  close: () => store.close(),
  ...replaced,
});

async function storedKeys(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list?.() ?? []) keys.push(key);
  return keys;
}

const limitIn = ({ headers }: Response) => headers.get('ratelimit-policy')?.split(';')[0];

describe('keysPerMinute', () => {
  it('counts runs that fail, stores nothing of a refused request, and tells the counts', async () => {
    const { post, seen, handler } = serving(() => new Response('no', { status: 503 }), {
      limits: { keysPerMinute: 2 },
    });
    const answers = [await post('a'), await post('a'), await post('a'), await post('b')];
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 429, 429]);
    expect(seen).toEqual(['a', 'a']);
    expect(await storedKeys()).toEqual([]);
    expect(handler.stats()).toMatchObject({ limited: 2, failed: 2, inFlight: 0, conflicts: 0 });
  });

  it('counts a burst exactly, also if the store grants all claims at once', async () => {
    const slow = storeWith({
      claim: async (...given: Parameters<Store['claim']>) => {
        const answer = await store.claim(...given);
        await new Promise((resolve) => setTimeout(resolve, 20));
        return answer;
      },
    });
    const { post, seen } = serving(() => new Response('made'), {
      store: slow,
      limits: { keysPerMinute: 5 },
    });
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const answers = await Promise.all(keys.map((key) => post(key)));
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(45);
    expect(seen).toHaveLength(5);
    expect(await storedKeys()).toHaveLength(5);
    expect(limited()).toHaveLength(45);
  });

  it('answers a duplicate while another process runs its key or has stored its response', async () => {
    let finish = () => {};
    const first = serving(
      () =>
        new Promise((resolve) => {
          finish = () => resolve(new Response('made elsewhere'));
        }),
    );
    const here = serving(() => new Response('made'), { limits: { keysPerMinute: 1 } });
    expect(outcomeOf(await here.post('own'))).toBe('executed');
    const running = first.post('a');
    await expect.poll(() => first.seen).toEqual(['a']);
    const waiting = here.post('a');
    const refused = await here.post('b');
    expect(refused.status).toBe(429);
    finish();
    expect(await (await running).text()).toBe('made elsewhere');
    expect(await (await waiting).text()).toBe('made elsewhere');
    expect(here.seen).toEqual(['own']);
    // 422 comes before 429, as another attempt would not help.
    expect((await here.post('a', { body: '{"other":1}' })).status).toBe(422);
  });

  it('leaves an earlier attempt of unknown outcome as it was', async () => {
    const first = serving(() => new Response('made'));
    const key = (await first.post('a')).headers.get('samekey-key') as string;
    await first.handler.evict(key);
    await store.claim(key, request('lost', { leaseMs: 1 }));
    const second = serving(() => new Response('made'), { limits: { keysPerMinute: 1 } });
    await second.post('b');
    await expect
      .poll(async () => {
        const { record, nowMs } = await store.read(key);
        return (record?.leaseEndsAtMs ?? nowMs) < nowMs;
      })
      .toBe(true);
    expect((await second.post('a')).status).toBe(429);
    expect((await store.read(key)).record).toMatchObject({ owner: 'lost', attempt: 1 });
    expect(outcomeOf(await first.post('a'))).toBe('executed');
    expect(events.at(-1)).toMatchObject({ type: 'executed', attempt: 2 });
    expect(first.seen).toEqual(['a', 'a']);
    expect(second.seen).toEqual(['b']);
  });

  it('applies to runs without a store that has failed, too', async () => {
    const broken = async () => Promise.reject(new Error('down'));
    const down = storeWith({ claim: broken, read: broken });
    const options = { store: down, limits: { keysPerMinute: 1 } };
    const running = serving(() => new Response('made'), { ...options, onStoreError: 'run' });
    expect([(await running.post('a')).status, (await running.post('b')).status]).toEqual([
      200, 429,
    ]);
    const failing = serving(() => new Response('made'), options);
    expect([(await failing.post('a')).status, (await failing.post('b')).status]).toEqual([
      503, 503,
    ]);
  });

  it('counts a request once, under nested middleware and with a fetch inside', async () => {
    const fetched: string[] = [];
    const upstream = idempotentFetch({
      store: memoryStore(),
      limits: { keysPerMinute: 1 },
      onEvent: ({ type }) => fetched.push(type),
      fetch: async () => new Response('{}', { headers: { 'content-type': 'application/json' } }),
    });
    const inner = idempotent(
      async (request: Request) => {
        const key = request.headers.get('idempotency-key') as string;
        const body = `{"of":"${key}"}`;
        return upstream('http://upstream.example/', { method: 'POST', body }).catch(
          (error) => new Response(error.code, { status: 502 }),
        );
      },
      { store: memoryStore(), limits: { keysPerMinute: 2 }, onEvent },
    );
    const { post } = serving((request) => inner(request), { limits: { keysPerMinute: 3 } });
    const statuses: number[] = [];
    for (const key of ['a', 'b', 'c', 'd']) statuses.push((await post(key)).status);
    // The third is refused by the inner one, the fourth by the outer one.
    expect(statuses).toEqual([200, 502, 429, 429]);
    expect(limited()).toEqual(['keysPerMinute', 'keysPerMinute']);
    expect(fetched.filter((type) => type === 'limited')).toHaveLength(1);
  });

  it('has one count for all anonymous requests, or one for each account by the option', async () => {
    const limits = { keysPerMinute: 1 };
    const byDefault = serving(() => new Response('made'), { limits });
    expect((await byDefault.post('a')).status).toBe(200);
    expect((await byDefault.post('b')).status).toBe(429);
    expect((await byDefault.post('b', { user: 'Bearer x' })).status).toBe(200);
    const account = ({ headers }: Request) => headers.get('idempotency-key') ?? undefined;
    const byOption = serving(() => new Response('made'), { limits, account, store: memoryStore() });
    expect((await byOption.post('a')).status).toBe(200);
    expect((await byOption.post('b')).status).toBe(200);
  });

  it('goes to onError with its headers', async () => {
    const { post } = serving(() => new Response('made'), {
      limits: { keysPerMinute: 1 },
      onError: ({ status, code }) => ({ body: { status, code } }),
    });
    await post('a');
    const refused = await post('b');
    expect(await refused.json()).toEqual({ status: 429, code: 'SAMEKEY_LIMIT' });
    expect(refused.headers.get('retry-after')).toMatch(/^6[01]$/);
    expect(refused.headers.get('x-should-retry')).toMatch(/^(?:true|false)$/);
  });

  it('works over HTTP/2', async () => {
    const app = Fastify({ http2: true });
    await app.register(fastifyIdempotency({ store, limits: { keysPerMinute: 1 } }));
    app.post('/orders', async () => ({ made: true }));
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const client = connect(`http://127.0.0.1:${port}`);
    const post = async (key: string) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': '/orders',
        ...headersOf(key, undefined),
      });
      stream.end('{}');
      const [headers] = await once(stream, 'response');
      stream.resume();
      await once(stream, 'end');
      return [headers[':status'], headers.samekey, headers['ratelimit-policy']];
    };
    const policy = '"keysPerMinute";q=1;w=60';
    expect(await post('a')).toEqual([200, 'executed', undefined]);
    expect(await post('b')).toEqual([429, undefined, policy]);
    expect(await post('a')).toEqual([200, 'replayed', undefined]);
    client.close();
    await app.close();
  });
});

describe('storedBytesPerAccount', () => {
  it('refuses new keys until responses are evicted or have expired', async () => {
    const { post, handler } = serving(() => new Response('x'.repeat(1000)), {
      limits: { storedBytesPerAccount: 2000 },
      ttlMs: 60_000,
    });
    const first = await post('a');
    expect(outcomeOf(await post('b'))).toBe('executed');
    const refused = await post('c');
    expect([refused.status, limitIn(refused)]).toEqual([429, '"storedBytesPerAccount"']);
    expect(refused.headers.get('ratelimit-policy')).toBe(
      '"storedBytesPerAccount";q=2000;qu="content-bytes";w=60',
    );
    expect(limited()).toEqual(['storedBytesPerAccount']);
    expect(outcomeOf(await post('a'))).toBe('replayed');
    expect(outcomeOf(await post('c', { user: 'Bearer other' }))).toBe('executed');
    expect(await handler.evict(first.headers.get('samekey-key') as string)).toBe(true);
    expect(outcomeOf(await post('c'))).toBe('executed');
    expect((await post('d')).status).toBe(429);
    time.leap(62_000);
    expect(outcomeOf(await post('d'))).toBe('executed');
  });

  it('counts no response that is not stored', async () => {
    const { post } = serving(() => new Response('x'.repeat(5000), { status: 500 }), {
      limits: { storedBytesPerAccount: 1 },
    });
    for (const key of ['a', 'b', 'c']) expect((await post(key)).status).toBe(500);
  });
});

describe('waitingPerKey', () => {
  /** A handler that answers when the test says so. */
  function held(options: Partial<ServerOptions<Request>> = {}) {
    let finish = (_: Response) => {};
    const behave = () =>
      new Promise<Response>((resolve) => {
        finish = resolve;
      });
    const server = serving(behave, { limits: { waitingPerKey: 2 }, ...options });
    return { ...server, finish: (response: Response) => finish(response) };
  }

  it('refuses more duplicates while the run goes on, and replays later ones', async () => {
    const { post, seen, finish } = held();
    const first = post('a');
    await expect.poll(() => seen).toEqual(['a']);
    const waiting = [post('a'), post('a')];
    const refused = await Promise.all([post('a'), post('a')]);
    expect(refused.map(({ status }) => status)).toEqual([429, 429]);
    expect(refused[0]?.headers.get('ratelimit-policy')).toBe(
      '"waitingPerKey";q=2;qu="concurrent-requests"',
    );
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(refused[0]?.headers.get('x-should-retry')).toBe('true');
    expect(limited()).toEqual(['waitingPerKey', 'waitingPerKey']);
    finish(new Response('made'));
    expect(outcomesOf(await Promise.all([first, ...waiting]))).toEqual([
      'executed',
      'joined',
      'joined',
    ]);
    expect(outcomesOf(await Promise.all([post('a'), post('a'), post('a'), post('a')]))).toEqual(
      Array(4).fill('replayed'),
    );
    expect(seen).toEqual(['a']);
  });

  it('gives each key its own places', async () => {
    const { post, seen, finish } = held();
    const keys = ['a', 'b', 'c'];
    const all = keys.flatMap((key) => [post(key), post(key), post(key)]);
    await expect.poll(() => seen).toEqual(keys);
    for (const key of keys) expect((await post(key)).status).toBe(429);
    finish(new Response('of c'));
    expect(outcomesOf(await Promise.all(all.slice(6)))).toEqual(['executed', 'joined', 'joined']);
    expect((await post('a')).status).toBe(429);
  });

  it('frees the place of a client that hangs up, of the first one too', async () => {
    const { post, seen, finish, handler } = held();
    const [starter, leaver] = [new AbortController(), new AbortController()];
    const first = post('a', { signal: starter.signal }).catch(() => 'left');
    await expect.poll(() => seen).toEqual(['a']);
    const second = post('a', { signal: leaver.signal }).catch(() => 'left');
    const third = post('a');
    expect((await post('a')).status).toBe(429);
    starter.abort();
    await first;
    // The first one does not count, so its place is none.
    expect((await post('a')).status).toBe(429);
    leaver.abort();
    await second;
    const fourth = post('a');
    expect((await post('a')).status).toBe(429);
    finish(new Response('made'));
    expect(outcomesOf(await Promise.all([third, fourth]))).toEqual(['joined', 'joined']);
    expect(outcomeOf(await post('a'))).toBe('replayed');
    await expect.poll(() => handler.stats().inFlight).toBe(0);
  });

  it('counts those that read a stream, and frees their places at its end', async () => {
    let write = (_: string) => {};
    let end = () => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        write = (text) => controller.enqueue(new TextEncoder().encode(text));
        end = () => controller.close();
      },
    });
    const { post, seen } = serving(() => new Response(body), { limits: { waitingPerKey: 1 } });
    const first = await Promise.all([post('a'), expect.poll(() => seen).toEqual(['a'])]);
    write('one ');
    const second = await post('a');
    expect(outcomeOf(second)).toBe('joined');
    expect((await post('a')).status).toBe(429);
    write('two');
    end();
    expect(await first[0].text()).toBe('one two');
    expect(await second.text()).toBe('one two');
    expect(outcomeOf(await post('a'))).toBe('replayed');
  });

  it('counts those that wait for a slow store after the end of the run', async () => {
    let confirm = () => {};
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve;
    });
    const slow = storeWith({
      complete: async (...given: Parameters<Store['complete']>) => {
        await confirmed;
        return store.complete(...given);
      },
    });
    const { post } = serving(() => new Response('made'), {
      store: slow,
      limits: { waitingPerKey: 2 },
    });
    expect(outcomeOf(await post('a'))).toBe('executed');
    const waiting = [post('a'), post('a')];
    const refused = await Promise.all([post('a'), post('a')]);
    expect(refused.map(({ status }) => status)).toEqual([429, 429]);
    confirm();
    expect(outcomesOf(await Promise.all(waiting))).toEqual(['replayed', 'replayed']);
  });

  it('counts those with another body, which wait for the answer of the store', async () => {
    let confirm = () => {};
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve;
    });
    const slow = storeWith({
      claim: async (...given: Parameters<Store['claim']>) => {
        await confirmed;
        return store.claim(...given);
      },
    });
    const { post } = serving(() => new Response('made'), {
      store: slow,
      limits: { waitingPerKey: 1 },
    });
    const first = post('a');
    const other = post('a', { body: '{"other":1}' });
    expect((await post('a')).status).toBe(429);
    confirm();
    expect(outcomeOf(await first)).toBe('executed');
    expect((await other).status).toBe(422);
    expect(outcomeOf(await post('a'))).toBe('replayed');
  });
});

it.each([
  ['keysPerMinute', 0],
  ['keysPerMinute', -1],
  ['keysPerMinute', 1.5],
  ['keysPerMinute', Number.NaN],
  ['keysPerMinute', Number.POSITIVE_INFINITY],
  ['keysPerMinute', '60'],
  ['storedBytesPerAccount', 0],
  ['storedBytesPerAccount', '1MiB'],
  ['waitingPerKey', 0],
  ['waitingPerKey', null],
])('the limit %s cannot be %s', (name, value) => {
  expect(() => serving(() => new Response(), { limits: { [name]: value } as never })).toThrow(
    new RegExp(
      `^Cannot use the limits in the options of idempotent: limits\\.${name} is .*wanted a whole number from 1 to`,
    ),
  );
});

it('a limit that does not exist is refused by name', () => {
  expect(() => serving(() => new Response(), { limits: { perMinute: 1 } as never })).toThrow(
    /there is no member "perMinute"/,
  );
});
