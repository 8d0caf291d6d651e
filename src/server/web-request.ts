/** What `web.ts` and `hono.ts` do with a `Request` and a `Response` of the platform. */
import { decoder } from '../engine/utf8.js';
import { LazyAbort } from '../once/abort.js';
import {
  dataOf,
  headerIn,
  type ResponseBody,
  type ResponseData,
  toResponse,
} from '../response/response-data.js';
import { afterEvents, isBoundToRequest } from '../runtime/runtime.js';
import { immediateData } from './immediate-response.js';
import { lazyRequest } from './lazy-request.js';
import type { Processing } from './rules.js';

/** A control character, or a byte that is not UTF-8. */
const BINARY = /[^\P{Cc}\s]|\ufffd/u;

/**
 * Returns a copy of the request whose body is unread, and whose signal is not the client's. It has the
 * members of the request that the platform's does not have, such as `nextUrl` of Next.js.
 */
export function withBody(request: Request, body: Uint8Array, abort: LazyAbort): Request {
  const lazy = isPlatformRequest(request) ? undefined : lazyRequest(request, body, abort);
  if (lazy !== undefined) return withOwnMembers(lazy, request);
  const { signal } = abort;
  const hasBody = body.length > 0 || request.body !== null;
  const copy = platformCopy(request, { signal, ...(hasBody && { body: body as BodyInit }) });
  return withMembersOfClass(withOwnMembers(copy, request), request);
}

function platformCopy(request: Request, init: RequestInit): Request {
  try {
    return new Request(request, init);
  } catch {
    // The route handlers of Next.js get a proxy, which Node.js 24 does not take for a request.
    const { url, method, headers } = request;
    return new Request(url, { method, headers, ...init });
  }
}

/** Copies what a program has set on the request. Symbols are the private state of a server. */
function withOwnMembers(copy: Request, original: Request): Request {
  for (const name of Object.keys(original)) {
    if (name in copy) continue;
    const descriptor = Object.getOwnPropertyDescriptor(original, name);
    if (descriptor !== undefined) Object.defineProperty(copy, name, descriptor);
  }
  return copy;
}

/** Adds what a class of requests has beyond the platform's. Its getters need the original. */
function withMembersOfClass(copy: Request, original: Request): Request {
  for (
    let from = Object.getPrototypeOf(original);
    from !== null && from !== Request.prototype && from !== Object.prototype;
    from = Object.getPrototypeOf(from)
  ) {
    for (const name of Object.getOwnPropertyNames(from)) {
      if (name in copy) continue;
      const get = () => {
        const member = Reflect.get(original, name, original);
        return typeof member === 'function' ? member.bind(original) : member;
      };
      Object.defineProperty(copy, name, { get, configurable: true });
    }
  }
  return copy;
}

/**
 * Whether a constructor made the request: the platform's, or that of a class beneath it. A server that
 * makes its own, such as @hono/node-server, knows an address, a method, headers and a body, and has
 * defaults for the rest.
 */
export const isPlatformRequest = (request: Request) =>
  Object.hasOwn(Object.getPrototypeOf(request), 'constructor');

/** Returns the data of a handler's response. */
export const dataOfHandler = (response: Response): ResponseData =>
  immediateData(response) ?? streamedData(response);

/** Returns the same with the body as a stream. */
export function streamedData(response: Response): ResponseData {
  // A `Response` of @hono/node-server gets a content type when its body is read, and sends another one
  // when it is not. Without a content type samekey sends what the server sends for a body without one.
  const isTyped = response.headers.has('content-type');
  const data = dataOf('the response of the handler', response);
  if (isTyped || data.body === null) return data;
  return { ...data, headers: data.headers.filter(([name]) => name !== 'content-type') };
}

/**
 * The signal of a client, which its server creates only if somebody reads it: in @hono/node-server that
 * takes 5 % of a new order. So it is read after the events of this turn, and most requests are answered
 * by then. Its server may abort it later than that, or may have aborted it before.
 */
export class ClientAbort extends LazyAbort {
  readonly #request: Request;
  #listenerCount = 0;
  #isFollowed = false;

  constructor(request: Request) {
    super();
    this.#request = request;
  }

  override listen(onAbort: () => void): () => void {
    if (!this.#isFollowed) {
      this.#isFollowed = true;
      // The platform's request has its signal already. On workerd no timer may be shared.
      if (isPlatformRequest(this.#request) || isBoundToRequest()) this.#follow();
      else followLater(this);
    }
    const stop = super.listen(onAbort);
    this.#listenerCount++;
    let isListening = true;
    return () => {
      if (isListening) this.#listenerCount--;
      isListening = false;
      stop();
    };
  }

  /** Reads the signal, if somebody still listens. */
  followIfNeeded(): void {
    if (this.#listenerCount > 0) this.#follow();
    else this.#isFollowed = false;
  }

  #follow(): void {
    const { signal } = this.#request;
    const abort = () => this.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
}

let unfollowed: ClientAbort[] = [];

function followLater(client: ClientAbort): void {
  if (unfollowed.push(client) > 1) return;
  afterEvents(() => {
    const clients = unfollowed;
    unfollowed = [];
    for (const each of clients) each.followIfNeeded();
  });
}

/** How a request of the platform is processed and answered. A waiting request holds this one object. */
export abstract class WebProcessing implements Processing<Response, Response> {
  readonly payload: { readonly body: Uint8Array };
  readonly signal: ClientAbort;
  protected readonly request: Request;

  constructor(request: Request, body: Uint8Array) {
    this.request = request;
    this.payload = { body };
    this.signal = new ClientAbort(request);
  }

  abstract run(abort: LazyAbort): Promise<Response>;

  read(response: Response): ResponseData {
    return dataOfHandler(response);
  }

  answer(response: ResponseData): Response {
    return toPlatform(response);
  }

  /** Returns 499, which proxies log for a disconnected client. */
  fail(error: unknown): Response {
    const { signal } = this;
    if (signal.aborted && error === signal.reason) return new Response(null, { status: 499 });
    throw error;
  }
}

/** Returns the response of the platform, which announces the length of a whole body. */
export function toPlatform(data: ResponseData): Response {
  if (!(data.body instanceof Uint8Array)) return toResponse(data);
  const isTyped = headerIn(data.headers, 'content-type') !== null;
  return toResponse({ ...data, body: platformBody(data.body, isTyped) as ResponseBody });
}

/** An empty body becomes none, unless it has a type. */
function platformBody(bytes: Uint8Array, isTyped: boolean): Uint8Array | string | null {
  if (isTyped) return bytes.length === 0 ? '' : bytes;
  if (bytes.length === 0) return null;
  // Bun shows no content type of a text and adds it when it sends the text, other than that of bytes.
  if (new Response('').headers.has('content-type')) return bytes;
  const text = decoder.decode(bytes);
  return BINARY.test(text) ? bytes : text;
}

/** An address whose path and query no parser would change. */
const PLAIN_ADDRESS = /^https?:\/\/[^/?#]+(?<path>\/[\w\-./~!$&()*+,;=:@?]*)$/;

/** Returns path and query. */
export function pathOf(address: string): string {
  const path = PLAIN_ADDRESS.exec(address)?.groups?.path;
  if (path !== undefined && !path.includes('/.') && !path.endsWith('?')) return path;
  const { pathname, search } = new URL(address);
  return pathname + search;
}
