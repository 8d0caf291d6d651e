import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalize, keyOfJson, scoped, sha256Hex } from '../../src/index.js';
import { readOptions } from '../../src/options/read.js';
import { requestKeyOptions } from '../../src/request/options.js';
import { readRequest } from '../../src/request/outgoing-request.js';
import { RequestKeys } from '../../src/request/request-key.js';
import { deep } from '../depth.js';

/** The key of a request as docs/fetch.md describes it, without anything that `RequestKeys` prepares or remembers. */
function documentedKeys(
  url: string,
  init: Init,
  scopes: readonly string[],
  ignored: readonly string[],
) {
  const headers = new Headers(init.headers);
  if (!headers.has('content-type')) headers.set('content-type', 'text/plain;charset=UTF-8');
  const credentials = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie'];
  const found = credentials.flatMap((name) =>
    headers.has(name) ? [`${name}: ${headers.get(name)}`] : [],
  );
  const account =
    found.length === 0 ? '' : sha256Hex('samekey account', { secret: found.join('\n') });
  const type = (headers.get('content-type') as string)
    .split(';')[0]
    ?.trim()
    .toLowerCase() as string;
  const counted: Record<string, string> = {};
  for (const [name, value] of headers) {
    const isNoise = /^(?:user-agent|x-request-id|date|x-stainless-.*|samekey-.*)$/.test(name);
    const isAnything = name === 'accept' && value === '*/*';
    if (isNoise || isAnything || credentials.includes(name) || ignored.includes(name)) continue;
    counted[name] = name === 'content-type' ? type : value;
  }
  const settings = init.redirect === undefined ? {} : { ':redirect': init.redirect };
  const scope = headers.get('samekey-scope');
  const sample = headers.get('samekey-sample');
  const isJson = /[/+]json$/.test(type) && !headers.has('content-encoding');
  const contentKey = isJson ? keyOfJson(init.body) : sha256Hex(init.body);
  const all = [
    ...scopes,
    ...(scope ? [scope] : []),
    init.method,
    new URL(url).href.split('#')[0] as string,
    account,
  ];
  const samples = sample === null ? [] : [`sample ${sample}`];
  return {
    contentKey,
    key: scoped([...all, canonicalize({ ...counted, ...settings }), ...samples], contentKey),
    forCaller: scoped([...all, canonicalize(settings), ...samples, "caller's key"], 'order-7'),
  };
}

interface Init {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly redirect?: 'manual' | 'error';
}

const value = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })
  .map((text) => text.trim() || '-');
const header = (name: string, values: fc.Arbitrary<string> = value) =>
  fc.option(
    values.map((each) => [name, each] as const),
    { nil: undefined },
  );

const headers = fc
  .tuple(
    header(
      'Content-Type',
      fc.constantFrom(
        'application/json',
        'Application/JSON ; charset=utf-8',
        'application/vnd.api+json',
        'text/csv',
      ),
    ),
    header('Content-Encoding', fc.constant('identity')),
    header('Authorization'),
    header('x-api-key'),
    header('X-Goog-Api-Key'),
    header('cookie'),
    header('accept', fc.constantFrom('*/*', 'text/csv')),
    header('User-Agent'),
    header('x-request-id'),
    header('X-Stainless-Retry-Count'),
    header('X-Attempt'),
    header('anthropic-version'),
    header('10'),
    header('9'),
    header('!'),
    header('__proto__'),
    header('samekey-scope'),
    header('Samekey-Sample'),
  )
  .map((all) => Object.fromEntries(all.filter((each) => each !== undefined)));

const request = fc.record({
  url: fc.constantFrom(
    'https://a.example/v1/x',
    'https://a.example/v1/x?q=1#f',
    'https://B.example:443/y',
    'https://a.example/v1/%7Ez',
  ),
  headers,
  body: fc.json({ noUnicodeString: false }).filter((text) => text.length > 0),
  method: fc.constantFrom('POST', 'PATCH'),
  redirect: fc.constantFrom(undefined, 'manual' as const, 'error' as const),
});

describe('the keys of a request', () => {
  it('equal the documented composition, request after request', async () => {
    const scopes = ['tenant', 'prod'];
    const settings = readOptions(
      requestKeyOptions,
      { scope: scopes, ignoredHeaders: ['X-ATTEMPT'] },
      'options',
    );
    const keys = new RequestKeys(settings, 'Idempotency-Key');
    await fc.assert(
      fc.asyncProperty(request, async ({ url, redirect, ...more }) => {
        const init = { ...more, ...(redirect && { redirect }) };
        const read = await readRequest(url, init);
        const derived = await keys.of(read, {
          scope: read.given.get('samekey-scope') ?? undefined,
          sample: read.given.get('samekey-sample') ?? undefined,
        });
        const expected = documentedKeys(url, init, scopes, ['x-attempt']);
        expect(derived.contentKey).toBe(expected.contentKey);
        expect(derived.key).toBe(expected.key);
        expect(derived.keyForCaller('order-7')).toBe(expected.forCaller);
      }),
      { numRuns: deep(300, 20_000) },
    );
  });

  it('are the same for text, bytes, a Request and a stream', async () => {
    const keys = new RequestKeys(readOptions(requestKeyOptions, {}, 'options'));
    const url = 'https://a.example/v1/x';
    const init = { method: 'POST', headers: { 'content-type': 'application/json', cookie: 'a=b' } };
    const body = '{"b":1,"a":"é"}';
    const bytes = new TextEncoder().encode(body);
    const read = [
      await readRequest(url, { ...init, body }),
      await readRequest(url, { ...init, body: bytes }),
      await readRequest(new URL(url), { ...init, body }),
      await readRequest(new Request(url, { ...init, body })),
      await readRequest(url, {
        ...init,
        body: new Blob([bytes]).stream(),
        duplex: 'half',
      } as RequestInit),
    ];
    const derived = await Promise.all(read.map((each) => keys.of(each)));
    expect(new Set(derived.map(({ key }) => key)).size).toBe(1);
    expect(new Set(derived.map((each) => each.keyForCaller('k'))).size).toBe(1);
  });
});
