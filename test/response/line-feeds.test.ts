import { describe, expect, it } from 'vitest';
import { usageOf } from '../../src/cost/cost.js';
import { ResponseJudge } from '../../src/response/judge.js';
import { lineFeeds } from '../../src/response/line-feeds.js';
import { growth, LINEAR_BOUND } from '../runtime/growth.js';

const encoder = new TextEncoder();

function judged(type: string, ...parts: readonly (string | Uint8Array)[]): string {
  const headers = [['content-type', type]] as const;
  const judge = new ResponseJudge({ status: 200, statusText: '', url: '', headers, body: null }, 0);
  for (const part of parts) judge.see(typeof part === 'string' ? encoder.encode(part) : part);
  return judge.end().verdict;
}

it('turns the three ends of a line into one, wherever the text is cut', () => {
  const text = 'a\r\nb\rc\n\r\r\n\nd\r';
  const expected = 'a\nb\nc\n\n\n\nd\n';
  expect(lineFeeds()(text)).toBe(expected);
  for (let at = 0; at <= text.length; at++) {
    const next = lineFeeds();
    expect(next(text.slice(0, at)) + next('') + next(text.slice(at))).toBe(expected);
  }
});

describe('the verdict on events', () => {
  it('counts an event that ends with CR CR, at the end and before more text', () => {
    for (const more of ['', 'x', 'data: y']) {
      expect(judged('text/event-stream', `data: hello\r\r${more}`)).toBe('unknown');
    }
    // Such an event is cut off.
    expect(judged('text/event-stream', 'data: hello\r')).toBe('broken');
  });

  it('and their usage take linear time for lines that end with CR', () => {
    // It took minutes: the parser looked for the next LF at each CR.
    const events = 'data: {"usage":{"prompt_tokens":1}}\r\r'.repeat(20);
    const make = (count: number) => events + '\r'.repeat(count);
    const read = (body: Uint8Array) => {
      expect(usageOf(body, 'text/event-stream')).toMatchObject({ inputTokens: 1 });
      expect(judged('text/event-stream', body)).toBe('unknown');
    };
    expect(growth(make, 250_000, read)).toBeLessThan(LINEAR_BOUND);
  });
});

describe('the beginning of a body', () => {
  it.each([
    ['a control character', 'application/json', '\v":1}\n'],
    ['zeros', 'application/json-seq', '\v\0\0\0":1}\n'],
    ['a byte order mark', 'application/json', '\ufeff{"choices":[{"finish_reason":"stop"}]}'],
    ['a byte order mark before events', 'text/event-stream', '\ufeffdata: {"type":"ping"}\n\n'],
    ['white space', 'text/plain', ' \r\n\t {"error":{"code":500}}'],
    ['text that is not ASCII', 'text/plain', 'é{"error":{"code":500}}'],
  ])('gives one verdict wherever it is cut: %s', (_, type, text) => {
    const bytes = encoder.encode(text);
    const whole = judged(type, bytes);
    for (let at = 0; at <= Math.min(bytes.length, 8); at++) {
      expect(judged(type, bytes.slice(0, at), bytes.slice(at))).toBe(whole);
      expect(judged(type, ...[...bytes].map((byte) => Uint8Array.of(byte)))).toBe(whole);
    }
  });
});
