import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encoder } from '../../src/engine/utf8.js';
import { LazyAbort } from '../../src/once/abort.js';
import { pathOf, withBody } from '../../src/server/web-request.js';

it('reads path and query of an address as a URL does', () => {
  const piece = fc.constantFrom(...'/aZ9.?#%"\'=&@:[]|\\ é~+;', '..', '%2e', '//', '/..', '?x=1');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const { href, pathname, search } = new URL(`http://shop.example:8080/${pieces.join('')}`);
      expect(pathOf(href)).toBe(pathname + search);
    }),
    { numRuns: 3000 },
  );
});

const BODY = '{"item":1}';
const SENT = { method: 'POST', headers: { 'content-type': 'application/json', 'x-a': '1' } };

/** The request that @hono/node-server makes of one over HTTP, without the platform's constructor. */
async function facade<T>(use: (request: Request) => Promise<T>): Promise<T> {
  let used: Promise<T> | undefined;
  const listener = getRequestListener(async (request) => {
    await request.arrayBuffer();
    used = use(request as Request);
    await used.catch(() => {});
    return new Response();
  });
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await fetch(`http://127.0.0.1:${port}/orders?a=1`, { ...SENT, body: BODY });
    return await (used as unknown as Promise<T>);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const platform = async <T>(use: (request: Request) => Promise<T>) =>
  use(new Request('http://127.0.0.1/orders?a=1', { ...SENT, body: BODY }));

describe.each([
  ['a request of the platform', platform, false],
  ['a request of @hono/node-server', facade, false],
  ['a request of @hono/node-server, followed by its copies', facade, true],
] as const)('the copy of %s', (_, make, isFollowed) => {
  const copyOf = (use: (copy: Request, abort: LazyAbort) => unknown) =>
    make(async (request) => {
      const abort = new LazyAbort();
      return use(withBody(request, encoder.encode(BODY), abort, isFollowed), abort);
    });

  it('has the address, method, headers, body and settings of the original', async () => {
    const seen = await copyOf(async (copy) => {
      const { pathname, search } = new URL(copy.url);
      const { method, redirect, credentials, mode, cache, keepalive } = copy;
      const settings = { method, redirect, credentials, mode, cache, keepalive };
      const headers = ['content-type', 'x-a'].map((name) => copy.headers.get(name));
      return { pathname, search, settings, headers, body: await copy.clone().json() };
    });
    const { method, redirect, credentials, mode, cache, keepalive } = new Request('http://a', SENT);
    expect(seen).toEqual({
      pathname: '/orders',
      search: '?a=1',
      settings: { method, redirect, credentials, mode, cache, keepalive },
      headers: ['application/json', '1'],
      body: { item: 1 },
    });
  });

  it('is a request, whose copies have its body', async () => {
    const copied = await copyOf(async (copy) => {
      expect(copy).toBeInstanceOf(Request);
      return new Request(copy, { headers: { 'x-b': '2' } }).text();
    });
    expect(copied).toBe(BODY);
  });

  it('aborts, with its clone and a request that takes its settings', async () => {
    const states = await copyOf((copy, abort) => {
      const clone = copy.clone();
      const settings = new Request('http://127.0.0.1/other', copy as RequestInit);
      const signals = [copy.signal, clone.signal, settings.signal];
      const before = signals.map(({ aborted }) => aborted);
      abort.abort(new Error('lost'));
      return [before, signals.map(({ aborted }) => aborted), String(copy.signal.reason)];
    });
    expect(states).toEqual([[false, false, false], [true, true, true], 'Error: lost']);
  });
});

it('aborts a copy by the constructor if copies are followed', async () => {
  const aborted = await facade(async (request) => {
    const abort = new LazyAbort();
    const copy = withBody(request, encoder.encode(BODY), abort, true);
    const { signal } = new Request(copy);
    abort.abort(new Error('lost'));
    return signal.aborted;
  });
  expect(aborted).toBe(true);
});
