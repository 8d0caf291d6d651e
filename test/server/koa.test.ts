import { once } from 'node:events';
import { createServer } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import Koa from 'koa';
// @ts-expect-error It declares no types.
import Koa2 from 'koa-2';
import { beforeAll, describe, expect, it } from 'vitest';
import { koaIdempotency } from '../../src/server/koa.js';
import { memoryStore } from '../../src/store/memory.js';
import { expectEqual } from './differential.js';
import { connectTo, countArrivals, latch, listen, listenUntilEnd, post } from './node-server.js';

/** A stream that is still arriving when the head is written. */
const parts = (...texts: string[]) =>
  Readable.from(
    (async function* () {
      for (const text of texts) {
        await sleep(5);
        yield text;
      }
    })(),
    { objectMode: false },
  );

type Handler = (ctx: Koa.Context) => unknown;

const HANDLERS: Record<string, Handler> = {
  text: (ctx) => {
    ctx.body = 'order 1';
  },
  html: (ctx) => {
    ctx.body = '<b>order 1</b>';
  },
  'an object': (ctx) => {
    ctx.body = { order: 1 };
  },
  'null with a type': (ctx) => {
    ctx.type = 'json';
    ctx.body = null;
  },
  'an empty text': (ctx) => {
    ctx.body = '';
  },
  'a buffer': (ctx) => {
    ctx.body = Buffer.from([0, 255]);
  },
  'a stream': (ctx) => {
    ctx.body = parts('one', 'two');
  },
  'a stream of events': (ctx) => {
    ctx.type = 'text/event-stream';
    ctx.body = parts('data: one\n\n', 'data: two\n\n');
  },
  'a web stream': (ctx) => {
    ctx.body = new Blob(['order 1']).stream();
  },
  'a blob': (ctx) => {
    ctx.body = new Blob(['order 1'], { type: 'text/plain' });
  },
  'a Response': (ctx) => {
    ctx.body = new Response('order 1', { status: 201, headers: { 'X-Order': '1' } });
  },
  nothing: () => {},
  'a status alone': (ctx) => {
    ctx.status = 202;
  },
  'no content': (ctx) => {
    ctx.status = 204;
  },
  'a status, a message and headers': (ctx) => {
    ctx.status = 201;
    ctx.message = 'Made';
    ctx.set({ Location: '/orders/1', 'X-Order': '1' });
    ctx.body = { order: 1 };
  },
  'a type of its own': (ctx) => {
    ctx.type = 'application/problem+json';
    ctx.body = { title: 'no' };
  },
  'a redirect': (ctx) => ctx.redirect('/orders/1'),
  'several cookies': (ctx) => {
    ctx.cookies.set('a', '1');
    ctx.cookies.set('b', '2', { httpOnly: false });
    ctx.body = 'order 1';
  },
  'headers that repeat': (ctx) => {
    ctx.append('Link', ['</a>; rel=next', '</b>; rel=prev']);
    ctx.body = 'order 1';
  },
  'an etag and caching': (ctx) => {
    ctx.set({ ETag: 'W/"1"', 'Cache-Control': 'max-age=60' });
    ctx.body = 'order 1';
  },
  'a coded body': (ctx) => {
    ctx.set('Content-Encoding', 'gzip');
    ctx.type = 'text';
    ctx.body = gzipSync('order 1');
  },
  'a response written on res': (ctx) => {
    ctx.respond = false;
    ctx.res.writeHead(202, 'Taken', { 'X-Order': '1', 'Content-Length': '7' });
    ctx.res.end('order 1');
  },
  'two answers: on res, and then the body': (ctx) => {
    ctx.status = 201;
    ctx.res.end('res');
    ctx.body = 'the body';
  },
  'two bodies': (ctx) => {
    ctx.body = parts('the first');
    ctx.body = { order: 2 };
  },
  'a value that is no JSON': (ctx) => {
    ctx.body = { order: 1n };
  },
  'a long text': (ctx) => {
    ctx.body = '0123456789'.repeat(50_000);
  },
};

const METHODS = ['POST', 'PUT', 'GET', 'HEAD'];

