import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchEvent, type FetchOptions, idempotentFetch } from '../src/http/fetch.js';
import { memoryStore } from '../src/store/memory.js';
import type { Store } from '../src/store/store.js';
import { type Behaviour, eventStream, startUpstream, type Upstream } from './upstream.js';

let upstream: Upstream;
let store: Store;
let behave: Behaviour;
let events: FetchEvent[];
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  store = memoryStore();
  events = [];
  behave = ({ count }, response) => json(response, { count });
  upstream = await startUpstream((request, response) => behave(request, response));
});

afterEach(async () => {
  await upstream.stop();
  for (const close of closing.splice(0)) await close();
});

function json(response: import('node:http').ServerResponse, value: unknown, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function fetchWith(options: Partial<FetchOptions> = {}) {
  const fetch = idempotentFetch({ store, onEvent: (event) => events.push(event), ...options });
  closing.push(() => fetch.close());
  return Object.assign(fetch, {
    ask: (
      body: unknown = { model: 'm' },
      headers: Record<string, string> = {},
      init: RequestInit = {},
    ) =>
      fetch(upstream.url, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', 'x-api-key': 'account-1', ...headers },
      }),
  });
}

const outcomeOf = (response: Response) => response.headers.get('samekey');
/** The same of a response that was read to its end. */
async function readOutcome(pending: Promise<Response>) {
  const response = await pending;
  await response.text();
  return outcomeOf(response);
}
const soon = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => expect.unreachable('it was not rejected'),
    (error) => error,
  );
}

