/** Checks the promises of `samekey/fetch` on each runtime. Plain ECMAScript. */
import { Case, LiveReader, outcomeOf, passedOf, read, rejection, same, soon } from './asking.mjs';

/**
 * @typedef {object} Platform how the runtimes differ
 * @property {'joined' | 'replayed'} duplicate how a duplicate is answered while the first request is in progress
 * @property {boolean} showsRedirects whether a response to `redirect: 'manual'` can be read
 * @property {boolean} tellsRefused whether its `fetch` reports that nothing was sent
 * @property {boolean} missesChunks whether its `fetch` accepts a chunked body without its end
 * @property {boolean} sendsAgain whether its `fetch` sends a request again by itself when a reused connection breaks
 *
 * @typedef {object} Entries
 * @property {typeof import('../../../dist/fetch/fetch.js').idempotentFetch} idempotentFetch
 * @property {typeof import('../../../dist/fetch/fetch.js').withRetry} withRetry
 * @property {typeof import('../../../dist/store/memory.js').memoryStore} memoryStore
 * @property {typeof import('../../../dist/once/index.js').encryptedCodec} encryptedCodec
 *
 * @typedef {import('../../../dist/fetch/fetch.js').FetchOptions} FetchOptions
 * @typedef {(input: RequestInfo | URL, init?: RequestInit) => Promise<Response>} Fetch
 * @typedef {import('./asking.mjs').Upstream} Upstream
 * @typedef {import('./asking.mjs').Requests} Requests
 */

/** The part of the upstream that one check uses, and a store for it. */
class OwnCase extends Case {
  /** @type {(() => Promise<void>)[]} */
  #closing = [];

  /** @param {Entries} entries @param {Upstream} upstream @param {Platform} platform */
  constructor(entries, upstream, platform) {
    super(upstream);
    this.entries = entries;
    this.platform = platform;
  }

  /** @param {Partial<FetchOptions>} [options] */
  fetchWith(options = {}) {
    const { idempotentFetch, memoryStore } = this.entries;
    const fetch = idempotentFetch({ store: memoryStore(), ...options });
    this.#closing.push(() => fetch.close());
    return fetch;
  }

  /** Returns a function that sends JSON to one address. @param {Fetch} fetch */
  asker(fetch, /** @type {string} */ behaviour) {
    return (body = '{"model":"m","n":1}', /** @type {RequestInit} */ init = {}) =>
      fetch(this.url(behaviour), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'a' },
        body,
        ...init,
      });
  }

  async close() {
    for (const close of this.#closing) await close();
  }
}

/** Sends a request whose first response breaks and whose second one is complete. @param {OwnCase} at */
async function isNotKept(at, /** @type {string} */ behaviour) {
  const ask = at.asker(at.fetchWith(), behaviour);
  const first = await ask();
  const reading = rejection(first.text());
  await at.go();
  const error = await reading;
  if (!(error instanceof Error)) throw new Error(`it failed with ${error}`);
  const second = await ask();
  const body = await second.text();
  same([outcomeOf(first), outcomeOf(second)], ['executed', 'executed']);
  const third = await ask();
  same([outcomeOf(third), await third.text()], ['replayed', body]);
  same((await at.state()).count, 2);
}

