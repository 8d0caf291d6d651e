import { createParser, type EventSourceParser } from 'eventsource-parser';
import { DONE } from '../providers/openai-compatible.js';
import { type Answer, type Judgement, toMessage } from './answer.js';
import { toValue } from './json-reader.js';
import { lineFeeds } from './line-feeds.js';

/** Messages up to this length are read even if a body of this length is not stored. */
export const MIN_BUFFER_BYTES = 1024 * 1024;

export const TOO_LONG: Judgement = {
  verdict: 'unknown',
  why: 'a message in its body is too long to be read',
};
export const CUT: Judgement = {
  verdict: 'broken',
  why: 'its body ends in the middle of a JSON value',
};
export const NO_MESSAGE: Judgement = {
  verdict: 'broken',
  why: 'its stream ended before the first event',
};

/** Reads the messages in a body, and judges it at its end. */
export interface MessageReader {
  /** How many bytes of a value that has not ended it holds. */
  readonly heldBytes?: number;
  see(chunk: Uint8Array): void;
  judge(): Judgement;
}

/** Server-sent events (HTML §9.2). */
export function events(answer: Answer, maxBytes: number, isDeclared: boolean): MessageReader {
  const text = new TextDecoder();
  const withLineFeeds = lineFeeds();
  let isTooLong = false;
  let isAtEnd = false;
  let hasEvent = false;
  let isCut = false;
  const parser: EventSourceParser = createParser({
    onEvent({ event, data }) {
      const value = toValue(data);
      // Clients accept a last event without the empty line after it, but not half of one.
      if (isAtEnd && value === undefined && data !== DONE) {
        isCut = /^[[{]/.test(data);
        return;
      }
      // vLLM sends the marker alone after an error; pings keep a connection open.
      hasEvent ||= data !== DONE && event !== 'ping';
      answer.add(toMessage(value, data, event));
    },
    onError({ type, field, value = '', line = '' }) {
      // A longer event is not buffered, so the end of the stream cannot be judged.
      if (type === 'max-buffer-size-exceeded') isTooLong = true;
      // llama.cpp writes a failure into a field of its own.
      if (field === 'error' && (isDeclared || toValue(value) !== undefined)) {
        answer.add(toMessage(toValue(value), value, 'error'));
      }
      // Some gateways write the JSON of an error between the events.
      if (line.startsWith('{')) answer.add(toMessage(toValue(line), line));
    },
    maxBufferSize: maxBytes,
  });
  return {
    see(chunk) {
      if (!isTooLong) parser.feed(withLineFeeds(text.decode(chunk, { stream: true })));
    },
    judge() {
      isAtEnd = true;
      if (!isTooLong) parser.feed('\n\n');
      if (answer.failure !== undefined) return answer.failure;
      if (isTooLong) return TOO_LONG;
      if (!hasEvent) return NO_MESSAGE;
      const judgement = answer.judgeStream();
      return isCut && judgement.verdict === 'unknown' ? CUT : judgement;
    },
  };
}