describe('a duplicate', () => {
  it('joins the request under way, and gets what is kept afterwards', async () => {
    behave = async ({ count }, response) => {
      await soon();
      json(response, { count });
    };
    const { ask } = fetchWith();
    const responses = await Promise.all([ask(), ask(), ask()]);
    expect(responses.map(outcomeOf)).toEqual(['executed', 'joined', 'joined']);
    expect(await Promise.all(responses.map((each) => each.json()))).toEqual([
      { count: 1 },
      { count: 1 },
      { count: 1 },
    ]);
    await soon();
    const later = await ask();
    expect([outcomeOf(later), await later.json()]).toEqual(['replayed', { count: 1 }]);
    expect(upstream.requests).toHaveLength(1);
  });

  it('is the same request, however its JSON is spelt', async () => {
    const { ask } = fetchWith();
    await (await ask('{"a":1,"b":"é"}')).text();
    expect(await readOutcome(ask(' { "b" : "\\u00e9", "a" : 1e0 } '))).toBe('replayed');
    expect(upstream.requests[0]?.body.toString()).toBe('{"a":1,"b":"é"}');
  });

  it('gets status, headers and body, and no cookie or anything of the connection', async () => {
    behave = (_, response) =>
      response
        .writeHead(201, 'Made', {
          'content-type': 'text/plain; charset=utf-8',
          'request-id': 'req_1',
          'set-cookie': 'session=secret',
          connection: 'close, x-hop',
          'x-hop': '1',
        })
        .end('made');
    const { ask } = fetchWith();
    const first = await ask();
    await first.text();
    const again = await ask();
    for (const response of [first, again]) {
      expect(response.status).toBe(201);
      expect(response.statusText).toBe('Made');
      expect(response.url).toBe(upstream.url);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(response.headers.get('request-id')).toBe('req_1');
      expect(response.headers.get('x-hop')).toBeNull();
      expect(response.headers.get('set-cookie')).toBeNull();
    }
    expect(await again.text()).toBe('made');
    expect(again.headers.get('samekey-key')).toMatch(/^ik_[0-9a-f]{64}$/);
  });

  it('is sent with the same key, whoever sends it', async () => {
    const { ask } = fetchWith();
    await (await ask()).text();
    const other = fetchWith({ store: memoryStore() });
    await (await other.ask()).text();
    const keys = upstream.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^ik_[0-9a-f]{64}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('of a request that failed is sent again', async () => {
    behave = ({ count }, response) => json(response, { count }, count === 1 ? 429 : 200);
    const { ask } = fetchWith();
    const first = await ask();
    expect([first.status, outcomeOf(first)]).toEqual([429, 'executed']);
    // No waiting: an SDK may try again at once.
    const second = await ask();
    expect([second.status, outcomeOf(second)]).toEqual([200, 'executed']);
    await second.text();
    expect(await readOutcome(ask())).toBe('replayed');
    expect(upstream.requests).toHaveLength(2);
  });

  it('of a failing request under way shares its failure', async () => {
    behave = async (_, response) => {
      await soon();
      json(response, {}, 503);
    };
    const { ask } = fetchWith();
    const responses = await Promise.all([ask(), ask()]);
    expect(responses.map(({ status }) => status)).toEqual([503, 503]);
    expect(upstream.requests).toHaveLength(1);
  });

  it('is kept by the rule that is given', async () => {
    behave = ({ count }, response) => json(response, { count }, 404);
    const { ask } = fetchWith({ storeResponses: ({ status }) => status === 404 });
    await (await ask()).text();
    const again = await ask();
    expect([again.status, outcomeOf(again)]).toEqual([404, 'replayed']);
  });

  it('is not kept by a rule that promises to say so later', async () => {
    const { ask } = fetchWith({ storeResponses: (async () => false) as never });
    await (await ask()).text();
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('is turned away while the request is under way, if that is wanted', async () => {
    behave = async (_, response) => {
      await soon(50);
      json(response, {});
    };
    const { ask } = fetchWith({ onDuplicate: 'reject' });
    const first = ask();
    await soon();
    expect(await rejection(ask())).toMatchObject({ code: 'SAMEKEY_IN_PROGRESS' });
    await (await first).text();
    await soon();
    expect(await readOutcome(ask())).toBe('replayed');
  });

  it('is given what is kept, though another asks the store for it, too', async () => {
    await (await fetchWith().ask()).text();
    await soon();
    const { ask } = fetchWith({ onDuplicate: 'reject' });
    const found = await Promise.all([readOutcome(ask()), readOutcome(ask())]);
    expect(found).toEqual(['replayed', 'joined']);
  });

  it('is sent when what others had sent, who left, came to nothing', async () => {
    const claim = store.claim.bind(store);
    store.claim = async (...request) => {
      await soon(50);
      return claim(...request);
    };
    behave = async ({ count }, response) => {
      await soon(100);
      json(response, { count }, count === 1 ? 429 : 200);
    };
    const { ask } = fetchWith();
    const left = ask(undefined, {}, { signal: AbortSignal.timeout(10) });
    expect((await rejection(left)).name).toBe('TimeoutError');
    const again = await ask();
    expect([outcomeOf(again), await again.json()]).toEqual(['executed', { count: 2 }]);
  });

  it('waits for the first byte no longer than it has patience', async () => {
    behave = async (_, response) => {
      await soon(200);
      json(response, {});
    };
    const { ask } = fetchWith({ waitMs: 20 });
    const first = ask();
    await soon();
    expect(await rejection(ask())).toMatchObject({ code: 'SAMEKEY_IN_PROGRESS' });
    expect(await (await first).json()).toEqual({});
  });

  it('sees its own bytes, whatever others do to theirs', async () => {
    const { ask } = fetchWith();
    const first = new Uint8Array(await (await ask()).arrayBuffer());
    const text = new TextDecoder().decode(first);
    first.fill(0);
    const second = new Uint8Array(await (await ask()).arrayBuffer());
    expect(new TextDecoder().decode(second)).toBe(text);
    second.fill(0);
    expect(await (await ask()).text()).toBe(text);
  });

  it('sees its own bytes, also where they come as a Buffer', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('abc'));
        controller.close();
      },
    });
    const { ask } = fetchWith({ fetch: async () => new Response(body) });
    const [first, second] = await Promise.all([ask(), ask()]);
    const chunk = await first?.body?.getReader().read();
    chunk?.value?.fill(0);
    expect(await second?.text()).toBe('abc');
  });
});

