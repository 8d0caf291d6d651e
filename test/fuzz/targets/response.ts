/** The verdict on a response, of any type and cut into any chunks. */
import assert from 'node:assert/strict';
import { ResponseJudge } from '../../../src/response/judge.js';
import { cut, withChoices } from '../chunks.js';

export const seeds = [
  '\x01\x00\x0b":1}\n',
  '\x06\x00 \r\n{"error":{"code":500}}',
  '\x00\x03data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  '\x00\x03event: message_start\ndata: {"type":"message_start"}\n\nevent: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
  '\x01\x02{"id":"msg_1","type":"message","content":[],"stop_reason":"end_turn"}',
  '\x01\x02[{"candidates":[{"finishReason":"STOP"}]},{"error":{"code":500}}]',
  '\x02\x01{"message":{"content":"a"},"done":false}\n{"error":"no memory"}\n',
  '\x04\x02\x1e{"a":1}\n\x1e{"b":2}\n',
  '\x05\x02:ping\n\nerror: {"code":500}\n\n',
];

const TYPES = [
  'text/event-stream',
  'application/json',
  'application/x-ndjson',
  'application/vnd.amazon.eventstream',
  'application/json-seq',
  '',
  'text/plain',
  'text/html',
];

/** The first byte chooses the type, the second one the chunks. */
export function fuzz(input: Uint8Array): void {
  const [type, choice, body] = withChoices(input, 2) as [number, number, Uint8Array];
  const contentType = TYPES[type % TYPES.length] as string;
  const whole = verdictOf(contentType, [body]);
  assert.ok(['complete', 'failed', 'broken', 'unknown'].includes(whole));
  assert.equal(verdictOf(contentType, cut(body, choice)), whole);
}

function verdictOf(contentType: string, chunks: readonly Uint8Array[]): string {
  const judge = new ResponseJudge(
    { status: 200, statusText: '', url: '', headers: [['content-type', contentType]], body: null },
    0,
  );
  let hasFailed = false;
  for (const chunk of chunks) {
    judge.see(chunk);
    // A failure is never taken back.
    if (hasFailed) assert.ok(judge.failure);
    hasFailed ||= judge.failure !== undefined;
  }
  const { verdict } = judge.end();
  if (hasFailed) assert.equal(verdict, 'failed');
  return verdict;
}
