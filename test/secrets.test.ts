/**
 * No error, event, log line, metric, stored record or `inspect` of a public object contains a
 * credential. The tests of stores have the passwords of their addresses.
 */
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idempotentFetch } from '../src/fetch/fetch.js';
import {
  createConversation,
  customId,
  defineIdentity,
  explain,
  explainDifference,
  keyOf,
  keyOfJson,
  keyOfStream,
  keysOf,
  keysOfJson,
  scoped,
  sha256Hex,
  sha256HexBatch,
} from '../src/index.js';
import { credentialHeaders } from '../src/providers/registry.js';
import { upstreamAddress } from '../src/proxy/request-target.js';
import { idempotent } from '../src/server/web.js';
import { memoryStore } from '../src/store/memory.js';
import type { Store } from '../src/store/store.js';
import { samekey } from './cli/program.js';
import { telemetryInMemory } from './once/telemetry-in-memory.js';
import { startProxy } from './proxy/program.js';

const SECRET = 'hunter2hunter2';

/** Everything that a log could print of a value, private names of Node included. */
const shown = (value: unknown) =>
  [inspect(value, { depth: 12, showHidden: true, getters: true }), JSON.stringify(value)].join(
    '\n',
  );

const hidesSecret = (value: unknown) => expect(shown(value)).not.toContain(SECRET);

it.each<[string, unknown]>([
  ['an error', new Error(SECRET)],
  ['the cause of an error', new Error('a', { cause: { url: SECRET } })],
  ['headers', new Headers({ a: SECRET })],
  ['a member that is not enumerable', Object.defineProperty({}, 'a', { value: SECRET })],
  ['a map in an array', [new Map([[{ a: 1 }, SECRET]])]],
])('the check finds a secret in %s', (_, value) => {
  expect(() => hidesSecret(value)).toThrow(SECRET);
});

describe('the secret of keys is in no error', () => {
  const identity = { secret: SECRET };
  const bad = { a: Number.NaN };
  const failing = new ReadableStream({ pull: () => Promise.reject(new Error('reset')) });
  it.each<[string, () => unknown]>([
    ['keyOf', () => keyOf(bad, identity)],
    ['keyOf with a misspelled member', () => keyOf({}, { ...identity, exlcude: [] } as never)],
    ['keyOf with a bad scope', () => keyOf({}, { ...identity, scope: 'a\0b' })],
    ['keyOf with a bad path', () => keyOf({}, { ...identity, include: ['$['] })],
    ['keyOf with the secret as its options', () => keyOf({}, SECRET as never)],
    ['keyOfJson', () => keyOfJson('{"a":', identity)],
    ['keyOfStream', () => keyOfStream(failing, identity)],
    ['keysOf', () => keysOf([{}, bad], identity)],
    ['keysOfJson', () => keysOfJson(['{}', '{'], identity)],
    ['customId', () => customId(bad, identity)],
    ['explain', () => explain(bad, identity)],
    ['explainDifference', () => explainDifference({}, bad, identity)],
    ['sha256Hex', () => sha256Hex('a', { secret: SECRET, bits: 7 as never })],
    ['sha256Hex with the secret as its options', () => sha256Hex('a', SECRET as never)],
    ['sha256Hex with a secret in an object', () => sha256Hex('a', { secret: { SECRET } as never })],
    ['sha256HexBatch', () => sha256HexBatch(['a', 5 as never], { secret: SECRET })],
    ['scoped', () => scoped('a\0b', 'c', { secret: SECRET })],
    ['defineIdentity', () => defineIdentity({ ...identity, bits: 7 as never })],
    ['createConversation', () => createConversation(bad as never, identity)],
  ])('of %s', async (_, act) => {
    const error = await Promise.resolve()
      .then(act)
      .then(
        () => expect.unreachable(),
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(Error);
    hidesSecret(error);
  });

  it('nor in what explains a key', () => {
    const before = { model: 'm', messages: [] };
    hidesSecret(explain(before, identity));
    hidesSecret(explainDifference(before, { model: 'n' }, identity));
    hidesSecret(defineIdentity(identity));
    hidesSecret(createConversation({ model: 'm', messages: [] } as never, identity));
  });
});

/** A request with a credential in every header and place that may have one. */
const credentials = (): Record<string, string> =>
  Object.fromEntries(
    ['authorization', 'proxy-authorization', 'cookie', 'x-own-token', ...credentialHeaders].map(
      (name) => [name, `Bearer ${SECRET}`],
    ),
  );
const post = (body = '{"a":1}', headers = {}) => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', ...credentials(), ...headers },
});

/** All records of a store, with the bytes of their results as text. */
async function recordsOf(store: Store): Promise<string> {
  let text = '';
  for await (const { key } of store.list?.() ?? []) {
    const { record } = await store.read(key);
    text += JSON.stringify(record) + Buffer.from(record?.payload ?? []).toString('latin1');
  }
  return text;
}

const down = (store: Store): Store =>
  Object.assign(Object.create(store), {
    claim: () => Promise.reject(new Error('connect ECONNREFUSED')),
  });

