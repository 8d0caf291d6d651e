/**
 * Decides what a response is: complete, failed, broken or unknown. It reads the messages in the body while
 * the body passes; the files of `providers/` say what the messages of each API mean.
 */
import { createParser, type EventSourceParser } from 'eventsource-parser';
import { decoder } from '../engine/utf8.js';
import { EVENT_STREAM_TYPE, wrappedEvent } from '../providers/bedrock.js';
import { hasError, membersOf } from '../providers/failure.js';
import { DONE } from '../providers/openai-compatible.js';
import { mediaType } from '../request/counted-headers.js';
import { Answer, COMPLETE, type Judgement, toMessage } from './answer.js';
import { FrameReader } from './frame-reader.js';
import { JsonReader, toValue } from './json-reader.js';

/**
 * Where responses come from: a server; a handler in this process, whose bodies are still in their
 * `content-encoding`; or a model whose parts samekey wrote into a body itself.
 */
export type ResponseOrigin = 'server' | 'handler' | 'model';

/** Messages up to this length are read even if a body of this length is not stored. */
const MIN_BUFFER_BYTES = 1024 * 1024;

const TOO_LONG: Judgement = {
  verdict: 'unknown',
  why: 'a message in its body is too long to be read',
};
const NO_MESSAGE: Judgement = { verdict: 'broken', why: 'its stream ended before the first event' };

/** How the messages in a body are told apart. */
interface MessageReader {
  see(chunk: Uint8Array): void;
  judge(): Judgement;
}

/** Judges the body of a response while it passes. */
export class ResponseJudge {
  readonly #answer = new Answer();
  readonly #maxBytes: number;
  /** The media type, or `undefined` for a body that is not read. */
  readonly #type: string | undefined;
  readonly #origin: ResponseOrigin;
  readonly #expectedBytes: number | undefined;
  #byteCount = 0;
  #reader: MessageReader | undefined;
  /** Whether only the body says that it contains messages, and the type allows anything. */
  #isGuess = false;

  /**
   * @param maxBytes The longest body that is stored.
   * @param origin Of the responses of a handler, which no connection can cut off, only events are judged.
   * What samekey wrote itself is not judged.
   */
  constructor({ headers, type: kind }: Response, maxBytes: number, origin: ResponseOrigin) {
    this.#maxBytes = Math.max(maxBytes, MIN_BUFFER_BYTES);
    this.#origin = origin;
    const type = mediaType(headers.get('content-type'));
    const hasCoding = headers.has('content-encoding');
    const isCoded = origin === 'handler';
    const isRead = isCoded ? type === 'text/event-stream' && !hasCoding : mayHaveMessages(type);
    if (isRead && origin !== 'model') this.#type = type;
    // `content-length` counts the coded bytes, and the judge sees decoded ones. For a response of another
    // origin, browsers show that length and hide the coding.
    const isDecoded = (hasCoding || kind === 'cors') && !isCoded;
    const length = isDecoded ? '' : (headers.get('content-length') ?? '');
    if (/^\d+$/.test(length)) this.#expectedBytes = Number(length);
  }

  /** The failure that the body has told so far. */
  get failure(): Judgement | undefined {
    return this.#answer.failure;
  }

