import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith, ended } from '../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../servers/redis.js';

const PROGRAM = fileURLToPath(new URL('process.mjs', import.meta.url));
/** Until the server is killed. */
const FOREVER = 'takesMs=3600000';

describeWith('redis-server', hasRedis, 'two servers on one Redis', () => {
  let redis: RedisServer;
  let folder: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'samekey-servers-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      await ended(child);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const logged = () => join(folder, 'runs');
  const runs = () =>
    readFileSync(logged(), { encoding: 'utf8', flag: 'a+' }).trim().split('\n').filter(Boolean);

  async function start(options: object = {}) {
    const config = JSON.stringify({ url: redis.url, log: logged(), options });
    const child = fork(PROGRAM, [config], { execArgv: [] });
    children.push(child);
    const [{ port }] = await once(child, 'message');
    const post = async (key: string, body: unknown = { item: 1 }, query = 'takesMs=300') => {
      const response = await fetch(`http://127.0.0.1:${port}/slow?${query}`, {
        method: 'POST',
        headers: { 'idempotency-key': key, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { response, text: await response.text(), status: response.status };
    };
    return { child, post };
  }

  it('run a handler once for a hundred duplicates at each, which receive the same response', async () => {
    const servers = await Promise.all([start(), start()]);
    const answers = await Promise.all(
      servers.flatMap(({ post }) => Array.from({ length: 100 }, () => post('crowd'))),
    );
    const texts = new Set(answers.map(({ text }) => text));
    expect([...texts]).toEqual([expect.stringMatching(/^made by \d+$/)]);
    const pids = new Set(answers.map(({ response }) => response.headers.get('x-made-by')));
    expect(pids.size).toBe(1);
    expect(runs()).toHaveLength(1);
    const outcomes = answers.map(({ response }) => response.headers.get('samekey'));
    expect(outcomes.filter((outcome) => outcome === 'executed')).toHaveLength(1);
  });

  it('refuse a key that is reused or in progress at the other one', async () => {
    const [first, second] = await Promise.all([start(), start({ waitMs: 100 })]);
    const end = join(folder, 'end');
    const query = `until=${encodeURIComponent(end)}`;
    const slow = first.post('misused', { item: 1 }, query);
    await expect.poll(runs).toHaveLength(1);
    expect((await second.post('misused', { item: 2 }, query)).status).toBe(422);
    const waiting = await second.post('misused', { item: 1 }, query);
    expect([waiting.status, waiting.response.headers.get('retry-after')]).toEqual([409, '1']);
    writeFileSync(end, '');
    const { text } = await slow;
    expect((await second.post('misused', { item: 1 }, query)).text).toBe(text);
    expect((await second.post('misused', { item: 2 }, query)).status).toBe(422);
    expect(runs()).toHaveLength(1);
  });

  it('run again or refuse what the other one ran when it was killed, by onUnknown', async () => {
    const options = { leaseMs: 1000 };
    const [first, second] = await Promise.all([start(options), start(options)]);
    const careful = await start({ ...options, onUnknown: 'hold' });
    for (const key of ['retried', 'held']) first.post(key, {}, FOREVER).catch(() => {});
    await expect.poll(runs).toHaveLength(2);
    first.child.kill('SIGKILL');
    const held = await careful.post('held', {}, FOREVER);
    expect([held.status, held.response.headers.get('x-should-retry')]).toEqual([409, 'false']);
    expect(JSON.parse(held.text).type).toMatch(/#outcome-unknown$/);
    const retried = second.post('retried', {}, FOREVER).catch(() => {});
    await expect.poll(runs).toHaveLength(3);
    second.child.kill('SIGKILL');
    await retried;
    expect(runs().filter((run) => run.startsWith('held'))).toHaveLength(1);
  });
});