describe('credentials of a request', () => {
  let origin: string;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const path = request.url?.split('?')[0];
      if (path === '/reset') request.socket.destroy();
      else response.writeHead(path === '/refuses' ? 401 : 200).end('{"ok":true}');
    });
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  afterAll(() => server.close());

  it('are in no event, error, record, span or object of samekey/fetch', async () => {
    const seen = telemetryInMemory();
    const said: unknown[] = [];
    const store = memoryStore();
    const options = {
      onEvent: (event: unknown) => {
        said.push(event);
        seen.onEvent(event as never);
      },
      storeTimeoutMs: 1000,
    };
    const send = seen.observe(idempotentFetch({ store, ...options }));
    const withoutStore = idempotentFetch({ store: down(store), ...options });
    const attempt = async (call: () => Promise<Response>) => {
      try {
        const response = await call();
        said.push(response.headers, await response.text());
      } catch (error) {
        said.push(error);
      }
    };
    const query = `?key=${SECRET}`;
    for (const path of ['/works', '/works', '/refuses', '/reset']) {
      await attempt(() => send(`${origin}${path}${query}`, post()));
    }
    await attempt(() => send(`${origin}/works`, post('{', { 'idempotency-key': 'a b "' })));
    await attempt(() => withoutStore(`${origin}/works${query}`, post()));
    expect(said.length).toBeGreaterThan(10);
    expect(shown(said)).toContain('ECONNREFUSED');
    hidesSecret(said);
    hidesSecret(send);
    hidesSecret(store);
    hidesSecret(seen.spans().map(({ attributes, events, status }) => [attributes, events, status]));
    const records = await recordsOf(store);
    expect(records).toContain('http-response');
    expect(records).not.toContain(SECRET);
  });

  it('are in no event, problem, record or object of samekey/server', async () => {
    const said: unknown[] = [];
    const store = memoryStore();
    const options = { onEvent: (event: unknown) => said.push(event) };
    const handler = idempotent(
      async (request) => {
        if (new URL(request.url).pathname === '/fails') throw new Error('no answer');
        return Response.json({ ok: true });
      },
      { store, ...options, required: true },
    );
    const withoutStore = idempotent(async () => Response.json({}), {
      store: down(store),
      ...options,
    });
    const attempt = async (
      handle: (request: Request) => Promise<Response>,
      path: string,
      init: RequestInit,
    ) => {
      try {
        const response = await handle(new Request(`http://a${path}?key=${SECRET}`, init));
        said.push([...response.headers], response.status, await response.text());
      } catch (error) {
        said.push(error);
      }
    };
    const key = { 'idempotency-key': '"a-key-of-a-test"' };
    await attempt(handler, '/works', post('{"a":1}', key));
    await attempt(handler, '/works', post('{"a":1}', key));
    await attempt(handler, '/works', post('{"a":2}', key));
    await attempt(handler, '/works', post());
    await attempt(handler, '/works', post('{}', { 'idempotency-key': '"' }));
    await attempt(handler, '/fails', post('{}', { 'idempotency-key': '"another-key"' }));
    await attempt(withoutStore, '/works', post('{}', key));
    for (const status of [400, 422, 503]) expect(said).toContain(status);
    hidesSecret(said);
    hidesSecret(handler);
    const records = await recordsOf(store);
    expect(records).toContain('http-response');
    expect(records).not.toContain(SECRET);
  });

  it('are in no log line and no metric of the proxy', async () => {
    const proxy = await startProxy(origin, ['--log-level', 'debug']);
    try {
      const said: unknown[] = [];
      for (const path of ['/works', '/works', '/refuses', '/reset']) {
        const response = await fetch(`${proxy.url}${path}?key=${SECRET}`, post());
        if (path !== '/works') said.push(await response.text());
      }
      const badKey = post('{}', { 'idempotency-key': '"' });
      said.push(await (await fetch(`${proxy.url}/works?key=${SECRET}`, badKey)).text());
      said.push(await (await fetch(`${proxy.url}/-/metrics`)).text());
      // Not HTTP behind a head with a credential.
      const { port } = new URL(proxy.url);
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {}).resume();
      socket.end(`POST /works HTTP/1.1\r\nauthorization: ${SECRET}\r\n\0: ${SECRET}\r\n\r\n`);
      await new Promise((resolve) => socket.on('close', resolve));
      await proxy.stop();
      expect(proxy.log.filter(({ msg }) => msg === 'request').length).toBeGreaterThan(4);
      hidesSecret(proxy.log);
      hidesSecret(said);
    } finally {
      await proxy.stop('SIGKILL');
    }
  });
});

it.each([
  'https//me:hunter2hunter2@api.example',
  'https://me:hunter2hunter2@api example',
  '?@hunter2hunter2@',
])('the error of the upstream %s names it without its password', (address) => {
  expect(() => upstreamAddress(address)).toThrow(/^Cannot use the upstream: "[^"@]*" is not a URL/);
  try {
    upstreamAddress(address);
  } catch (error) {
    hidesSecret(error);
  }
});

describe('the command line prints no secret of --secret-env', () => {
  it.each<[string, string[], string]>([
    ['key', ['key'], '{"a":1}'],
    ['key, as JSON', ['key', '--json'], '{"a":1}'],
    ['key of bad JSON', ['key'], '{"a":'],
    ['keys', ['keys'], '{"a":1}\n{"b":\n'],
    ['explain', ['explain'], '{"a":1}'],
    ['audit', ['audit'], '{"a":1}\n{"a":1}\n'],
  ])('%s', async (_, args, input) => {
    const run = await samekey([...args, '--secret-env', 'KEY_SECRET'], {
      input,
      env: { KEY_SECRET: SECRET },
    });
    expect(run.stdout + run.stderr).not.toBe('');
    expect(run.stderr).not.toContain('unknown option');
    expect(run.stdout + run.stderr).not.toContain(SECRET);
  });
});
