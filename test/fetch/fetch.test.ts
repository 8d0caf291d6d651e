import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/store/memory.js';
import {
  events,
  fetchWith,
  json,
  outcomeOf,
  readOutcome,
  rejection,
  server,
  soon,
  store,
  upstream,
  useUpstream,
} from './scene.js';

useUpstream();

describe('a duplicate', () => {
  it('joins the request in progress, and later receives the stored response', async () => {
    server.behave = async ({ count }, response) => {
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

  it('equals a request with the same JSON value in another form', async () => {
    const { ask } = fetchWith();
    await (await ask('{"a":1,"b":"é"}')).text();
    expect(await readOutcome(ask(' { "b" : "\\u00e9", "a" : 1e0 } '))).toBe('replayed');
    expect(upstream.requests[0]?.body.toString()).toBe('{"a":1,"b":"é"}');
  });

  it('receives status, headers and body, without its cookies and headers of the connection', async () => {
    server.behave = (_, response) =>
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
    }
    // A cookie is for the client whose request was sent.
    expect(first.headers.getSetCookie()).toEqual(['session=secret']);
    expect(again.headers.getSetCookie()).toEqual([]);
    expect(await again.text()).toBe('made');
    expect(again.headers.get('samekey-key')).toMatch(/^ik_[0-9a-f]{64}$/);
  });

  it('is sent with the same key by any process', async () => {
    const { ask } = fetchWith();
    await (await ask()).text();
    const other = fetchWith({ store: memoryStore() });
    await (await other.ask()).text();
    const keys = upstream.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^ik_[0-9a-f]{64}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('of a request that failed is sent again', async () => {
    server.behave = ({ count }, response) => json(response, { count }, count === 1 ? 429 : 200);
    const { ask } = fetchWith();
    const first = await ask();
    expect([first.status, outcomeOf(first)]).toEqual([429, 'executed']);
    // Without a pause: an SDK may retry immediately.
    const second = await ask();
    expect([second.status, outcomeOf(second)]).toEqual([200, 'executed']);
    await second.text();
    expect(await readOutcome(ask())).toBe('replayed');
    expect(upstream.requests).toHaveLength(2);
  });

  it('of a failing request in progress shares its failure', async () => {
    server.behave = async (_, response) => {
      await soon();
      json(response, {}, 503);
    };
    const { ask } = fetchWith();
    const responses = await Promise.all([ask(), ask()]);
    expect(responses.map(({ status }) => status)).toEqual([503, 503]);
    expect(upstream.requests).toHaveLength(1);
  });

  it('is replayed if storeResponses returns true', async () => {
    server.behave = ({ count }, response) => json(response, { count }, 404);
    const { ask } = fetchWith({ storeResponses: ({ status }) => status === 404 });
    await (await ask()).text();
    const again = await ask();
    expect([again.status, outcomeOf(again)]).toEqual([404, 'replayed']);
  });

  it('is not replayed if storeResponses returns a promise', async () => {
    const { ask } = fetchWith({ storeResponses: (async () => false) as never });
    await (await ask()).text();
    expect(await readOutcome(ask())).toBe('executed');
  });

  it('is refused while the request is in progress, with onDuplicate: reject', async () => {
    server.behave = async (_, response) => {
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

  it('receives the stored response while another caller reads the store, too', async () => {
    await (await fetchWith().ask()).text();
    await soon();
    const { ask } = fetchWith({ onDuplicate: 'reject' });
    const found = await Promise.all([readOutcome(ask()), readOutcome(ask())]);
    expect(found).toEqual(['replayed', 'joined']);
  });

  it('is sent after the request of an aborted caller failed', async () => {
    const claim = store.claim.bind(store);
    store.claim = async (...request) => {
      await soon(50);
      return claim(...request);
    };
    server.behave = async ({ count }, response) => {
      await soon(100);
      json(response, { count }, count === 1 ? 429 : 200);
    };
    const { ask } = fetchWith();
    const left = ask(undefined, {}, { signal: AbortSignal.timeout(10) });
    expect((await rejection(left)).name).toBe('TimeoutError');
    const again = await ask();
    expect([outcomeOf(again), await again.json()]).toEqual(['executed', { count: 2 }]);
  });

  it('waits for the first byte no longer than waitMs', async () => {
    server.behave = async (_, response) => {
      await soon(200);
      json(response, {});
    };
    const { ask } = fetchWith({ waitMs: 20 });
    const first = ask();
    await soon();
    expect(await rejection(ask())).toMatchObject({ code: 'SAMEKEY_IN_PROGRESS' });
    expect(await (await first).json()).toEqual({});
  });

  it('has its own copy of the bytes', async () => {
    const { ask } = fetchWith();
    const first = new Uint8Array(await (await ask()).arrayBuffer());
    const text = new TextDecoder().decode(first);
    first.fill(0);
    const second = new Uint8Array(await (await ask()).arrayBuffer());
    expect(new TextDecoder().decode(second)).toBe(text);
    second.fill(0);
    expect(await (await ask()).text()).toBe(text);
  });

  it('has its own copy of the bytes of a Buffer', async () => {
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

describe('requests that pass through', () => {
  it('have other methods', async () => {
    const fetch = fetchWith();
    for (let count = 1; count <= 2; count++) {
      expect(await (await fetch(upstream.url)).json()).toEqual({ count });
    }
    expect(upstream.requests[0]?.headers['idempotency-key']).toBeUndefined();
    expect(fetch.stats().executed).toBe(0);
  });

  it('are excluded by applies', async () => {
    const { ask } = fetchWith({ applies: ({ url }) => !url.pathname.includes('messages') });
    for (let count = 1; count <= 2; count++) expect(await (await ask()).json()).toEqual({ count });
  });
});

describe('events and stored records', () => {
  it('report the outcome of each request', async () => {
    const { ask, stats } = fetchWith();
    await Promise.all([ask(), ask()]).then((all) => Promise.all(all.map((each) => each.text())));
    await (await ask()).text();
    expect(events.map(({ type }) => type).sort()).toEqual(['executed', 'joined', 'replayed']);
    expect(stats()).toMatchObject({ executed: 1, joined: 1, replayed: 1 });
    expect(new Set(events.map(({ key }) => key)).size).toBe(1);
  });

  it('report once that one key repeats with a temperature above 0', async () => {
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

  it('contain no credential and no request header', async () => {
    const { ask } = fetchWith();
    await (await ask({ a: 1 }, { authorization: 'Bearer sk-secret', 'x-own': 'value' })).text();
    await soon();
    const key = events[0]?.key as string;
    const { record } = await store.read(key);
    const shown = JSON.stringify(record) + Buffer.from(record?.payload ?? []).toString('latin1');
    expect(shown).toContain('http-response');
    for (const secret of ['sk-secret', 'account-1', 'x-own']) expect(shown).not.toContain(secret);
  });

  it('do not contain the query, in which some APIs have credentials', async () => {
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

  it('do not change a response when onEvent throws', async () => {
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

describe('an evicted response', () => {
  it('is requested again', async () => {
    const { ask, evict } = fetchWith();
    const first = await ask();
    await first.text();
    await soon();
    expect(await evict(first.headers.get('samekey-key') as string)).toBe(true);
    expect(await readOutcome(ask())).toBe('executed');
  });
});

describe('the saving of a duplicate', () => {
  it('is part of its event, with the given prices', async () => {
    server.behave = async (_, response) => {
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
