/**
 * The store in Durable Objects, in real workerd: `node test/runtimes/durable-object.mjs [name of a check]`.
 *
 * Several Workers are bound to one class of objects. Prints a line for each check and the figures of the races.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundle, startWorkers } from './durable-workers.mjs';
import { createProject, HERE, installed, remove, versionOf } from './project.mjs';

/** @typedef {import('./durable-workers.mjs').Scene} Scene */

/** How many Workers are bound to the objects. */
const WORKERS = 8;

/** @type {Record<string, (scene: Scene) => Promise<string | undefined>>} */
const CHECKS = {
  async 'the conformance suite, in a Worker'({ ask }) {
    const names = await ask(0, 'cases');
    assert.ok(names.length > 30);
    // The rules of `onUnreadable: 'retry'`.
    const replacing = names.filter((/** @type {string} */ name) =>
      /finishedOwner|name its owner/.test(name),
    );
    assert.equal(replacing.length, 2, names.join(', '));
    for (const shards of [1, 4]) {
      await Promise.all(
        names.map(async (/** @type {string} */ name, /** @type {number} */ at) => {
          const answer = await ask(at % WORKERS, 'case', { at, shards, bytes: 4 << 20 });
          assert.equal(answer, 'passed', `${name}: ${JSON.stringify(answer)}`);
        }),
      );
    }
    return `${names.length} of ${names.length}, with 1 and with 4 shards`;
  },

  async '1,000 duplicates at the same time are one run'({ ask, key, runs }) {
    const own = key();
    let lostConnections = 0;
    /** A busy machine may drop a connection of so many at once. The caller asks again, as a client does. */
    const call = async (/** @type {number} */ worker) => {
      for (let tries = 1; ; tries++) {
        try {
          return await ask(worker, 'once', { key: own, own: 1, ms: 500 });
        } catch (error) {
          const { code } = /** @type {NodeJS.ErrnoException} */ (error);
          if (code !== 'ECONNRESET' || tries === 20) throw error;
          lostConnections++;
          await new Promise((resolve) => setTimeout(resolve, 50 * tries));
        }
      }
    };
    const all = await Promise.all(Array.from({ length: 1000 }, (_, at) => call(at % WORKERS)));
    assert.equal(runs(own), 1);
    assert.deepEqual(
      [...new Set(all.map(({ number }) => number))],
      [1],
      JSON.stringify(all.find(({ number }) => number !== 1)),
    );
    const executed = all.filter(({ outcome }) => outcome === 'executed');
    assert.equal(executed.length, 1);
    const again = lostConnections === 0 ? '' : `, ${lostConnections} connections lost`;
    return `1,000 callers in ${WORKERS} Workers, 1 run, 0 lost results${again}`;
  },

  async 'a race of eight Workers for each of 200 keys'({ ask, key, runs }) {
    const keys = Array.from({ length: 200 }, key);
    const lost = [];
    for (let at = 0; at < keys.length; at += 25) {
      await Promise.all(
        keys.slice(at, at + 25).flatMap((own) =>
          Array.from({ length: WORKERS }, async (_, worker) => {
            const answer = await ask(worker, 'once', { key: own, ms: 5 });
            if (answer.number !== 1) lost.push(answer);
          }),
        ),
      );
    }
    const total = keys.reduce((sum, own) => sum + runs(own), 0);
    assert.deepEqual([total, lost], [keys.length, []]);
    return `${total / keys.length} runs per key, 0 lost results`;
  },

  async 'the same race while the objects are evicted again and again'(scene) {
    const { ask, key, object, runs } = scene;
    const keys = Array.from({ length: 40 }, key);
    const lost = [];
    let [repeated, evictions, isOver] = [0, 0, false];
    const evicting = [0, 1, 2, 3].map(async (shard) => {
      while (!isOver) {
        await object('evict', '', shard).catch(() => {});
        evictions++;
        await sleep(15);
      }
    });
    await Promise.all(
      keys.flatMap((own) =>
        Array.from({ length: WORKERS }, async (_, worker) => {
          let answer = await ask(worker, 'once', { key: own, ms: 100 });
          for (let tries = 1; tries < 50 && answer.code === 'SAMEKEY_STORE'; tries++) {
            repeated++;
            await sleep(20);
            answer = await ask(worker, 'once', { key: own, ms: 100 });
          }
          if (answer.number !== 1) lost.push(answer);
        }),
      ),
    );
    isOver = true;
    await Promise.all(evicting);
    assert.ok(evictions > 20, `${evictions} evictions`);
    const total = keys.reduce((sum, own) => sum + runs(own), 0);
    assert.deepEqual([total, lost], [keys.length, []]);
    return `${total / keys.length} runs per key, 0 lost results, ${evictions} evictions, ${repeated} calls sent again`;
  },

  async 'a result whose key is lost: held, or run once more by eight Workers'(scene) {
    const { ask, key, object, runs } = scene;
    for (const isEvicted of [false, true]) {
      const own = key();
      const query = { key: own, own: 1, shards: 1 };
      assert.equal((await ask(0, 'once', { ...query, encrypt: 'old' })).outcome, 'executed');
      if (isEvicted) await object('evict');
      const lost = { ...query, encrypt: 'new', ms: 200 };
      const held = await ask(1, 'once', lost);
      assert.deepEqual([held.code, runs(own)], ['SAMEKEY_UNREADABLE', 1], held.message);
      const all = await Promise.all(
        Array.from({ length: WORKERS }, (_, at) => ask(at, 'once', { ...lost, retry: 1 })),
      );
      const outcomes = all.map(({ outcome }) => outcome);
      assert.equal(outcomes.filter((outcome) => outcome === 'executed').length, 1, `${outcomes}`);
      assert.deepEqual([...new Set(all.map(({ number }) => number))], [2]);
      // The new result is not replaced by a caller that finds the old one late.
      const again = await ask(2, 'once', { ...lost, retry: 1 });
      assert.deepEqual([again.outcome, again.number, runs(own)], ['replayed', 2, 2]);
      const old = await ask(3, 'once', { ...query, encrypt: 'old' });
      assert.deepEqual([old.code, runs(own)], ['SAMEKEY_UNREADABLE', 2]);
    }
    return `${WORKERS} Workers, 1 more run`;
  },

  async 'a waiting duplicate does not poll'({ ask, key, object, runs }) {
    const own = key();
    const first = ask(0, 'once', { key: own, own: 1, shards: 1, ms: 2500 });
    await sleep(500);
    await object('asked');
    const { outcome } = await ask(1, 'once', { key: own, own: 1, shards: 1 });
    await first;
    const asked = (await object('asked')).filter(
      (/** @type {string} */ method) => method !== 'complete',
    );
    assert.deepEqual([outcome, runs(own)], ['joined', 1]);
    // The claim is refused. It subscribes, looks again, and is told.
    assert.deepEqual(asked.sort(), ['claim', 'claim', 'claim', 'watch', 'watch']);
    return `${asked.length} requests in two seconds`;
  },

  async 'an object that is evicted during a run: one run, and both callers get its result'(scene) {
    const { ask, key, object, runs } = scene;
    const own = key();
    const query = { key: own, own: 1, shards: 1, ms: 2000 };
    const first = ask(0, 'once', query);
    await sleep(400);
    const second = ask(1, 'once', query);
    await sleep(400);
    await object('evict');
    const [{ number, outcome }, duplicate] = await Promise.all([first, second]);
    assert.deepEqual([number, outcome], [1, 'executed']);
    assert.deepEqual([duplicate.number, duplicate.outcome, runs(own)], [1, 'joined', 1]);
    return undefined;
  },

  async 'a lease ends by its time, also if the object is evicted meanwhile'({ ask, key, object }) {
    const own = key();
    const { claimed } = await callStore(ask, ['claim', own, CLAIM]);
    assert.equal(claimed, true);
    const next = ask(1, 'once', { key: own, own: 1, shards: 1 });
    await sleep(200);
    await object('evict');
    const { attempt, outcome } = await next;
    assert.deepEqual([attempt, outcome], [2, 'executed']);
    return undefined;
  },

  async 'a renewal and a result that are sent while the object is evicted arrive'(scene) {
    const { ask, key, object, runs } = scene;
    const own = key();
    const first = ask(0, 'once', { key: own, own: 1, shards: 1, ms: 1200, leaseMs: 600 });
    for (let at = 0; at < 6; at++) {
      await sleep(200);
      await object('evict');
    }
    assert.deepEqual([(await first).outcome, runs(own)], ['executed', 1]);
    const { outcome } = await ask(1, 'once', { key: own, own: 1, shards: 1 });
    assert.equal(outcome, 'replayed');
    return undefined;
  },

  async 'a client that hangs up: the run ends with its lease, or goes on with waitUntil'(scene) {
    const { ask, key, runs } = scene;
    const query = { own: 1, shards: 1, ms: 1500, leaseMs: 600 };
    const [gone, kept] = [key(), key()];
    await Promise.all([
      hangUp(scene, { ...query, key: gone }),
      hangUp(scene, { ...query, key: kept, waitUntil: 1 }),
    ]);
    const answers = await Promise.all(
      [gone, kept].map((own) => ask(1, 'once', { ...query, key: own })),
    );
    assert.deepEqual(
      answers.map(({ attempt, outcome }) => [attempt, outcome]),
      [
        [2, 'executed'],
        [1, 'joined'],
      ],
    );
    assert.deepEqual([runs(gone), runs(kept)], [2, 1]);
    return undefined;
  },

  async 'an object that throws'({ ask, key, object, runs }) {
    const own = key();
    await object('break');
    const failed = await ask(0, 'once', { key: own, own: 1, shards: 1 });
    assert.equal(failed.code, 'SAMEKEY_STORE');
    assert.match(
      failed.message,
      /the store durable-object at samekey:0 failed: Cannot ask the Durable Object samekey:0: .*the object throws/,
    );
    await object('evict');
    const { outcome } = await ask(0, 'once', { key: own, own: 1, shards: 1 });
    assert.deepEqual([outcome, runs(own)], ['executed', 1]);
    return undefined;
  },

  async 'foreign rows and rows of another version are refused and kept'(scene) {
    const { ask, key, object, runs } = scene;
    const own = key();
    const query = { key: own, own: 1, shards: 1 };
    assert.equal((await ask(0, 'once', query)).outcome, 'executed');
    for (const [head, state] of [
      ['hello', 'it is no record of samekey'],
      ['{"a":1}', 'it is no record of samekey'],
      ['[2,"done","o",1,1,1,1,1]', 'it has version 2'],
    ]) {
      await object('sql', `UPDATE samekey_records SET head = '${head}' WHERE key = '${own}'`);
      const { code, message, cause } = await ask(0, 'once', query);
      assert.deepEqual([code, cause.code], ['SAMEKEY_STORE', 'SAMEKEY_BAD_STATE']);
      assert.ok(message.includes(state), message);
      const rows = await object('sql', `SELECT head FROM samekey_records WHERE key = '${own}'`);
      assert.deepEqual(rows, [{ head }]);
    }
    await object('sql', `DELETE FROM samekey_records WHERE key = '${own}'`);
    assert.equal(runs(own), 1);
    return undefined;
  },

  async 'a table of somebody else is refused'({ ask, key, object }) {
    await object('sql', 'DROP TABLE samekey_records');
    await object('sql', 'CREATE TABLE samekey_records (id INTEGER)');
    const { code, message, cause } = await ask(0, 'once', { key: key(), own: 1, shards: 1 });
    await object('sql', 'DROP TABLE samekey_records');
    await object('evict');
    assert.deepEqual([code, cause?.code], ['SAMEKEY_STORE', 'SAMEKEY_BAD_STATE'], message);
    return undefined;
  },

  async 'a request that is not of the store is refused'({ object }) {
    const [, , code] = await object('raw', 'hello there');
    assert.equal(code, 'SAMEKEY_BAD_CLIENT');
    return undefined;
  },

  async 'a missing binding, a binding of another class and a class without SQLite'({ ask, key }) {
    const read = (/** @type {string} */ binding) => callStore(ask, ['read', key()], binding);
    const missing = await read('MISSING');
    assert.equal(missing.code, 'SAMEKEY_BAD_ARGUMENT');
    for (const part of ['namespace is undefined', '"name": "SAMEKEY"', '"new_sqlite_classes"']) {
      assert.ok(missing.message.includes(part), missing.message);
    }
    const other = await read('OTHER');
    assert.equal(other.code, 'SAMEKEY_BAD_CLIENT');
    assert.match(other.message, /status 418 .*wanted the class SamekeyObject/);
    const plain = await read('PLAIN');
    assert.equal(plain.code, 'SAMEKEY_BAD_CLIENT', plain.message);
    assert.match(plain.message, /new_sqlite_classes/);
    const work = await read('WORK');
    assert.equal(work.code, 'SAMEKEY_BAD_ARGUMENT');
    return undefined;
  },

  async 'results larger than a row, and larger than the store takes'({ ask, key, object, runs }) {
    const own = key();
    const query = { key: own, own: 1, shards: 1, bytes: 7_000_000 };
    assert.equal((await ask(0, 'once', query)).bytes, query.bytes);
    const again = await ask(1, 'once', query);
    assert.deepEqual([again.bytes, again.outcome, runs(own)], [query.bytes, 'replayed', 1]);
    const parts = 'SELECT COUNT(*) AS parts FROM samekey_parts';
    assert.deepEqual(await object('sql', parts), [{ parts: 4 }]);
    assert.equal(await callStore(ask, ['evict', own]), true);
    assert.deepEqual(await object('sql', parts), [{ parts: 0 }]);

    const { owner } = (await callStore(ask, ['claim', own, CLAIM])).record;
    const completion = { state: 'done', codec: 'json', payload: 33 << 20, ttlMs: 1000 };
    const { code } = await callStore(ask, ['complete', own, owner, completion]);
    assert.equal(code, 'SAMEKEY_STORE_FULL');
    assert.equal((await callStore(ask, ['read', own])).record.state, 'running');
    return undefined;
  },

  async 'the alarm deletes what nobody needs'({ ask, key, object }) {
    const own = key();
    await ask(0, 'once', { key: own, own: 1, shards: 1, bytes: 3_000_000 });
    const other = key();
    await ask(0, 'once', { key: other, own: 1, shards: 1 });
    assert.ok((await object('alarms')) > Date.now());
    await object('sql', `UPDATE samekey_records SET kept_until = 0 WHERE key = '${own}'`);
    await object('alarm');
    const left = () =>
      object('sql', 'SELECT key FROM samekey_records UNION ALL SELECT key FROM samekey_parts');
    let rows = await left();
    for (
      let turn = 0;
      turn < 100 && rows.some((/** @type {any} */ row) => row.key === own);
      turn++
    ) {
      await sleep(50);
      rows = await left();
    }
    const keys = rows.map((/** @type {any} */ row) => row.key);
    assert.deepEqual([keys.includes(own), keys.includes(other)], [false, true]);
    assert.ok((await object('alarms')) > Date.now());
    return undefined;
  },

  async 'a stream flows to its request; duplicates in any Worker get it whole'({
    send,
    key,
    runs,
  }) {
    const headers = { 'idempotency-key': key() };
    const first = await send(0, 'stream', { method: 'POST', headers });
    const reader = first.body.getReader();
    const { value } = await reader.read();
    assert.equal(Buffer.from(value).toString(), 'run 1:');
    const duplicates = await Promise.all(
      [0, 1, 2].map((worker) => send(worker, 'stream', { method: 'POST', headers })),
    );
    let rest = '';
    for (let turn = await reader.read(); !turn.done; turn = await reader.read()) {
      rest += Buffer.from(turn.value).toString();
    }
    assert.equal(rest, ' one two three');
    const texts = await Promise.all(duplicates.map((response) => response.text()));
    assert.deepEqual(texts, Array(3).fill('run 1: one two three'));
    assert.equal(runs(headers['idempotency-key']), 1);
    return undefined;
  },
};

