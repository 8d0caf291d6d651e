/** Server-sent events: in chunks, as a whole, and by the rules of the standard. */
import assert from 'node:assert/strict';
import { DONE } from '../../../src/providers/openai-compatible.js';
import { type Answer, toMessage } from '../../../src/response/answer.js';
import { events } from '../../../src/response/events.js';
import { toValue } from '../../../src/response/json-reader.js';
import { cut, withChoices } from '../chunks.js';

export const seeds = [
  '\x00data: a\r\ndata: b\r\n\r\nevent: x\rdata: {}\r\r',
  '\x02id: 1\nevent: delta\ndata: {"a":1}\ndata: {"b":2}\n\n: comment\ndata:[DONE]\r\n\r\ndata\rdata: x\r\r',
  '\x01\xef\xbb\xbfdata: \xc3\xa9\xf0\x9f\xa7\xb3\n\nevent: ping\ndata: {}\n\nretry: 10\n\n',
  '\x04error: {"code":1}\n{"error":2}\ndata: {"a":\n\ndata: {"a":',
];

type Message = ReturnType<typeof toMessage>;

export function fuzz(input: Uint8Array): void {
  const [choice, body] = withChoices(input, 1) as [number, Uint8Array];
  const whole = messagesIn([body]);
  assert.deepEqual(messagesIn(cut(body, choice)), whole);
  assert.deepEqual(whole, referenceMessages(body));
}

function messagesIn(chunks: readonly Uint8Array[]): Message[] {
  const found: Message[] = [];
  const answer = {
    add: (message: Message) => found.push(message),
    judgeStream: () => ({ verdict: 'unknown', why: '' }),
  };
  const reader = events(answer as unknown as Answer, 1 << 20, true);
  for (const chunk of chunks) reader.see(chunk);
  reader.judge();
  return found;
}

/** HTML §9.2.6, and the lines in which some servers write errors. */
function referenceMessages(body: Uint8Array): Message[] {
  const found: Message[] = [];
  const text = new TextDecoder().decode(body, { stream: true });
  const lines = text.split(/\r\n|\r|\n/);
  let data: string[] = [];
  let event: string | undefined;
  for (const [i, line] of [...lines, ''].entries()) {
    const [, field = line, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (line === '') {
      const joined = data.join('\n');
      // The end of the stream ends the last event, unless it is cut off.
      const isCut = i >= lines.length - 1 && toValue(joined) === undefined && joined !== DONE;
      if (data.length > 0 && !isCut) found.push(toMessage(toValue(joined), joined, event));
      data = [];
      event = undefined;
    } else if (field === 'data') data.push(value);
    else if (field === 'event') event = value || undefined;
    else if (!['', 'id', 'retry'].includes(field)) {
      if (field === 'error') found.push(toMessage(toValue(value), value, 'error'));
      if (line.startsWith('{')) found.push(toMessage(toValue(line), line));
    }
  }
  return found;
}
