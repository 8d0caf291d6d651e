/**
 * Requests, bodies and responses that are not of this platform's classes: those of npm packages such as
 * undici and node-fetch, of another realm, and streams of Node.js. The platform would turn most of them
 * into the text `[object …]`.
 */
import { fail, nameOf } from '../errors/errors.js';
import { createResponse } from './create-response.js';
import { hasNoBody } from './status.js';

/** A `fetch`: that of a platform, of a package, or any function like it. */
export type FetchFunction = (
  input: Request | string | URL,
  init?: RequestInit,
) => Promise<Response>;

/** A function in the place of the platform's `fetch`, with the members that some declare for it. */
export type PlatformFetch = FetchFunction &
  Pick<typeof globalThis.fetch, keyof typeof globalThis.fetch>;

/** Adds the members of the platform's `fetch`: on Bun, `preconnect`. */
export function asPlatformFetch<T extends FetchFunction>(fetch: T): T & PlatformFetch {
  const { preconnect } = globalThis.fetch as { preconnect?: unknown };
  return Object.assign(fetch, preconnect !== undefined && { preconnect }) as T & PlatformFetch;
}

const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

/** Whether the first argument of `fetch` is a request, also one of another class. */
export function isRequest(input: unknown): input is Request {
  if (typeof input !== 'object' || input === null) return false;
  if (input instanceof Request) return true;
  const { url, method, headers } = input as Partial<Request>;
  return typeof url === 'string' && typeof method === 'string' && typeof headers === 'object';
}

/** Refuses an object that is neither a request nor a URL: as text it would be `[object …]`. */
export function requireAddress(input: unknown): void {
  if (typeof input === 'string' || !String(input).startsWith('[object ')) return;
  fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot send the request: its address is ${nameOf(input)}, wanted text, a URL or a Request`,
  );
}

/** Returns the parts of another class's request that `fetch` takes, with its body in memory. */
export async function initOf(request: Request, withBody: boolean): Promise<RequestInit> {
  const { method, redirect, credentials, signal } = request;
  const hasBody = withBody && request.body !== null && !/^(?:GET|HEAD)$/i.test(method);
  return {
    method,
    headers: new Headers(request.headers),
    ...(redirect !== undefined && { redirect }),
    ...(credentials !== undefined && credentials !== 'same-origin' && { credentials }),
    ...(signal && { signal }),
    ...(hasBody && { body: new Uint8Array(await request.arrayBuffer()) }),
  };
}

/** Not every platform declares `BodyInit`. */
type Body = NonNullable<RequestInit['body']>;

/** Read at each use, because a program may replace them. */
const PLATFORM = [() => ReadableStream, () => Blob, () => FormData, () => URLSearchParams];

/**
 * Returns a body of this platform's classes with the same content.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for a stream or form that can only be piped.
 */
export function platformBody(body: unknown): Body | Promise<Body> {
  if (typeof body !== 'object' || body === null) return body as Body;
  if (PLATFORM.some((kind) => body instanceof kind())) return body as Body;
  if (ArrayBuffer.isView(body)) return body as Body;
  const tag = tagOf(body);
  if (tag === 'ArrayBuffer') return new Uint8Array(body as ArrayBuffer);
  if (tag === 'URLSearchParams') return new URLSearchParams(String(body));
  if (tag === 'Blob' || tag === 'File') return blobOf(body as Blob);
  if (tag === 'FormData' && Symbol.iterator in body) return formOf(body as FormData);
  if (typeof (body as ReadableStream).getReader === 'function') {
    return readAll(chunksOf(body as ReadableStream));
  }
  if (isIterable(body)) return readAll(body);
  if (tag === 'FormData' || typeof (body as { pipe?: unknown }).pipe === 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot send the body: it is ${nameOf(body)} that cannot be read here, wanted the platform's FormData, bytes, or a stream that can be iterated`,
    );
  }
  return body as Body;
}

