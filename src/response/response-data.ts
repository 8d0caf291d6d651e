/**
 * A response as data. A body that is whole in memory stays bytes: a `Response` of the platform with a
 * stream costs 25 µs on Node.js, so one is made only for a program that asks for it.
 */
import { createResponse } from '../request/create-response.js';
import { HttpError } from './errors.js';

/** A header, with its name in lower case. A name may occur in several lines. */
export type HeaderLine = readonly [name: string, value: string];

/** The part of a response before its body. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly HeaderLine[];
  /** The URL after redirects. It is stored without its query, which may contain credentials. */
  readonly url: string;
}

/** The body of a response: bytes if it is whole, a stream while it arrives, `null` if there is none. */
export type ResponseBody = Uint8Array | ReadableStream<Uint8Array> | null;

export interface ResponseData extends ResponseHead {
  readonly body: ResponseBody;
  /** Whether the platform hides a `content-encoding`, whose coded bytes `content-length` counts. */
  readonly hidesCoding?: boolean;
  /**
   * Whether the platform received it by HTTP, so that its body has never more bytes than its
   * `content-length` says. A body that a program made may have.
   */
  readonly isReceived?: boolean;
}

/** Returns the value of a header as `Headers.get` does: its lines joined, or `null`. */
export function headerIn(headers: readonly HeaderLine[], name: string): string | null {
  let found: string | null = null;
  for (const [each, value] of headers) {
    if (each === name) found = found === null ? value : `${found}, ${value}`;
  }
  return found;
}

/** Returns the lines of `Headers`. */
export function linesOf(headers: Headers): HeaderLine[] {
  return [...headers];
}

/**
 * Returns the data of a response that was received. Its body stays a stream.
 *
 * @param name What the response is, for messages.
 * @throws {HttpError} `SAMEKEY_BAD_ARGUMENT` if its body cannot be read.
 */
export function dataOf(name: string, response: Response): ResponseData {
  const { status, statusText, headers, url, type, body } = response;
  if (status === 0) {
    throw new HttpError(
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot share ${name}: it is ${type}, wanted a readable response (no mode "no-cors", no redirect "manual" in a browser)`,
    );
  }
  if (response.bodyUsed || body?.locked) {
    throw new HttpError(
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot share ${name}: its body was read already, wanted an unread one`,
    );
  }
  // For a response of another origin, browsers show the coded length and hide the coding.
  const hidesCoding = type === 'cors';
  // Only the platform gives a response a URL without a property of its own.
  const isReceived = url !== '' && !Object.hasOwn(response, 'url');
  const head = { status, statusText, url, headers: linesOf(headers) };
  return { ...head, body, hidesCoding, ...(isReceived && { isReceived }) };
}

/** Returns a `Response` of the platform. */
export function toResponse({ status, statusText, headers, url, body }: ResponseData): Response {
  return createResponse(body as BodyInit | null, {
    status,
    statusText,
    // @hono/node-server gives a response without `headers` a content type of its own.
    headers: initOf(headers) ?? headersOf(headers),
    url,
  });
}

/**
 * Returns the headers as an object, which @hono/node-server sends without making `Headers` of it, if no
 * name occurs twice. To a body without a type that server adds one only if it gets `Headers`.
 */
function initOf(lines: readonly HeaderLine[]): Record<string, string> | undefined {
  const init: Record<string, string> = {};
  for (const [name, value] of lines) {
    if (name in init) return undefined;
    init[name] = value;
  }
  return 'content-type' in init ? init : undefined;
}

/** Returns the lines as `Headers`. */
export function headersOf(lines: readonly HeaderLine[]): Headers {
  const headers = new Headers();
  for (const [name, value] of lines) headers.append(name, value);
  return headers;
}
