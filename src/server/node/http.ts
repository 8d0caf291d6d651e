/** The parts of `node:http`, and of what frameworks add to it, that the server uses. */
import type { HeaderReader } from '../../request/key-header.js';

// biome-ignore lint/suspicious/noExplicitAny: listeners of events of all kinds.
type Listener = (...args: any[]) => void;

/** The part of a `node:http` request that the middleware uses. */
export interface NodeRequest {
  /** The HTTP method. */
  readonly method?: string | undefined;
  /** Path and query, as a router may have shortened them. */
  readonly url?: string | undefined;
  /** The whole URL, where a router has shortened `url`. */
  readonly originalUrl?: string | undefined;
  /** The headers, with names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Whether the whole request has arrived. */
  readonly complete: boolean;
  /** HTTP/2 only: there a body need not be announced by a header. */
  readonly stream?: {
    /** Whether the request has no body. */
    readonly endAfterHeaders?: boolean;
    /** The error code with which the stream was closed; 0 if neither side reset it. */
    readonly rstCode?: number;
  };
  /** Whether the stream is destroyed: no more bytes arrive. */
  readonly destroyed: boolean;
  /** Whether a body parser or another reader has begun to read the body. */
  readonly readableDidRead: boolean;
  /** How many bytes have arrived and can be read. */
  readonly readableLength: number;
  /** Whether the body was read to its end. */
  readonly readableEnded: boolean;
  /** The connection. */
  readonly socket?: unknown;
  /** Returns the bytes that have arrived, or `null`. */
  read(): unknown;
  /** Puts bytes back, so that the handler can read the body. */
  unshift(chunk: Uint8Array): void;
  /** Lets the rest of the body arrive and discards it. */
  resume(): unknown;
  /** Destroys the stream and its connection. */
  destroy(error?: Error): unknown;
  /** Adds a listener. */
  on(event: string, listener: Listener): unknown;
  /** Removes a listener. */
  off(event: string, listener: Listener): unknown;
}

/** The part of a `node:http` response that the middleware uses. */
export interface NodeResponse {
  /** The HTTP status. */
  statusCode: number;
  /** The reason phrase beside the status. */
  statusMessage: string;
  /** Whether the stream is destroyed: nothing more is sent. */
  readonly destroyed: boolean;
  /** Whether the whole response was written. */
  readonly writableEnded: boolean;
  /** Whether the whole response was handed to the operating system. */
  readonly writableFinished: boolean;
  /** The connection; `null` after it has closed. */
  readonly socket: {
    readonly readableEnded: boolean;
    readonly errored?: unknown;
    once(event: string, listener: Listener): unknown;
    off(event: string, listener: Listener): unknown;
  } | null;
  /** Returns the headers that are set, with names in lower case. */
  getHeaders(): Record<string, number | string | readonly string[] | undefined>;
  /** Returns the value of a header. */
  getHeader(name: string): number | string | readonly string[] | undefined;
  /** Returns whether a header is set. */
  hasHeader(name: string): boolean;
  /** Sets a header, in place of an earlier value. */
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  /** Removes a header. */
  removeHeader(name: string): unknown;
  /** Sends the status and headers. */
  // biome-ignore lint/suspicious/noExplicitAny: each has several signatures.
  writeHead(...args: any[]): unknown;
  /** Sends a piece of the body. Returns `false` if the buffer is full. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  write: (...args: any[]) => boolean;
  /** Ends the response. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  end(...args: any[]): unknown;
  /** Sends status and headers before the body. */
  flushHeaders(): void;
  /** Destroys the stream and its connection. */
  destroy(error?: Error): unknown;
  /** Adds a listener. */
  on(event: string, listener: Listener): unknown;
  /** Adds a listener for one event. */
  once(event: string, listener: Listener): unknown;
  /** Removes a listener. */
  off(event: string, listener: Listener): unknown;
}

/** Returns whether a request has a body, which may be empty (RFC 9112 §6.3, RFC 9113 §8.1). */
export function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream?.endAfterHeaders !== undefined) return !stream.endAfterHeaders;
  return Number(headers['content-length'] ?? 0) !== 0 || headers['transfer-encoding'] !== undefined;
}

/** Reads the headers of a request where Node keeps them: to copy them into a `Headers` takes 5 µs. */
export class NodeHeaders implements HeaderReader {
  readonly #headers: NodeRequest['headers'];

  constructor({ headers }: NodeRequest) {
    this.#headers = headers;
  }

  get(name: string): string | null {
    const value: unknown = this.#headers[name.toLowerCase()];
    if (typeof value === 'string') return trimmed(value);
    return Array.isArray(value) ? value.map(trimmed).join(', ') : null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  keys(): Iterable<string> {
    return Object.keys(this.#headers);
  }
}

/**
 * Without the white space of HTTP around it, as `Headers` returns a value. A regular expression with
 * `+$` would read a long run of spaces in the middle again from each of its characters.
 */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value.charCodeAt(start))) start++;
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

const isSpace = (unit: number) => unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;
