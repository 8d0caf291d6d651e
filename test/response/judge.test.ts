import { describe, expect, it } from 'vitest';
import { ResponseJudge } from '../../src/response/judge.js';

const encoder = new TextEncoder();
const judgeOf = (headers: Record<string, string>, maxBytes = 10_000_000) =>
  new ResponseJudge(
    { status: 200, statusText: '', url: '', headers: Object.entries(headers), body: null },
    maxBytes,
  );

const verdictOf = (type: string, body: string, headers: Record<string, string> = {}) => {
  const judge = judgeOf({ ...(type !== '' && { 'content-type': type }), ...headers });
  judge.see(encoder.encode(body));
  return judge.end().verdict;
};

describe('the judge of a response', () => {
  it('says how much of a document it holds, and that it holds nothing of a stream', () => {
    const document = judgeOf({ 'content-type': 'application/json' });
    expect(document.heldBytes).toBe(0);
    document.see(encoder.encode(`{"a":"${'a'.repeat(100_000)}`));
    expect(document.heldBytes).toBe(100_006);
    document.see(encoder.encode('"}'));
    expect(document.heldBytes).toBe(0);
    for (const type of ['text/event-stream', 'text/plain', 'application/vnd.amazon.eventstream']) {
      const judge = judgeOf({ 'content-type': type });
      judge.see(encoder.encode(`data: ${'a'.repeat(100_000)}`));
      expect(judge.heldBytes).toBe(0);
    }
  });

  it.each([
    ['text/event-stream', '', {}, 'broken'],
    ['application/vnd.amazon.eventstream', '', {}, 'broken'],
    ['text/plain', '', {}, 'complete'],
    ['', '', {}, 'complete'],
    // A status alone.
    ['application/json', '', { 'content-length': '0' }, 'complete'],
    ['application/json', '', {}, 'unknown'],
    // White space keeps a connection open until the answer begins.
    ['application/json', ' \n', {}, 'broken'],
    ['application/json', ' \n', { 'content-length': '2' }, 'unknown'],
  ] as const)('type "%s", body %j and %j: %s', (type, body, headers, verdict) => {
    expect(verdictOf(type, body, headers)).toBe(verdict);
  });

  it.each([
    ['application/json', '{"a":1}', 'complete'],
    ['application/json', '{"a":1', 'broken'],
    ['application/json', '<p>', 'unknown'],
    ['application/json', '{"error":{"code":1}}', 'failed'],
    // Some servers send events as JSON or as anything.
    ['application/json', 'data: {"error":{"code":1}}\n\n', 'failed'],
    ['', 'data: {"error":{"code":1}}\n\n', 'failed'],
    ['application/octet-stream', 'event: error\ndata: {}\n\n', 'failed'],
    ['image/png', 'data: {"error":{"code":1}}\n\n', 'complete'],
    ['text/plain', '{"error":{"code":1}}', 'failed'],
    // A type that says nothing: only an API that samekey knows can be cut off.
    ['text/plain', '{"a":1', 'complete'],
    ['text/plain', 'data is here', 'complete'],
    ['text/event-stream', '{"error":{"code":1}}', 'failed'],
    // The stream of Gemini is an array. Other arrays are documents, whatever is in them.
    ['application/json', '[{"candidates":[{"finishReason":"STOP"}]}]', 'complete'],
    ['application/json', '[{"candidates":[{"content":{}}]}]', 'broken'],
    ['application/json', '[{"error":{"code":1}}]', 'failed'],
    ['application/json', '[{"error":{"code":1},"id":7}]', 'complete'],
    ['application/x-ndjson', '{"a":1}\n{"a":2}\n', 'unknown'],
    ['application/x-ndjson', '{"a":1}\n', 'unknown'],
    ['application/json', '{"a":1}\n{"a":2}\n', 'unknown'],
  ] as const)('type "%s", body %s: %s', (type, body, verdict) => {
    expect(verdictOf(type, body)).toBe(verdict);
  });
});