const VERSIONS: [name: string, of: typeof Koa][] = [
  ['Koa 3', Koa],
  ['Koa 2', Koa2],
];

describe.each(VERSIONS)(
  'in %s, behind samekey a client receives what it receives without:',
  (_, of) => {
    const serve = (middleware?: ReturnType<typeof koaIdempotency>) => {
      const app = new of();
      app.silent = true;
      if (middleware !== undefined) app.use(middleware);
      app.use(async (ctx) => {
        const made = (HANDLERS[decodeURIComponent(ctx.path.slice(1))] as Handler)(ctx);
        await made;
      });
      return listenUntilEnd(createServer(app.callback()));
    };
    let bare: string;
    let guarded: string;
    beforeAll(async () => {
      bare = await serve();
      guarded = await serve(koaIdempotency({ store: memoryStore(), methods: METHODS }));
    });

    for (const method of METHODS) {
      it.each(Object.keys(HANDLERS))(`%s (${method})`, async (name) => {
        const path = encodeURIComponent(name);
        await expectEqual(bare + path, guarded + path, { method });
      });
    }
  },
);

describe.each(VERSIONS)('%s', (_, of) => {
  const serve = (...middleware: Koa.Middleware[]) => {
    const app = new of();
    app.silent = true;
    for (const each of middleware) app.use(each);
    return listen(createServer(app.callback()));
  };

  it('lets outer middleware change the response of each client, before and behind it', async () => {
    let requests = 0;
    let runs = 0;
    const url = await serve(
      async (ctx, next) => {
        ctx.set('x-request-id', String(++requests));
        await next();
        ctx.set('x-behind', String(requests));
        if (!ctx.acceptsEncodings('gzip')) return;
        ctx.set('content-encoding', 'gzip');
        ctx.body = gzipSync(ctx.body as Buffer);
      },
      koaIdempotency({ store: memoryStore() }),
      (ctx) => {
        ctx.body = { run: ++runs };
      },
    );
    const seen = [];
    for (const coding of ['gzip', 'identity', 'gzip']) {
      const { headers, ...response } = await post(url, {
        headers: { 'accept-encoding': coding },
      }).then(async (each) => ({ headers: each.headers, body: await each.json() }));
      const of = (name: string) => headers.get(name);
      seen.push([of('samekey'), of('x-request-id'), of('x-behind'), of('content-encoding')]);
      expect(response.body).toEqual({ run: 1 });
    }
    expect(seen).toEqual([
      ['executed', '1', '1', 'gzip'],
      ['replayed', '2', '2', null],
      ['replayed', '3', '3', 'gzip'],
    ]);
  });

  it('passes an error to outer middleware of each client, and to the application', async () => {
    let runs = 0;
    const errors: unknown[] = [];
    const { opened, open } = latch();
    const app = new of();
    app.on('error', (error) => errors.push(error.message));
    app.use(async (ctx, next) => {
      if (ctx.path === '/bare') return next();
      try {
        await next();
      } catch (error) {
        ctx.status = (error as { status: number }).status;
        ctx.body = { own: (error as Error).message };
      }
    });
    app.use(koaIdempotency({ store: memoryStore() }));
    app.use(async (ctx) => {
      runs++;
      await opened;
      ctx.throw(402, 'no money', { headers: { 'X-Why': 'card' } });
    });
    const url = await listen(createServer(app.callback()));
    const arrivals = countArrivals();
    const pending = [post(url), post(url), post(`${url}bare`, {}, 'b')];
    await expect.poll(() => [arrivals(), runs]).toEqual([3, 2]);
    open();
    const [first, second, bare] = await Promise.all(pending);
    for (const each of [first, second]) {
      expect([each?.status, await each?.json()]).toEqual([402, { own: 'no money' }]);
    }
    expect([bare?.status, bare?.headers.get('x-why'), await bare?.text()]).toEqual([
      402,
      'card',
      'no money',
    ]);
    expect(errors).toEqual(['no money']);
    expect((await post(url)).status).toBe(402);
    expect(runs).toBe(3);
  });

  it('sends a whole stream if its client disconnects in the middle', async () => {
    let runs = 0;
    let returned = 0;
    const stream = new PassThrough();
    const url = await serve(
      async (_, next) => {
        await next();
        returned++;
      },
      koaIdempotency({ store: memoryStore() }),
      (ctx) => {
        runs++;
        ctx.body = stream;
        stream.write('one ');
      },
    );
    const socket = connectTo(url);
    socket.write('POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\ncontent-length: 0\r\n\r\n');
    await once(socket, 'readable');
    socket.resetAndDestroy();
    await sleep(50);
    const retry = post(url);
    await sleep(50);
    expect(stream.destroyed).toBe(false);
    stream.end('two');
    expect(await (await retry).text()).toBe('one two');
    expect(runs).toBe(1);
    await expect.poll(() => returned).toBe(2);
  });

  it('does not end the run when its client disconnects before the head', async () => {
    let runs = 0;
    const { opened, open } = latch();
    const url = await serve(koaIdempotency({ store: memoryStore() }), async (ctx) => {
      runs++;
      await opened;
      ctx.body = parts('one ', 'two');
    });
    const client = new AbortController();
    const first = post(url, { signal: client.signal }).catch(() => 'aborted');
    await expect.poll(() => runs).toBe(1);
    client.abort();
    expect(await first).toBe('aborted');
    await sleep(50);
    const retry = post(url);
    open();
    expect(await (await retry).text()).toBe('one two');
    expect(runs).toBe(1);
  });

  it('fails every client if a stream fails behind its head, and runs the handler again', async () => {
    let runs = 0;
    const url = await serve(koaIdempotency({ store: memoryStore() }), (ctx) => {
      runs++;
      ctx.body = Readable.from(
        (async function* () {
          yield 'half';
          await sleep(20);
          throw new Error('it broke');
        })(),
      );
    });
    for (const _ of [1, 2]) await expect(post(url).then((each) => each.text())).rejects.toThrow();
    expect(runs).toBe(2);
  });

  it.each([
    [
      'is destroyed behind its head',
      (stream: PassThrough) => setTimeout(() => stream.destroy(), 20),
    ],
    ['was destroyed before', (stream: PassThrough) => stream.destroy()],
  ])('fails every client if a stream %s', async (_, end) => {
    let runs = 0;
    const url = await serve(koaIdempotency({ store: memoryStore() }), (ctx) => {
      runs++;
      const stream = new PassThrough();
      stream.on('error', () => {});
      stream.write('half');
      ctx.body = stream;
      end(stream);
    });
    for (const _ of [1, 2]) await expect(post(url).then((each) => each.text())).rejects.toThrow();
    expect(runs).toBe(2);
  });

  it('does not store the 404 of a request that nobody handles', async () => {
    const url = await serve(koaIdempotency({ store: memoryStore() }));
    for (const _ of [1, 2]) {
      const response = await post(url);
      expect([response.status, response.headers.get('samekey')]).toEqual([404, 'executed']);
    }
  });

  it('applies once if it is used twice', async () => {
    const middleware = koaIdempotency({ store: memoryStore(), waitMs: 100 });
    const url = await serve(middleware, middleware, (ctx) => {
      ctx.body = 'done';
    });
    expect(await (await post(url)).text()).toBe('done');
    expect((await post(url)).headers.get('samekey')).toBe('replayed');
  });

  it.each([
    ['without a body', {}, ''],
    [
      'with a body that both read',
      { body: 'one', headers: { 'content-type': 'text/plain' } },
      'one',
    ],
  ])('works in two middlewares, each with a store of its own, %s', async (_, init, text) => {
    const guard = () => koaIdempotency({ store: memoryStore() });
    const url = await serve(guard(), guard(), async (ctx) => {
      ctx.body = `${(await ctx.req.toArray()).join('')}!`;
    });
    const [first, again] = [await post(url, init), await post(url, init)];
    expect([await first.text(), await again.text()]).toEqual([`${text}!`, `${text}!`]);
    expect(again.headers.get('samekey')).toBe('replayed');
  });
});
