import { createParser } from 'eventsource-parser';
import { EVENT_STREAM_TYPE, eventPayloads, wrappedEvent } from '../providers/bedrock.js';
import { lineFeeds } from '../response/line-feeds.js';
import { addCounts, type Counts, toUsage, type Usage } from './usage.js';

/** Every usage has one of these in its name, so other events are not parsed. */
const MARK = /[uU]sage|Metrics/;

/**
 * Returns the usage in a whole response body, or `undefined` if it contains no known usage.
 *
 * Reads JSON, server-sent events (HTML §9.2), JSON lines and Amazon's event streams, by content type.
 * A body that cannot be read has no usage; that is not an error.
 *
 * @example
 * const stream = 'data: {"usage":null}\n\ndata: {"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\ndata: [DONE]\n\n';
 * usageOf(new TextEncoder().encode(stream), 'text/event-stream').outputTokens; // 2
 */
export function usageOf(
  body: Uint8Array,
  contentType: string | null | undefined,
): Usage | undefined {
  const counts: Counts = {};
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'text/event-stream') {
    const parser = createParser({ onEvent: ({ data }) => addText(counts, data) });
    // The last event counts even without the empty line after it.
    parser.feed(lineFeeds()(textOf(body)));
    parser.feed('\n\n');
  } else if (type === EVENT_STREAM_TYPE) {
    for (const payload of eventPayloads(body)) addPayload(counts, textOf(payload));
  } else if (/\b(?:x-)?(?:ndjson|jsonl|json-?lines)$/.test(type)) {
    for (const line of textOf(body).split('\n')) addText(counts, line);
  } else if (type === '' || /[/+]json$/.test(type)) {
    addText(counts, textOf(body));
  }
  return toUsage(counts);
}

/** A broken `TextDecoder` only loses counts, so it is not verified as it is for keys: that is 300 bytes. */
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

function addText(counts: Counts, text: string): void {
  if (MARK.test(text)) addAll(counts, parsed(text));
}

function addPayload(counts: Counts, text: string): void {
  const event = parsed(text);
  const wrapped = wrappedEvent(event);
  if (wrapped === undefined) addAll(counts, event);
  else addText(counts, wrapped);
}

/** A stream of Gemini is one JSON list if the request did not ask for events. */
function addAll(counts: Counts, value: unknown): void {
  for (const each of Array.isArray(value) ? value : [value]) addCounts(counts, each);
}

function parsed(text: string): unknown {
  try {
    // `JSON.parse` refuses a byte order mark.
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}