/**
 * These wait for what takes the platform and the store 10 and 20 seconds. Each has objects of its own, and
 * runs beside the other checks.
 *
 * @type {Record<string, (scene: Scene) => Promise<string | undefined>>}
 */
const SLOW_CHECKS = {
  async 'a duplicate that waits for longer than an object holds its request'({ ask, key, runs }) {
    const query = { key: key(), own: 1, shards: 1, prefix: 'held:' };
    const first = ask(2, 'once', { ...query, ms: 22_000 });
    await sleep(300);
    const { outcome, number } = await ask(3, 'once', query);
    assert.deepEqual([outcome, number, runs(query.key)], ['joined', 1, 1]);
    assert.equal((await first).outcome, 'executed');
    return undefined;
  },

  async 'an object that is idle leaves the memory, and its records stay'({
    ask,
    key,
    object,
    runs,
  }) {
    const query = { key: key(), own: 1, shards: 1, prefix: 'idle:' };
    assert.equal((await ask(2, 'once', query)).outcome, 'executed');
    const before = await object('instance', '', 'idle:0');
    assert.equal(await object('instance', '', 'idle:0'), before);
    await sleep(20_000);
    const { outcome } = await ask(3, 'once', query);
    assert.notEqual(await object('instance', '', 'idle:0'), before);
    assert.deepEqual([outcome, runs(query.key)], ['replayed', 1]);
    return undefined;
  },
};

