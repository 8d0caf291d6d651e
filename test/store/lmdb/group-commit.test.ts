import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../../src/store/lmdb.js';
import type { Completion, Store, StoreEntry } from '../../../src/store/store.js';
import { deep } from '../../depth.js';
import { random } from '../../torture/seeded.mjs';
import { request } from '../requests.js';

const PROGRAM = fileURLToPath(new URL('../process.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const completion = (bytes: Uint8Array): Completion => ({
  state: 'done',
  codec: 'c',
  payload: bytes,
  ttlMs: 5000,
});
const keys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`);
async function entriesIn(store: Store): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for await (const entry of store.list?.() ?? []) entries.push(entry);
  return entries;
}
/** The number of transactions that a database has had. */
async function transactionsOf(path: string): Promise<number> {
  const database = open({ path, noSubdir: false, useVersions: true, overlappingSync: false });
  const { lastTxnId } = database.getStats() as { readonly lastTxnId: number };
  await database.close();
  return lastTxnId;
}

type Call = (store: Store) => Promise<unknown>;

function randomCall(key: string, below: (limit: number) => number): Call {
  const owner = `owner-${below(3)}`;
  switch (below(8)) {
    case 0:
    case 1:
    case 2: {
      const fingerprint = [undefined, 'a', 'b'][below(3)];
      const takeUnknown = below(2) === 0;
      const takeFinished = below(3) === 0;
      const brief = { leaseMs: 1000, ttlMs: 5000 };
      const asked = request(owner, { fingerprint, takeUnknown, takeFinished, ...brief });
      return (store) => store.claim(key, asked);
    }
    case 3: {
      const leaseMs = below(2) * 1000;
      return (store) => store.renew(key, owner, leaseMs);
    }
    case 4:
    case 5: {
      const payload = new Uint8Array(below(3000)).fill(below(256));
      return (store) => store.complete(key, owner, completion(payload));
    }
    case 6:
      return (store) => store.release(key, owner);
    default:
      return (store) => store.evict(key);
  }
}

describe('the transactions of the LMDB store', () => {
  const ROUNDS = deep(60, 600);
  it(`give the answers and records of one call at a time, in ${ROUNDS} rounds of random calls`, async () => {
    const next = random(15);
    const below = (limit: number) => Math.floor(next() * limit);
    let nowMs = Date.now();
    const clock = () => nowMs;
    const together = lmdbStore({ path: join(folder, 'together'), clock });
    const alone = lmdbStore({ path: join(folder, 'alone'), clock });
    let grantedCount = 0;
    for (let round = 0; round < ROUNDS; round++) {
      nowMs += [0, 1, 500, 3000][below(4)] ?? 0;
      // Half of the calls are made while the others are being written.
      const calls = keys(24).map((key) => ({ call: randomCall(key, below), isLater: below(2) }));
      const answers = await Promise.all(
        calls.map(async ({ call, isLater }) => {
          if (isLater === 1) await turn();
          return call(together);
        }),
      );
      for (const [index, { call }] of calls.entries()) {
        const answer = await call(alone);
        expect(answers[index], `call ${index} of round ${round}`).toEqual(answer);
        if (answer === true) grantedCount++;
      }
      expect(await entriesIn(together)).toEqual(await entriesIn(alone));
    }
    expect(grantedCount).toBeGreaterThan(3 * ROUNDS);
    await together.close();
    await alone.close();
  });

  it('are few: the calls of one turn share one, and the calls during it the next', async () => {
    const path = join(folder, 'few');
    const store = lmdbStore({ path, clock: () => 1e12 });
    const before = await transactionsOf(path);
    const claim = (name: string) => store.claim(name, request('owner'));
    await Promise.all(
      keys(256).map(async (key, index) => {
        if (index >= 128) await turn();
        expect((await claim(key)).claimed).toBe(true);
      }),
    );
    expect(await transactionsOf(path)).toBeLessThanOrEqual(before + 3);
    await store.close();
  });

  it('run while the callers of the one before run, if those take longer', async () => {
    const path = join(folder, 'overlapping');
    const store = lmdbStore({ path, clock: () => 1e12 });
    const before = await transactionsOf(path);
    const CALLERS = 16;
    const ROUNDS = 12;
    await Promise.all(
      keys(CALLERS).map(async (name) => {
        for (let round = 0; round < ROUNDS; round++) {
          const key = `${name}-${round}`;
          expect((await store.claim(key, request('owner'))).claimed).toBe(true);
          const endsAt = performance.now() + 5;
          while (performance.now() < endsAt);
        }
      }),
    );
    expect(await entriesIn(store)).toHaveLength(CALLERS * ROUNDS);
    // In lockstep, each round is one transaction.
    expect(await transactionsOf(path)).toBeGreaterThan(before + 1.5 * ROUNDS);
    await store.close();
  });

  it('answer all callers before the store is closed, also those answered late', async () => {
    const store = lmdbStore({ path: join(folder, 'answered') });
    let answerCount = 0;
    const ends = keys(16).map(async (name) => {
      for (let round = 0; ; round++) {
        await store.claim(`${name}-${round}`, request('owner'));
        answerCount++;
        const endsAt = performance.now() + 2;
        while (performance.now() < endsAt);
      }
    });
    const codes = Promise.all(ends.map((end) => end.catch(({ code }) => code)));
    while (answerCount < 160) await turn();
    await store.close();
    expect(await codes).toEqual(ends.map(() => 'SAMEKEY_CLOSED'));
  });

  it.each([
    ['bytes', new Uint8Array(100)],
    ['a Buffer, whose slice is no copy', Buffer.alloc(100)],
  ])(
    'contain what a call was given, also if the caller reuses its memory: %s',
    async (name, memory) => {
      const store = lmdbStore({ path: join(folder, `reused ${name}`) });
      await Promise.all(keys(20).map((key) => store.claim(key, request('owner'))));
      const written = [];
      for (const [index, key] of keys(20).entries()) {
        memory.fill(index);
        written.push(store.complete(key, 'owner', completion(memory)));
        memory.fill(255);
        await turn();
      }
      expect(await Promise.all(written)).toEqual(keys(20).map(() => true));
      for (const [index, key] of keys(20).entries()) {
        const { record } = await store.read(key);
        expect(record?.payload).toEqual(new Uint8Array(100).fill(index));
      }
      await store.close();
    },
  );

  it('all end before the store is closed', async () => {
    const path = join(folder, 'closed');
    const store = lmdbStore({ path });
    const claims = keys(60).map(async (key, index) => {
      if (index >= 20) await turn();
      return store.claim(key, request('owner'));
    });
    await turn();
    await store.close();
    for (const claim of await Promise.all(claims)) expect(claim.claimed).toBe(true);
    const next = lmdbStore({ path });
    expect(await entriesIn(next)).toHaveLength(60);
    await next.close();
  });

  it('contain nothing of a call that fails at once, and all others', async () => {
    const store = lmdbStore({ path: join(folder, 'one-fails') });
    const names = keys(40).map((key, index) => (index % 10 === 3 ? key.repeat(1000) : key));
    // Two groups: in the second the writes wait first.
    const ends = await Promise.allSettled(
      names.map(async (key, index) => {
        if (index >= 20) await turn();
        return (await store.claim(key, request('owner'))).claimed;
      }),
    );
    expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : 'failed'))).toEqual(
      names.map((_, index) => (index % 10 === 3 ? 'failed' : true)),
    );
    expect(await entriesIn(store)).toHaveLength(36);
    await store.close();
  });

  it.skipIf(process.platform === 'win32')(
    'fail only for the one result that the disk has no room for',
    () => {
      // Limits the size of files, in blocks of 512 or 1024 bytes, depending on the shell.
      const command = 'ulimit -f 2000 && exec "$0" "$@"';
      const { status, stdout } = spawnSync(
        'sh',
        ['-c', command, process.execPath, PROGRAM, join(folder, 'too-large'), 'too-large'],
        { encoding: 'utf8', timeout: 100_000 },
      );
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toEqual(
        keys(40).map((_, index) => (index === 17 ? ['rejected', 'running'] : [true, 'done'])),
      );
    },
  );

  it('of four processes that claim and complete the same keys leave each key one owner', async () => {
    const path = join(folder, 'processes');
    const names = keys(deep(150, 1500));
    const started = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, [PROGRAM, path, 'together', ...names], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.add(child);
      return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
    });
    for (const { lines } of started) expect((await lines.next()).value).toBe('ready');
    for (const { child } of started) child.stdin.write('go\n');
    const owners = new Map<string, string>();
    for (const { child, lines } of started) {
      const { won, completed } = JSON.parse((await lines.next()).value ?? '');
      expect(completed).toEqual(won);
      for (const key of won) {
        expect(owners.has(key), key).toBe(false);
        owners.set(key, String(child.pid));
      }
    }
    expect(owners.size).toBe(names.length);
    const store = lmdbStore({ path });
    for (const { key, record } of await entriesIn(store)) {
      expect(record.state).toBe('done');
      expect(new TextDecoder().decode(record.payload)).toBe(owners.get(key));
    }
    await store.close();
  });
});