/** @type {Record<string, (at: OwnCase) => Promise<void>>} */
export const REQUEST_CHECKS = {
  async 'twenty at once are one request'(at) {
    const ask = at.asker(at.fetchWith(), 'held');
    const pending = Array.from({ length: 20 }, () => read(ask()));
    await at.arrived();
    await at.go();
    const all = await Promise.all(pending);
    const duplicates = Array(19).fill(at.platform.duplicate);
    same(
      all.map(({ outcome }) => outcome),
      ['executed', ...duplicates],
    );
    same(new Set(all.map(({ body }) => JSON.stringify(body))).size, 1);
    same((await at.state()).count, 1);
  },

  async 'a later one is replayed, another body is another request'(at) {
    const ask = at.asker(at.fetchWith(), 'answer');
    const first = await read(ask());
    const again = await read(ask('{ "n": 1.0, "model": "m" }'));
    const other = await read(ask('{"model":"m","n":2}'));
    same(
      [first, again, other].map(({ outcome }) => outcome),
      ['executed', 'replayed', 'executed'],
    );
    same(
      [first, again, other].map(({ body }) => body.count),
      [1, 1, 2],
    );
    for (const { response } of [first, again]) {
      same([response.status, response.url, response.type], [201, at.url('answer'), 'default']);
      same(response.headers.get('x-made-by'), 'upstream');
      same(/^ik_[0-9a-f]{64}$/.test(response.headers.get('samekey-key') ?? ''), true);
    }
  },

  async 'a stream is read live by two, and replayed'(at) {
    const ask = at.asker(at.fetchWith(), 'events');
    const first = await ask();
    const readers = [new LiveReader(first)];
    await readers[0]?.until('message_start');
    const duplicate = ask();
    if (at.platform.duplicate === 'joined') readers.push(new LiveReader(await duplicate));
    // The upstream sends the next chunk when all readers have the previous one.
    for (const event of ['message_start', 'content_block_delta']) {
      for (const reader of readers) await reader.until(event);
      await at.go();
    }
    const texts = await Promise.all(readers.map((reader) => reader.until()));
    const second = await duplicate;
    if (at.platform.duplicate === 'replayed') texts.push(await second.text());
    const third = await ask();
    texts.push(await third.text());
    same([first, second, third].map(outcomeOf), ['executed', at.platform.duplicate, 'replayed']);
    same(new Set(texts).size, 1);
    same(texts[0]?.match(/event: \w+/g)?.length, 3);
    same((await at.state()).count, 1);
  },

  async 'a stream that is cut off is not kept'(at) {
    await isNotKept(at, 'events cut off');
  },

  async 'a body shorter than its length is not kept'(at) {
    await isNotKept(at, 'length cut off');
  },

  async 'JSON without the end of its chunks is not kept'(at) {
    await isNotKept(at, 'JSON cut off');
  },

  async 'another body without the end of its chunks is not kept'(at) {
    if (!at.platform.missesChunks) return isNotKept(at, 'chunks cut off');
    // This platform cannot tell.
    await at.go();
    const response = await fetch(at.url('chunks cut off'), { method: 'POST' });
    return same((await response.text()).length, 500);
  },

  async 'who aborts is gone, the other has the answer'(at) {
    const ask = at.asker(at.fetchWith(), 'held');
    const controller = new AbortController();
    const left = rejection(ask(undefined, { signal: controller.signal }));
    const stays = read(ask());
    await at.arrived();
    controller.abort();
    same((await left).name, 'AbortError');
    await at.go();
    const { outcome, body } = await stays;
    same([outcome, body.count], [at.platform.duplicate, 1]);
    same((await at.state()).count, 1);
  },

  async 'who leaves in the middle of a stream comes back to it'(at) {
    const ask = at.asker(at.fetchWith(), 'events');
    const reader = new LiveReader(await ask());
    await reader.until('message_start');
    await reader.reader.cancel();
    const again = ask();
    await at.go();
    await at.go();
    same((await (await again).text()).match(/event: \w+/g)?.length, 3);
    same((await at.state()).count, 1);
  },

  async 'a form sent twice is one key'(at) {
    const fetch = at.fetchWith();
    const send = (/** @type {string} */ content) => {
      const body = new FormData();
      body.append('purpose', 'batch');
      body.append('file', new Blob([content], { type: 'application/jsonl' }), 'a.jsonl');
      return read(fetch(at.url('answer'), { method: 'POST', body }));
    };
    const [first, again, other] = [await send('{"a":1}'), await send('{"a":1}'), await send('[]')];
    same(
      [first, again, other].map(({ outcome }) => outcome),
      ['executed', 'replayed', 'executed'],
    );
    same(/^multipart\/form-data; ?boundary=/.test(first.body.type), true);
    same(
      ['batch', '{"a":1}', 'a.jsonl'].every((part) => first.body.body.includes(part)),
      true,
    );
  },

  async 'a body counts as what it is, however it is handed over'(at) {
    const fetch = at.fetchWith({ ignoredHeaders: ['content-type'] });
    const bytes = new TextEncoder().encode('some=text');
    const streamed = () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(bytes.slice(0, 3));
          controller.enqueue(bytes.slice(3));
          controller.close();
        },
      });
    const bodies = [
      'some=text',
      bytes,
      bytes.buffer,
      new Blob([bytes]),
      new URLSearchParams({ some: 'text' }),
      streamed(),
    ];
    const outcomes = [];
    for (const body of bodies) {
      outcomes.push((await read(fetch(at.url('answer'), { method: 'POST', body }))).outcome);
    }
    same(outcomes, ['executed', ...Array(5).fill('replayed')]);
    // And this is what it sends.
    for (const body of bodies.slice(0, 5).concat(streamed())) {
      const own = at.fetchWith();
      const sent = await read(own(at.url('answer'), { method: 'POST', body }));
      same([sent.outcome, sent.body.body], ['executed', 'some=text']);
      const isForm = body instanceof URLSearchParams;
      same(sent.body.type.startsWith('application/x-www-form-urlencoded'), isForm);
    }
  },

  async 'a Request is read once, and sent as it is'(at) {
    const fetch = at.fetchWith();
    const make = () =>
      new Request(at.url('answer'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'a' },
        body: '{"n":1}',
      });
    const [first, again] = [await read(fetch(make())), await read(fetch(make()))];
    const { url, method, headers } = make();
    const other = await read(fetch(url, { method, headers, body: '{"n":1}' }));
    same(
      [first, again, other].map(({ outcome }) => outcome),
      ['executed', 'replayed', 'replayed'],
    );
    same([first.body.body, first.body.type], ['{"n":1}', 'application/json']);
    const used = make();
    await used.text();
    same((await rejection(fetch(used))).code, 'SAMEKEY_BAD_ARGUMENT');
    const controller = new AbortController();
    controller.abort();
    const aborted = new Request(make(), { signal: controller.signal });
    same((await rejection(fetch(aborted))).name, 'AbortError');
    same((await at.state()).count, 1);
  },

  async 'what came compressed is replayed as what it says'(at) {
    const ask = at.asker(at.fetchWith(), 'gzip');
    const [first, again] = [await read(ask()), await read(ask())];
    same([first.outcome, again.outcome], ['executed', 'replayed']);
    same(again.body, { count: 1, text: 'aé'.repeat(1000) });
    same(first.body, again.body);
  },

  async 'a redirect is followed, and what it led to is kept'(at) {
    const ask = at.asker(at.fetchWith(), 'moved');
    const [first, again] = [await read(ask()), await read(ask())];
    same([first.outcome, again.outcome], ['executed', 'replayed']);
    same([first.response.url, again.response.url], [at.url('answer'), at.url('answer')]);
    same([first.body.count, first.body.body], [1, '{"model":"m","n":1}']);
  },

  async 'a redirect that is not to be followed is never kept'(at) {
    const ask = at.asker(at.fetchWith(), 'moved');
    for (let turn = 0; turn < 2; turn++) {
      const pending = ask(undefined, { redirect: 'manual' });
      if (at.platform.showsRedirects) {
        const response = await pending;
        same([response.status, outcomeOf(response)], [307, 'executed']);
        await response.text();
      } else {
        same((await rejection(pending)).code, 'SAMEKEY_BAD_ARGUMENT');
      }
    }
  },

  async 'a connection that is lost is held back until it is known'(at) {
    const fetch = at.fetchWith({ onUnknown: 'hold' });
    const ask = at.asker(fetch, 'connection lost');
    same((await rejection(ask())).code?.startsWith?.('SAMEKEY_') ?? false, false);
    const held = await rejection(ask());
    same(held.code, 'SAMEKEY_UNKNOWN_OUTCOME');
    await at.go();
    same(await fetch.evict(held.key), true);
    same((await read(ask())).outcome, 'executed');
  },

  // Deno 2.9.6 sends text and bytes a second time by itself, and samekey prevents that. Nothing prevents
  // it in Chromium and Firefox.
  async 'a reused connection that is lost has carried each request once, except in some browsers'(
    at,
  ) {
    const { withRetry } = at.entries;
    const once = { maxAttempts: 1, budget: /** @type {const} */ (false) };
    for (const options of [{}, { fetch: withRetry(fetch, once) }]) {
      const { idempotentFetch, memoryStore } = at.entries;
      const own = idempotentFetch({ store: memoryStore(), onUnknown: 'hold', ...options });
      const body = '{"sent":"once"}';
      for (const sent of [body, new TextEncoder().encode(body)]) {
        const before = (await at.state()).count;
        let lost = 0;
        for (let turn = 0; turn < 5 && lost === 0; turn++) {
          const init = { method: 'POST', body: sent, headers: { 'samekey-sample': `${turn}` } };
          const sending = own(at.url('reused connection lost'), init);
          await sending.then((response) => response.text()).catch(() => lost++);
        }
        // Some platforms use a connection once.
        same((await at.state()).count - before > lost, at.platform.sendsAgain);
      }
      await own.close();
    }
  },

  async 'withRetry sends again what was lost'(at) {
    /** @type {unknown[]} */
    const reasons = [];
    const retrying = at.entries.withRetry(fetch, {
      baseDelayMs: 1,
      maxAttempts: 100,
      budget: false,
      onRetry({ reason }) {
        reasons.push(reason);
        if (reasons.length === 3) at.go();
      },
    });
    const ask = at.asker(at.fetchWith({ fetch: retrying }), 'connection lost');
    same((await read(ask())).outcome, 'executed');
    same(reasons.length >= 3, true);
  },

  async 'what was never sent may be sent again'(at) {
    const fetch = at.fetchWith({ onUnknown: at.platform.tellsRefused ? 'hold' : 'retry' });
    for (let turn = 0; turn < 2; turn++) {
      const error = await rejection(fetch(at.refusing, { method: 'POST', body: '{}' }));
      same(error.code === 'SAMEKEY_UNKNOWN_OUTCOME', false);
    }
  },

  async 'an address without an origin is one of the page'(at) {
    const ask = () => at.fetchWith()('gzip', { method: 'POST', body: '{}' });
    const { document } = /** @type {any} */ (globalThis);
    if (document === undefined) return same((await rejection(ask())).name, 'TypeError');
    const base = document.createElement('base');
    base.href = at.url('');
    document.head.append(base);
    try {
      const { url, status } = await ask();
      return same([url, status], [at.url('gzip'), 200]);
    } finally {
      base.remove();
    }
  },

  async 'a response is stored encrypted, and replayed where its key is'(at) {
    const { encryptedCodec, memoryStore } = at.entries;
    const store = memoryStore();
    /** Another process, which has its own cache. @param {string} id @param {number} byte */
    const withKey = (id, byte) => {
      const codec = encryptedCodec({ keys: [{ id, key: new Uint8Array(32).fill(byte) }] });
      return at.asker(at.fetchWith({ store, codec }), 'answer');
    };
    const first = await read(withKey('a', 1)());
    let codecs = '';
    let text = '';
    while (!text.includes('\u0001\u0001a')) {
      await soon(10);
      for await (const { record } of store.list?.() ?? []) {
        codecs = `${record.codec}`;
        for (const byte of record.payload ?? []) text += String.fromCharCode(byte);
      }
    }
    same([codecs, /http-response|x-made-by|count/.test(text)], ['encrypted', false]);
    const again = await read(withKey('a', 1)());
    same([again.outcome, again.body], ['replayed', first.body]);
    for (const ask of [
      withKey('b', 1),
      withKey('a', 2),
      at.asker(at.fetchWith({ store }), 'answer'),
    ]) {
      same((await rejection(ask())).code, 'SAMEKEY_UNREADABLE');
    }
    same((await at.state()).count, 1);
  },

  async 'a GET passes'(at) {
    const response = await at.fetchWith()(at.url('state'));
    same([response.status, outcomeOf(response)], [200, null]);
    await response.text();
  },
};

/**
 * @param {Entries} entries
 * @param {Upstream} upstream
 * @param {Platform} platform
 * @returns {Promise<Requests>}
 */
export async function requests(entries, upstream, platform) {
  /** @type {string[]} */
  const unhandled = [];
  // On platforms where this does not end the process.
  /** @type {any} */ (globalThis).addEventListener?.(
    'unhandledrejection',
    (/** @type {any} */ { reason }) => unhandled.push(`nobody handled ${reason}`),
  );
  const result = await passedOf(REQUEST_CHECKS, () => new OwnCase(entries, upstream, platform));
  await soon();
  result.failures.push(...unhandled);
  return result;
}