describe('what makes two requests the same', () => {
  /** Whether the second request was sent, too. */
  async function areTwo(
    first: Parameters<ReturnType<typeof fetchWith>['ask']>,
    second: Parameters<ReturnType<typeof fetchWith>['ask']>,
    options: Partial<FetchOptions> = {},
  ) {
    const { ask } = fetchWith(options);
    await (await ask(...first)).text();
    await (await ask(...second)).text();
    return upstream.requests.length === 2;
  }

  it.each([
    ['the body', [{ a: 1 }], [{ a: 2 }], true],
    ['the account', [{}, { 'x-api-key': 'a' }], [{}, { 'x-api-key': 'b' }], true],
    ['a bearer token', [{}, { authorization: 'a' }], [{}, { authorization: 'b' }], true],
    ['the method', [{}], [{}, {}, { method: 'PATCH' }], true],
    ['a version', [{}, { 'anthropic-version': '1' }], [{}, { 'anthropic-version': '2' }], true],
    ['the scope', [{}, { 'samekey-scope': 'a' }], [{}, { 'samekey-scope': 'b' }], true],
    ['the sample', [{}, { 'samekey-sample': '1' }], [{}, { 'samekey-sample': '2' }], true],
    ['a user', [{}, { 'x-forwarded-user': 'a' }], [{}, { 'x-forwarded-user': 'b' }], true],
    [
      'what the type of the body says of it',
      ['<a/>', { 'content-type': 'application/soap+xml; action="read"' }],
      ['<a/>', { 'content-type': 'application/soap+xml; action="delete"' }],
      true,
    ],
    ['another host than that of the address', [{}, { host: 'a' }], [{}, { host: 'b' }], true],
    ['a wish for a fresh one', [{}], [{}, { 'samekey-fresh': '1' }], true],
    [
      'not the headers of a retry',
      [{}, { 'x-stainless-retry-count': '0', 'user-agent': 'a', traceparent: 'a' }],
      [{}, { 'x-stainless-retry-count': '1', 'user-agent': 'b', traceparent: 'b' }],
      false,
    ],
    [
      'not how the type of the body is spelt',
      [{}],
      [{}, { 'content-type': 'Application/JSON; charset=utf-8' }],
      false,
    ],
    [
      'not the signature of AWS, only its access key',
      [{}, { authorization: 'AWS4-HMAC-SHA256 Credential=AK1/20260101/x, Signature=1' }],
      [{}, { authorization: 'AWS4-HMAC-SHA256 Credential=AK1/20260102/x, Signature=2' }],
      false,
    ],
  ] as const)('%s', async (_, first, second, expected) => {
    expect(await areTwo([...first] as never, [...second] as never)).toBe(expected);
  });

  it('not what the identity leaves out', async () => {
    const options = { identity: { exclude: ['$.trace_id'] } };
    expect(await areTwo([{ m: 1, trace_id: 1 }], [{ m: 1, trace_id: 2 }], options)).toBe(false);
  });

  it('not headers that are to be ignored, and the account that is given', async () => {
    const options = { ignoredHeaders: ['X-Attempt'], account: 'us' };
    const first = [{}, { 'x-attempt': '1', authorization: 'Bearer of this hour' }] as const;
    const second = [{}, { 'x-attempt': '2', authorization: 'Bearer of the next' }] as const;
    expect(await areTwo([...first], [...second], options)).toBe(false);
  });

  it('whether redirects are followed', async () => {
    expect(await areTwo([{}], [{}, {}, { redirect: 'manual' }])).toBe(true);
  });

  it('the address, with its query and without its fragment', async () => {
    const fetch = fetchWith();
    const post = (more: string) => fetch(upstream.url + more, { method: 'POST', body: '{}' });
    for (const more of ['?a=1', '?a=1#here', '?a=2']) await (await post(more)).text();
    expect(upstream.requests).toHaveLength(2);
  });

  it('a form by its parts, whatever its boundary', async () => {
    const fetch = fetchWith();
    const formOf = (content: string) => {
      const form = new FormData();
      form.append('purpose', 'batch');
      form.append('file', new File([content], 'a.jsonl', { type: 'application/jsonl' }));
      return form;
    };
    const post = async (body: FormData) =>
      readOutcome(fetch(upstream.url, { method: 'POST', body }));
    expect(await post(formOf('{"n":1}'))).toBe('executed');
    expect(await post(formOf('{"n":1}'))).toBe('replayed');
    expect(await post(formOf('{"n":2}'))).toBe('executed');
    const request = new Request(upstream.url, { method: 'POST', body: formOf('{"n":2}') });
    expect(await readOutcome(fetch(request))).toBe('replayed');
    expect(upstream.requests[0]?.headers['content-type']).toMatch(
      /^multipart\/form-data; boundary=/,
    );
    expect(upstream.requests[0]?.body.toString()).toContain('{"n":1}');
  });

  it('a Request by how it is sent, where that is another way than usual', async () => {
    const inits: RequestInit[] = [];
    const provider = async (_: unknown, init?: RequestInit) => {
      inits.push(init ?? {});
      return Response.json({});
    };
    const fetch = fetchWith({ fetch: provider as typeof globalThis.fetch });
    const send = async (init: RequestInit) =>
      readOutcome(fetch(new Request(upstream.url, { method: 'POST', body: '{}', ...init })));
    expect(await send({ mode: 'same-origin', credentials: 'include' })).toBe('executed');
    expect(await send({ mode: 'same-origin', credentials: 'omit' })).toBe('executed');
    expect(await send({})).toBe('executed');
    expect(await readOutcome(fetch(upstream.url, { method: 'POST', body: '{}' }))).toBe('replayed');
    expect(inits.map(({ mode, credentials }) => [mode, credentials])).toEqual([
      ['same-origin', 'include'],
      ['same-origin', 'omit'],
      [undefined, undefined],
    ]);
  });

  it('a form by what is sent of it, as itself or in a Request', async () => {
    const fetch = fetchWith();
    const form = new FormData();
    form.append('a "name"\n', 'two\nlines\r');
    form.append('file', new Blob(['1']), 'a "name"\n.csv');
    form.append('blob', new Blob(['1'], { type: 'text/csv' }));
    const sending = fetch(upstream.url, { method: 'POST', body: form });
    // Theirs to change.
    const same = new Request(upstream.url, { method: 'POST', body: form });
    form.append('more', '1');
    expect(await readOutcome(sending)).toBe('executed');
    expect(await readOutcome(fetch(same))).toBe('replayed');
    expect(upstream.requests[0]?.body.toString()).not.toContain('more');
    expect(await readOutcome(fetch(upstream.url, { method: 'POST', body: form }))).toBe('executed');
  });

  it.each([
    ['a Request', () => [new Request(upstream.url, { method: 'POST', body: 'x' })]],
    ['a URL and bytes', () => [new URL(upstream.url), { body: new TextEncoder().encode('x') }]],
    ['a Blob', () => [upstream.url, { body: new Blob(['x']) }]],
    ['a stream', () => [upstream.url, { body: new Blob(['x']).stream() }]],
  ] as const)('bytes by themselves: %s', async (_, make) => {
    const fetch = fetchWith({ ignoredHeaders: ['content-type'] });
    await (await fetch(upstream.url, { method: 'POST', body: 'x' })).text();
    const [input, init] = make() as unknown as [RequestInfo, RequestInit?];
    expect(await readOutcome(fetch(input, { method: 'POST', ...init }))).toBe('replayed');
    expect(upstream.requests[0]?.body.toString()).toBe('x');
  });
});

