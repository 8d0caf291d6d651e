import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { idempotentFetch, type Spill } from '../../src/fetch/fetch.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

const KB = 1000;
const URL_ = 'https://api.example/v1/chat/completions';

const init = (n: number) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
  body: JSON.stringify({ n }),
});

/** A body that arrives in many turns of the event loop. */
function arriving(text: string): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text);
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await new Promise(setImmediate);
      controller.enqueue(new Uint8Array(bytes.subarray(at, at + 10 * KB)));
      at += 10 * KB;
      if (at >= bytes.length) controller.close();
    },
  });
}

const documentOf = (n: number, end = '}') =>
  `{"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"content":"${`text ${n} `.repeat(20 * KB)}"}}]${end}`;

function scene(more: object = {}, documents = documentOf) {
  const sent: number[] = [];
  const fetch = idempotentFetch({
    store: memoryStore(),
    maxHeldBytes: 100 * KB,
    ...more,
    fetch: async (_, sentInit) => {
      const { n } = JSON.parse(sentInit?.body as string);
      sent.push(n);
      const headers = { 'content-type': 'application/json' };
      return new Response(arriving(documents(n)), { headers });
    },
  });
  return { fetch, sent, ask: (n: number) => fetch(URL_, init(n)) };
}

/** Files in memory. */
function files() {
  const contents = new Set<Uint8Array[]>();
  const spill: Spill = {
    async open() {
      let bytes = new Uint8Array();
      const parts: Uint8Array[] = [];
      contents.add(parts);
      return {
        async write(chunks, position) {
          bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, position), ...chunks]));
        },
        read: async (position, byteCount) => bytes.slice(position, position + byteCount),
        close: () => void contents.delete(parts),
      };
    },
  };
  return { spill, contents };
}

describe('fetch with maxHeldBytes', () => {
  it('refuses a new key before it is sent, as long as responses are not read', async () => {
    // An error before anything was sent leaves no unknown outcome, whatever this says.
    const { fetch, sent, ask } = scene({ unknownErrors: () => true, onUnknown: 'hold' });
    const unread = await ask(1);
    await expect.poll(() => fetch.stats().heldBytes).toBeGreaterThan(100 * KB);
    await expect(ask(2)).rejects.toMatchObject({ code: 'SAMEKEY_OVERLOADED', name: 'HttpError' });
    const joined = await ask(1);
    expect(sent).toEqual([1]);
    expect(await Promise.all([unread, joined].map((each) => each.text()))).toEqual([
      documentOf(1),
      documentOf(1),
    ]);
    await expect.poll(() => fetch.stats().heldBytes).toBe(0);
    expect(await (await ask(2)).text()).toBe(documentOf(2));
    expect(await (await ask(1)).text()).toBe(documentOf(1));
    expect(sent).toEqual([1, 2]);
    await expect
      .poll(() => fetch.stats())
      .toMatchObject({ overloaded: 1, unknown: 0, executed: 2 });
  });

  it('tells an SDK by a response', async () => {
    const { fetch, ask } = scene();
    const unread = await ask(1);
    await expect.poll(() => fetch.stats().heldBytes).toBeGreaterThan(100 * KB);
    const { headers, ...rest } = init(2);
    const refused = await fetch(URL_, {
      ...rest,
      headers: { ...headers, 'x-stainless-lang': 'js' },
    });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'SAMEKEY_OVERLOADED' } });
    await unread.body?.cancel();
    await expect.poll(() => fetch.stats().heldBytes).toBe(0);
  });

  it('stores a response that nobody reads any longer', async () => {
    const { fetch, sent, ask } = scene();
    const unread = await ask(1);
    await expect.poll(() => fetch.stats().heldBytes).toBeGreaterThan(100 * KB);
    await unread.body?.cancel();
    await expect.poll(() => fetch.stats().executed).toBe(1);
    expect((await ask(1)).headers.get('samekey')).toBe('replayed');
    expect(sent).toEqual([1]);
    expect(fetch.stats().heldBytes).toBe(0);
  });

  it('moves responses to files, which are judged and stored from there', async () => {
    const { spill, contents } = files();
    const { fetch, sent, ask } = scene({ spill });
    const unread = await Promise.all([1, 2, 3, 4].map(ask));
    await expect.poll(() => fetch.stats().executed).toBe(4);
    expect(fetch.stats().spilledBytes).toBeGreaterThan(300 * KB);
    expect(fetch.stats().heldBytes).toBeLessThan(100 * KB);
    const replayed = await ask(3);
    expect(replayed.headers.get('samekey')).toBe('replayed');
    expect(await replayed.text()).toBe(documentOf(3));
    expect(await Promise.all(unread.map((each) => each.text()))).toEqual(
      [1, 2, 3, 4].map((n) => documentOf(n)),
    );
    expect([sent.length, fetch.stats().overloaded, contents.size]).toEqual([4, 0, 0]);
  });

  it('counts long stored responses that are not read, and gives each caller bytes of its own', async () => {
    const { spill, contents } = files();
    const { fetch, sent, ask } = scene({ spill, maxHeldBytes: 1000 * KB }, (n) =>
      documentOf(n).replace('text', 'text'.repeat(100 * KB)),
    );
    const whole = await (await ask(1)).text();
    expect(whole.length).toBeGreaterThan(500 * KB);
    await expect.poll(() => fetch.stats().executed).toBe(1);
    const unread = await Promise.all(Array.from({ length: 6 }, () => ask(1)));
    expect(unread.map(({ headers }) => headers.get('samekey'))).toEqual(
      unread.map(() => 'replayed'),
    );
    await expect.poll(() => fetch.stats().heldBytes).toBeLessThan(1000 * KB);
    expect(fetch.stats().spilledBytes).toBeGreaterThan(2000 * KB);
    for await (const chunk of (await ask(1)).body as ReadableStream<Uint8Array>) chunk.fill(0);
    const texts = await Promise.all(unread.map((each) => each.text()));
    expect(texts.map((each) => each === whole)).toEqual(texts.map(() => true));
    expect([sent, fetch.stats().heldBytes, contents.size]).toEqual([[1], 0, 0]);
  });

  it('does not store a document in a file that is cut', async () => {
    const { fetch, sent, ask } = scene({ spill: files().spill }, (n) => documentOf(n, ''));
    await expect((await ask(1)).text()).rejects.toMatchObject({ code: 'SAMEKEY_BROKEN_RESPONSE' });
    await expect((await ask(1)).text()).rejects.toMatchObject({ code: 'SAMEKEY_BROKEN_RESPONSE' });
    expect(sent).toEqual([1, 1]);
    // In Node.js 24 a reader has the error before the run gives its memory back.
    await expect.poll(() => fetch.stats()).toMatchObject({ heldBytes: 0, spilledBytes: 0 });
  });

  it('goes on after a response was dropped unread', async () => {
    const { spill } = files();
    const { fetch, ask } = scene({ spill });
    for (let n = 0; n < 8; n++) await ask(n);
    await expect.poll(() => fetch.stats().executed).toBe(8);
    expect(await (await ask(9)).text()).toBe(documentOf(9));
  });
});

