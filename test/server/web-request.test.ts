import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encoder } from '../../src/engine/utf8.js';
import { LazyAbort } from '../../src/once/abort.js';
import { ClientAbort, pathOf, withBody } from '../../src/server/web-request.js';

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
  ['a request of the platform', platform],
  ['a request of @hono/node-server', facade],
] as const)('the copy of %s', (_, make) => {
  const copyOf = <T>(use: (copy: Request, abort: LazyAbort) => Promise<T>, body = BODY) =>
    make(async (request) => {
      const abort = new LazyAbort();
      return use(withBody(request, encoder.encode(body), abort), abort);
    });
  const original = () => new Request('http://127.0.0.1/orders?a=1', { ...SENT, body: BODY });

  it('has the address, method, headers, body and settings of the original', async () => {
    const seen = await copyOf(async (copy) => {
      const { pathname, search } = new URL(copy.url);
      const headers = ['content-type', 'x-a'].map((name) => copy.headers.get(name));
      return { pathname, search, settings: settingsOf(copy), headers, text: await copy.text() };
    });
    expect(seen).toEqual({
      pathname: '/orders',
      search: '?a=1',
      settings: settingsOf(original()),
      headers: ['application/json', '1'],
      text: BODY,
    });
  });

  it.each(READERS)(
    'reads its body once by %s, then as a request of the platform',
    async (_, read) => {
      const readTwice = async (request: Request) => {
        const steps: unknown[] = [request.bodyUsed, await read(request), request.bodyUsed];
        for (const [, again] of READERS) steps.push(await again(request).catch(nameOf));
        steps.push(
          await Promise.resolve()
            .then(() => request.clone().text())
            .catch(nameOf),
        );
        steps.push(
          await Promise.resolve()
            .then(() => new Request(request).text())
            .catch(nameOf),
        );
        return [...steps, request.bodyUsed];
      };
      expect(await copyOf(readTwice)).toEqual(await readTwice(original()));
    },
  );

  it.each(['{', '\ufeff{"a":"\u00e9"}', ''])(
    'reads %j as a request of the platform',
    async (body) => {
      const readEach = async (make: () => Promise<Request> | Request) => {
        const steps: unknown[] = [];
        for (const [, read] of READERS) steps.push(await read(await make()).catch(nameOf));
        return steps;
      };
      const own = await copyOf(async (copy) => readEach(() => copy.clone()), body);
      const direct: unknown[] = [];
      for (const [, read] of READERS)
        direct.push(await copyOf((copy) => read(copy).catch(nameOf), body));
      const wanted = await readEach(
        () => new Request('http://127.0.0.1/', { method: 'POST', body }),
      );
      expect([own, direct]).toEqual([wanted, wanted]);
    },
  );

  it('has what a program has set on the original', async () => {
    const user = { id: 'anna' };
    const seen = await make(async (request) => {
      Object.assign(request, { user });
      return withBody(request, encoder.encode(BODY), new LazyAbort());
    });
    expect(seen).toHaveProperty('user', user);
  });

  it('has headers of its own, which its copies and its platform request have, too', async () => {
    const seen = await make(async (request) => {
      const copy = withBody(request, encoder.encode(BODY), new LazyAbort());
      const { headers } = copy;
      headers.set('x-a', 'changed');
      const copies = [copy.clone()];
      headers.set('x-a', 'again');
      copies.push(copy.clone(), new Request(copy));
      expect(copy.headers).toBe(headers);
      return [request, copy, ...copies].map(({ headers }) => headers.get('x-a'));
    });
    expect(seen).toEqual(['1', 'again', 'changed', 'again', 'again']);
  });

  it('is a request, whose copies have its body', async () => {
    const copied = await copyOf(async (copy) => {
      expect(copy).toBeInstanceOf(Request);
      expect(Object.prototype.toString.call(copy)).toBe('[object Request]');
      const [changed, other] = [
        new Request(copy.clone(), { headers: { 'x-b': '2' } }),
        new Request('http://127.0.0.1/other', {
          ...SENT,
          body: copy.clone().body,
          duplex: 'half',
        } as RequestInit),
      ];
      return [
        await changed.text(),
        await other.text(),
        await new Request(copy).text(),
        copy.bodyUsed,
      ];
    });
    expect(copied).toEqual([BODY, BODY, BODY, true]);
  });

  it('is sent by fetch', async () => {
    const echo = createServer((request, response) => request.pipe(response));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const { port } = echo.address() as AddressInfo;
    const sent = await copyOf(async (copy) => {
      const response = await fetch(new Request(`http://127.0.0.1:${port}/`, copy));
      return response.text();
    }).finally(() => echo.close());
    expect(sent).toBe(BODY);
  });

  it('aborts, with its clone, its copy and a request that takes its settings', async () => {
    const states = await copyOf(async (copy, abort) => {
      const settings = new Request('http://127.0.0.1/other', { signal: copy.signal });
      const clone = copy.clone();
      const signals = [copy.signal, clone.signal, settings.signal, new Request(copy).signal];
      const before = signals.map(({ aborted }) => aborted);
      abort.abort(new Error('lost'));
      return [before, signals.map(({ aborted }) => aborted), String(copy.signal.reason)];
    });
    const none = [false, false, false, false];
    expect(states).toEqual([none, none.map(() => true), 'Error: lost']);
  });
});

