import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordDetail } from '../../src/dashboard/messages.js';
import type { Dashboard } from '../../src/dashboard/server.js';
import { createOnce, encryptedCodec } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { sendBytes } from '../proxy/program.js';
import { send, type Visitor } from './program.js';
import { put, responsePayload } from './records.js';
import { serveDashboard } from './served.js';

const store = memoryStore();
const SCRIPT = '</script><script>alert(1)</script>';
const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u202e';
const ODD_KEYS = [
  '.',
  '..',
  '%2e',
  '/',
  'a/b?c=d&key=e#f',
  SCRIPT,
  ESCAPES,
  'ä\u{1f600}',
  ' ',
  '__proto__',
];

let dashboard: Dashboard;
let url: string;
let page: Visitor;
beforeAll(async () => {
  for (const key of ODD_KEYS) await put(store, key);
  ({ dashboard, url, page } = await serveDashboard({ store, allowEvict: true }));
});
afterAll(() => dashboard.close());

async function detail(key: string): Promise<RecordDetail> {
  const reply = await page.get(`/api/record?key=${encodeURIComponent(key)}`);
  expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/json']);
  return reply.json;
}

describe('a record', () => {
  it.each(ODD_KEYS)('with the key %j is listed, shown and deleted', async (key) => {
    const query = encodeURIComponent(key);
    const { json } = await page.get(`/api/records?limit=500`);
    expect(json.records.map((row: { key: string }) => row.key)).toContain(key);
    expect((await detail(key)).key).toBe(key);
    const reply = await page.post(`/api/evict?key=${query}`);
    expect([reply.status, reply.json]).toEqual([200, { outcome: 'evicted' }]);
  });

  it('with scripts and terminal escapes is text in JSON', async () => {
    const payload = new TextEncoder().encode(SCRIPT + ESCAPES);
    await put(store, 'text', { codec: SCRIPT, payload });
    const reply = await page.get('/api/record?key=text');
    expect(reply.headers['content-type']).toBe('application/json');
    expect(reply.headers['x-content-type-options']).toBe('nosniff');
    expect(reply.json).toMatchObject({ codec: SCRIPT, text: SCRIPT + ESCAPES, isCut: false });
  });

  it.each([
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe, 1), 'fffe01', false],
    ['a NUL', Uint8Array.of(0x61, 0, 0x62), '610062', false],
    ['10 MB of bytes', new Uint8Array(10_000_000).fill(0xff), 'ff'.repeat(4096), true],
  ])('with %s is shown by its digits', async (name, payload, hex, isCut) => {
    await put(store, name, { payload });
    const shown = await detail(name);
    expect(shown).toMatchObject({ hex, isCut, payloadBytes: payload.length });
    expect(shown.text).toBeUndefined();
  });

  it.each(['a', 'ä', '\u{1f600}'])(
    'with 10 MB of %s is cut between two characters',
    async (letter) => {
      const payload = new TextEncoder().encode(
        `x${letter.repeat(10_000_000 / Buffer.byteLength(letter))}`,
      );
      await put(store, letter, { payload });
      const { text = '', isCut, payloadBytes } = await detail(letter);
      expect([isCut, payloadBytes]).toEqual([true, payload.length]);
      expect(text).toMatch(new RegExp(`^x${letter}+$`, 'u'));
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024);
      expect(Buffer.byteLength(text)).toBeGreaterThan(64 * 1024 - 4);
    },
  );

  it('is shown with no header that may hold a credential', async () => {
    const secret = 'sk-live-secret';
    const names = [
      ...[
        'authorization',
        'x-auth-token',
        'x-api-key',
        'api-key',
        'x-goog-api-key',
        'x-amz-security-token',
      ],
      ...[
        'x-amzn-session-id',
        'x-csrf-token',
        'x-xsrf',
        'www-authenticate',
        'x-signature',
        'x-access-token',
      ],
      ...['x-client-secret', 'x-user-credential', 'x-password', 'x-jwt', 'x-cookie-set'],
    ];
    const headers = [
      ...names.map((name) => [name, secret] as const),
      ['content-type', 'text/plain'] as const,
      ['anthropic-ratelimit-tokens-remaining', '7'] as const,
      ['location', `https://files.example/a?sig=${secret}`] as const,
      ['link', `<https://files.example/b?sig=${secret}>; rel="next"`] as const,
      ['x-long', 'x'.repeat(5000)] as const,
    ];
    await put(store, 'head', { codec: 'http-response', payload: responsePayload(headers, 'ok') });
    const shown = await detail('head');
    expect(JSON.stringify(shown)).not.toContain(secret);
    expect(shown.head?.headers).toEqual([
      ['content-type', 'text/plain'],
      ['anthropic-ratelimit-tokens-remaining', '7'],
      ['location', 'https://files.example/a'],
      ['link', '<https://files.example/b>; rel="next"'],
      ['x-long', 'x'.repeat(1000)],
    ]);
  });

  it.each([
    ['location', 'https://app.example/cb#access_token=SECRET', 'https://app.example/cb'],
    ['location', 'https://user:SECRET@files.example/a', 'https://files.example/a'],
    ['location', '//SECRET@files.example:8443/a?b#c', '//files.example:8443/a'],
    ['location', '/cb#SECRET', '/cb'],
    ['location', '?code=SECRET', ''],
    ['location', '/a?b=1;c=2,d="e f"&sig=SECRET', '/a'],
    ['location', "/a?q=it's&sig=SECRET", '/a'],
    ['location', 'https://user:pa/SECRET@files.example/a', 'https://'],
    ['location', 'https://user:pa#SECRET@files.example/a', 'https://'],
    ['location', 'https:\\\\user:SECRET@files.example/a', 'https:\\\\files.example/a'],
    ['location', 'https:/user:SECRET@files.example/a', 'https:/files.example/a'],
    ['location', 'https://a@SECRET@files.example/@b/c', 'https://files.example/@b/c'],
    ['location', 'http://[::1]:8080/react@18', 'http://[::1]:8080/react@18'],
    ['content-location', 'ftp://user:SECRET@files.example/a', 'ftp://files.example/a'],
    ['refresh', '5; url=https://u:SECRET@a.example/b#SECRET', '5; url=https://a.example/b'],
    ['operation-location', '/jobs/7?sig=SECRET', '/jobs/7'],
    ['x-goog-upload-url', 'https://up.example/u?upload_id=SECRET', 'https://up.example/u'],
    ['x-pingback', 'https://u:SECRET@a.example/b?c#SECRET', 'https://a.example/b'],
    [
      'report-to',
      '{"url":"https://r.example/v4?s=SECRET","max_age":1}',
      '{"url":"https://r.example/v4","max_age":1}',
    ],
    [
      'link',
      '<https://u:SECRET@a.example/b#SECRET>; rel="next", </c?q="d"&sig=SECRET>; rel="last"',
      '<https://a.example/b>; rel="next", </c>; rel="last"',
    ],
    ['link', '</a>; anchor="#SECRET"', '</a>; anchor="'],
    ['x-question', 'What? Ask support@a.example #1', 'What? Ask support@a.example #1'],
  ])('has in %s no credential of the address %s', async (name, value, shown) => {
    const payload = responsePayload([[name, value]], 'ok');
    await put(store, value, { codec: 'http-response', payload });
    expect((await detail(value)).head?.headers).toEqual([[name, shown]]);
  });

  it.each([
    ['a header that is never stored', responsePayload([['set-cookie', 'a=secret']], 'x')],
    ['a head that is cut', Uint8Array.of(0, 0, 255, 255, 1)],
    ['a head that is no JSON', Uint8Array.of(0, 0, 0, 1, 0x7b)],
    ['no head', new Uint8Array()],
  ])('of a response with %s shows nothing of its bytes', async (name, payload) => {
    await put(store, name, { codec: 'http-response', payload });
    const shown = await detail(name);
    expect(shown).toMatchObject({ codec: 'http-response', isCut: false });
    expect([shown.head, shown.text, shown.hex]).toEqual([undefined, undefined, undefined]);
  });

  it('that is encrypted tells the id of its key only', async () => {
    const codec = encryptedCodec({ keys: [{ id: 'main', key: new Uint8Array(32).fill(7) }] });
    const once = createOnce({ store, codec });
    await once('sealed', async () => ({ text: 'a secret' }));
    const shown = await detail('sealed');
    expect(shown).toMatchObject({ codec: 'encrypted', keyId: 'main' });
    expect([shown.head, shown.text, shown.hex]).toEqual([undefined, undefined, undefined]);
  });
});