function isIterable(value: unknown): value is AsyncIterable<Uint8Array> {
  const { [Symbol.asyncIterator]: iterator } = (value ?? {}) as Partial<AsyncIterable<unknown>>;
  return typeof iterator === 'function';
}

const blobOf = async (blob: Blob) => new Blob([await blob.arrayBuffer()], { type: blob.type });

async function formOf(form: Iterable<[string, unknown]>): Promise<FormData> {
  const copy = new FormData();
  for (const [name, value] of form) {
    if (typeof value === 'string') copy.append(name, value);
    else copy.append(name, await blobOf(value as Blob), (value as File).name ?? 'blob');
  }
  return copy;
}

async function* chunksOf(stream: ReadableStream): AsyncGenerator<unknown> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const chunks: Uint8Array[] = [];
  for await (const piece of stream) {
    const chunk = typeof piece === 'string' ? encoder.encode(piece) : piece;
    if (!ArrayBuffer.isView(chunk)) {
      fail(
        TypeError,
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot send the body: its stream contains ${nameOf(piece)}, wanted bytes or text`,
      );
    }
    // A copy: some streams use one buffer for all pieces.
    chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice());
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

/**
 * Returns a function that sends with `fetch` and returns a response whose body is a web stream.
 *
 * Deno 2.9.6 sends text and bytes a second time by itself if a reused connection breaks after the
 * server has received the request; a `Blob` it sends once, with a `content-length`, and again only
 * after a redirect. Node.js 20 to 26 and Bun 1.4 send each of them once.
 */
export function senderOf(fetch: FetchFunction): FetchFunction {
  const isPlatform = fetch === globalThis.fetch;
  const isResending = isPlatform && 'Deno' in globalThis;
  return async (input, init = {}) => {
    const { body } = init;
    let sent = init;
    if (isResending && (typeof body === 'string' || body instanceof Uint8Array)) {
      sent = { ...init, body: new Blob([body as BlobPart]) };
    } else if (!isPlatform && body instanceof FormData) {
      sent = await encodedForm(body, init).catch(() => init);
    }
    return platformResponse(await fetch(input, sent));
  };
}

/** Encodes a form. The `fetch` of a package would send the platform's one as `[object FormData]`. */
async function encodedForm(form: FormData, init: RequestInit): Promise<RequestInit> {
  const encoded = new Response(form);
  const headers = new Headers(init.headers);
  headers.set('content-type', encoded.headers.get('content-type') as string);
  return { ...init, headers, body: new Uint8Array(await encoded.arrayBuffer()) };
}

/** @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for a value that is no response. */
function platformResponse(response: Response): Response | Promise<Response> {
  const body: unknown = (response as Partial<Response> | null | undefined)?.body;
  const isHead = typeof response?.status === 'number' && typeof response.headers === 'object';
  const { getReader } = (body ?? {}) as Partial<ReadableStream>;
  if (isHead && (body === null || typeof getReader === 'function')) return response;
  if (isHead && body === undefined && typeof response.arrayBuffer === 'function') {
    // React Native has no streams.
    return response.arrayBuffer().then((bytes) => copyOf(response, bytes));
  }
  if (isHead && isIterable(body)) {
    return copyOf(response, toWebStream(body));
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    isHead
      ? `Cannot read the response: its body is ${nameOf(body)}, wanted a stream`
      : `Cannot read the response: fetch gave ${nameOf(response)}, wanted a Response`,
  );
}

function copyOf(response: Response, body: ReadableStream | ArrayBuffer): Response {
  const { status, statusText, url } = response;
  const headers = new Headers(response.headers);
  if (hasNoBody(status) && body instanceof ReadableStream) body.cancel().catch(() => {});
  return createResponse(body, { status, statusText, headers, url: url ?? '' });
}

function toWebStream(stream: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        // Ends the connection at once. `return` waits for a read in progress.
        (stream as { destroy?: (error?: unknown) => void }).destroy?.();
        await iterator.return?.(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