describe('requests that are left alone', () => {
  it('are those of other methods', async () => {
    const fetch = fetchWith();
    for (let count = 1; count <= 2; count++) {
      expect(await (await fetch(upstream.url)).json()).toEqual({ count });
    }
    expect(upstream.requests[0]?.headers['idempotency-key']).toBeUndefined();
    expect(fetch.stats().executed).toBe(0);
  });

  it('are those that a rule names', async () => {
    const { ask } = fetchWith({ applies: ({ url }) => !url.pathname.includes('messages') });
    for (let count = 1; count <= 2; count++) expect(await (await ask()).json()).toEqual({ count });
  });
});

describe('a stream', () => {
  /** Sends events whenever it is told to. */
  function streaming() {
    let write: ReturnType<typeof eventStream> = () => false;
    let end = () => {};
    let destroy = () => {};
    behave = ({ raw }, response) => {
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

  it('is passed on live, and from the beginning to who joins in the middle', async () => {
    const sse = streaming();
    const { ask } = fetchWith();
    const pending = ask();
    await expect.poll(() => upstream.requests.length).toBe(1);
    sse.write('message_start');
    const first = await pending;
    const reader = (first.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('message_start');
    // Nothing more was sent: this one reads what there was, and then along.
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
  ])('that %s is an error for all, and is not kept', async (_, finish) => {
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
    behave = ({ count }, response) => {
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

  it('of nobody we know ends when it ends', async () => {
    behave = (_, response) => {
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
    ['with a last event that no empty line follows', `data: ${CHUNK}\n\ndata: [DONE]`, true],
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
    behave = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    const { ask } = fetchWith();
    const text = await (await ask()).text().catch((error) => error.code);
    expect(text).toBe(isWhole ? body : 'SAMEKEY_BROKEN_RESPONSE');
    expect(await ask().then(outcomeOf)).toBe(isWhole ? 'replayed' : 'executed');
  });

  it('with an event that is longer than all that is kept is passed on', async () => {
    const body = `data: ${'a'.repeat(3_000_000)}\n\n`;
    behave = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    const { ask } = fetchWith({ maxResultBytes: 1000 });
    expect((await (await ask()).text()) === body).toBe(true);
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('goes on when its callers have left, and serves the one who comes back', async () => {
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

  it('ends when its callers have left, if that is wanted', async () => {
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

  it('that is too long to be kept is passed on, to the first and to nobody who comes later', async () => {
    const total = 3_000_000;
    behave = (_, response) => {
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

describe("a caller's own key", () => {
  const KEY = `ik_${'ab'.repeat(32)}`;

  it('is sent as it is, and names the request', async () => {
    const { ask } = fetchWith();
    await (await ask({ a: 1 }, { 'Idempotency-Key': KEY })).text();
    expect(upstream.requests[0]?.headers['idempotency-key']).toBe(KEY);
    expect(await readOutcome(ask({ a: 1 }, { 'Idempotency-Key': `"${KEY}"` }))).toBe('replayed');
  });

  it('with another body is refused', async () => {
    const { ask } = fetchWith();
    await (await ask({ a: 1 }, { 'Idempotency-Key': KEY })).text();
    const error = await rejection(ask({ a: 2 }, { 'Idempotency-Key': KEY }));
    expect(error).toMatchObject({ code: 'SAMEKEY_MISMATCH' });
    expect(upstream.requests).toHaveLength(1);
  });

  it('of another account is another one', async () => {
    const { ask } = fetchWith();
    await (await ask({}, { 'Idempotency-Key': KEY, 'x-api-key': 'a' })).text();
    const other = await ask({}, { 'Idempotency-Key': KEY, 'x-api-key': 'b' });
    expect(outcomeOf(other)).toBe('executed');
  });

  it.each([
    ['a UUID', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['text with a space', 'a b'],
    ['two of them', `${KEY}, ${KEY}`],
    ['an open quote', `"${KEY}`],
    ['a number of structured fields', '"a";b="'],
    ['nothing', ''],
    ['10 KB', 'a'.repeat(10_000)],
  ])('that is %s never leaves', async (_, key) => {
    const { ask } = fetchWith();
    const error = await rejection(ask({}, { 'Idempotency-Key': key }));
    expect(error).toMatchObject({ code: 'SAMEKEY_BAD_KEY' });
    expect(error.message).toMatch(/^Cannot use the Idempotency-Key ".*: wanted /s);
    expect(error.message.length).toBeLessThan(250);
    expect(upstream.requests).toHaveLength(0);
  });

  it('may be of a format that is configured', async () => {
    const { ask } = fetchWith({ keyFormat: /^order-\d+$/g });
    for (let turn = 0; turn < 3; turn++) {
      await (await ask({}, { 'Idempotency-Key': 'order-7' })).text();
    }
    expect(upstream.requests).toHaveLength(1);
    expect(await rejection(ask({}, { 'Idempotency-Key': KEY }))).toMatchObject({
      code: 'SAMEKEY_BAD_KEY',
    });
    const uuids = fetchWith({ keyFormat: 'uuid' });
    const uuid = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
    expect(await readOutcome(uuids.ask({ u: 1 }, { 'Idempotency-Key': uuid }))).toBe('executed');
  });

  it('looks as it is configured to on the wire', async () => {
    const { ask } = fetchWith({ headerName: 'X-Request-Key', keyPrefix: 'idem_', quoted: true });
    await (await ask()).text();
    const sent = upstream.requests[0]?.headers['x-request-key'];
    expect(sent).toMatch(/^"idem_[0-9a-f]{64}"$/);
    await (await ask({}, { 'X-Request-Key': `idem_${'1'.repeat(32)}` })).text();
    expect(upstream.requests[1]?.headers['x-request-key']).toBe(`"idem_${'1'.repeat(32)}"`);
  });
});

describe('bad input', () => {
  it('a body that was read already', async () => {
    const fetch = fetchWith();
    const request = new Request(upstream.url, { method: 'POST', body: '{}' });
    await request.text();
    const error = await rejection(fetch(request));
    expect(error).toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT' });
    expect(error.message).toContain('its body was read already');
  });

  it('a body that fails while it is read', async () => {
    const fetch = fetchWith();
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('no more of it'));
      },
    });
    const error = await rejection(fetch(upstream.url, { method: 'POST', body }));
    expect(`${error} ${error.cause}`).toContain('no more of it');
    expect(upstream.requests).toHaveLength(0);
  });

  it('a body that never ends, until the caller has no more patience', async () => {
    const fetch = fetchWith();
    const signal = AbortSignal.timeout(20);
    for (let turn = 0; turn < 2; turn++) {
      const body = new ReadableStream();
      const error = await rejection(fetch(upstream.url, { method: 'POST', body, signal }));
      expect(error.name).toBe('TimeoutError');
    }
    expect(upstream.requests).toHaveLength(0);
  });

  it('a body that is changed after it was handed over', async () => {
    const fetch = fetchWith();
    const body = Buffer.from('{"a":1}');
    const pending = fetch(upstream.url, { method: 'POST', body });
    body.fill(' ');
    await (await pending).text();
    expect(upstream.requests[0]?.body.toString()).toBe('{"a":1}');
  });

  it('a form whose length is told by the caller', async () => {
    const fetch = fetchWith();
    const body = '--q\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--q--\r\n';
    const headers = {
      'content-type': 'multipart/form-data; boundary=q',
      'content-length': String(body.length),
    };
    const request = new Request(upstream.url, { method: 'POST', headers, body });
    expect(await readOutcome(fetch(request))).toBe('executed');
    expect(upstream.requests[0]?.body.toString()).toContain('name="a"');
  });

  it('a body that says it is JSON and is none', async () => {
    const { ask } = fetchWith();
    const deep = '['.repeat(2000) + ']'.repeat(2000);
    for (const body of ['{"a":', '{"a":1,"a":2}', '{"id":12345678901234567890}', deep]) {
      expect(await readOutcome(ask(body))).toBe('executed');
      expect(await readOutcome(ask(body))).toBe('replayed');
    }
    expect(await readOutcome(ask('{"id":12345678901234567891}'))).toBe('executed');
    expect(upstream.requests.map(({ body }) => body.toString())).toContain('{"a":');
  });

  it('a compressed body goes by its bytes', async () => {
    const { ask } = fetchWith();
    const body = gzipSync('{"a":1}');
    const init = { body };
    expect(await readOutcome(ask('', { 'content-encoding': 'gzip' }, init))).toBe('executed');
    expect(await readOutcome(ask('', { 'content-encoding': 'gzip' }, init))).toBe('replayed');
    expect(upstream.requests[0]?.body.equals(body)).toBe(true);
  });

  it('a compressed response is given as what it says', async () => {
    behave = (_, response) =>
      response
        .writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' })
        .end(gzipSync('{"a":1}'));
    const { ask } = fetchWith();
    for (const outcome of ['executed', 'replayed']) {
      const response = await ask();
      expect([outcomeOf(response), await response.json()]).toEqual([outcome, { a: 1 }]);
      expect(response.headers.get('content-encoding')).toBeNull();
    }
  });

  it.each([
    ['longer than its content-length', '5'],
    ['shorter than its content-length', '500'],
  ])('a body %s is not kept', async (_, length) => {
    behave = ({ raw }) => {
      raw.socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n0123456789`);
    };
    const { ask } = fetchWith();
    const texts = [];
    for (let turn = 0; turn < 2; turn++) {
      texts.push(await (await ask()).text().catch((error: Error) => error.name));
    }
    // What is beyond its length belongs to no response; what is missing makes it a broken one.
    expect(texts[0]).toBe(length === '5' ? '01234' : 'TypeError');
    if (length === '500') expect(upstream.requests).toHaveLength(2);
  });

  it.each([
    ['was read', (response: Response): Promise<unknown> => response.text()],
    ['is being read', async (response: Response): Promise<unknown> => response.body?.getReader()],
  ])('a response whose body %s already', async (_, read) => {
    const { ask } = fetchWith({
      fetch: async (...request) => {
        const response = await fetch(...request);
        await read(response);
        return response;
      },
    });
    const error = await rejection(ask());
    expect(error).toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT' });
    expect(error.message).toContain('its body was read already');
  });

  it.each([
    ['JSON with a byte order mark', 200, 'application/json', '\ufeff{"a":1}', 'replayed'],
    ['JSON after JSON', 200, 'application/json-seq', '\x1e{}\n\x1e{}\n', 'replayed'],
    ['a failure that is no JSON', 502, 'application/json', 'Bad Gateway', 'executed'],
    ['a failure that is no stream', 429, 'text/event-stream', '{"error":{}}', 'executed'],
  ])('a response that is %s', async (_, status, type, body, outcome) => {
    behave = (_, response) => {
      response.writeHead(status, { 'content-type': type }).flushHeaders();
      response.end(body);
    };
    const { ask } = fetchWith();
    const bytes = await (await ask()).arrayBuffer();
    expect(Buffer.from(bytes).toString()).toBe(body);
    expect(await readOutcome(ask())).toBe(outcome);
  });

  it('a response of another origin, whose coding a browser does not show', async () => {
    const { ask } = fetchWith({
      fetch: async () => {
        const headers = { 'content-type': 'text/plain', 'content-length': '2' };
        return Object.defineProperty(new Response('longer', { headers }), 'type', {
          value: 'cors',
        });
      },
    });
    expect(await (await ask()).text()).toBe('longer');
    expect(await readOutcome(ask())).toBe('replayed');
  });

  it('a response that is no bytes is not kept', async () => {
    const { ask } = fetchWith({
      fetch: async () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue('text');
              controller.close();
            },
          }),
        ),
    });
    for (let turn = 0; turn < 2; turn++) {
      const response = await ask();
      expect(outcomeOf(response)).toBe('executed');
      expect(await rejection(response.text())).toMatchObject({ code: 'SAMEKEY_BROKEN_RESPONSE' });
    }
  });

  it('a response that is too long and that nobody reads', async () => {
    behave = (_, response) => response.end(Buffer.alloc(1_000_000));
    const { ask, stats } = fetchWith({ maxResultBytes: 1000, idleMs: 50 });
    const unread = await ask();
    await expect.poll(() => stats().inFlight).toBe(0);
    behave = (_, response) => json(response, {});
    expect(await readOutcome(ask())).toBe('executed');
    await unread.body?.cancel();
  });

  it('a failure whose body never ends, and that is tried again', async () => {
    behave = (_, response) => response.writeHead(503).write('no ');
    const { ask } = fetchWith();
    await (await ask()).body?.cancel();
    behave = (_, response) => json(response, {});
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('headers that never have a body', async () => {
    behave = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
    };
    const { ask } = fetchWith({ idleMs: 50 });
    const error = await rejection((await ask()).text());
    expect(error).toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    behave = (_, response) => json(response, {});
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('a server that never answers', async () => {
    behave = () => {};
    const { ask } = fetchWith({ idleMs: 50 });
    expect(await rejection(ask())).toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    behave = (_, response) => json(response, {});
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('a server that is not there', async () => {
    const { ask } = fetchWith();
    await upstream.stop();
    const errors = await Promise.all([rejection(ask()), rejection(ask())]);
    for (const error of errors) expect(error.message).toBe('fetch failed');
  });

  it('a redirect is followed, and what it leads to is kept', async () => {
    behave = ({ raw }, response) => {
      if (raw.url === '/v1/messages') response.writeHead(307, { location: '/moved' }).end();
      else json(response, { moved: true });
    };
    const { ask } = fetchWith();
    const responses = [await ask(), await ask()];
    for (const response of responses) {
      expect(response.url).toMatch(/\/moved$/);
      expect(await response.json()).toEqual({ moved: true });
    }
    expect(upstream.requests).toHaveLength(2);
    const manual = await ask({ b: 1 }, {}, { redirect: 'manual' });
    expect([manual.status, manual.headers.get('location')]).toEqual([307, '/moved']);
  });

  it('an invalid header', async () => {
    const { ask } = fetchWith();
    expect(await rejection(ask({}, { 'x-name': 'a\nb' }))).toBeInstanceOf(TypeError);
    expect(upstream.requests).toHaveLength(0);
  });

  it('a signal that aborted before', async () => {
    const { ask } = fetchWith();
    const reason = new Error('not at all');
    const signal = AbortSignal.abort(reason);
    expect(await rejection(ask({}, {}, { signal }))).toBe(reason);
    expect(upstream.requests).toHaveLength(0);
  });

  it.each([
    [{ store: {} }, 'store has no claim()'],
    [{ fetch: 'x' }, 'fetch is text, wanted a function'],
    [{ headerName: 'a b' }, 'Cannot use the header "a b"'],
    [{ keyPrefix: '' }, 'Cannot use the key prefix ""'],
    [{ idleMs: -1 }, 'idleMs is -1'],
    [{ ttl: 1 }, 'ttl'],
    [{ keyFormat: 'hex' }, 'keyFormat'],
    [{ methods: 'POST' }, 'methods'],
  ])('options %j', (options, message) => {
    expect(() => idempotentFetch({ store, ...options } as never)).toThrow(message);
    expect(() => idempotentFetch({ store, ...options } as never)).toThrow(
      expect.objectContaining({ code: 'SAMEKEY_BAD_ARGUMENT' }),
    );
  });
});

describe('what is told', () => {
  it('is what became of each request', async () => {
    const { ask, stats } = fetchWith();
    await Promise.all([ask(), ask()]).then((all) => Promise.all(all.map((each) => each.text())));
    await (await ask()).text();
    expect(events.map(({ type }) => type).sort()).toEqual(['executed', 'joined', 'replayed']);
    expect(stats()).toMatchObject({ executed: 1, joined: 1, replayed: 1 });
    expect(new Set(events.map(({ key }) => key)).size).toBe(1);
  });

  it('is, once, that one key keeps coming though answers are meant to vary', async () => {
    const { ask } = fetchWith();
    for (let turn = 0; turn < 25; turn++) {
      await (await ask({ temperature: 0.7 })).text();
      await (await ask({ temperature: 0 })).text();
    }
    const warnings = events.filter(({ type }) => type === 'repeats');
    expect(warnings).toEqual([
      expect.objectContaining({ type: 'repeats', count: 10, temperature: 0.7 }),
    ]);
  });

  it('is nothing that shows a credential or a request header to the store', async () => {
    const { ask } = fetchWith();
    await (await ask({ a: 1 }, { authorization: 'Bearer sk-secret', 'x-own': 'value' })).text();
    await soon();
    const key = events[0]?.key as string;
    const { record } = await store.read(key);
    const shown = JSON.stringify(record) + Buffer.from(record?.payload ?? []).toString('latin1');
    expect(shown).toContain('http-response');
    for (const secret of ['sk-secret', 'account-1', 'x-own']) expect(shown).not.toContain(secret);
  });

  it('is not the query to the store, where some have their credentials', async () => {
    const url = `${upstream.url}?key=sk-secret`;
    const first = fetchWith({ cache: false });
    const ask = () => first(url, { method: 'POST', body: '{}' });
    expect(await readOutcome(ask())).toBe('executed');
    await soon();
    const { record } = await store.read(events[0]?.key as string);
    const shown = Buffer.from(record?.payload ?? []).toString('latin1');
    expect(shown).toContain('/v1/messages');
    expect(shown).not.toContain('sk-secret');
    const again = await ask();
    expect([outcomeOf(again), again.url]).toEqual(['replayed', url]);
  });

  it('goes to nobody else when a listener throws', async () => {
    const { ask } = fetchWith({
      onEvent: () => {
        throw new Error('listener');
      },
    });
    const responses = await Promise.all([ask({ temperature: 1 }), ask({ temperature: 1 })]);
    expect(responses.map(outcomeOf)).toEqual(['executed', 'joined']);
    for (let turn = 0; turn < 12; turn++) await (await ask({ temperature: 1 })).text();
  });
});

describe('a response that was evicted', () => {
  it('is asked for again', async () => {
    const { ask, evict } = fetchWith();
    const first = await ask();
    await first.text();
    await soon();
    expect(await evict(first.headers.get('samekey-key') as string)).toBe(true);
    expect(await readOutcome(ask())).toBe('executed');
  });
});

describe('what a duplicate saved', () => {
  it('is told with it, by the prices that are given', async () => {
    behave = async (_, response) => {
      await soon();
      json(response, { model: 'm-1', usage: { input_tokens: 1000, output_tokens: 100 } });
    };
    const prices = { 'm-*': { inputPerMillion: 2, outputPerMillion: 10 } };
    const { ask } = fetchWith({ prices, currency: 'EUR' });
    await Promise.all([readOutcome(ask()), readOutcome(ask())]);
    await soon();
    expect(await readOutcome(ask())).toBe('replayed');
    const saved = {
      inputTokens: 1000,
      outputTokens: 100,
      model: 'm-1',
      cost: 0.003,
      currency: 'EUR',
    };
    expect(events.map(({ type }) => type).sort()).toEqual(['executed', 'joined', 'replayed']);
    for (const event of events) {
      expect('saved' in event ? event.saved : undefined).toEqual(
        event.type === 'executed' ? undefined : saved,
      );
    }
  });
});
