import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idempotentFetch, withRetry } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';

type Fetch = (input: never, init?: never) => Promise<unknown>;

let server: Server;
let url: string;
const received: { readonly body: string; readonly type: string | undefined }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ body, type: request.headers['content-type'] });
      if (request.url === '/empty') return response.writeHead(204).end();
      response.writeHead(200, { 'content-type': 'application/json', 'x-made-by': 'server' });
      if (request.url === '/cut') {
        response.write('{"half":');
        return setTimeout(() => request.socket.destroy(), 20);
      }
      return response.end(JSON.stringify({ count: received.length, text: 'é'.repeat(100_000) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => received.splice(0));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A `fetch` as node-fetch has it: headers that can be iterated, and a body that is a stream of Node.js. */
const nodeStreamFetch = (
  address: string,
  init: { method: string; headers: Headers; body?: string | Uint8Array; signal?: AbortSignal },
) =>
  new Promise((resolve, reject) => {
    const request = httpRequest(address, {
      method: init.method,
      headers: Object.fromEntries(init.headers),
      ...(init.signal && { signal: init.signal }),
    });
    request.on('error', reject).on('response', (incoming) => {
      const body = incoming.pipe(new PassThrough());
      incoming.on('error', (error) => body.destroy(error));
      resolve({
        status: incoming.statusCode,
        statusText: incoming.statusMessage,
        url: address,
        headers: new Map(Object.entries(incoming.headers)),
        body,
      });
    });
    request.end(init.body);
  });

const fetchBy = (fetch?: unknown) =>
  idempotentFetch({ store: memoryStore(), ...(fetch !== undefined && { fetch: fetch as never }) });

/** Sends a request twice, and returns the outcomes. */
async function twice(fetch: unknown, make: () => readonly [unknown, RequestInit?]) {
  const outcomes: (string | null)[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const response = (await (fetch as Fetch)(...(make() as [never, never]))) as Response;
    await response.text();
    outcomes.push(response.headers.get('samekey'));
  }
  return outcomes;
}
const ONCE = ['executed', 'replayed'];

describe('a fetch whose responses have streams of Node.js', () => {
  it('works as the platform does', async () => {
    const fetch = fetchBy(nodeStreamFetch);
    const response = await fetch(url, { method: 'POST', body: '{}' });
    expect([response.status, response.headers.get('x-made-by')]).toEqual([200, 'server']);
    expect(await response.json()).toEqual({ count: 1, text: 'é'.repeat(100_000) });
    const again = await fetch(url, { method: 'POST', body: '{}' });
    expect(again.headers.get('samekey')).toBe('replayed');
    expect(await again.json()).toEqual({ count: 1, text: 'é'.repeat(100_000) });
  });

  it('may answer without a body', async () => {
    const fetch = fetchBy(nodeStreamFetch);
    expect(await twice(fetch, () => [`${url}/empty`, { method: 'POST', body: '{}' }])).toEqual(
      ONCE,
    );
  });

  it('reports a broken response, which is not stored', async () => {
    const fetch = fetchBy(nodeStreamFetch);
    for (let turn = 0; turn < 2; turn++) {
      const response = await fetch(`${url}/cut`, { method: 'POST', body: '{}' });
      await expect(response.text()).rejects.toThrow();
    }
    expect(received).toHaveLength(2);
  });

  it('works below withRetry', async () => {
    const fetch = fetchBy(withRetry(nodeStreamFetch as never));
    expect(await twice(fetch, () => [url, { method: 'POST', body: '{}' }])).toEqual(ONCE);
  });

  it('receives an encoded form', async () => {
    const form = new FormData();
    form.append('a', 'é');
    const fetch = fetchBy(nodeStreamFetch);
    expect(await twice(fetch, () => [url, { method: 'POST', body: form }])).toEqual(ONCE);
    expect(received[0]?.type).toMatch(/^multipart\/form-data; boundary=/);
    expect(received[0]?.body).toMatch(/name="a"\r\n\r\né\r\n/);
  });
});

it.each([
  ['text', 'hello', /fetch gave text, wanted a Response/],
  ['nothing', undefined, /fetch gave undefined/],
  ['the answer of another client', { status: 200, headers: {}, data: {} }, /its body is undefined/],
  ['a body of another kind', { status: 200, headers: {}, body: {} }, /its body is an object/],
])('a fetch that gives %s is refused at once', async (_, answer, message) => {
  const fetch = fetchBy(async () => answer);
  await expect(fetch(url, { method: 'POST', body: '{}' })).rejects.toMatchObject({
    code: 'SAMEKEY_BAD_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

/** The classes of another realm. Only a platform's own parts are shared with it. */
const realm = createContext({ Headers, Blob, ReadableStream, Buffer });
const CLASSES = runInContext(
  `({
    Request: class Request {
      constructor(url, { method, headers, body }) {
        Object.assign(this, { url, method, headers: new Headers(headers), bodyUsed: false });
        this.body = body === undefined ? null : new Blob([body]).stream();
        this.bytes = body;
      }
      async arrayBuffer() { this.bodyUsed = true; return new Blob([this.bytes]).arrayBuffer(); }
    },
    FormData: class FormData {
      constructor(entries) { this.entries = () => entries[Symbol.iterator](); }
      [Symbol.iterator]() { return this.entries(); }
      get [Symbol.toStringTag]() { return 'FormData'; }
    },
    Blob: class Blob {
      constructor(text, type) { Object.assign(this, { text, type }); }
      async arrayBuffer() { return new Uint8Array(Buffer.from(this.text)).buffer; }
      get [Symbol.toStringTag]() { return 'Blob'; }
    },
    Parameters: class URLSearchParams {
      constructor(text) { this.toString = () => text; }
      get [Symbol.toStringTag]() { return 'URLSearchParams'; }
    },
    Stream: class ReadableStream {
      constructor(chunks) { this.chunks = chunks; }
      getReader() { const { chunks } = this; return { read: async () => ({ done: chunks.length === 0, value: chunks.shift() }) }; }
    },
    bytes: () => new Uint8Array([0x7b, 0x7d]),
    buffer: () => new Uint8Array([0x7b, 0x7d]).buffer,
  })`,
  realm,
);

describe('a Request of another class', () => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

  it('is protected like one of the platform, and equals it', async () => {
    const fetch = fetchBy();
    expect(await twice(fetch, () => [new CLASSES.Request(url, init)])).toEqual(ONCE);
    const platform = await fetch(new Request(url, init));
    expect(platform.headers.get('samekey')).toBe('replayed');
    expect(received).toEqual([{ body: '{"a":1}', type: 'application/json' }]);
  });

  it('may be changed by the second argument', async () => {
    const fetch = fetchBy();
    const other = [new CLASSES.Request(url, init), { body: '{"a":2}' }] as const;
    await twice(fetch, () => [new CLASSES.Request(url, init)]);
    expect(await twice(fetch, () => other)).toEqual(ONCE);
    expect(received.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":2}']);
  });

  it('is refused if its body was read', async () => {
    const used = new CLASSES.Request(url, init);
    await used.arrayBuffer();
    await expect(fetchBy()(used)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT' });
  });

  it('passes through if its method does', async () => {
    const seen: unknown[] = [];
    const fetch = fetchBy(async (input: unknown) => {
      seen.push(input);
      return new Response('passed');
    });
    const request = new CLASSES.Request(url, { method: 'GET' });
    await fetch(request);
    expect(seen).toEqual([request]);
  });

  it.each([{}, new Map(), null])('is refused if it is none: %j', async (input) => {
    await expect(fetchBy()(input as never, { method: 'POST', body: '{}' })).rejects.toThrow();
    expect(received).toEqual([]);
  });
});

describe('a body of another class', () => {
  const form = () =>
    new CLASSES.FormData([
      ['a', '1'],
      ['f', new CLASSES.Blob('x', 'text/plain')],
    ]);
  const stream = (chunks: unknown[]) => new CLASSES.Stream([...chunks]);

  it.each<[string, () => unknown, RegExp | string]>([
    ["the platform's parameters", () => new URLSearchParams({ a: '1' }), 'a=1'],
    ["the platform's buffer", () => new TextEncoder().encode('{}').buffer, '{}'],
    ["the platform's Blob", () => new Blob(['{}']), '{}'],
    ['parameters', () => new CLASSES.Parameters('a=1'), 'a=1'],
    ['bytes', CLASSES.bytes, '{}'],
    ['a buffer', CLASSES.buffer, '{}'],
    ['a Blob', () => new CLASSES.Blob('{}', 'application/json'), '{}'],
    [
      'a form',
      form,
      /name="a"\r\n\r\n1\r\n[\s\S]*filename="blob"\r\nContent-Type: text\/plain\r\n\r\nx\r\n/,
    ],
    ['a web stream', () => stream([CLASSES.bytes(), CLASSES.bytes()]), '{}{}'],
    ['a stream of Node.js', () => Readable.from([Buffer.from('{'), Buffer.from('}')]), '{}'],
    [
      'a generator of texts',
      async function* () {
        yield '{"é":';
        yield '1}';
      },
      '{"é":1}',
    ],
  ])('is sent once, as it is: %s', async (_, make, expected) => {
    const fetch = fetchBy();
    const outcomes = await twice(fetch, () => [
      url,
      { method: 'POST', body: make() } as RequestInit,
    ]);
    expect(outcomes).toEqual(ONCE);
    expect(received).toHaveLength(1);
    expect(received[0]?.body).toMatch(expected);
  });

  it('that can only be piped, or has other chunks, is refused at once', async () => {
    const piped = { pipe() {}, [Symbol.toStringTag]: 'FormData' };
    for (const body of [piped, stream([1]), Readable.from([{}])]) {
      await expect(fetchBy()(url, { method: 'POST', body: body as never })).rejects.toMatchObject({
        code: 'SAMEKEY_BAD_ARGUMENT',
      });
    }
    expect(received).toEqual([]);
  });
});
