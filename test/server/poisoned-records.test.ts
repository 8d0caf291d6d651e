import { createServer } from 'node:http';
import { stringify } from 'devalue';
import { afterEach, describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { expressIdempotency } from '../../src/server/express.js';
import { lambdaIdempotency } from '../../src/server/lambda.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { FRAMEWORKS } from './frameworks.js';

const bytes = (text: string) => new TextEncoder().encode(text);

/** A payload of the codec of responses, whose head another program wrote. */
function payloadOf(head: unknown, body = 'poison', headLength?: number): Uint8Array {
  const text = bytes(typeof head === 'string' ? head : JSON.stringify(head));
  const payload = new Uint8Array(4 + text.length + body.length);
  new DataView(payload.buffer).setUint32(0, headLength ?? text.length);
  payload.set(text, 4);
  payload.set(bytes(body), 4 + text.length);
  return payload;
}

const head = { status: 200, statusText: 'OK', headers: [], url: 'http://a/' };
const COOKIE = [['set-cookie', 'session=of-another']];
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

/** Answers like any other: a length that is not that of the body is left out. */
const HARMLESS: Record<string, Uint8Array> = {
  'a length that is too large': payloadOf({ ...head, headers: [['content-length', '999']] }),
  'a length that is too small': payloadOf({ ...head, headers: [['content-length', '2']] }),
};

/** Records that no samekey wrote. */
const POISON: Record<string, Uint8Array> = {
  nothing: new Uint8Array(),
  'three bytes': new Uint8Array(3),
  'bytes that are no record': bytes('<html>not found</html>'),
  'a head that is longer than the record': payloadOf(head, '', 0xffff_ffff),
  'a head that is cut': payloadOf('{"status":200,"headers":[["a'),
  'a head that is null': payloadOf(null),
  'a head that is a number': payloadOf(7),
  'a head without headers': payloadOf({ status: 200 }),
  'headers that are an object': payloadOf({ ...head, headers: { a: 'b' } }),
  'headers that are text': payloadOf({ ...head, headers: 'ab' }),
  'a header without a value': payloadOf({ ...head, headers: [['a']] }),
  'a header that is a number': payloadOf({ ...head, headers: [[1, 2]] }),
  'a header with a line break': payloadOf({ ...head, headers: [['a', 'b\r\nset-cookie: c=d']] }),
  'a header name with a line break': payloadOf({ ...head, headers: [['a\r\nb', 'c']] }),
  ...HARMLESS,
  'a transfer-encoding': payloadOf({ ...head, headers: [['transfer-encoding', 'chunked']] }),
  'a cookie': payloadOf({ ...head, headers: [['set-cookie', 'session=of-another']] }),
  'the status 0': payloadOf({ ...head, status: 0 }),
  'the status 101': payloadOf({ ...head, status: 101 }),
  'the status 99999': payloadOf({ ...head, status: 99_999 }),
  'a status that is text': payloadOf({ ...head, status: '200 OK\r\na: b' }),
  'a status text with a line break': payloadOf({ ...head, statusText: 'OK\r\na: b' }),
  'a deep head': payloadOf(deep),
};

/** Results of other codecs that samekey reads, which are no responses. */
const OTHER_CODECS: Record<string, readonly [codec: string, text: string]> = {
  'null of the codec json': ['json', 'null'],
  'nothing of the codec json': ['json', ''],
  'a text of the codec json': ['json', '"poison"'],
  'a response without headers of the codec json': ['json', '{"status":200}'],
  'null of the codec rich': ['rich', '[null]'],
  'a cycle of the codec rich': ['rich', '[{"headers":0}]'],
  'a response of the codec json': ['json', JSON.stringify({ ...head, headers: COOKIE, body: [1] })],
  'a response of the codec rich': [
    'rich',
    stringify({ ...head, headers: COOKIE, body: bytes('poison') }),
  ],
  'an unknown codec': ['theirs', '{}'],
  'an error': ['error', 'null'],
};

const ALL = [
  ...Object.entries(POISON).map(([name, payload]) => [name, payload, undefined] as const),
  ...Object.entries(OTHER_CODECS).map(
    ([name, [codec, text]]) => [name, bytes(text), codec] as const,
  ),
];

/** A store whose results another program has replaced, after `poison`. */
function poisonedStore() {
  const store = memoryStore();
  let payload: Uint8Array | undefined;
  let codec: string | undefined;
  const replaced = <T extends { record?: unknown }>(answer: T): T => {
    const { record } = answer as { record?: { state?: string } };
    if (payload === undefined || record?.state !== 'done') return answer;
    return { ...answer, record: { ...record, payload, ...(codec !== undefined && { codec }) } };
  };
  const poisoned = new Proxy(store, {
    get(_, name: keyof Store) {
      const member = store[name];
      if (typeof member !== 'function') return member;
      const call = (member as (...args: unknown[]) => unknown).bind(store);
      if (name !== 'claim' && name !== 'read') return call;
      return async (...args: unknown[]) => replaced((await call(...args)) as { record?: unknown });
    },
  });
  return {
    store: poisoned,
    poison(bytes: Uint8Array, name?: string) {
      payload = bytes;
      codec = name;
    },
    heal() {
      payload = undefined;
    },
  };
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: ReturnType<typeof createServer>) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/orders`;
}

/** The code of an error, or of the problem in an answer. */
const codeIn = (answer: unknown): unknown =>
  answer instanceof Error
    ? (answer as { code?: unknown }).code
    : JSON.parse((answer as { body: string }).body).code;

type Ask = (key: string) => Promise<Response>;
const init = (key: string) => ({
  method: 'POST',
  body: '{}',
  headers: { 'idempotency-key': key, 'content-type': 'application/json' },
});

/** Each reads the records of `store`, behind nothing in memory. */
const READERS: Record<string, (store: Store) => Promise<Ask>> = {
  async 'samekey/server'(store) {
    const handler = idempotent(async () => new Response('real'), {
      store,
      cache: false,
      waitMs: 2000,
    });
    return (key) => handler(new Request('http://a/orders', init(key)));
  },
  async 'samekey/express'(store) {
    const middleware = expressIdempotency({ store, cache: false, waitMs: 2000 });
    const url = await listen(
      createServer((request, response) => {
        middleware(request as never, response as never, (error?: unknown) => {
          response.statusCode = error === undefined ? 200 : 500;
          response.end(error === undefined ? 'real' : 'failed');
        });
      }),
    );
    return (key) => fetch(url, init(key));
  },
  async 'samekey/fetch'(store) {
    const url = await listen(createServer((_, response) => response.end('real')));
    const send = idempotentFetch({ store, cache: false, waitMs: 2000 });
    return (key) => send(url, init(key));
  },
};

describe.each(Object.entries(READERS))('%s reads a poisoned record with', (_, reader) => {
  it.each(ALL)('%s', async (name, payload, codec) => {
    const { store, poison, heal } = poisonedStore();
    const ask = await reader(store);
    expect(await (await ask('"a"')).text()).toBe('real');
    poison(payload, codec);
    const answer = await ask('"a"').then(
      async (response) => ({
        status: response.status,
        headers: JSON.stringify([...response.headers]),
        body: await response.text(),
      }),
      (error: unknown) => error,
    );
    if (name in HARMLESS) expect(answer).toMatchObject({ status: 200, body: 'poison' });
    else expect(codeIn(answer)).toBe('SAMEKEY_UNREADABLE');
    if (!(answer instanceof Error)) {
      const { status, headers } = answer as { status: number; headers: string };
      expect(status).toBe(name in HARMLESS ? 200 : 500);
      expect(headers).not.toMatch(/set-cookie|session/);
    }
    heal();
    expect(await (await ask('"b"')).text()).toBe('real');
  });
});

describe.each(Object.entries(FRAMEWORKS))('%s', (_, start) => {
  it('answers no request with a poisoned record, and goes on', async () => {
    const { store, poison, heal } = poisonedStore();
    const options = { store, cache: false, waitMs: 2000 } as const;
    const server = await start(options, () => ({ body: 'real' }));
    closing.push(() => server.stop());
    const post = (key: string) => fetch(`${server.url}/orders`, init(key));
    for (const [name, payload, codec] of ALL) {
      heal();
      const key = name.replaceAll(' ', '-');
      expect(await (await post(key)).text()).toBe('real');
      poison(payload, codec);
      const { status, headers, body } = await post(key).then(async (response) => ({
        status: response.status,
        headers: JSON.stringify([...response.headers]),
        body: await response.text(),
      }));
      expect([name, status]).toEqual([name, name in HARMLESS ? 200 : 500]);
      if (status === 500)
        expect([name, JSON.parse(body).code]).toEqual([name, 'SAMEKEY_UNREADABLE']);
      expect(headers).not.toMatch(/set-cookie|session/);
    }
  });
});

it('samekey/lambda answers no invocation with a poisoned record', async () => {
  const { store, poison, heal } = poisonedStore();
  const handler = lambdaIdempotency(async () => ({ statusCode: 200, body: 'real' }), {
    store,
    cache: false,
  });
  const invoke = async (key: string) => {
    const { headers, body } = init(key);
    const event = { httpMethod: 'POST', path: '/orders', headers, body, isBase64Encoded: false };
    const context = { getRemainingTimeInMillis: () => 20_000 };
    return (await handler({ ...event, requestContext: {} } as never, context as never)) as {
      statusCode: number;
      body: string;
      headers: object;
    };
  };
  for (const [name, payload, codec] of ALL) {
    heal();
    const key = name.replaceAll(' ', '-');
    expect((await invoke(key)).body).toBe('real');
    poison(payload, codec);
    const { statusCode, body, headers } = await invoke(key);
    expect([name, statusCode]).toEqual([name, name in HARMLESS ? 200 : 500]);
    if (statusCode === 500) {
      expect([name, JSON.parse(body).code]).toEqual([name, 'SAMEKEY_UNREADABLE']);
    }
    expect(JSON.stringify(headers)).not.toMatch(/set-cookie|session/);
  }
});
