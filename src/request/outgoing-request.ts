import { fail } from '../errors/errors.js';
import { untilAborted } from '../once/abort.js';
import { mediaType } from './counted-headers.js';

/** A request whose body was read: it can be keyed, and sent as often as needed. */
export interface OutgoingRequest {
  readonly method: string;
  /** Absolute, without its fragment. */
  readonly url: string;
  readonly headers: Headers;
  /**
   * Empty where there is none, and where there is a form. Text stays text: undici can send that
   * again after a redirect, but not bytes; and who makes the key of it makes its own bytes.
   */
  readonly body: string | Uint8Array;
  readonly form: FormData | undefined;
  readonly signal: AbortSignal | undefined;
  /** What else it was made with: `redirect`, `credentials`, an agent, … */
  readonly init: RequestInit;
}

const NO_BODY = new Uint8Array();
const TYPE = 'content-type';

/**
 * Reads what `fetch` was called with.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for a body that was read already.
 */
export async function readRequest(
  input: RequestInfo | URL,
  init: RequestInit = {},
): Promise<OutgoingRequest> {
  const { body, headers, method, signal, ...rest } = init;
  if (!(input instanceof Request) && (typeof body === 'string' || body instanceof Uint8Array)) {
    // What SDKs send: a `Request` would copy it, and read it back in pieces.
    const sent = new Headers(headers);
    // As `fetch` does for text (Fetch §5.2), and what the key goes by.
    if (typeof body === 'string' && !sent.has(TYPE)) {
      sent.set(TYPE, 'text/plain;charset=UTF-8');
    }
    return {
      method: (method ?? 'GET').toUpperCase(),
      url: addressOf(String(input)),
      headers: sent,
      // Theirs to change while it is on its way; `slice` of a `Buffer` is no copy.
      body: typeof body === 'string' ? body : new Uint8Array(body),
      form: undefined,
      signal: signal ?? undefined,
      init: rest,
    };
  }
  const given = input instanceof Request ? input : undefined;
  if (body == null && given?.bodyUsed) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot send the request to ${addressOf(given.url).split('?')[0]}: its body was read already, wanted a new request or a clone of it`,
    );
  }
  const patience = signal ?? given?.signal;
  patience?.throwIfAborted();
  if (body instanceof ReadableStream) {
    // A `Response` can be made of it everywhere: a `Request` of Firefox is the text `[object …]`.
    const read = await untilAborted(new Response(body).arrayBuffer(), patience);
    return readRequest(input, { ...init, body: new Uint8Array(read) });
  }
  const request = new Request(input, init);
  // With a type of the caller's own it is not sent as a form.
  const isForm = body instanceof FormData && !new Headers(headers ?? given?.headers).has(TYPE);
  const content = isForm ? { body: NO_BODY, form: copyOf(body) } : bodyOf(request);
  return {
    method: request.method,
    url: addressOf(request.url),
    headers: request.headers,
    ...(await untilAborted(Promise.resolve(content), patience)),
    signal: patience,
    init: given === undefined ? rest : { ...settingsOf(given), ...rest },
  };
}

/**
 * The form as it is now, with the line ends that it is sent with (HTML §4.10.21.8). WebKitGTK cannot
 * write one that has a file, other than to the network.
 */
function copyOf(form: FormData): FormData {
  const copy = new FormData();
  for (const [name, value] of form) {
    copy.append(lined(name), typeof value === 'string' ? lined(value) : (value as never));
  }
  return copy;
}

const lined = (text: string) => text.replace(/\r\n|\r|\n/g, '\r\n');

async function bodyOf(request: Request): Promise<Pick<OutgoingRequest, 'body' | 'form'>> {
  if (request.body === null) return { body: NO_BODY, form: undefined };
  return contentOf(request.headers, new Uint8Array(await request.arrayBuffer()));
}

/** A body as what its headers say it is: a form, or bytes. */
export async function contentOf(
  headers: Headers,
  body: Uint8Array,
): Promise<Pick<OutgoingRequest, 'body' | 'form'>> {
  if (mediaType(headers.get(TYPE)) !== 'multipart/form-data') {
    return { body, form: undefined };
  }
  try {
    const type = headers.get(TYPE) as string;
    const form = await new Response(body as BodyInit, {
      headers: { [TYPE]: type },
    }).formData();
    return { body: NO_BODY, form };
  } catch {
    // It says so, but it is none: whoever gets it may know what it is.
    return { body, form: undefined };
  }
}

/** What of a `Request` can be handed to `fetch` again, beside what is read here. */
function settingsOf(request: Request): RequestInit {
  const { redirect, credentials, mode, cache, referrerPolicy, integrity, keepalive } = request;
  const usual = new Request(request.url);
  return {
    redirect,
    cache,
    referrerPolicy,
    integrity,
    keepalive,
    // What is not said is not to count: each Request of Bun has `include`.
    ...(credentials !== usual.credentials && { credentials }),
    // That of a page that is opened, in a service worker, is not to be had for another.
    ...(mode !== usual.mode && mode !== 'navigate' && { mode }),
  };
}

/** What an address without an origin counts from: in a page that has a `<base>`, not its own. */
export const baseAddress = () => {
  const { document, location } = globalThis as {
    document?: { baseURI: string };
    location?: { href: string };
  };
  return document?.baseURI ?? location?.href;
};

/** The absolute address, without the fragment, which is never sent. */
function addressOf(text: string): string {
  return new URL(text, baseAddress()).href.split('#', 1)[0] as string;
}

/** Sends it, again if need be, with these headers. */
export function send(
  { url, method, body, form, init }: OutgoingRequest,
  headers: Headers,
  signal: AbortSignal,
  fetch: typeof globalThis.fetch,
): Promise<Response> {
  const sent = new Headers(headers);
  // Its boundary is that of this sending.
  if (form !== undefined) {
    sent.delete(TYPE);
    sent.delete('content-length');
  }
  const content = form ?? (body as BodyInit);
  const hasBody = form !== undefined || body.length > 0;
  return fetch(url, { ...init, method, headers: sent, signal, ...(hasBody && { body: content }) });
}
