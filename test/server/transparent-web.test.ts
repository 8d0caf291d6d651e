import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { stream, streamSSE } from 'hono/streaming';
import { beforeAll, describe, it } from 'vitest';
import { honoIdempotency } from '../../src/server/hono.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import { RESPONSES, streamOf } from '../runtimes/program/responses.mjs';
import { expectEqual } from './differential.js';
import { listenUntilEnd } from './node-server.js';

const METHODS = ['POST', 'HEAD'];

type Fetch = (request: Request) => Response | Promise<Response>;

const makerOf = ({ url }: Request) =>
  RESPONSES[decodeURIComponent(new URL(url).pathname.slice(1))] as () => Response;
const serve = (fetch: Fetch) => listenUntilEnd(createAdaptorServer({ fetch }) as Server);

/**
 * The server gives a text without a content type one, but not if its headers are a plain object that
 * nothing has read before. Behind samekey it is the same for both.
 */
const PLAIN_WITHOUT_TYPE = /length is said|one cookie|an etag/;
const added = ['content-type: text/plain; charset=UTF-8'];

function expectSame(
  addresses: () => readonly [bare: string, guarded: string],
  isPlain: (method: string, name: string) => boolean,
) {
  for (const method of METHODS) {
    it.each(Object.keys(RESPONSES))(`%s (${method})`, async (name) => {
      const path = encodeURIComponent(name);
      const [bare, guarded] = addresses();
      const more = isPlain(method, name) ? { added } : {};
      await expectEqual(bare + path, guarded + path, { method, ...more });
    });
  }
}

describe('on @hono/node-server, behind samekey a client receives what it receives without:', () => {
  const handler = async (request: Request) => makerOf(request)();
  let bare: string;
  let guarded: string;
  beforeAll(async () => {
    bare = await serve(handler);
    guarded = await serve(idempotent(handler, { store: memoryStore(), methods: METHODS }));
  });
  expectSame(
    () => [bare, guarded],
    (_, name) => PLAIN_WITHOUT_TYPE.test(name),
  );
});

describe('in Hono, behind samekey a client receives what it receives without:', () => {
  const appOf = (middleware?: ReturnType<typeof honoIdempotency>) => {
    const app = new Hono();
    if (middleware !== undefined) app.use(middleware);
    app.post('/context/:name', (c) =>
      (CONTEXT[c.req.param('name')] as (c: Context) => Response)(c),
    );
    app.all('*', (c) => makerOf(c.req.raw)());
    return serve(app.fetch);
  };
  let bare: string;
  let guarded: string;
  beforeAll(async () => {
    bare = await appOf();
    guarded = await appOf(honoIdempotency({ store: memoryStore(), methods: METHODS }));
  });
  // Hono itself copies the response to a HEAD.
  expectSame(
    () => [bare, guarded],
    (method, name) => method === 'POST' && PLAIN_WITHOUT_TYPE.test(name),
  );

  const CONTEXT: Record<string, (c: Context) => Response | Promise<Response>> = {
    'c.text': (c) => c.text('order 1'),
    'c.text with a status and headers': (c) => c.text('order 1', 201, { 'X-Order': '1' }),
    'c.json': (c) => c.json({ order: 1 }),
    'c.json with c.status and c.header': (c) => {
      c.status(202);
      c.header('X-Order', '1');
      c.header('vary', 'accept');
      c.header('vary', 'origin', { append: true });
      return c.json({ order: 1 });
    },
    'c.html': (c) => c.html('<p>order 1</p>'),
    'c.body': (c) => c.body('order 1'),
    'c.body of bytes': (c) => c.body(new Uint8Array([0, 255])),
    'c.body of a stream': (c) => c.body(streamOf(['one', 'two']) as never),
    'c.body of nothing': (c) => c.body(null),
    'c.body with 204': (c) => c.body(null, 204),
    'c.redirect': (c) => c.redirect('/orders/1'),
    'c.redirect with 303': (c) => c.redirect('https://shop.example/orders/1', 303),
    'c.notFound': (c) => c.notFound(),
    'setCookie, twice': (c) => {
      setCookie(c, 'a', '1', { path: '/', httpOnly: true });
      setCookie(c, 'b', '2', { expires: new Date(1.8e12) });
      return c.json({ order: 1 });
    },
    stream: (c) =>
      stream(c, async (to) => {
        await to.write('one');
        await to.sleep(1);
        await to.write('two');
      }),
    streamSSE: (c) =>
      streamSSE(c, async (to) => {
        await to.writeSSE({ event: 'order', data: '1' });
        await to.sleep(1);
        await to.writeSSE({ event: 'order', data: '2' });
      }),
  };
  it.each(Object.keys(CONTEXT))('%s', async (name) => {
    const path = `context/${encodeURIComponent(name)}`;
    await expectEqual(bare + path, guarded + path);
  });
});
