/**
 * Decides what a response is: complete, failed, broken or unknown. It reads the messages in the body while
 * the body passes; the files of `providers/` say what the messages of each API mean.
 */
import { decoder } from '../engine/utf8.js';
import { own } from '../options/own.js';
import { EVENT_STREAM_TYPE, wrappedEvent } from '../providers/bedrock.js';
import { hasError, membersOf } from '../providers/failure.js';
import { mediaType } from '../request/counted-headers.js';
import { Answer, type BodyJudge, COMPLETE, type Judgement, toMessage } from './answer.js';
import { joinChunks } from './chunks.js';
import {
  CUT,
  events,
  type MessageReader,
  MIN_BUFFER_BYTES,
  NO_MESSAGE,
  TOO_LONG,
} from './events.js';
import { FrameReader } from './frame-reader.js';
import { isSpace, JsonReader, toValue } from './json-reader.js';
import { LengthCheck } from './length-check.js';
import { headerIn, type ResponseData } from './response-data.js';

/** UTF-8. Some servers begin a body with it. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Judges the body of a response while it passes. */
export class ResponseJudge implements BodyJudge {
  readonly #answer = new Answer();
  readonly #maxBytes: number;
  readonly #type: string;
  readonly #hasLength: boolean;
  readonly #length: LengthCheck;
  #reader: MessageReader | undefined;
  #hasBytes = false;
  /** The first bytes of a body that has begun with white space only. */
  #beginning: Uint8Array = new Uint8Array();
  /** Whether only the body says that it contains messages, and the type allows anything. */
  #isGuess = false;

  /** @param maxBytes The longest body that is stored. */
  constructor(response: ResponseData, maxBytes: number) {
    const { headers } = response;
    this.#maxBytes = Math.max(maxBytes, MIN_BUFFER_BYTES);
    this.#type = mediaType(headerIn(headers, 'content-type'));
    this.#hasLength = headerIn(headers, 'content-length') !== null;
    this.#length = new LengthCheck(response, false);
  }

  get failure(): Judgement | undefined {
    return this.#answer.failure;
  }

  get heldBytes(): number {
    return (this.#reader && own(this.#reader, 'heldBytes')) ?? 0;
  }

  see(chunk: Uint8Array): void {
    this.#length.see(chunk);
    this.#hasBytes ||= chunk.length > 0;
    if (this.#reader !== undefined) this.#reader.see(chunk);
    else this.#begin(chunk);
  }

  /** Chooses the reader by all bytes so far, so that it does not depend on where they are cut. */
  #begin(chunk: Uint8Array): void {
    const before = this.#beginning;
    const bytes =
      before.length === 0 ? chunk : joinChunks([before, chunk], before.length + chunk.length);
    this.#reader = this.#readerFor(this.#type, bytes);
    // More white space changes nothing.
    if (this.#reader === undefined) {
      this.#beginning = new Uint8Array(bytes.subarray(0, BYTE_ORDER_MARK.length));
      return;
    }
    this.#reader.see(bytes);
  }

  end(): Judgement {
    const cut = this.#length.end();
    if (cut !== undefined) return cut;
    if (this.#reader === undefined) return this.#judgeEmpty();
    const judgement = this.#reader.judge();
    return this.#isGuess && !this.#answer.isKnown ? COMPLETE : judgement;
  }

  /** Judges a body without anything but white space, which keeps a connection open until an answer begins. */
  #judgeEmpty(): Judgement {
    if (this.#type === 'text/event-stream' || this.#type === EVENT_STREAM_TYPE) return NO_MESSAGE;
    if (!this.#type.includes('json')) return COMPLETE;
    // Some servers answer with a status alone, and say so by the length.
    if (!this.#hasBytes && this.#hasLength) return COMPLETE;
    return {
      verdict: this.#hasBytes && !this.#hasLength ? 'broken' : 'unknown',
      why: 'its body has no JSON',
    };
  }

  /** The reader for a body that begins with `chunk`; `undefined` while it begins with white space. */
  #readerFor(type: string, chunk: Uint8Array): MessageReader | undefined {
    if (type === EVENT_STREAM_TYPE) return frames(this.#answer);
    const first = chunk.find((byte, at) => !isSpace(byte) && byte !== BYTE_ORDER_MARK[at]);
    if (first === undefined) return undefined;
    const mark = String.fromCharCode(first);
    const isJson = mark === '{' || mark === '[';
    const isEvents = /[:deir]/.test(mark);
    const saysJson = type.includes('json');
    this.#isGuess = !saysJson && type !== 'text/event-stream';
    if (type === 'text/event-stream' ? !isJson : isEvents && mayHaveEvents(type)) {
      return events(this.#answer, this.#maxBytes, !this.#isGuess);
    }
    return saysJson || isJson ? json(this.#answer, this.#maxBytes, isLines(type)) : ANYTHING;
  }
}

/** Types that servers give to events by mistake. They give any type to the JSON of an error. */
const mayHaveEvents = (type: string) =>
  /^(?:|text\/plain|application\/octet-stream)$/.test(type) || type.includes('json');

const isLines = (type: string) => /ndjson|jsonl|json-?lines|json-seq|stream\+json/.test(type);

const ANYTHING: MessageReader = { see() {}, judge: () => COMPLETE };

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
    get heldBytes() {
      return reader.heldBytes;
    },
    see: (chunk) => reader.see(chunk),
    judge() {
      reader.end();
      if (answer.failure !== undefined) return answer.failure;
      if (reader.isTooLong) return TOO_LONG;
      if (reader.isMalformed) return { verdict: 'unknown', why: 'its body is no JSON' };
      if (reader.isOpen) {
        return CUT;
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
