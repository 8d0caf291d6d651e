import { createParser, type EventSourceParser } from 'eventsource-parser';
import { decoder } from '../engine/utf8.js';

/**
 * Watches a response's body go by, and says in the end whether it was whole: `undefined`, or what was
 * wrong with it.
 */
export interface EndWatch {
  see(chunk: Uint8Array): void;
  /** `body` gives the whole of it, or `undefined` where it was too long to be kept. */
  fault(body: () => Uint8Array | undefined): string | undefined;
}

/** A way of streaming answers in which the last event is known. */
interface Protocol {
  readonly isOf: (event: string | undefined, data: string) => boolean;
  readonly isLast: (event: string | undefined, data: string) => boolean;
  readonly last: string;
}

/** By an event that only they have; others end when the connection ends cleanly. */
const PROTOCOLS: readonly Protocol[] = [
  {
    // Anthropic Messages.
    isOf: (event) => event === 'message_start',
    isLast: (event) => event === 'message_stop',
    last: 'message_stop',
  },
  {
    // OpenAI Responses: `incomplete` is an answer that met its limit of tokens.
    isOf: (event) => event === 'response.created' || event === 'response.queued',
    isLast: (event) => event === 'response.completed' || event === 'response.incomplete',
    last: 'response.completed',
  },
  {
    // OpenAI Chat Completions, and all that speak as it does.
    isOf: (_, data) =>
      /^\s*\{/.test(data) && /"object"\s*:\s*"(?:chat|text)[._]completion/.test(data),
    isLast: (_, data) => data === '[DONE]',
    last: '[DONE]',
  },
];

/** Events by which a provider says, in the middle of a stream, that it failed. */
function isFailure(event: string | undefined, data: string): boolean {
  if (event === 'error' || event === 'response.failed') return true;
  // Beside other members, too; but not in an answer that is about errors, where the quotes are escaped.
  if (!/"error"\s*:(?!\s*null\b)/.test(data)) return false;
  try {
    return Boolean((JSON.parse(data) as { error?: unknown } | null)?.error);
  } catch {
    return /^\s*\{\s*"error"/.test(data);
  }
}

/** What an event is called; where only its data is passed on, that says so, too. */
const nameOf = (event: string | undefined, data: string) =>
  event ?? /^\s*\{\s*"type"\s*:\s*"([^"\\]+)"/.exec(data)?.[1];

/**
 * Returns a watch for the body of a response, which is kept up to `maxBytes`; `isCoded` if it comes as it travels,
 * straight from a handler, whose end nothing cut off.
 */
export function watchEnd(
  { headers, type: kind }: Response,
  maxBytes: number,
  isCoded = false,
): EndWatch {
  const type = headers.get('content-type') ?? '';
  const hasCoding = headers.has('content-encoding');
  if (/^text\/event-stream\b/i.test(type) && !(isCoded && hasCoding))
    return new EventStreamWatch(maxBytes);
  // A coded body is counted by who decodes it.
  // Across origins, browsers show the length of what is coded, and hide that it is.
  const isDecoded = (hasCoding || kind === 'cors') && !isCoded;
  const length = isDecoded ? '' : (headers.get('content-length') ?? '');
  if (/^\d+$/.test(length)) return new LengthWatch(Number(length));
  return /[/+]json\s*(?:;|$)/i.test(type) && !isCoded ? JSON_WATCH : NO_WATCH;
}

const NO_WATCH: EndWatch = { see() {}, fault: () => undefined };

/** JSON that came without a length: half of it is no JSON. */
const JSON_WATCH: EndWatch = {
  see() {},
  fault(bodyOf) {
    const body = bodyOf();
    // No answer at all is what some servers give with a status that says it all.
    if (body === undefined || body.length === 0) return undefined;
    try {
      JSON.parse(decoder.decode(startsWithMark(body) ? body.subarray(3) : body));
      return undefined;
    } catch (error) {
      return `its body is no JSON: ${(error as Error).message}`;
    }
  },
};

/** A byte order mark, which a `Response` does not count as text, either. */
const startsWithMark = ([first, second, third]: Uint8Array) =>
  first === 0xef && second === 0xbb && third === 0xbf;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Events this long are read also where nothing so long is kept. */
const LEAST_BUFFER = 1024 * 1024;

/** Server-sent events (HTML §9.2), of which some protocols have a last one. */
class EventStreamWatch implements EndWatch {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  #isTooLong = false;
  #protocol: Protocol | undefined;
  #isCutOff = false;
  #hasBegun = false;
  #hasEnded = false;
  #failure: string | undefined;

  constructor(maxBytes: number) {
    this.#parser = createParser({
      onEvent: ({ event, data }) => this.#onEvent(event, data),
      // One event of more than is kept: not even its line is held, and its end is not known.
      maxBufferSize: Math.max(maxBytes, LEAST_BUFFER),
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
    // Clients take a last event for what it says, though no empty line follows it.
    if (this.#isTooLong) return this.#failure;
    this.#isCutOff = true;
    this.#parser.feed('\n\n');
    if (this.#failure !== undefined) return this.#failure;
    if (!this.#hasBegun) return 'its stream ended before the first event';
    if (this.#protocol === undefined || this.#hasEnded) return undefined;
    return `its stream ended before ${this.#protocol.last}`;
  }

  #onEvent(given: string | undefined, data: string): void {
    if (this.#isCutOff && data !== '[DONE]' && !isJson(data)) return;
    this.#hasBegun = true;
    const event = nameOf(given, data);
    if (isFailure(event, data)) this.#failure ??= `its stream says ${data.slice(0, 200)}`;
    this.#protocol ??= PROTOCOLS.find(({ isOf }) => isOf(event, data));
    if (this.#protocol?.isLast(event, data)) this.#hasEnded = true;
  }
}

/** What has a length, has that length. */
class LengthWatch implements EndWatch {
  readonly #wanted: number;
  #byteCount = 0;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  see(chunk: Uint8Array): void {
    this.#byteCount += chunk.length;
  }

  fault(): string | undefined {
    if (this.#byteCount === this.#wanted) return undefined;
    return `its body has ${this.#byteCount} bytes, its content-length says ${this.#wanted}`;
  }
}
