import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { validator } from 'hono/validator';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { honoIdempotency } from '../../src/server/hono.js';
import { idempotent, type ServerOptions } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

const request = (key = 'a', init: RequestInit = {}) =>
  new Request('https://shop.example/orders', {
    method: 'POST',
    body: '{"item":1}',
    ...init,
    headers: {
      'content-type': 'application/json',
      'idempotency-key': key,
      ...(init.headers as object),
    },
  });

function counting(options: Partial<ServerOptions<Request>> = {}) {
  const seen: Request[] = [];
  const handler = idempotent(
    async (request: Request) => {
      seen.push(request);
      return Response.json({ count: seen.length });
    },
    { store: memoryStore(), ...options },
  );
  return { handler, seen };
}

describe('a web-standard handler', () => {
  it('receives the further arguments, and passes its run to waitUntil', async () => {
    const waitedFor: Promise<unknown>[] = [];
    const context = { waitUntil: (promise: Promise<unknown>) => waitedFor.push(promise) };
    const handler = idempotent(
      async (_request: Request, env: { name: string }, _context: typeof context) =>
        Response.json(env),
      { store: memoryStore() },
    );
    const answers = await Promise.all(
      [1, 2].map(() => handler(request(), { name: 'env' }, context)),
    );
    expect(await Promise.all(answers.map((each) => each.json()))).toEqual([
      { name: 'env' },
      { name: 'env' },
    ]);
    expect(waitedFor).toHaveLength(1);
    await Promise.all(waitedFor);
    expect(handler.stats()).toMatchObject({ executed: 1, joined: 1 });
  });

  it('passes a run to the option waitUntil, and to that of its platform, until it is stored', async () => {
    const [store, kept, platform] = [memoryStore(), [], []] as [
      ReturnType<typeof memoryStore>,
      Promise<unknown>[],
      Promise<unknown>[],
    ];
    const handler = idempotent(
      async (_request: Request, _context?: object) => Response.json({ order: 1 }),
      { store, waitUntil: (settled) => void kept.push(settled) },
    );
    const context = { waitUntil: (promise: Promise<unknown>) => platform.push(promise) };
    const first = await handler(request(), context);
    expect([kept.length, platform.length]).toEqual([1, 1]);
    await Promise.all([...kept, ...platform]);
    const { record } = await store.read(first.headers.get('samekey-key') ?? '');
    expect(record?.state).toBe('done');
    await handler(request(), context);
    expect([kept.length, platform.length]).toEqual([1, 1]);
    await handler(request('b'));
    expect([kept.length, platform.length]).toEqual([2, 1]);
  });

  it('takes and gives the types of a framework', () => {
    interface NextRequest extends Request {
      readonly nextUrl: { readonly pathname: string };
    }
    interface Context {
      readonly params: Promise<{ readonly id: string }>;
    }
    const store = memoryStore();
    const handler = idempotent(
      async (request: NextRequest, { params }: Context) =>
        Response.json([request.nextUrl.pathname, (await params).id]),
      { store, account: (request: NextRequest) => request.nextUrl.pathname },
    );
    expectTypeOf(handler).parameters.toEqualTypeOf<[request: NextRequest, context: Context]>();
    expectTypeOf(handler).returns.toEqualTypeOf<Promise<Response>>();
    const plain = idempotent(async (request) => Response.json(request.method), {
      store,
      required: (request) => request.headers.has('x'),
    });
    expectTypeOf(plain).parameters.toEqualTypeOf<[request: Request]>();
  });

  it('that sends itself the same request gets an error instead of waiting for itself', async () => {
    const handler: (request: Request) => Promise<Response> = idempotent(
      async () => {
        const inner = await handler(request()).catch(({ code }) => code);
        return Response.json({ inner });
      },
      { store: memoryStore(), waitMs: 60_000 },
    );
    expect(await (await handler(request())).json()).toEqual({ inner: 'SAMEKEY_DEADLOCK' });
  });

  it('reads the body, and has a signal that does not abort with its client', async () => {
    const client = new AbortController();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const signals: AbortSignal[] = [];
    const handler = idempotent(
      async (request: Request) => {
        signals.push(request.signal);
        const body = await request.json();
        await released;
        return Response.json(body);
      },
      { store: memoryStore() },
    );
    const first = handler(request('a', { signal: client.signal }));
    await expect.poll(() => signals.length).toBe(1);
    client.abort();
    expect((await first).status).toBe(499);
    expect(signals[0]?.aborted).toBe(false);
    release();
    expect(await (await handler(request())).json()).toEqual({ item: 1 });
    expect(signals).toHaveLength(1);
  });

  it('rejects every duplicate with the error that the handler threw', async () => {
    const error = new Error('no stock');
    const events: unknown[] = [];
    const handler = idempotent(
      async () => {
        throw error;
      },
      {
        store: memoryStore(),
        onEvent: (event) => event.type === 'failed' && events.push(event.error),
      },
    );
    const settled = await Promise.allSettled([handler(request()), handler(request())]);
    expect(settled.map((each) => each.status === 'rejected' && each.reason)).toEqual([
      error,
      error,
    ]);
    expect(events).toEqual([error]);
  });

  it('runs again after evict, and answers 503 after close', async () => {
    const { handler } = counting();
    const first = await handler(request());
    expect(await first.json()).toEqual({ count: 1 });
    expect(await handler.evict(first.headers.get('samekey-key') as string)).toBe(true);
    expect(await (await handler(request())).json()).toEqual({ count: 2 });
    await handler.close();
    const refused = await handler(request());
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ type: expect.stringMatching(/#unavailable$/) });
  });

  it('follows the options account, applies, required, identity, keyFormat and headerName', async () => {
    const { handler, seen } = counting({
      account: (request) => request.headers.get('x-user') ?? undefined,
      applies: ({ url }) => !url.endsWith('/free'),
      required: ({ headers }) => headers.has('x-user'),
      identity: { exclude: ['sentAt'] },
      keyFormat: 'uuid',
      headerName: 'X-Key',
      storeResponses: () => true,
    });
    const key = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
    const ask = async (headers: Record<string, string>, body = '{"item":1}') => {
      const { status } = await handler(request('ignored', { headers, body }));
      return [status, seen.length];
    };
    expect(await ask({ 'x-user': 'u1' })).toEqual([400, 0]);
    expect(await ask({ 'x-user': 'u1', 'x-key': 'no-uuid' })).toEqual([400, 0]);
    expect(await ask({ 'x-user': 'u1', 'x-key': key })).toEqual([200, 1]);
    // Another token of the same user.
    expect(await ask({ 'x-user': 'u1', 'x-key': key, authorization: 'Bearer 2' })).toEqual([
      200, 1,
    ]);
    expect(await ask({ 'x-user': 'u1', 'x-key': key }, '{"item":1,"sentAt":2}')).toEqual([200, 1]);
    expect(await ask({ 'x-user': 'u1', 'x-key': key }, '{"item":2}')).toEqual([422, 1]);
    expect(await ask({ 'x-user': 'u2', 'x-key': key })).toEqual([200, 2]);
    expect(await ask({})).toEqual([200, 3]);
    const free = new Request('https://shop.example/free', {
      method: 'POST',
      headers: { 'x-user': 'u1' },
    });
    expect((await handler(free)).status).toBe(200);
  });

  it('stores an encoded body as it is, with its content-encoding', async () => {
    let runs = 0;
    const handler = idempotent(
      async () => {
        runs++;
        return new Response('coded', {
          headers: { 'content-encoding': 'own', 'content-length': '5' },
        });
      },
      { store: memoryStore() },
    );
    for (const _ of [1, 2]) {
      const response = await handler(request());
      expect(response.headers.get('content-encoding')).toBe('own');
      expect(response.headers.get('content-length')).toBe('5');
      expect(await response.text()).toBe('coded');
    }
    expect(runs).toBe(1);
  });

  it('adds no type to a text that has none', async () => {
    const handler = idempotent(async () => new Response(new TextEncoder().encode('text')), {
      store: memoryStore(),
    });
    for (const outcome of ['executed', 'replayed']) {
      const response = await handler(request());
      expect([response.headers.get('samekey'), response.headers.get('content-type')]).toEqual([
        outcome,
        null,
      ]);
      expect(await response.text()).toBe('text');
    }
  });

  it('passes on a stream that reports a failure, and does not store it', async () => {
    let runs = 0;
    const handler = idempotent(
      async () => {
        runs++;
        const headers = { 'content-type': 'text/event-stream' };
        return new Response('data: one\n\nevent: error\ndata: no more\n\n', { headers });
      },
      { store: memoryStore() },
    );
    for (const count of [1, 2]) {
      expect(await (await handler(request())).text()).toContain('no more');
      await expect.poll(() => runs).toBe(count);
    }
  });

  it('compares a body by its bytes if it is nested too deep or lacks its identity', async () => {
    const { handler } = counting({ identity: { include: ['item'] } });
    const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
    for (const [key, body, other] of [
      ['deep', deep, `[${deep}]`],
      ['other', '{"thing":1}', '{"thing":2}'],
    ] as const) {
      expect((await handler(request(key, { body }))).headers.get('samekey')).toBe('executed');
      expect((await handler(request(key, { body }))).headers.get('samekey')).toBe('replayed');
      expect((await handler(request(key, { body: other }))).status).toBe(422);
    }
  });

  it.each([
    [{ methods: ['POST'], maxBodyBytes: -1 }, RangeError],
    [{ waitMs: '1' }, TypeError],
    [{ store: {} }, TypeError],
    [{ headerName: 'a b' }, RangeError],
    [{ wait: 1 }, TypeError],
    [{ methods: 'POST' }, TypeError],
    [{ applies: '/orders' }, TypeError],
    [{ account: 'me' }, TypeError],
    [{ required: 'yes' }, TypeError],
    [{ storeResponses: 200 }, TypeError],
    [{ keyFormat: 'uid' }, RangeError],
    [{ scope: 7 }, TypeError],
    [{ identity: { excludes: ['sentAt'] } }, TypeError],
    [{ identity: { exclude: ['$.['] } }, SyntaxError],
  ])('refuses the options %j', (options, error) => {
    const refused = expect(() => counting(options as never));
    refused.toThrow(error);
    refused.toThrow(/^Cannot /);
  });

  it('uses the default of an option that is undefined', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const conflicts: unknown[] = [];
    const handler = idempotent(
      async () => {
        await released;
        return new Response(null, { status: 303, headers: { location: '/orders/1' } });
      },
      {
        store: memoryStore(),
        ...({ waitMs: undefined, storeResponses: undefined } as object),
        onEvent: (event) => event.type === 'conflict' && conflicts.push(event.waitedMs),
      },
    );
    vi.useFakeTimers();
    try {
      const first = handler(request());
      const second = handler(request());
      await vi.advanceTimersByTimeAsync(11_000);
      expect((await second).status).toBe(409);
      expect(conflicts).toEqual([10_000]);
      release();
      await first;
      const again = await handler(request());
      expect([again.status, again.headers.get('samekey')]).toEqual([303, 'replayed']);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each(['', undefined, null])(
    'distinguishes clients by their credentials if account returns %j',
    async (account) => {
      const { handler, seen } = counting({ account: () => account as undefined });
      for (const authorization of ['Bearer alice', 'Bearer bob']) {
        const answer = await handler(request('a', { headers: { authorization } }));
        expect(await answer.json()).toEqual({ count: seen.length });
      }
      expect(seen).toHaveLength(2);
    },
  );

  it.each([42, Promise.resolve('me')])('refuses the account %s', async (account) => {
    const { handler } = counting({ account: () => account as unknown as string });
    await expect(handler(request())).rejects.toThrow(
      /^Cannot tell whose request it is: account gave a (number|Promise), wanted text$/,
    );
  });

  it('refuses a handler that returns nothing', async () => {
    const handler = idempotent(async () => undefined as unknown as Response, {
      store: memoryStore(),
    });
    await expect(handler(request())).rejects.toThrow(
      'Cannot answer the request: the handler returned undefined, wanted a Response',
    );
  });

  it('aborts the signal of a handler that keeps nothing else of its request', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    let isAborted = false;
    const handler = idempotent(
      // Not an async function, whose frame would hold the request.
      ({ signal }) =>
        new Promise<Response>((resolve) => {
          signal.addEventListener('abort', () => {
            isAborted = true;
            resolve(new Response('late'));
          });
        }),
      { store: memoryStore(), idleMs: 200 },
    );
    const timer = setInterval(collectGarbage, 10);
    expect((await handler(request())).status).toBe(504);
    clearInterval(timer);
    await expect.poll(() => isAborted).toBe(true);
  });

  it('cancels a stream that the handler returns when no client waits any longer', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const handler = idempotent(
      async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return new Response(new ReadableStream({ cancel: end }));
      },
      { store: memoryStore(), idleMs: 50 },
    );
    expect((await handler(request())).status).toBe(504);
    await ended;
  });
});