  see(chunk: Uint8Array): void {
    this.#byteCount += chunk.length;
    if (this.#type === undefined) return;
    this.#reader ??= this.#readerFor(this.#type, chunk);
    this.#reader?.see(chunk);
  }

  /** Judges the body at its end. */
  end(): Judgement {
    if (this.#expectedBytes !== undefined && this.#byteCount !== this.#expectedBytes) {
      const why = `its body has ${this.#byteCount} bytes, its content-length says ${this.#expectedBytes}`;
      return { verdict: 'broken', why };
    }
    if (this.#type === undefined) return COMPLETE;
    if (this.#reader === undefined) {
      const isStream = this.#type === 'text/event-stream' || this.#type === EVENT_STREAM_TYPE;
      // Some servers answer with a status alone.
      return isStream ? NO_MESSAGE : COMPLETE;
    }
    const judgement = this.#reader.judge();
    if (this.#isGuess && !this.#answer.isKnown) return COMPLETE;
    return this.#origin === 'handler' && judgement.verdict === 'unknown' ? COMPLETE : judgement;
  }

  /** The reader for a body that begins with `chunk`; `undefined` while it begins with white space. */
  #readerFor(type: string, chunk: Uint8Array): MessageReader | undefined {
    if (type === EVENT_STREAM_TYPE) return frames(this.#answer);
    const first = chunk.find((byte) => byte > 0x20 && byte < 0x80);
    if (first === undefined) return undefined;
    const mark = String.fromCharCode(first);
    const isJson = mark === '{' || mark === '[';
    const isEvents = /[:deir]/.test(mark);
    const saysJson = type.includes('json');
    this.#isGuess = !saysJson && type !== 'text/event-stream';
    if (type === 'text/event-stream' ? !isJson : isEvents) {
      return events(this.#answer, this.#maxBytes, !this.#isGuess);
    }
    return saysJson || isJson ? json(this.#answer, this.#maxBytes, isLines(type)) : ANYTHING;
  }
}

/** Types that servers give to messages, rightly or wrongly. */
const mayHaveMessages = (type: string) =>
  /^(?:|text\/(?:plain|event-stream)|application\/octet-stream)$/.test(type) ||
  type.includes('json') ||
  type === EVENT_STREAM_TYPE;

const isLines = (type: string) => /ndjson|jsonl|json-?lines|json-seq|stream\+json/.test(type);

const ANYTHING: MessageReader = { see() {}, judge: () => COMPLETE };

/** Server-sent events (HTML §9.2). */
function events(answer: Answer, maxBytes: number, isDeclared: boolean): MessageReader {
  const text = new TextDecoder();
  let isTooLong = false;
  let isAtEnd = false;
  let hasEvent = false;
  const parser: EventSourceParser = createParser({
    onEvent({ event, data }) {
      const value = toValue(data);
      // Clients accept a last event without the empty line after it, but not half of one.
      if (isAtEnd && value === undefined && data !== DONE) return;
      hasEvent = true;
      answer.add(toMessage(value, data, event));
    },
    onError({ type, field, value = '' }) {
      // A longer event is not buffered, so the end of the stream cannot be judged.
      if (type === 'max-buffer-size-exceeded') isTooLong = true;
      // llama.cpp writes a failure into a field of its own.
      if (field === 'error' && (isDeclared || toValue(value) !== undefined)) {
        answer.add(toMessage(toValue(value), value, 'error'));
      }
    },
    maxBufferSize: maxBytes,
  });
  return {
    see(chunk) {
      if (!isTooLong) parser.feed(text.decode(chunk, { stream: true }));
    },
    judge() {
      isAtEnd = true;
      if (!isTooLong) parser.feed('\n\n');
      if (answer.failure !== undefined) return answer.failure;
      if (isTooLong) return TOO_LONG;
      return hasEvent ? answer.judgeStream() : NO_MESSAGE;
    },
  };
}

/** A JSON document, lines of JSON, or an array that is a stream, as Gemini sends it. */
function json(answer: Answer, maxBytes: number, isLines: boolean): MessageReader {
  let last: unknown;
  let isElements = false;
  const reader = new JsonReader(
    {
      onValue(value, text) {
        last = value;
        answer.add(toMessage(value, text));
      },
      isStream(first) {
        const isOnlyError = hasError(first) && Object.keys(membersOf(first)).length === 1;
        isElements = isOnlyError || Array.isArray(membersOf(first).candidates);
        return isElements;
      },
    },
    maxBytes,
  );
  return {
    see: (chunk) => reader.see(chunk),
    judge() {
      reader.end();
      if (answer.failure !== undefined) return answer.failure;
      if (reader.isTooLong) return TOO_LONG;
      if (reader.isMalformed) return { verdict: 'unknown', why: 'its body is no JSON' };
      if (reader.isOpen) {
        return { verdict: 'broken', why: 'its body ends in the middle of a JSON value' };
      }
      if (isElements) return answer.judgeStream();
      const isDocument = reader.valueCount === 1 && !isLines;
      return isDocument ? answer.judgeDocument(last) : answer.judgeStream(true);
    },
  };
}

/** The frames of Bedrock. */
function frames(answer: Answer): MessageReader {
  let hasFrame = false;
  const reader = new FrameReader((headers, payload) => {
    hasFrame = true;
    const text = decoder.decode(payload);
    const isFailure = /^(?:exception|error)$/.test(headers[':message-type'] ?? '');
    const value = toValue(text);
    const inner = wrappedEvent(value);
    if (isFailure || inner === undefined) {
      const name = isFailure ? 'error' : headers[':event-type'];
      const data = isFailure ? `${headers[':exception-type'] ?? ''} ${text}` : text;
      answer.add(toMessage(value, data, name));
      return;
    }
    const message = toMessage(toValue(inner), inner);
    answer.add(message.name === undefined ? { ...message, name: headers[':event-type'] } : message);
  });
  return {
    see: (chunk) => reader.see(chunk),
    judge() {
      if (answer.failure !== undefined) return answer.failure;
      if (reader.isMalformed) {
        return { verdict: 'broken', why: 'a frame in its body has a wrong length or checksum' };
      }
      if (reader.isOpen)
        return { verdict: 'broken', why: 'its body ends in the middle of a frame' };
      return hasFrame ? answer.judgeStream() : NO_MESSAGE;
    },
  };
}