// Later versions keep the state of a request in private fields.
it.runIf(Number(process.versions.node.split('.')[0]) < 24)(
  'is not made by the platform before a program asks for more than its bytes',
  async () => {
    const made = await facade(async (request) => {
      const { Request: Platform } = globalThis;
      let count = 0;
      // A class for which nothing is prepared yet.
      globalThis.Request = class extends Platform {
        constructor(input: Request | string | URL, init?: RequestInit) {
          super(input, init);
          count++;
        }
      };
      try {
        const copy = withBody(request, encoder.encode(BODY), new LazyAbort());
        count = 0;
        const read = [copy.url, copy.method, copy.headers.get('x-a'), copy.signal.aborted];
        read.push(await copy.text());
        const before = count;
        read.push(copy.redirect);
        return { read: read.slice(1), before, after: count };
      } finally {
        globalThis.Request = Platform;
      }
    });
    const read = ['POST', '1', false, BODY, 'follow'];
    expect(made).toEqual({ read, before: 0, after: 1 });
  },
);

const READERS = [
  ['text', (request: Request) => request.text()],
  ['json', (request: Request) => request.json()],
  ['arrayBuffer', async (request: Request) => new Uint8Array(await request.arrayBuffer())],
  ['blob', async (request: Request) => (await request.blob()).text()],
  ['body', async (request: Request) => new Response(request.body).text()],
] as const satisfies readonly (readonly [string, (request: Request) => Promise<unknown>])[];

const nameOf = (error: Error) => error.name;

const settingsOf = ({ method, redirect, credentials, mode, cache, keepalive }: Request) => ({
  method,
  redirect,
  credentials,
  mode,
  cache,
  keepalive,
});

describe('the signal of a client', () => {
  /** A request whose server makes its signal when it is read, and how often it was read. */
  const requestOf = (isPlatform: boolean) => {
    const controller = new AbortController();
    let readCount = 0;
    const prototype = isPlatform ? Request.prototype : Object.create(Request.prototype);
    const request: Request = Object.create(prototype, {
      signal: {
        get() {
          readCount++;
          return controller.signal;
        },
      },
    });
    return { client: new ClientAbort(request), controller, readCount: () => readCount };
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it.each([
    ['before somebody listens', 0],
    ['in the turn in which somebody listens', 1],
    ['later', 2],
  ])('aborts as that of the platform, %s', async (_, step) => {
    const seen = [true, false].map(async (isPlatform) => {
      const { client, controller } = requestOf(isPlatform);
      const reasons: unknown[] = [];
      if (step === 0) controller.abort('gone');
      client.listen(() => reasons.push(client.reason));
      client.listen(() => reasons.push(client.reason));
      if (step === 1) controller.abort('gone');
      await turn();
      if (step === 2) controller.abort('gone');
      return { reasons, aborted: client.aborted };
    });
    const [platform, facade] = await Promise.all(seen);
    expect(facade).toEqual(platform);
    expect(facade?.reasons).toEqual(['gone', 'gone']);
  });

  it('is not read if nobody listens after the turn, and is read for a later listener', async () => {
    const { client, controller, readCount } = requestOf(false);
    const stop = client.listen(() => {});
    stop();
    stop();
    await turn();
    expect(readCount()).toBe(0);
    client.listen(() => {});
    await turn();
    expect(readCount()).toBe(1);
    controller.abort();
    expect(client.aborted).toBe(true);
  });
});

/** As `NextRequest` of Next.js, and the proxy of it that a route handler gets. */
class FrameworkRequest extends Request {
  readonly #nextUrl = { pathname: '/orders', searchParams: new URLSearchParams('a=1') };
  get nextUrl() {
    return this.#nextUrl;
  }
  hasBeenRead() {
    return this.bodyUsed;
  }
}
const proxyOf = (request: FrameworkRequest) =>
  new Proxy(request, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });

describe.each([
  ['a subclass', (request: FrameworkRequest) => request],
  ['a proxy of a subclass', proxyOf],
])('the copy of %s', (_, wrapped) => {
  it('has the members of the class, and an unread body', async () => {
    const original = new FrameworkRequest('http://127.0.0.1/orders?a=1', { ...SENT, body: BODY });
    const request = wrapped(original);
    await request.arrayBuffer();
    const abort = new LazyAbort();
    const copy = withBody(request, encoder.encode(BODY), abort) as FrameworkRequest;
    expect(copy.nextUrl).toBe(original.nextUrl);
    expect(copy.hasBeenRead()).toBe(true);
    expect([copy.url, copy.method, copy.headers.get('x-a')]).toEqual([
      'http://127.0.0.1/orders?a=1',
      'POST',
      '1',
    ]);
    expect(await copy.json()).toEqual({ item: 1 });
    abort.abort(new Error('over'));
    expect(copy.signal.aborted).toBe(true);
  });
});
