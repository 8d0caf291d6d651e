/**
 * Decides whether a response is complete: `watchCompleteness` observes its body and reports its fault.
 * The file of each API in `providers/` says with which event its streams end.
 */
import { createParser, type EventSourceParser } from 'eventsource-parser';
import { decoder } from '../engine/utf8.js';
import { DONE } from '../providers/openai-compatible.js';
import type { StreamDialect } from '../providers/provider.js';
import { streamDialects } from '../providers/registry.js';

/** Observes the body of a response while it passes. */
export interface CompletenessWatch {
  see(chunk: Uint8Array): void;
  /**
   * Returns the fault of the body, or `undefined` if it is complete. `body` returns the whole body, or
   * `undefined` if it was too long to be stored.
   */
  fault(body: () => Uint8Array | undefined): string | undefined;
}

/** Whether an event in the middle of a stream says that the provider failed. */
function isFailure(event: string | undefined, data: string): boolean {
  if (event === 'error' || streamDialects.some((dialect) => dialect.isFailure?.(event)))
    return true;
  // A member `error` beside other members counts, an answer about errors does not: its quotes are
  // escaped.
  if (!/"error"\s*:(?!\s*null\b)/.test(data)) return false;
  try {
    return Boolean((JSON.parse(data) as { error?: unknown } | null)?.error);
  } catch {
    return /^\s*\{\s*"error"/.test(data);
  }
}

/** Returns the name of an event. Some gateways pass only the data on, whose `type` is the name. */
const nameOf = (event: string | undefined, data: string) =>
  event ?? /^\s*\{\s*"type"\s*:\s*"([^"\\]+)"/.exec(data)?.[1];

/**
 * Returns a watch for the body of a response.
 *
 * @param maxBytes The longest body that is stored.
 * @param isCoded Whether the body is still in its `content-encoding`: a handler's own response, which
 * no connection can cut off. `fetch` decodes bodies.
 */
export function watchCompleteness(
  { headers, type: kind }: Response,
  maxBytes: number,
  isCoded = false,
): CompletenessWatch {
  const type = headers.get('content-type') ?? '';
  const hasCoding = headers.has('content-encoding');
  if (/^text\/event-stream\b/i.test(type) && !(isCoded && hasCoding))
    return new EventStreamWatch(maxBytes);
  // `content-length` counts the coded bytes, and the watch sees decoded ones. For a response of another
  // origin, browsers show that length and hide the coding.
  const isDecoded = (hasCoding || kind === 'cors') && !isCoded;
  const length = isDecoded ? '' : (headers.get('content-length') ?? '');
  if (/^\d+$/.test(length)) return new LengthWatch(Number(length));
  return /[/+]json\s*(?:;|$)/i.test(type) && !isCoded ? JSON_WATCH : NO_WATCH;
}

const NO_WATCH: CompletenessWatch = { see() {}, fault: () => undefined };

/** JSON without a `content-length`: half of a document does not parse. */
const JSON_WATCH: CompletenessWatch = {
  see() {},
  fault(bodyOf) {
    const body = bodyOf();
    // Some servers answer with a status alone.
    if (body === undefined || body.length === 0) return undefined;
    try {
      JSON.parse(decoder.decode(startsWithByteOrderMark(body) ? body.subarray(3) : body));
      return undefined;
    } catch (error) {
      return `its body is no JSON: ${(error as Error).message}`;
    }
  },
};

/** `Response.json()` skips a byte order mark, too. */
const startsWithByteOrderMark = ([first, second, third]: Uint8Array) =>
  first === 0xef && second === 0xbb && third === 0xbf;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Events up to this length are read even if a body of this length is not stored. */
const MIN_BUFFER_BYTES = 1024 * 1024;

/**
 * Server-sent events (HTML §9.2). A stream in a known dialect is complete after the dialect's last
 * event, any other stream when its connection ends without an error.
 */
class EventStreamWatch implements CompletenessWatch {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  #isTooLong = false;
  #dialect: StreamDialect | undefined;
  #isCutOff = false;
  #hasBegun = false;
  #hasEnded = false;
  #failure: string | undefined;

  constructor(maxBytes: number) {
    this.#parser = createParser({
      onEvent: ({ event, data }) => this.#onEvent(event, data),
      // A longer event is not buffered, so the end of the stream cannot be judged.
      maxBufferSize: Math.max(maxBytes, MIN_BUFFER_BYTES),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.#isTooLong = true;
      },
    });
  }

  see(chunk: Uint8Array): void {
    if (this.#isTooLong) return;
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }

  fault(): string | undefined {
    // Clients accept a last event without the empty line after it.
    if (this.#isTooLong) return this.#failure;
    this.#isCutOff = true;
    this.#parser.feed('\n\n');
    if (this.#failure !== undefined) return this.#failure;
    if (!this.#hasBegun) return 'its stream ended before the first event';
    if (this.#dialect === undefined || this.#hasEnded) return undefined;
    return `its stream ended before ${this.#dialect.lastName}`;
  }

  #onEvent(given: string | undefined, data: string): void {
    if (this.#isCutOff && data !== DONE && !isJson(data)) return;
    this.#hasBegun = true;
    const event = nameOf(given, data);
    if (isFailure(event, data)) this.#failure ??= `its stream says ${data.slice(0, 200)}`;
    this.#dialect ??= streamDialects.find(({ isFirst }) => isFirst(event, data));
    if (this.#dialect?.isLast(event, data)) this.#hasEnded = true;
  }
}

/** The byte count must equal `Content-Length`. */
class LengthWatch implements CompletenessWatch {
  readonly #expectedBytes: number;
  #byteCount = 0;

  constructor(expectedBytes: number) {
    this.#expectedBytes = expectedBytes;
  }

  see(chunk: Uint8Array): void {
    this.#byteCount += chunk.length;
  }

  fault(): string | undefined {
    if (this.#byteCount === this.#expectedBytes) return undefined;
    return `its body has ${this.#byteCount} bytes, its content-length says ${this.#expectedBytes}`;
  }
}
