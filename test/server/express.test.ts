import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import compression from 'compression';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { afterTest, connectTo, disconnectAfter, latch, listen, post } from './node-server.js';

/** Returns the store as an object that can be spread, since its functions are on its prototype. */
const bound = (store: Store): Store =>
  Object.fromEntries(
    (['claim', 'renew', 'complete', 'release', 'read', 'evict', 'watch', 'close'] as const).map(
      (name) => [name, (store[name] as (...args: never[]) => unknown | undefined)?.bind(store)],
    ),
  ) as unknown as Store;

describe('express', () => {
  const serve = async (set: (app: express.Express, middleware: express.RequestHandler) => void) => {
    const app = express();
    let runs = 0;
    set(app, expressIdempotency({ store: memoryStore() }));
    app.post('/', (request, response) => {
      response.json({ count: ++runs, body: request.body, long: 'x'.repeat(5000) });
    });
    app.use(((error, _request, response, _next) => {
      response.status(500).json(error.code);
    }) as express.ErrorRequestHandler);
    return listen(createServer(app));
  };
  const compressed = {
    body: gzipSync('{"item":1}'),
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  };

  it.each(['the store', 'earlier middleware'])(
    'parses the body if the client disconnects while %s is slow',
    async (which) => {
      const seen: unknown[] = [];
      let waitCount = 0;
      const { opened, open } = latch();
      const wait = async () => {
        waitCount++;
        await opened;
      };
      const store = memoryStore();
      const claim: typeof store.claim = async (...args) => {
        if (which === 'the store') await wait();
        return store.claim(...args);
      };
      const app = express();
      app.use(expressIdempotency({ store: { ...bound(store), claim } }));
      app.use((_request, _response, next) => {
        if (which === 'the store') next();
        else wait().then(() => next());
      });
      app.use(express.json());
      app.post('/', (request, response) => {
        seen.push(request.body);
        response.json({ got: request.body });
      });
      const url = await listen(createServer(app));
      await disconnectAfter(url, () => waitCount === 1, 'reset', '{"item":1}');
      await sleep(50);
      open();
      await expect.poll(() => seen).toEqual([{ item: 1 }]);
      const headers = { 'content-type': 'application/json' };
      const again = await post(url, { body: '{"item":1}', headers });
      expect([again.headers.get('samekey'), await again.json()]).toEqual([
        'replayed',
        { got: { item: 1 } },
      ]);
      expect(seen).toHaveLength(1);
    },
  );

  it('sends a file if its client disconnected before', async () => {
    let runs = 0;
    const { opened, open } = latch();
    const app = express();
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', async (_, response) => {
      runs++;
      await opened;
      response.sendFile(fileURLToPath(import.meta.url));
    });
    const url = await listen(createServer(app));
    await disconnectAfter(url, () => runs === 1, 'reset');
    await sleep(50);
    const retry = post(url);
    open();
    expect(await (await retry).text()).toContain('sends a file if its client disconnected');
    expect(runs).toBe(1);
  });

  it('sends a whole file if its client disconnects in the middle', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'samekey-file-'));
    afterTest(() => rm(folder, { recursive: true }));
    const file = join(folder, 'file');
    await writeFile(file, Buffer.alloc(12 << 20));
    let runs = 0;
    const app = express();
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', (_, response) => {
      runs++;
      response.sendFile(file);
    });
    const url = await listen(createServer(app));
    const socket = connectTo(url);
    socket.write('POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\ncontent-length: 0\r\n\r\n');
    await once(socket, 'readable');
    socket.resetAndDestroy();
    const retry = await post(url);
    expect((await retry.arrayBuffer()).byteLength).toBe(12 << 20);
    expect(runs).toBe(1);
  });

  it('fails every client if the handler fails behind its head, and the first client has disconnected', async () => {
    let runs = 0;
    const { opened, open } = latch();
    const app = express();
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', async (_, response) => {
      if (++runs > 1) return response.end('whole');
      response.write('half');
      await opened;
      throw new Error('it broke');
    });
    // Otherwise Express logs the error.
    app.set('env', 'test');
    const url = await listen(createServer(app));
    await disconnectAfter(url, () => runs === 1, 'reset');
    const joined = await post(url);
    open();
    await expect(joined.text()).rejects.toThrow();
    expect(await (await post(url)).text()).toBe('whole');
  });

  it.each(['around', 'inside'])('compresses responses %s the middleware', async (where) => {
    const url = await serve((app, middleware) => {
      if (where === 'around') app.use(compression(), middleware);
      else app.use(middleware, compression());
    });
    for (const outcome of ['executed', 'replayed']) {
      const response = await post(url);
      expect(response.headers.get('samekey')).toBe(outcome);
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(await response.json()).toMatchObject({ count: 1, long: 'x'.repeat(5000) });
    }
    // Compression inside is stored with the response, so every client receives it.
    if (where === 'inside') return;
    const plain = await post(url, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.json()).toMatchObject({ count: 1 });
  });

  it.each(['before', 'behind'])('accepts a compressed body %s the parser', async (where) => {
    const url = await serve((app, middleware) => {
      if (where === 'before') app.use(middleware, express.json());
      else app.use(express.json(), middleware);
    });
    expect(await (await post(url, compressed)).json()).toMatchObject({
      count: 1,
      body: { item: 1 },
    });
    const again = await post(url, compressed);
    expect([again.status, again.headers.get('samekey')]).toEqual([200, 'replayed']);
    const other = { ...compressed, body: gzipSync('{"item":2}') };
    expect((await post(url, other)).status).toBe(422);
  });

  it('asks to be placed earlier, if a parser left files beside the body', async () => {
    const url = await serve((app, middleware) => {
      app.use(express.urlencoded({ extended: false }), (request, _, next) => {
        Object.assign(request, { files: [{}] });
        next();
      });
      app.use(middleware);
    });
    const form = new URLSearchParams({ a: 'b' });
    const refused = await post(url, { body: form });
    expect([refused.status, await refused.json()]).toEqual([500, 'SAMEKEY_BAD_ARGUMENT']);
  });

  it('compares forms by their parts, whatever their boundary', async () => {
    const url = await serve((app, middleware) => app.use(middleware));
    const form = (text: string) => {
      const data = new FormData();
      data.set('item', text);
      data.set('file', new Blob(['content']), 'a.txt');
      return data;
    };
    expect((await post(url, { body: form('1') })).headers.get('samekey')).toBe('executed');
    expect((await post(url, { body: form('1') })).headers.get('samekey')).toBe('replayed');
    expect((await post(url, { body: form('2') })).status).toBe(422);
  });

  it('applies once if it is used for the application and for a route', async () => {
    const app = express();
    const middleware = expressIdempotency({ store: memoryStore(), waitMs: 100 });
    app.use(middleware);
    app.post('/', middleware, (_, response) => {
      response.send('done');
    });
    const url = await listen(createServer(app));
    expect(await (await post(url)).text()).toBe('done');
    expect((await post(url)).headers.get('samekey')).toBe('replayed');
  });

  it('sends files, and distinguishes the two paths that it is mounted on', async () => {
    const app = express();
    const middleware = expressIdempotency({ store: memoryStore() });
    const file = fileURLToPath(import.meta.url);
    let runs = 0;
    for (const path of ['/a', '/b']) {
      const router = express.Router();
      router.use(middleware);
      router.post('/', (_, response) => {
        runs++;
        response.sendFile(file);
      });
      app.use(path, router);
    }
    const url = await listen(createServer(app));
    const texts = [];
    for (const path of ['a', 'a', 'b']) texts.push(await (await post(url + path)).text());
    expect(texts[0]).toContain('sends files, and distinguishes');
    expect(new Set(texts).size).toBe(1);
    expect(runs).toBe(2);
  });
});
