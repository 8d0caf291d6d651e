import { createParser } from 'eventsource-parser';
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
const isFailure = (event: string | undefined, data: string) =>
  event === 'error' || event === 'response.failed' || /^\s*\{\s*"error"\s*:/.test(data);

/**
 * Returns a watch for the body of a response with these headers; `isCoded` if it comes as it travels,
 * straight from a handler, whose end nothing cut off.
 */
export function watchEnd(headers: Headers, isCoded = false): EndWatch {
  const type = headers.get('content-type') ?? '';
  const hasCoding = headers.has('content-encoding');
  if (/^text\/event-stream\b/i.test(type) && !(isCoded && hasCoding)) return new EventStreamWatch();
  // A coded body is counted by who decodes it.
  const length = hasCoding && !isCoded ? '' : (headers.get('content-length') ?? '');
  if (/^\d+$/.test(length)) return new LengthWatch(Number(length));
  return /[/+]json\b/i.test(type) && !isCoded ? JSON_WATCH : NO_WATCH;
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
      JSON.parse(decoder.decode(body));
      return undefined;
    } catch (error) {
      return `its body is no JSON: ${(error as Error).message}`;
    }
  },
};

/** Server-sent events (HTML §9.2), of which some protocols have a last one. */
class EventStreamWatch implements EndWatch {
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({
    onEvent: ({ event, data }) => this.#onEvent(event, data),
  });
  #protocol: Protocol | undefined;
  #hasEnded = false;
  #failure: string | undefined;

  see(chunk: Uint8Array): void {
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }

  fault(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#protocol === undefined || this.#hasEnded) return undefined;
    return `its stream ended before ${this.#protocol.last}`;
  }

  #onEvent(event: string | undefined, data: string): void {
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
