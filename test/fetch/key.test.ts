import { describe, expect, it } from 'vitest';
import type { FetchOptions } from '../../src/fetch/fetch.js';
import { NATURAL_KEYS } from '../key/natural-keys.js';
import { fetchWith, outcomeOf, readOutcome, rejection, upstream, useUpstream } from './scene.js';

useUpstream();

describe('what makes two requests the same', () => {
  /** Whether both requests were sent. */
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
    [
      'a page, which may be all that is allowed',
      [{}, { origin: 'a' }],
      [{}, { origin: 'b' }],
      true,
    ],
    ['a host that differs from the URL', [{}, { host: 'a' }], [{}, { host: 'b' }], true],
    ['samekey-fresh', [{}], [{}, { 'samekey-fresh': '1' }], true],
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

  it('not the fields that the identity excludes', async () => {
    const options = { identity: { exclude: ['$.trace_id'] } };
    expect(await areTwo([{ m: 1, trace_id: 1 }], [{ m: 1, trace_id: 2 }], options)).toBe(false);
  });

  it('not ignored headers, and the account of the options', async () => {
    const options = { ignoredHeaders: ['X-Attempt'], account: 'us' };
    const first = [{}, { 'x-attempt': '1', authorization: 'Bearer of this hour' }] as const;
    const second = [{}, { 'x-attempt': '2', authorization: 'Bearer of the next' }] as const;
    expect(await areTwo([...first], [...second], options)).toBe(false);
  });

  it('whether redirects are followed', async () => {
    expect(await areTwo([{}], [{}, {}, { redirect: 'manual' }])).toBe(true);
  });

  it('the URL, with its query and without its fragment', async () => {
    const fetch = fetchWith();
    const post = (more: string) => fetch(upstream.url + more, { method: 'POST', body: '{}' });
    for (const more of ['?a=1', '?a=1#here', '?a=2']) await (await post(more)).text();
    expect(upstream.requests).toHaveLength(2);
  });

  it('a form by its parts, independent of its boundary', async () => {
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

  it('the settings of a Request that differ from the defaults', async () => {
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

  it('a form by its encoded parts, alone or in a Request', async () => {
    const fetch = fetchWith();
    const form = new FormData();
    form.append('a "name"\n', 'two\nlines\r');
    form.append('file', new Blob(['1']), 'a "name"\n.csv');
    form.append('blob', new Blob(['1'], { type: 'text/csv' }));
    const sending = fetch(upstream.url, { method: 'POST', body: form });
    // The caller may change its form after the call.
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
  ] as const)('bytes: %s', async (_, make) => {
    const fetch = fetchWith({ ignoredHeaders: ['content-type'] });
    await (await fetch(upstream.url, { method: 'POST', body: 'x' })).text();
    const [input, init] = make() as unknown as [RequestInfo, RequestInit?];
    expect(await readOutcome(fetch(input, { method: 'POST', ...init }))).toBe('replayed');
    expect(upstream.requests[0]?.body.toString()).toBe('x');
  });
});

describe("a caller's own key", () => {
  const KEY = `ik_${'ab'.repeat(32)}`;

  it('is sent unchanged, and identifies the request', async () => {
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

  it('identifies the request whatever its other headers say', async () => {
    const { ask } = fetchWith();
    const telemetry = (n: number) => ({
      'Idempotency-Key': KEY,
      'x-stripe-client-telemetry': `{"last_request_metrics":${n}}`,
      'x-attempt': String(n),
      'anthropic-version': String(n),
    });
    expect(await readOutcome(ask({ a: 1 }, telemetry(1)))).toBe('executed');
    expect(await readOutcome(ask({ a: 1 }, telemetry(2)))).toBe('replayed');
    expect(await rejection(ask({ a: 2 }, telemetry(3)))).toMatchObject({
      code: 'SAMEKEY_MISMATCH',
    });
    const elsewhere = await ask({ a: 1 }, { ...telemetry(1), host: 'other.example' });
    expect(outcomeOf(elsewhere)).toBe('executed');
  });

  it.each([
    'x-api-key',
    'X-Auth-Token',
    'X-Shopify-Access-Token',
    'xi-api-key',
    'Private-Token',
    'Ocp-Apim-Subscription-Key',
    'OpenAI-Organization',
    'OpenAI-Project',
    'Stripe-Account',
    'X-Forwarded-Client-Cert',
  ])('does not equal the same key of another account, as %s says', async (name) => {
    const { ask } = fetchWith();
    const outcomes = [];
    for (const value of ['a', 'b', 'a']) {
      outcomes.push(await readOutcome(ask({}, { 'Idempotency-Key': KEY, [name]: value })));
    }
    expect(outcomes).toEqual(['executed', 'executed', 'replayed']);
  });

  it('equals itself with other credentials if the program says what the account is', async () => {
    for (const options of [{ account: 'one' }, { ignoredHeaders: ['X-Auth-Token'] }]) {
      const { ask } = fetchWith(options);
      const key = `order-${Object.keys(options)}`;
      const outcomes = [];
      for (const value of ['a', 'b']) {
        const headers = { 'Idempotency-Key': key, 'X-Auth-Token': value };
        outcomes.push(await readOutcome(ask({}, headers)));
      }
      expect(outcomes).toEqual(['executed', 'replayed']);
    }
  });

  it('equals itself with another proof for each attempt', async () => {
    const { ask } = fetchWith();
    const outcomes = [];
    for (const value of ['a', 'b']) {
      const headers = { 'x-signature': value, 'x-csrf-token': value, 'x-nonce': value };
      outcomes.push(await readOutcome(ask({}, { 'Idempotency-Key': KEY, ...headers })));
    }
    expect(outcomes).toEqual(['executed', 'replayed']);
  });

  it.each([
    ['text with a space', 'a b'],
    ['a variable without a value', 'undefined'],
    ['an object', '[object Object]'],
    ['a key of samekey with a mistake', KEY.slice(0, -1)],
    ['a key of samekey in upper case', KEY.toUpperCase()],
    ['two keys', `${KEY}, ${KEY}`],
    ['an open quote', `"${KEY}`],
    ['a structured field with a parameter', '"a";b="'],
    ['nothing', ''],
    ['10 KB', 'a'.repeat(10_000)],
  ])('that is %s is not sent', async (_, key) => {
    const { ask } = fetchWith();
    const error = await rejection(ask({}, { 'Idempotency-Key': key }));
    expect(error).toMatchObject({ code: 'SAMEKEY_BAD_KEY' });
    expect(error.message).toMatch(/^Cannot use the Idempotency-Key ".*: .*wanted /s);
    expect(error.message.length).toBeLessThan(250);
    expect(upstream.requests).toHaveLength(0);
  });

  it.each(NATURAL_KEYS)('may be any name of the request: %s', async (key) => {
    const { ask } = fetchWith();
    expect(await readOutcome(ask({ a: 1 }, { 'Idempotency-Key': key }))).toBe('executed');
    expect(await readOutcome(ask({ a: 1 }, { 'Idempotency-Key': key }))).toBe('replayed');
    expect(upstream.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([key]);
    expect(await rejection(ask({ a: 2 }, { 'Idempotency-Key': key }))).toMatchObject({
      code: 'SAMEKEY_MISMATCH',
    });
  });

  it('in quotes stays in quotes if it must', async () => {
    const { ask } = fetchWith();
    for (const key of ['"a,b"', String.raw`"a\"b"`, '"order-7"']) {
      await (await ask({}, { 'Idempotency-Key': key })).text();
    }
    expect(upstream.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      '"a,b"',
      String.raw`"a\"b"`,
      'order-7',
    ]);
  });

  it('may have a configured format', async () => {
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

  it('is written in the configured way', async () => {
    const { ask } = fetchWith({ headerName: 'X-Request-Key', keyPrefix: 'idem_', quoted: true });
    await (await ask()).text();
    const sent = upstream.requests[0]?.headers['x-request-key'];
    expect(sent).toMatch(/^"idem_[0-9a-f]{64}"$/);
    await (await ask({}, { 'X-Request-Key': `idem_${'1'.repeat(32)}` })).text();
    expect(upstream.requests[1]?.headers['x-request-key']).toBe(`"idem_${'1'.repeat(32)}"`);
  });
});

it.each([
  ['another method', 'GET', {}],
  ['a request that `applies` leaves out', 'POST', { applies: () => false }],
] as const)('the headers of samekey are not sent with %s', async (_, method, options) => {
  const fetch = fetchWith(options);
  const headers = { 'samekey-scope': 'tenant-42', 'samekey-fresh': '1', 'x-own': '1' };
  await (await fetch(upstream.url, { method, headers })).text();
  await (await fetch(new Request(upstream.url, { method, headers }))).text();
  await (await fetch(new Request(upstream.url, { method }), { headers })).text();
  expect(upstream.requests).toHaveLength(3);
  for (const { headers: sent } of upstream.requests) {
    expect(sent['x-own']).toBe('1');
    expect(Object.keys(sent).filter((name) => name.startsWith('samekey'))).toEqual([]);
  }
});
