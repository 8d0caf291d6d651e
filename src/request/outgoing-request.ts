import { fail } from '../errors/errors.js';
import { untilAborted } from '../once/abort.js';
import { type FetchFunction, initOf, isRequest, platformBody, requireAddress } from './foreign.js';
import { HeaderSnapshot } from './key-header.js';

/** A request whose body is in memory, so that a key can be derived and the request sent many times. */
export interface OutgoingRequest {
  readonly method: string;
  /** The absolute URL without its fragment. */
  readonly url: string;
  /** A copy, which may be changed before it is sent. */
  readonly headers: Headers;
  /** The same headers as the caller gave them. */
  readonly given: HeaderSnapshot;
  /**
   * Empty if the request has no body or a form. Text stays text, because undici can resend text after
   * a redirect, but not bytes.
   */
  readonly body: string | Uint8Array;
  readonly form: FormData | undefined;
  readonly signal: AbortSignal | undefined;
  /** The other settings of the request: `redirect`, `credentials`, an agent, … */
  readonly init: RequestInit;
}

const NO_BODY = new Uint8Array();
const CONTENT_TYPE = 'content-type';

/**
 * Reads the arguments of a call to `fetch`.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if the body was read before, or cannot be read here.
 */
export function readRequest(
  input: Request | string | URL,
  init: RequestInit = {},
): OutgoingRequest | Promise<OutgoingRequest> {
  const { body, headers, method, signal, ...rest } = init;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return readSlowly(input, init);
  if (isRequest(input)) return readSlowly(input, init);
  requireAddress(input);
  // SDKs send these. A `Request` would copy the body and return it in chunks.
  const sent = new Headers(headers);
  // `fetch` adds this type to text (Fetch §5.2), and the key depends on it.
  if (typeof body === 'string' && !sent.has(CONTENT_TYPE)) {
    sent.set(CONTENT_TYPE, 'text/plain;charset=UTF-8');
  }
  return {
    method: (method ?? 'GET').toUpperCase(),
    url: absoluteUrl(String(input)),
    headers: sent,
    given: new HeaderSnapshot(sent),
    // A copy: the caller may change its bytes later. `slice` of a `Buffer` does not copy.
    body: typeof body === 'string' ? body : new Uint8Array(body),
    form: undefined,
    signal: signal ?? undefined,
    init: rest,
  };
}

/** Reads a request of any kind. */
async function readSlowly(
  input: Request | string | URL,
  init: RequestInit,
): Promise<OutgoingRequest> {
  if (!isRequest(input)) requireAddress(input);
  const { body, headers, method: _, signal, ...rest } = init;
  const given = isRequest(input) ? input : undefined;
  if (body == null && given?.bodyUsed) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot send the request to ${absoluteUrl(given.url).split('?')[0]}: its body was read already, wanted a new request or a clone of it`,
    );
  }
  const callerSignal = signal ?? given?.signal ?? undefined;
  callerSignal?.throwIfAborted();
  if (given !== undefined && !(given instanceof Request)) {
    const own = await untilAborted(initOf(given, body == null), callerSignal);
    return readRequest((given as Request).url, { ...own, ...init });
  }
  const content = platformBody(body);
  if (content !== body) {
    const platform = await untilAborted(Promise.resolve(content), callerSignal);
    return readRequest(input, { ...init, body: platform });
  }
  const original = input instanceof Request ? input : undefined;
  if (body instanceof ReadableStream) {
    // A `Request` of Firefox turns a stream into the text `[object …]`. A `Response` reads it everywhere.
    const bytes = await untilAborted(new Response(body).arrayBuffer(), callerSignal);
    return readRequest(input, { ...init, body: new Uint8Array(bytes) });
  }
  const request = new Request(input, init);
  // Read first: Bun 1.4 derives the type of a body from it, and forgets it when the body is read.
  const sent = request.headers;
  sent.get(CONTENT_TYPE);
  // If the caller sets a content type, the platform sends the body as bytes of that type.
  const isForm =
    body instanceof FormData && !new Headers(headers ?? original?.headers).has(CONTENT_TYPE);
  const read = isForm ? { body: NO_BODY, form: copyForm(body) } : readBody(request);
  return {
    method: request.method,
    url: absoluteUrl(request.url),
    headers: sent,
    given: new HeaderSnapshot(sent),
    ...(await untilAborted(Promise.resolve(read), callerSignal)),
    signal: callerSignal,
    init: original === undefined ? rest : { ...settingsOf(original), ...rest },
  };
}

/**
 * Copies a form, with line ends as they are sent (HTML §4.10.21.8). The copy stays a form, because
 * WebKitGTK can encode a form with a file only to send it.
 */
function copyForm(form: FormData): FormData {
  const copy = new FormData();
  for (const [name, value] of form) {
    const content = typeof value === 'string' ? withCrlf(value) : (value as never);
    copy.append(withCrlf(name), content);
  }
  return copy;
}

const withCrlf = (text: string) => text.replace(/\r\n|\r|\n/g, '\r\n');

async function readBody(request: Request): Promise<Pick<OutgoingRequest, 'body' | 'form'>> {
  const body = request.body === null ? NO_BODY : new Uint8Array(await request.arrayBuffer());
  return { body, form: undefined };
}

/** Returns the settings of a `Request` that another call to `fetch` accepts. */
function settingsOf(request: Request): RequestInit {
  const { redirect, credentials, mode, cache, referrerPolicy, integrity, keepalive } = request;
  const defaults = new Request(request.url);
  return {
    redirect,
    cache,
    referrerPolicy,
    integrity,
    keepalive,
    // Defaults must not change the key: in Bun, the default is `include`.
    ...(credentials !== defaults.credentials && { credentials }),
    // `fetch` refuses the mode `navigate`, which a service worker sees when a page opens.
    ...(mode !== defaults.mode && mode !== 'navigate' && { mode }),
  };
}

/** Returns the base of relative URLs: in a page, its `<base>` or its own URL. */
export const baseUrl = () => {
  const { document, location } = globalThis as {
    document?: { baseURI: string };
    location?: { href: string };
  };
  return document?.baseURI ?? location?.href;
};

/** The last address and its absolute form: a program sends most requests to one address. */
let lastAddress = '';
let lastBase: string | undefined;
let lastUrl = '';

/** Returns the absolute URL without its fragment, which is never sent. */
function absoluteUrl(address: string): string {
  const base = baseUrl();
  if (address !== lastAddress || base !== lastBase || lastUrl === '') {
    lastUrl = new URL(address, base).href.split('#', 1)[0] as string;
    lastAddress = address;
    lastBase = base;
  }
  return lastUrl;
}

/**
 * Sends a request. The headers belong to this call from now on; the request may be sent more than once.
 */
export function send(
  { url, method, body, form, init }: OutgoingRequest,
  headers: Headers,
  signal: AbortSignal | undefined,
  fetch: FetchFunction,
): Promise<Response> {
  // The platform chooses a new boundary each time it sends a form.
  if (form !== undefined) {
    headers.delete(CONTENT_TYPE);
    headers.delete('content-length');
  }
  const content = form ?? (body as BodyInit);
  const hasBody = form !== undefined || body.length > 0;
  return fetch(url, {
    ...init,
    method,
    headers,
    ...(signal && { signal }),
    ...(hasBody && { body: content }),
  });
}
