import { describe, expect, it } from 'vitest';
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
    [
      'says that it failed',
      (sse: ReturnType<typeof streaming>) => {
        sse.write('error', { error: { type: 'overloaded_error' } });
        sse.end();
      },
    ],
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

  it.each([
    ['Chat Completions', ['data: {"object":"chat.completion.chunk"}\n\n'], 'data: [DONE]\n\n'],
    [
      'Responses',
      ['event: response.created\ndata: {}\n\n'],
      'event: response.completed\ndata: {}\n\n',
    ],
    [
      'Azure, whose first event is of no kind',
      [
        'data: {"object":"","prompt_filter_results":[]}\n\n',
        'data: {"object":"chat.completion.chunk"}\n\n',
      ],
      'data: [DONE]\n\n',
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

  it('of an unknown API is complete when the connection ends', async () => {
    server.behave = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"candidates":[]}\n\n');
    };
    const { ask } = fetchWith();
    await (await ask()).text();
    expect(await readOutcome(ask())).toBe('replayed');
  });

  const CHUNK = '{"object":"chat.completion.chunk","error":null}';
  it.each([
    ['without an event', ': processing\n\n', false],
    ['with half an event', 'data: {"candid', false],
    ['without its last event', `data: ${CHUNK}\n\n`, false],
    ['with its last event', `data: ${CHUNK}\n\ndata: [DONE]\n\n`, true],
    ['with an error that is null', `data: {"error":null}\n\n`, true],
    ['with a last event without an empty line after it', `data: ${CHUNK}\n\ndata: [DONE]`, true],
    [
      'with half a last event',
      `data: {"type":"message_start"}\n\ndata: {"type":"message_stop"`,
      false,
    ],
    ['of data alone', 'data: {"type":"message_start"}\n\ndata: {"type":"message_stop"}\n\n', true],
    ['of data alone, cut off', 'data: {"type":"message_start"}\n\n', false],
    [
      'with a failure in its middle',
      'data: {"object":"chat.completion.chunk","error":{"code":502}}\n\ndata: [DONE]\n\n',
      false,
    ],
    [
      'with an answer about a failure',
      `data: {"object":"chat.completion.chunk","delta":${JSON.stringify('{"error": 1}')}}\n\ndata: [DONE]\n\n`,
      true,
    ],
  ])('%s', async (_, body, isWhole) => {
    server.behave = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    const { ask } = fetchWith();
    const text = await (await ask()).text().catch((error) => error.code);
    expect(text).toBe(isWhole ? body : 'SAMEKEY_BROKEN_RESPONSE');
    expect(await ask().then(outcomeOf)).toBe(isWhole ? 'replayed' : 'executed');
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
