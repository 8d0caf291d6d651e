/** What of Node's `node:http`, and what frameworks put on it, is needed here. */

// biome-ignore lint/suspicious/noExplicitAny: listeners of events of all kinds.
type Listener = (...args: any[]) => void;

export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** As it came, where a router has cut `url`. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Whether all of it has come in. */
  readonly complete: boolean;
  /** Of HTTP/2, where a body need not be announced. */
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

/** Whether a request has a body, though it may be empty (RFC 9112 §6.3, RFC 9113 §8.1). */
export function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream?.endAfterHeaders !== undefined) return !stream.endAfterHeaders;
  return Number(headers['content-length'] ?? 0) !== 0 || headers['transfer-encoding'] !== undefined;
}

/** A request's headers; what came several times is one value, as Node joins it. */
export function headersOf({ headers }: NodeRequest): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // HTTP/2 has the request line there.
    if (value === undefined || name.startsWith(':')) continue;
    if (typeof value === 'string') found.append(name, value);
    else for (const each of value) found.append(name, each);
  }
  return found;
}