describe('hono', () => {
  it('works behind a validator that has read the body, and inside cors', async () => {
    const app = new Hono();
    app.use(cors({ origin: (origin) => origin }));
    let runs = 0;
    app.post(
      '/json',
      validator('json', (value) => value),
      honoIdempotency({ store: memoryStore() }),
      async (c) => c.json({ count: ++runs, valid: c.req.valid('json'), body: await c.req.json() }),
    );
    app.post('/raw', honoIdempotency({ store: memoryStore() }), async (c) =>
      c.text(`${++runs} ${await c.req.raw.text()}`),
    );
    const ask = (path: string, origin: string) =>
      app.request(path, request('a', { headers: { origin } }));
    const answers = [
      await ask('/json', 'https://a.example'),
      await ask('/json', 'https://b.example'),
    ];
    for (const each of answers) {
      expect(await each.json()).toEqual({ count: 1, valid: { item: 1 }, body: { item: 1 } });
    }
    // Each response has the headers that outer middleware set for its own request.
    expect(answers.map(({ headers }) => headers.get('access-control-allow-origin'))).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
    expect(await (await ask('/raw', 'https://a.example')).text()).toBe('2 {"item":1}');
    expect(await (await ask('/raw', 'https://a.example')).text()).toBe('2 {"item":1}');
  });

  it('applies once if it is used for the application and for a route', async () => {
    const app = new Hono();
    const middleware = honoIdempotency({ store: memoryStore(), waitMs: 100 });
    app.use(middleware);
    app.post('/orders', middleware, async (c) => c.text(await c.req.text()));
    expect(await (await app.request('/orders', request())).text()).toBe('{"item":1}');
    const again = await app.request('/orders', request());
    expect(again.headers.get('samekey')).toBe('replayed');
  });

  it('keeps the cookies that outer middleware set for this request', async () => {
    const app = new Hono();
    app.use(async (c, next) => {
      for (const cookie of ['a=1', 'b=2']) c.header('set-cookie', cookie, { append: true });
      await next();
    });
    app.use(honoIdempotency({ store: memoryStore() }));
    app.post('/orders', (c) => {
      c.header('set-cookie', 'own=3', { append: true });
      return c.text('done');
    });
    const cookies = async () => (await app.request('/orders', request())).headers.getSetCookie();
    expect([await cookies(), await cookies()]).toEqual([
      ['a=1', 'b=2', 'own=3'],
      ['a=1', 'b=2'],
    ]);
  });

  it('uses the account that earlier middleware found', async () => {
    type Env = { Variables: { user: string } };
    const app = new Hono<Env>();
    app.use(async (c, next) => {
      c.set('user', c.req.header('authorization')?.slice(0, 5) ?? '');
      await next();
    });
    app.use(
      honoIdempotency({
        store: memoryStore(),
        account: (c: import('hono').Context<Env>) => c.get('user'),
      }),
    );
    let runs = 0;
    app.post('/orders', (c) => c.json({ count: ++runs }));
    for (const [authorization, count] of [
      ['user1 token1', 1],
      ['user1 token2', 1],
      ['user2 token1', 2],
    ] as const) {
      const answer = await app.request('/orders', request('a', { headers: { authorization } }));
      expect(await answer.json()).toEqual({ count });
    }
  });
});
