import { describe, expect, it } from 'vitest';
import { HandlerJudge } from '../../src/server/handler-judge.js';

const EVENTS = { 'content-type': 'text/event-stream; charset=utf-8' };
const STARTED = 'event: message_start\ndata: {"type":"message_start"}\n\n';
const STOPPED = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
const FAILED = 'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n';

function judged(body: string, headers: Record<string, string> = EVENTS, maxBytes = 10_000_000) {
  const judge = new HandlerJudge(
    { status: 200, statusText: '', url: '', headers: Object.entries(headers), body: null },
    maxBytes,
  );
  const bytes = new TextEncoder().encode(body);
  for (let at = 0; at < bytes.length; at += 100_000) judge.see(bytes.subarray(at, at + 100_000));
  return judge.end();
}

describe('the response of a handler', () => {
  it.each([
    ['a stream that ends with its last event', STARTED + STOPPED, 'complete'],
    ['a stream that ends before it', STARTED, 'broken'],
    ['a stream that says that it failed', STARTED + FAILED, 'failed'],
    ['a failure in a field of its own, as of llama.cpp', 'error: out of memory\n\n', 'failed'],
    ['a stream that samekey does not know', 'data: one\n\n', 'complete'],
    ['a stream without an event', ': nothing yet\n\n', 'broken'],
  ])('%s', (_, body, verdict) => {
    expect(judged(body)).toMatchObject({ verdict });
  });

  it('is read only if it is a stream of events that no coding hides', () => {
    expect(judged(FAILED, { 'content-type': 'text/plain' })).toEqual({
      verdict: 'complete',
      why: '',
    });
    expect(judged(FAILED, { ...EVENTS, 'content-encoding': 'gzip' })).toMatchObject({
      verdict: 'complete',
    });
    expect(judged('{"error":{"code":500}}', { 'content-type': 'application/json' })).toMatchObject({
      verdict: 'complete',
    });
  });

  it('has failed behind an event of any length that may be stored', () => {
    const long = `data: ${'a'.repeat(1_500_000)}\n\n${FAILED}`;
    expect(judged(long)).toMatchObject({ verdict: 'failed' });
    // An event of a megabyte is read even if less is stored.
    const shorter = `data: ${'a'.repeat(1_000_000)}\n\n${FAILED}`;
    expect(judged(shorter, EVENTS, 1000)).toMatchObject({ verdict: 'failed' });
    expect(judged(long, EVENTS, 1000)).toMatchObject({ verdict: 'complete' });
  });

  it('is broken if it has another length than it says, coded or not', () => {
    const length = { 'content-type': 'text/plain', 'content-length': '4' };
    expect(judged('four', length)).toMatchObject({ verdict: 'complete' });
    for (const headers of [length, { ...length, 'content-encoding': 'gzip' }]) {
      expect(judged('three', headers)).toEqual({
        verdict: 'broken',
        why: 'its body has 5 bytes, its content-length says 4',
      });
    }
  });
});