describe('a request', () => {
  it.each([
    ['GET', '/api/records?limit=1e9', 400],
    ['GET', '/api/records?limit=501', 400],
    ['GET', '/api/records?limit=0', 400],
    ['GET', '/api/records?limit=-1', 400],
    ['GET', '/api/records?state=gone', 400],
    ['GET', '/api/records?state=__proto__', 400],
    ['GET', `/api/records?search=${'a'.repeat(1025)}`, 400],
    ['GET', `/api/records?after=${'a'.repeat(1025)}`, 400],
    ['GET', '/api/records?search=%zz', 400],
    ['GET', '/api/records?search=%ff', 400],
    ['GET', '/api/record', 400],
    ['GET', '/api/record?key=', 400],
    ['GET', '/api/record?key=a&key=b', 400],
    ['GET', '/api/record?key=nothing', 404],
    ['GET', '/api/record/a', 404],
    ['GET', `/api/record?key=${'a'.repeat(9000)}`, 414],
    ['GET', '/api/%6cive', 404],
    ['GET', '/%', 404],
    ['GET', '/..%2f..%2fetc/passwd', 404],
    ['GET', '//api/overview', 404],
    ['GET', '/api/toString', 404],
    ['GET', '/__proto__', 404],
    ['PUT', '/', 405],
    ['DELETE', '/api/record?key=a', 405],
    ['GET', '/api/evict?key=a', 405],
    ['POST', '/api/overview', 405],
    ['HEAD', '/api/live', 405],
    ['TRACE', '/', 405],
    ['OPTIONS', '*', 400],
  ])('%s %s is a problem with %i', async (method, path, status) => {
    const reply = await send(url, path, { method, headers: { cookie: page.cookie } });
    expect(reply.status).toBe(status);
    expect(reply.headers['content-type']).toBe('application/problem+json');
    if (method === 'HEAD') return;
    expect(reply.json).toMatchObject({
      title: expect.any(String),
      detail: expect.any(String),
      status,
    });
    expect(reply.text).not.toMatch(/node:|at .*\.js/);
  });

  it('with HEAD is answered without a body', async () => {
    const cookie = page.cookie;
    for (const path of ['/api/overview', '/api/records']) {
      const reply = await send(url, path, { method: 'HEAD', headers: { cookie } });
      expect([reply.status, reply.text]).toEqual([200, '']);
    }
  });

  it('with two hosts, an absolute address or no HTTP is refused', async () => {
    const head = (target: string, more = '') =>
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n\r\n`;
    expect(await sendBytes(url, head('/', 'Host: evil\r\n'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendBytes(url, head('http://localhost/'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendBytes(url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendBytes(url, head('/', `X: ${'x'.repeat(20_000)}\r\n`))).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it('with a body that never ends gets its answer', async () => {
    const bytes = `POST /api/evict?key=nothing HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nCookie: ${page.cookie}\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n{`;
    expect(await sendBytes(url, bytes)).toMatch(/^HTTP\/1\.1 200 [\s\S]*"missing"/);
  });
});

describe('a store', () => {
  const broken = (error: unknown, more: object = {}) =>
    Object.assign(memoryStore(), {
      read: () => Promise.reject(error),
      evict: () => Promise.reject(error),
      // biome-ignore lint/correctness/useYield: it fails before its first record.
      async *list() {
        throw error;
      },
      ...more,
    });

  it.each([
    [new Error('connect postgres://user:pass@word@db/app failed\n  at once')],
    ['redis://:secret@host'],
    [null],
    [{ code: 'ECONNREFUSED' }],
  ])('that fails with %s is a problem without a password', async (error) => {
    const { page: visitor, close } = await serveDashboard({
      store: broken(error),
      allowEvict: true,
    });
    const replies = [
      await visitor.get('/api/records'),
      await visitor.get('/api/record?key=a'),
      await visitor.post('/api/evict?key=a'),
    ];
    for (const reply of replies) {
      expect([reply.status, reply.json.code]).toEqual([503, 'SAMEKEY_STORE']);
      expect(reply.text).not.toMatch(/pass|secret|\\n/);
    }
    const live = await visitor.live();
    await expect.poll(() => live.last()?.storeFault).toMatch(/./);
    expect(live.last()?.storeFault).not.toMatch(/pass|secret/);
    live.close();
    close();
  });

  it('that answers nothing is a fault, of which the page learns nothing', async () => {
    const { page: visitor, close } = await serveDashboard({
      store: Object.assign(memoryStore(), { read: async () => undefined as never }),
    });
    const { status, json } = await visitor.get('/api/record?key=a');
    expect([status, json.code, json.detail]).toEqual([
      500,
      'SAMEKEY_FAULT',
      'The dashboard failed.',
    ]);
    expect((await visitor.get('/api/overview')).status).toBe(200);
    close();
  });

  it('with a record of another program shows those before it', async () => {
    const error = Object.assign(new SyntaxError('it is no record'), { code: 'SAMEKEY_BAD_STATE' });
    const good = memoryStore();
    await put(good, 'good');
    const { page: visitor, close } = await serveDashboard({
      store: Object.assign(memoryStore(), {
        async *list() {
          for await (const entry of good.list?.() ?? []) yield entry;
          throw error;
        },
      }),
    });
    expect((await visitor.get('/api/records')).json).toMatchObject({
      matchCount: 1,
      isWhole: false,
    });
    const live = await visitor.live();
    await expect.poll(() => live.last()?.storeFault).toBe('it is no record');
    expect(live.last()?.recordCount).toBe(1);
    live.close();
    close();
  });

  it('without a list finds a record by its key', async () => {
    const silent = Object.assign(memoryStore(), { list: undefined });
    await put(silent, 'known');
    const { page: visitor, close } = await serveDashboard({ store: silent as never });
    expect((await visitor.get('/api/records')).json).toMatchObject({
      matchCount: 0,
      isWhole: false,
    });
    const { json } = await visitor.get('/api/records?search=known');
    expect(json).toMatchObject({ matchCount: 1, records: [{ key: 'known' }], isWhole: false });
    expect((await visitor.get('/api/records?search=known&state=running')).json.records).toEqual([]);
    close();
  });
});
