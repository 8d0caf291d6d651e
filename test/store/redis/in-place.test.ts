import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { redisStore } from '../../../src/store/redis.js';
import type { Store } from '../../../src/store/store.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { request } from '../requests.js';

interface Case {
  readonly owner: string;
  readonly fingerprint: string | undefined;
  readonly codec: string;
  readonly payload: Uint8Array;
}
const USUAL: Case = {
  owner: 'owner.1',
  fingerprint: undefined,
  codec: 'json',
  payload: new TextEncoder().encode(`{"a":"${'a'.repeat(3000)}"}`),
};

describeWith('redis-server', hasRedis, 'the lines of a result', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url).on('error', () => {});
  });
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });

  async function callsOf(command: string): Promise<number> {
    const stats = await client.info('commandstats');
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }

  /** The value of the key, without its times. */
  async function partsOf(key: string): Promise<{ lines: string[]; payload: string }> {
    const [state = '', owner = '', token = '', ...rest] = String(
      (await client.getBuffer(key))?.toString('latin1'),
    ).split('\n');
    const [attempt = '', fingerprint = '', claimed = '', lease = '', ends = '', finished = ''] =
      rest;
    for (const number of [token, claimed, lease, ends, finished]) expect(number).toMatch(/^\d+$/);
    expect(Number(ends) - Number(finished)).toBe(60_000);
    expect(Math.abs((await client.pexpiretime(key)) - Number(ends))).toBeLessThan(1000);
    const lines = [state, owner, attempt, fingerprint, rest[6] ?? ''];
    return { lines, payload: rest.slice(7).join('\n') };
  }

  /** Claims and completes a key, and returns how often the script wrote into the room. */
  async function run(store: Store, key: string, given: Case, isGuessed: boolean): Promise<number> {
    const { owner, fingerprint, codec, payload } = given;
    const before = await callsOf('setrange');
    expect((await store.claim(key, request(owner, { fingerprint }))).claimed).toBe(true);
    if (!isGuessed) {
      // The store expects the length of this fingerprint at the next completion.
      const longer = { fingerprint: `${fingerprint ?? ''}-longer` };
      await store.claim(`${key}-other`, request('other', longer));
    }
    const outcome = { state: 'done', codec, payload, ttlMs: 60_000 } as const;
    expect(await store.complete(key, owner, outcome)).toBe(true);
    return (await callsOf('setrange')) - before;
  }

  it.each<[string, Partial<Case>]>([
    ['the usual texts', {}],
    ['a fingerprint', { fingerprint: 'f'.repeat(64) }],
    ['a fingerprint and a codec that are empty', { fingerprint: '', codec: '' }],
    ['an owner of two lines', { owner: 'one\ntwo' }],
    ['a payload of empty lines', { payload: new Uint8Array(2048).fill(10) }],
    ['any bytes', { payload: Uint8Array.from({ length: 7000 }, (_, at) => at * 7) }],
    ['a payload with a command of its own', { payload: new Uint8Array(70_000).fill(10) }],
    ['a payload of 1 MiB', { payload: new Uint8Array(2 ** 20).fill(200) }],
  ])('are the same where they fit into the room: %s', async (name, more) => {
    const store = redisStore({ client, prefix: `${name}:` });
    await store.read('first');
    const given = { ...USUAL, ...more };
    expect(await run(store, 'guessed', given, true)).toBe(1);
    expect(await run(store, 'missed', given, false)).toBe(0);
    const inPlace = await partsOf(`${name}:guessed`);
    expect(inPlace.payload).toBe(Buffer.from(given.payload).toString('latin1'));
    expect(await partsOf(`${name}:missed`)).toEqual(inPlace);
    for (const key of ['guessed', 'missed']) {
      const { record } = await store.read(key);
      expect(record).toMatchObject({ ...given, state: 'done', payload: expect.anything() });
      expect(Buffer.from(record?.payload ?? []).equals(given.payload)).toBe(true);
    }
  });

  it.each([
    [0, 0],
    [1, 0],
    [2047, 0],
    [2048, 1],
  ])('of %i bytes are written in place %i times', async (length, times) => {
    const store = redisStore({ client, prefix: `${length}:` });
    await store.read('first');
    const payload = new Uint8Array(length).fill(98);
    expect(await run(store, 'k', { ...USUAL, payload }, true)).toBe(times);
    expect((await partsOf(`${length}:k`)).payload).toBe('b'.repeat(length));
  });

  it('take as many bytes as they have, also in letters beyond ASCII', async () => {
    const store = redisStore({ client, prefix: 'script:' });
    const given = { ...USUAL, owner: 'Øwner ☃', fingerprint: 'ключ', codec: 'formát' };
    await run(store, 'k', given, true);
    expect((await store.read('k')).record).toMatchObject({ ...given, payload: expect.anything() });
    expect((await partsOf('script:k')).payload).toBe(String(Buffer.from(given.payload)));
  });

  it('are written in place after a renewal, and in front of the payload over an earlier result', async () => {
    const store = redisStore({ client, prefix: 'later:' });
    await store.read('first');
    const before = await callsOf('setrange');
    const { owner, fingerprint, codec, payload } = USUAL;
    const outcome = { state: 'done', codec, payload, ttlMs: 60_000 } as const;
    await store.claim('k', request(owner, { fingerprint }));
    expect(await store.renew('k', owner, 60_000)).toBe(true);
    expect(await store.complete('k', owner, outcome)).toBe(true);
    expect((await callsOf('setrange')) - before).toBe(1);
    const again = request('owner.2', { fingerprint, takeFinished: true });
    expect((await store.claim('k', again)).claimed).toBe(true);
    const second = { ...outcome, payload: new Uint8Array(4000).fill(98) };
    expect(await store.complete('k', 'owner.2', second)).toBe(true);
    expect((await partsOf('later:k')).payload).toBe('b'.repeat(4000));
  });

  it('are whole if the user may no longer write in place', async () => {
    await server.ask('ACL', 'SETUSER', 'user', 'on', '>p', '~*', '&*', '+@all');
    const url = server.url.replace('//', '//user:p@');
    const limited = new Redis(url).on('error', () => {});
    const store = redisStore({ client: limited, prefix: 'limited:' });
    await store.read('first');
    await server.ask('ACL', 'SETUSER', 'user', '-setrange');
    expect(await run(store, 'k', USUAL, true)).toBe(0);
    expect((await partsOf('limited:k')).payload).toBe(String(Buffer.from(USUAL.payload)));
    limited.disconnect();
  });
});
