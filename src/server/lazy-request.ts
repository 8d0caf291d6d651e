/**
 * A request for handlers behind a server that makes its own without the platform's constructor, as
 * @hono/node-server does. A `Request` of Node.js 20 with a body and a signal takes 59 µs and 20 KB.
 */
import { LazyAbort } from '../once/abort.js';

interface Content {
  readonly url: string;
  readonly method: string;
  /** Those of the server's request, until a program reads them: it may change its own. */
  headers: Headers;
  hasOwnHeaders: boolean;
  readonly body: Uint8Array | undefined;
  readonly abort: LazyAbort;
  isUsed: boolean;
  /** The request of the platform, from the first time that a program asks for more than this. */
  real: Request | undefined;
}

type Members = Record<PropertyKey, unknown>;

const CONTENT = Symbol('content');

/**
 * Returns a request that becomes one of the platform when a program asks for more than its address,
 * method, headers, signal, text, JSON or bytes; `undefined` if this platform would refuse it.
 */
export function lazyRequest(
  original: Request,
  body: Uint8Array,
  abort: LazyAbort,
): Request | undefined {
  const prototype = prototypeFor(globalThis.Request);
  if (prototype === undefined) return undefined;
  const { url, method, headers } = original;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return make(prototype, { url, method, headers, body: hasBody ? body : undefined, abort });
}

function make(
  prototype: object,
  {
    url,
    method,
    headers,
    body,
    abort,
  }: Pick<Content, 'url' | 'method' | 'headers' | 'body' | 'abort'>,
): Request {
  const request = Object.create(prototype);
  const state = { hasOwnHeaders: false, isUsed: false, real: undefined };
  request[CONTENT] = { url, method, headers, body, abort, ...state } satisfies Content;
  return request;
}

const contentOf = (request: object) => (request as { [CONTENT]: Content })[CONTENT];

function realOf(request: object): Request {
  const content = contentOf(request);
  const { url, method, headers, body, abort, isUsed } = content;
  if (content.real === undefined) {
    const init = { method, headers, signal: abort.signal, ...(body && { body: body as BodyInit }) };
    content.real = new Request(url, init);
    // Its body must be used, too.
    if (isUsed) content.real.arrayBuffer().catch(() => {});
  } else if (content.hasOwnHeaders && headers !== content.real.headers) {
    // The program may have changed those that it read before.
    const { headers: realHeaders } = content.real;
    for (const name of [...realHeaders.keys()]) realHeaders.delete(name);
    for (const [name, value] of headers) realHeaders.append(name, value);
  }
  return content.real;
}

const prototypes = new WeakMap<typeof Request, { readonly found: object | undefined }>();

function prototypeFor(Platform: typeof Request): object | undefined {
  let known = prototypes.get(Platform);
  if (known === undefined) {
    const prototype = prototypeOf(Platform);
    known = { found: isAccepted(prototype, Platform) ? prototype : undefined };
    prototypes.set(Platform, known);
  }
  return known.found;
}

/**
 * Whether the platform takes such a request for one of its own. Node.js 20 and 22 keep the state of a
 * request in members, which this one forwards, and Node.js 24 in private fields.
 */
function isAccepted(prototype: object, Platform: typeof Request): boolean {
  try {
    const url = 'http://127.0.0.1/';
    const content = { url, method: 'POST', headers: new Headers(), body: new Uint8Array(1) };
    const copy = new Platform(make(prototype, { ...content, abort: new LazyAbort() }));
    return copy.url === url && copy.method === 'POST' && copy.body !== null;
  } catch {
    return false;
  }
}

function prototypeOf(Platform: typeof Request): object {
  const prototype: Members = Object.create(Platform.prototype);
  const define = (name: PropertyKey, descriptor: PropertyDescriptor) =>
    Object.defineProperty(prototype, name, { ...descriptor, configurable: true });
  for (
    let from = Platform.prototype;
    from !== Object.prototype;
    from = Object.getPrototypeOf(from)
  ) {
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
      if (name === 'constructor' || Object.hasOwn(prototype, name)) continue;
      if (get !== undefined) define(name, { get: forward(name) });
      else if (typeof value === 'function') define(name, { value: forwardCall(name) });
    }
  }
  for (const name of Object.getOwnPropertySymbols(new Platform('http://127.0.0.1/'))) {
    define(name, { get: forward(name) });
  }
  for (const name of ['url', 'method'] as const) {
    define(name, {
      get(this: object) {
        return contentOf(this)[name];
      },
    });
  }
  define('headers', {
    get(this: object) {
      const content = contentOf(this);
      if (!content.hasOwnHeaders) {
        content.headers = content.real?.headers ?? new Headers(content.headers);
        content.hasOwnHeaders = true;
      }
      return content.headers;
    },
  });
  define('signal', {
    get(this: object) {
      return contentOf(this).abort.signal;
    },
  });
  define('bodyUsed', {
    get(this: object) {
      const { real, isUsed } = contentOf(this);
      return real?.bodyUsed ?? isUsed;
    },
  });
  define('text', { value: reader('text', textOf) });
  define('json', { value: reader('json', (bytes) => JSON.parse(textOf(bytes))) });
  define('arrayBuffer', { value: reader('arrayBuffer', (bytes) => bytes.slice().buffer) });
  return prototype;
}

function forward(name: PropertyKey) {
  return function (this: object): unknown {
    return (realOf(this) as unknown as Members)[name];
  };
}

function forwardCall(name: string) {
  return function (this: object, ...args: unknown[]): unknown {
    const real = realOf(this) as unknown as Record<string, (...args: unknown[]) => unknown>;
    return real[name]?.(...args);
  };
}

/** Without the byte order mark, and with U+FFFD for malformed bytes (Fetch §5.3). */
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const NOTHING = new Uint8Array();

function reader(name: 'text' | 'json' | 'arrayBuffer', read: (bytes: Uint8Array) => unknown) {
  return async function (this: object): Promise<unknown> {
    const content = contentOf(this);
    if (content.real !== undefined) return content.real[name]();
    // The platform's own error.
    if (content.isUsed) return realOf(this)[name]();
    content.isUsed = content.body !== undefined;
    return read(content.body ?? NOTHING);
  };
}
