/** The parts of `node:http`, and of what frameworks add to it, that the server uses. */

// biome-ignore lint/suspicious/noExplicitAny: listeners of events of all kinds.
type Listener = (...args: any[]) => void;

export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** The whole URL, where a router has shortened `url`. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Whether the whole request has arrived. */
  readonly complete: boolean;
  /** HTTP/2 only: there a body need not be announced by a header. */
  readonly stream?: { readonly endAfterHeaders?: boolean };
  readonly destroyed: boolean;
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  readonly socket?: unknown;
  read(): unknown;
  unshift(chunk: Uint8Array): void;
  resume(): unknown;
  destroy(error?: Error): unknown;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

export interface NodeResponse {
  statusCode: number;
  statusMessage: string;
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  readonly socket: {
    readonly readableEnded: boolean;
    readonly errored?: unknown;
    once(event: string, listener: Listener): unknown;
    off(event: string, listener: Listener): unknown;
  } | null;
  getHeaders(): Record<string, number | string | readonly string[] | undefined>;
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  removeHeader(name: string): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: each has several signatures.
  writeHead(...args: any[]): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  write(...args: any[]): boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  end(...args: any[]): unknown;
  flushHeaders(): void;
  destroy(error?: Error): unknown;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** Returns whether a request has a body, which may be empty (RFC 9112 §6.3, RFC 9113 §8.1). */
export function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream?.endAfterHeaders !== undefined) return !stream.endAfterHeaders;
  return Number(headers['content-length'] ?? 0) !== 0 || headers['transfer-encoding'] !== undefined;
}

/** Returns the headers of a request. Node joins repeated headers into one value. */
export function headersOf({ headers }: NodeRequest): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // The pseudo-headers of HTTP/2.
    if (value === undefined || name.startsWith(':')) continue;
    if (typeof value === 'string') found.append(name, value);
    else for (const each of value) found.append(name, each);
  }
  return found;
}