/** A claim with a lease that a test can wait for. */
const CLAIM = {
  owner: 'test',
  leaseMs: 1000,
  ttlMs: 60_000,
  takeUnknown: false,
  takeFinished: false,
};

/** Calls a method of the store. @param {Scene['ask']} ask */
const callStore = (ask, /** @type {unknown[]} */ call, binding = 'SAMEKEY') =>
  ask(0, 'store', { binding }, { method: 'POST', body: JSON.stringify(call) });

/**
 * Starts a run, and resets the connection during it.
 *
 * @param {Scene} scene
 */
async function hangUp({ address }, /** @type {Record<string, unknown>} */ query) {
  const socket = connect(Number(address.port), address.hostname);
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  const search = new URLSearchParams(Object.entries(query).map(([a, b]) => [a, String(b)]));
  socket.write(`GET /once?${search} HTTP/1.1\r\nhost: ${address.host}\r\n\r\n`);
  await sleep(300);
  socket.resetAndDestroy();
}

/** A disk that only this command sees, and that ends with it. */
const UNSHARE = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])];

/** @param {string} folder of the bundle */
function onFullDisk(folder) {
  const disk = mkdtempSync(path.join(tmpdir(), 'samekey-disk-'));
  try {
    const command = `mount -t tmpfs -o size=2m tmpfs '${disk}'; exec "$0" "$@" '${disk}'`;
    const [program = '', ...options] = [...UNSHARE, '--mount', 'sh', '-ec', command];
    const args = [...options, process.execPath, path.join(HERE, 'full-disk.mjs'), folder];
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
    if (/unshare|mount:/.test(stderr) && stdout === '') return undefined;
    const { stored, refused, runsOfRefused, replays, afterwards } = JSON.parse(stdout);
    assert.deepEqual([stored, replays, afterwards], [['executed'], ['replayed'], 'executed']);
    assert.deepEqual([refused.code, runsOfRefused], ['SAMEKEY_STORE_FULL', 1], stdout);
    assert.match(refused.message, /Cannot store the result of ik_/);
    return 'the results before are kept, and the next after there is room';
  } finally {
    rmSync(disk, { recursive: true });
  }
}

