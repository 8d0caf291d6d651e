import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis as Upstash } from '@upstash/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { redisStore } from '../../../src/store/redis.js';
import { upstashStore } from '../../../src/store/upstash.js';
import { isDeep } from '../../depth.js';
import { Worker } from '../../once/workers.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis } from '../../servers/redis.js';
import { type Upstash as Server, startUpstash, TOKEN } from '../../servers/upstash.js';
import { request } from '../requests.js';

describeWith('redis-server', hasRedis, 'one Redis over TCP and over HTTP', () => {
  let server: Server;
  let tcp: Redis;
  const overHttp = () => upstashStore({ client: new Upstash({ url: server.url, token: TOKEN }) });
  const overTcp = () => redisStore({ client: tcp });
  beforeAll(async () => {
    server = await startUpstash();
    tcp = new Redis(server.redis.url).on('error', () => {});
  });
  afterAll(async () => {
    tcp?.disconnect();
    await server?.stop();
  });

  /** Each kind of byte: ASCII, UTF-8 of all lengths, a byte order mark, and what is no text. */
  const PAYLOADS: Record<string, Uint8Array> = {
    nothing: new Uint8Array(),
    JSON: new TextEncoder().encode('{"a":[1,"null"]}\n'),
    'text of all lengths': new TextEncoder().encode('\u0000"\\ é € 😀 \u2028'),
    'a byte order mark': Uint8Array.of(0xef, 0xbb, 0xbf, 0x61),
    'every byte': Uint8Array.from({ length: 3000 }, (_, at) => at % 256),
    'text like its own length': new TextEncoder().encode('3:abc'),
  };

  it.each(Object.entries(PAYLOADS))('keep a record of %s as the same bytes', async (_, payload) => {
    const claim = request('ö\nwner"', { fingerprint: 'fïngerprint' });
    const completion = { state: 'done', codec: 'cödec', payload, ttlMs: 60_000 } as const;
    const values: string[] = [];
    for (const [writer, reader] of [
      [overHttp(), overTcp()],
      [overTcp(), overHttp()],
    ] as const) {
      const key = randomKey();
      const { record } = await writer.claim(key, claim);
      const refused = await reader.claim(key, { ...claim, owner: 'another' });
      expect(refused).toMatchObject({ claimed: false, record });
      // The other store may complete it: the owner counts, not the connection.
      expect(await reader.complete(key, 'another', completion)).toBe(false);
      expect(await reader.complete(key, claim.owner, completion)).toBe(true);
      const read = await writer.read(key);
      expect(read.record).toEqual((await reader.read(key)).record);
      expect(read.record).toMatchObject({ owner: claim.owner, fingerprint: 'fïngerprint' });
      expect(read.record?.payload).toEqual(payload);
      const value = (await tcp.getBuffer(`samekey:${key}`)) as Buffer;
      const { fencingToken, claimedAtMs, leaseEndsAtMs, expiresAtMs, finishedAtMs } =
        read.record ?? {};
      values.push(
        [fencingToken, claimedAtMs, leaseEndsAtMs, expiresAtMs, finishedAtMs].reduce<string>(
          (text, number) => text.replace(String(number), '#'),
          value.toString('latin1'),
        ),
      );
    }
    // But for the times, the values are equal byte by byte.
    expect(values[1]).toBe(values[0]);
  });

  it('list the same records, whatever their keys are', async () => {
    for (const key of ['"a"', '123', 'null', '[1]', '{"a":1}', 'é', '1:a']) {
      await overHttp().claim(key, request('o'));
    }
    const keysIn = async (store: ReturnType<typeof overTcp>) => {
      const keys: string[] = [];
      for await (const { key } of store.list?.() ?? []) keys.push(key);
      return keys.sort();
    };
    const keys = await keysIn(overHttp());
    expect(keys).toEqual(await keysIn(overTcp()));
    expect(keys).toEqual(expect.arrayContaining(['"a"', '123', 'null', '[1]', '{"a":1}', 'é']));
  });

  it('wake a caller that waits over TCP when a run over HTTP ends', async () => {
    const key = randomKey();
    const writer = createOnce({ store: overHttp(), cache: false });
    const waiter = createOnce({ store: overTcp(), cache: false });
    let end: ((value: string) => void) | undefined;
    const run = writer(
      key,
      () =>
        new Promise<string>((resolve) => {
          end = resolve;
        }),
    );
    // The record is in Redis before the function runs.
    await expect.poll(() => end).toBeDefined();
    const waiting = waiter(key, () => 'ran again');
    // The other caller has subscribed, so it does not poll.
    await expect
      .poll(() => server.redis.ask('PUBSUB', 'NUMSUB', `samekey:${key}`))
      .toMatch(/:1\r\n/);
    end?.('over HTTP');
    expect(await Promise.all([run, waiting])).toEqual(['over HTTP', 'over HTTP']);
    await Promise.all([writer.close(), waiter.close()]);
  });

  it.runIf(isDeep)(
    'let eight processes run each key once, four over TCP and four over HTTP',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'samekey-mixed-'));
      const log = join(folder, 'runs.jsonl');
      const workers = Array.from({ length: 8 }, (_, at) =>
        at % 2 === 0
          ? new Worker({ kind: 'ioredis', at: server.redis.url })
          : new Worker({ kind: 'upstash', at: server.url }),
      );
      try {
        await Promise.all(workers.map(({ ready }) => ready));
        const keys = Array.from({ length: 50 }, () => randomKey());
        for (const [at, key] of keys.entries()) {
          // A run that takes a while has callers that wait on both sides.
          const takesMs = at % 4 === 0 ? 30 : 0;
          const told = await Promise.all(
            workers.map((worker) => worker.call({ key, log, callers: 5, takesMs })),
          );
          expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(40);
          const answers = new Set(told.flatMap(({ answers }) => answers));
          expect([...answers]).toEqual([expect.stringMatching(/^\{"value":/)]);
        }
        const runs = readFileSync(log, 'utf8').trim().split('\n');
        const ran = runs.map((line) => JSON.parse(line).key);
        expect(ran.sort()).toEqual([...keys].sort());
      } finally {
        await Promise.all(workers.map((worker) => worker.kill()));
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
