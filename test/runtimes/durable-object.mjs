/**
 * The store in Durable Objects, in real workerd: `node test/runtimes/durable-object.mjs [name of a check]`.
 *
 * Several Workers are bound to one class of objects. Prints a line for each check and the figures of the races.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProject, installed, remove, versionOf } from './project.mjs';
import { bundleByConfig, workerModules } from './rows/workerd.mjs';

/** How many Workers are bound to the objects. */
const WORKERS = 8;
const COMPATIBILITY_DATE = '2026-04-26';

const ENTRY = `
import { createOnce } from 'samekey/once';
import { idempotent } from 'samekey/server';
import { storeConformance } from 'samekey/store/conformance';
import { durableObjectStore, SamekeyObject } from 'samekey/store/durable-object';
import { controlled, durableWorker } from './program/durable-object.mjs';
export const Controlled = controlled(SamekeyObject);
export class Another {
  fetch() {
    return new Response('hello', { status: 418 });
  }
}
export { SamekeyObject };
export default durableWorker({ createOnce, durableObjectStore, idempotent, storeConformance });
`;

const CONFIGURATION = {
  durable_objects: {
    bindings: [
      { name: 'SAMEKEY', class_name: 'Controlled' },
      { name: 'OTHER', class_name: 'Another' },
      { name: 'PLAIN', class_name: 'SamekeyObject' },
    ],
  },
  migrations: [{ tag: 'v1', new_sqlite_classes: ['Controlled', 'Another', 'SamekeyObject'] }],
};

/**
 * @typedef {object} Scene
 * @property {(worker: number, path: string, query?: Record<string, unknown>, init?: any) => Promise<any>} ask
 *   a Worker, and resolves to its JSON
 * @property {(worker: number, path: string, init?: any) => Promise<any>} send
 * @property {(what: string, body?: string, shard?: number) => Promise<any>} object
 * @property {(key: string) => number} runs
 * @property {() => string} key
 */

/** @type {Record<string, (scene: Scene) => Promise<string | undefined>>} */
const CHECKS = {
  async 'the conformance suite, in a Worker'({ ask }) {
    const names = await ask(0, 'cases');
    assert.ok(names.length > 30);
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
    const all = await Promise.all(
      Array.from({ length: 1000 }, (_, at) =>
        ask(at % WORKERS, 'once', { key: own, own: 1, ms: 500 }),
      ),
    );
    assert.equal(runs(own), 1);
    assert.deepEqual(
      [...new Set(all.map(({ number }) => number))],
      [1],
      JSON.stringify(all.find(({ number }) => number !== 1)),
    );
    const executed = all.filter(({ outcome }) => outcome === 'executed');
    assert.equal(executed.length, 1);
    return `1,000 callers in ${WORKERS} Workers, 1 run, 0 lost results`;
  },

  async 'a race of eight Workers for each of 200 keys'({ ask, key, runs }) {
    const keys = Array.from({ length: 200 }, key);
    let lost = 0;
    for (let at = 0; at < keys.length; at += 25) {
      await Promise.all(
        keys.slice(at, at + 25).flatMap((own) =>
          Array.from({ length: WORKERS }, async (_, worker) => {
            const { number } = await ask(worker, 'once', { key: own, ms: 5 });
            if (number !== 1) lost++;
          }),
        ),
      );
    }
    const total = keys.reduce((sum, own) => sum + runs(own), 0);
    assert.deepEqual([total, lost], [keys.length, 0]);
    return `${total / keys.length} runs per key, ${lost} lost results`;
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

  async 'an object that throws'({ ask, key, object, runs }) {
    const own = key();
    await object('break');
    const failed = await ask(0, 'once', { key: own, own: 1, shards: 1 });
    assert.equal(failed.code, 'SAMEKEY_STORE');
    assert.match(failed.message, /Cannot ask the Durable Object samekey:0: .*the object throws/);
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

export async function start(project) {
  const name = 'durable';
  const main = project.write(`${name}.mjs`, ENTRY);
  const config = { name, main, compatibility_date: COMPATIBILITY_DATE, ...CONFIGURATION };
  const file = project.write(`${name}.jsonc`, JSON.stringify(config));
  const modules = workerModules(await bundleByConfig(project, name, main, file), name);
  const { Miniflare } = await import('miniflare');
  /** @type {Map<string, number>} */
  const counts = new Map();
  const work = async (/** @type {any} */ request) => {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const { Response } = await import('miniflare');
    return new Response(String(counts.get(key)));
  };
  const class_ = (/** @type {string} */ className, useSQLite = true) => ({ className, useSQLite });
  const miniflare = new Miniflare({
    workers: Array.from({ length: WORKERS }, (_, at) => ({
      name: `worker-${at}`,
      modules,
      compatibilityDate: COMPATIBILITY_DATE,
      serviceBindings: { WORK: work },
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
      durableObjects: {
        SAMEKEY: { ...class_('Controlled'), ...(at > 0 && { scriptName: 'worker-0' }) },
        ...(at === 0 && { OTHER: class_('Another'), PLAIN: class_('SamekeyObject', false) }),
      },
    })),
  });
  await miniflare.ready;
  return { miniflare, counts };
}

const only = process.argv[2];
if (!existsSync(installed('workerd/package.json'))) {
  console.log('not run: the store in Durable Objects: workerd is not installed');
  if (process.env.CI === 'true') process.exitCode = 1;
} else {
  const project = createProject();
  const { miniflare, counts } = await start(project);
  // The proxy of Miniflare takes longer than the Workers.
  const addresses = await Promise.all(
    Array.from({ length: WORKERS }, (_, at) => miniflare.unsafeGetDirectURL(`worker-${at}`)),
  );
  const send = (/** @type {number} */ worker, /** @type {string} */ path, init = {}) =>
    fetch(new URL(path, addresses[worker]), init);
  /** @type {Scene['ask']} */
  const ask = async (worker, path, query = {}, init = {}) => {
    const parameters = Object.entries(query).map(([name, value]) => [name, String(value)]);
    const response = await send(worker, `${path}?${new URLSearchParams(parameters)}`, init);
    return response.json();
  };
  /** @type {Scene} */
  const scene = {
    ask,
    send,
    object: (what, body = '', shard = 0) =>
      ask(0, 'object', { do: what, shard }, { method: 'POST', body }),
    runs: (key) => counts.get(key) ?? 0,
    key: () => `ik_${randomBytes(32).toString('hex')}`,
  };
  console.log(`workerd ${versionOf('workerd')}`);
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      if (only !== undefined && !name.includes(only)) continue;
      const from = performance.now();
      try {
        const figures = await check(scene);
        const ms = Math.round(performance.now() - from);
        console.log(`ok      ${name}${figures ? `: ${figures}` : ''} (${ms} ms)`);
      } catch (error) {
        console.log(`failed  ${name}: ${error instanceof Error ? error.stack : error}`);
        process.exitCode = 1;
      }
    }
  } finally {
    await miniflare.dispose();
    remove(project);
  }
}