/** @type {(name: string, check: () => Promise<string | undefined>) => Promise<void>} */
async function report(name, check) {
  const from = performance.now();
  try {
    const figures = await check();
    const ms = Math.round(performance.now() - from);
    console.log(`ok      ${name}${figures ? `: ${figures}` : ''} (${ms} ms)`);
  } catch (error) {
    console.log(`failed  ${name}: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
  }
}

const only = process.argv[2];
const isWanted = (/** @type {string} */ name) => only === undefined || name.includes(only);
const notRun = (/** @type {string} */ why) => {
  console.log(`not run: ${why}`);
  if (process.env.CI === 'true') process.exitCode = 1;
};

if (!existsSync(installed('workerd/package.json'))) {
  notRun('the store in Durable Objects: workerd is not installed');
} else {
  const project = createProject();
  const folder = await bundle(project);
  const { scene, stop } = await startWorkers(folder, WORKERS);
  console.log(`workerd ${versionOf('workerd')}`);
  try {
    const slow = Object.entries(SLOW_CHECKS)
      .filter(([name]) => isWanted(name))
      .map(([name, check]) => report(name, () => check(scene)));
    for (const [name, check] of Object.entries(CHECKS)) {
      if (isWanted(name)) await report(name, () => check(scene));
    }
    await Promise.all(slow);
    if (isWanted('a full disk')) {
      const figures = onFullDisk(folder);
      if (figures === undefined) notRun('a full disk: this process may not mount one');
      else await report('a full disk', async () => figures);
    }
  } finally {
    await stop();
    remove(project);
  }
}
