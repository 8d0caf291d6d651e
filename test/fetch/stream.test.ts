import { describe, expect, it } from 'vitest';
import type { ResponseInfo } from '../../src/fetch/fetch.js';
import { eventStream } from '../servers/upstream.js';
import {
  events,
  fetchWith,
  outcomeOf,
  readOutcome,
  rejection,
  server,
  soon,
  upstream,
  useUpstream,
} from './scene.js';

useUpstream();

describe('a stream', () => {
  /** Returns functions that send events and end the stream. */
  function streaming() {
    let write: ReturnType<typeof eventStream> = () => false;
    let end = () => {};
    let destroy = () => {};
    server.behave = ({ raw }, response) => {
      write = eventStream(response);
      end = () => response.end();
      destroy = () => raw.socket.destroy();
    };
    return {
      write: (event: string, data: unknown = {}) => write(event, data),
      end: () => end(),
      destroy: () => destroy(),
    };
  }

  const read = async (response: Response) =>
    [...(await response.text()).matchAll(/event: (\w+)/g)].map(([, name]) => name).join(' ');

  it('arrives live, and from the beginning for a caller that joins in the middle', async () => {
    const sse = streaming();
    const { ask } = fetchWith();
    const pending = ask();
    await expect.poll(() => upstream.requests.length).toBe(1);
    sse.write('message_start');
    const first = await pending;
    const reader = (first.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('message_start');
    // No other request was sent: this caller reads the buffer, then the live events.
    const second = await ask();
    const reading = read(second);
    sse.write('content_block_delta', { text: 'a' });
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('content_block_delta');
    sse.write('message_stop');
    sse.end();
    expect(await reading).toBe('message_start content_block_delta message_stop');
    expect([outcomeOf(first), outcomeOf(second)]).toEqual(['executed', 'joined']);
    expect(await read(await ask())).toBe('message_start content_block_delta message_stop');
    expect(upstream.requests).toHaveLength(1);
  });

  it.each([
    ['ends without its last event', (sse: ReturnType<typeof streaming>) => sse.end()],
    ['breaks', (sse: ReturnType<typeof streaming>) => sse.destroy()],
  ])('that %s fails for every caller, and is not stored', async (_, finish) => {
    const sse = streaming();
    const { ask } = fetchWith();
    const pending = [ask(), ask()];
    await expect.poll(() => upstream.requests.length).toBe(1);
    sse.write('message_start');
    const responses = await Promise.all(pending);
    const texts = responses.map((each) => rejection(each.text()));
    finish(sse);
    for (const error of await Promise.all(texts)) expect(error).toBeInstanceOf(Error);
    const again = ask();
    await expect.poll(() => upstream.requests.length).toBe(2);
    sse.write('message_start');
    sse.write('message_stop');
    sse.end();
    expect([outcomeOf(await again), await read(await again)]).toEqual([
      'executed',
      'message_start message_stop',
    ]);
  });

  it('that says that it failed ends as it does, is not joined from then on, and is not stored', async () => {
    const ends: (() => void)[] = [];
    server.behave = ({ count }, response) => {
      const write = eventStream(response);
      write('message_start', {});
      if (count === 1) write('error', { error: { type: 'overloaded_error' } });
      ends.push(() => {
        write('message_stop', {});
        response.end();
      });
    };
    const { ask } = fetchWith();
    const failing = read(await ask());
    await expect.poll(() => events.some(({ type }) => type === 'failed')).toBe(true);
    // The first stream is still open, and still read.
    const again = read(await ask());
    expect(upstream.requests).toHaveLength(2);
    for (const end of ends) end();
    expect([await failing, await again]).toEqual([
      'message_start error message_stop',
      'message_start message_stop',
    ]);
    expect(await readOutcome(ask())).toBe('replayed');
  });

  it('that says that it failed is awaited by close, as long as it is read', async () => {
    const sse = streaming();
    const { ask, close } = fetchWith();
    const pending = ask();
    await expect.poll(() => upstream.requests.length).toBe(1);
    sse.write('error', { error: { type: 'overloaded_error' } });
    const reading = read(await pending);
    await expect.poll(() => events.some(({ type }) => type === 'failed')).toBe(true);
    let isClosed = false;
    const closing = close().then(() => {
      isClosed = true;
    });
    await soon();
    expect(isClosed).toBe(false);
    sse.end();
    await closing;
    expect(await reading).toBe('error');
  });

  const chunk = (more: object) =>
    `data: ${JSON.stringify({ object: 'chat.completion.chunk', ...more })}\n\n`;
  const OPEN_CHUNK = chunk({ choices: [{ index: 0, finish_reason: null }] });
  const LAST_CHUNK = chunk({ choices: [{ index: 0, finish_reason: 'stop' }] });

  it.each([
    ['Chat Completions', [OPEN_CHUNK], LAST_CHUNK],
    [
      'Responses',
      ['event: response.created\ndata: {}\n\n'],
      'event: response.completed\ndata: {}\n\n',
    ],
    [
      'Azure, whose first event is of no kind',
      ['data: {"object":"","choices":[],"prompt_filter_results":[]}\n\n', OPEN_CHUNK],
      LAST_CHUNK,
    ],
  ])('of %s has a last event', async (_, first, last) => {
    server.behave = ({ count }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      for (const each of first) response.write(each);
      response.end(count === 1 ? '' : last);
    };
    const { ask } = fetchWith();
    expect(await rejection((await ask()).text())).toMatchObject({
      code: 'SAMEKEY_BROKEN_RESPONSE',
    });
    await (await ask()).text();
    expect(await readOutcome(ask())).toBe('replayed');
    expect(upstream.requests).toHaveLength(2);
  });

  it.each([
    ['is passed on, and not stored', {}, 'executed'],
    [
      'is stored if storeResponses says so',
      { storeResponses: ({ verdict }: ResponseInfo) => verdict === 'unknown' },
      'replayed',
    ],
  ])('of an unknown API %s', async (_, options, outcome) => {
    server.behave = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"row":1}\n\n');
    };
    const { ask } = fetchWith(options);
    expect(await (await ask()).text()).toBe('data: {"row":1}\n\n');
    expect(await readOutcome(ask())).toBe(outcome);
  });

  const NULL_ERROR = chunk({ error: null, choices: [{ index: 0, finish_reason: 'stop' }] });
  it.each([
    ['without an event', ': processing\n\n', 'SAMEKEY_BROKEN_RESPONSE'],
    ['with half an event', 'data: {"candid', 'SAMEKEY_BROKEN_RESPONSE'],
    ['without its last event', OPEN_CHUNK, 'SAMEKEY_BROKEN_RESPONSE'],
    [
      'with [DONE] before its last event',
      `${OPEN_CHUNK}data: [DONE]\n\n`,
      'SAMEKEY_BROKEN_RESPONSE',
    ],
    ['of [DONE] alone', 'data: [DONE]\n\n', 'SAMEKEY_BROKEN_RESPONSE'],
    ['with its last event', `${LAST_CHUNK}data: [DONE]\n\n`, 'replayed'],
    ['with its last event, without [DONE]', LAST_CHUNK, 'replayed'],
    ['with an error that is null', NULL_ERROR, 'replayed'],
    ['with a last event without an empty line after it', LAST_CHUNK.trim(), 'replayed'],
    [
      'with half a last event',
      `data: {"type":"message_start"}\n\ndata: {"type":"message_stop"`,
      'SAMEKEY_BROKEN_RESPONSE',
    ],
    [
      'of data alone',
      'data: {"type":"message_start"}\n\ndata: {"type":"message_stop"}\n\n',
      'replayed',
    ],
    ['of data alone, cut off', 'data: {"type":"message_start"}\n\n', 'SAMEKEY_BROKEN_RESPONSE'],
    [
      'with a failure in its middle',
      `${chunk({ error: { code: 502 } })}${LAST_CHUNK}data: [DONE]\n\n`,
      'executed',
    ],
    [
      'with an answer about a failure',
      `${chunk({ choices: [{ delta: '{"error": 1}', finish_reason: null }] })}${LAST_CHUNK}`,
      'replayed',
    ],
  ])('%s', async (_, body, outcome) => {
    server.behave = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    const { ask } = fetchWith();
    const text = await (await ask()).text().catch((error) => error.code);
    const isBroken = outcome === 'SAMEKEY_BROKEN_RESPONSE';
    expect(text).toBe(isBroken ? outcome : body);
    expect(await ask().then(outcomeOf)).toBe(isBroken ? 'executed' : outcome);
  });

  it('with an event that is longer than maxResultBytes is passed on', async () => {
    const body = `data: ${'a'.repeat(3_000_000)}\n\n`;
    server.behave = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    const { ask } = fetchWith({ maxResultBytes: 1000 });
    expect((await (await ask()).text()) === body).toBe(true);
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('continues after its callers have aborted, and serves a later caller', async () => {
    const sse = streaming();
    const { ask } = fetchWith();
    const controller = new AbortController();
    const pending = ask(undefined, {}, { signal: controller.signal });
    await expect.poll(() => upstream.requests.length).toBe(1);
    sse.write('message_start');
    const body = (await pending).text();
    controller.abort();
    expect(await rejection(body)).toMatchObject({ name: 'AbortError' });
    await soon();
    const again = await ask();
    sse.write('message_stop');
    sse.end();
    expect([outcomeOf(again), await read(again)]).toEqual(['joined', 'message_start message_stop']);
    expect(upstream.requests).toHaveLength(1);
  });

  it('ends when no caller is left, with onAbandoned: abort', async () => {
    const sse = streaming();
    const { ask } = fetchWith({ onAbandoned: 'abort' });
    const pending = ask();
    await expect.poll(() => upstream.requests.length).toBe(1);
    sse.write('message_start');
    const other = await ask();
    await (await pending).body?.cancel();
    await soon();
    sse.write('content_block_delta');
    const reader = (other.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    await soon();
    sse.write('message_stop');
    sse.end();
    await soon();
    const again = ask();
    await expect.poll(() => upstream.requests.length).toBe(2);
    sse.write('message_stop');
    sse.end();
    expect(outcomeOf(await again)).toBe('executed');
  });

  it('that is too long to be stored reaches the first caller and no later one', async () => {
    const total = 3_000_000;
    server.behave = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.end(Buffer.alloc(total, 1));
    };
    const { ask } = fetchWith({ maxResultBytes: 1000 });
    const first = await ask();
    await soon(50);
    expect(await rejection(ask())).toMatchObject({ code: 'SAMEKEY_TOO_LONG' });
    expect((await first.arrayBuffer()).byteLength).toBe(total);
    const second = await ask();
    expect(outcomeOf(second)).toBe('executed');
    await second.body?.cancel();
    await expect.poll(() => events.filter(({ type }) => type === 'failed').length).toBe(2);
  });
});