describe('a response that its caller does not read', () => {
  it('is held once, beside the store', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const long = documentOf(1).replace('text', 'text'.repeat(500 * KB));
    const { fetch, ask } = scene({ maxHeldBytes: undefined, cache: false }, () => long);
    collect();
    const before = process.memoryUsage().arrayBuffers;
    const unread = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(ask));
    await expect.poll(() => fetch.stats().executed).toBe(8);
    const heldBytes = () => {
      collect();
      return process.memoryUsage().arrayBuffers - before;
    };
    // Neither the run, nor its outcome, nor a parsed document holds it another time.
    await expect.poll(heldBytes).toBeLessThan(2.5 * 8 * long.length);
    const texts = await Promise.all(unread.map((each) => each.text()));
    expect(texts.every((each) => each === long)).toBe(true);
  });
});

describe('a server with maxHeldBytes', () => {
  it('does not call the handler for a new key, and answers 503', async () => {
    const called: string[] = [];
    const handler = idempotent(
      async (request: Request) => {
        called.push(await request.text());
        return new Response(arriving(documentOf(1)), { headers: { 'content-type': 'text/plain' } });
      },
      { store: memoryStore(), maxHeldBytes: 100 * KB },
    );
    const order = (key: string) =>
      handler(
        new Request('https://shop.example/orders', {
          method: 'POST',
          headers: { 'idempotency-key': `"${key}"` },
          body: key,
        }),
      );
    const unread = await order('a');
    await expect.poll(() => handler.stats().heldBytes).toBeGreaterThan(100 * KB);
    const refused = await order('b');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ code: 'SAMEKEY_OVERLOADED' });
    expect(called).toEqual(['a']);
    expect(await unread.text()).toBe(documentOf(1));
    await expect.poll(() => handler.stats().heldBytes).toBe(0);
    expect(await (await order('b')).text()).toBe(documentOf(1));
    expect(called).toEqual(['a', 'b']);
  });
});
