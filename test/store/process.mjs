/**
 * A process that uses an LMDB store, for tests that need several of them or kill one.
 *
 *     store-process.mjs PATH write NAME        finishes one key after another, until it is killed
 *     store-process.mjs PATH claim KEY…        on a line on stdin, claims all keys; prints those it got
 *     store-process.mjs PATH complete KEY      claims a key; on a line on stdin, completes it
 *     store-process.mjs PATH open KEY          the same, and prints a line before it opens the store
 *     store-process.mjs PATH fill              finishes keys until that fails, then makes room
 *     store-process.mjs PATH too-large         claims 40 keys, then completes them all at once, one
 *                                              of them with a result that the disk has no room for
 *     store-process.mjs PATH together KEY…     on a line on stdin, claims and completes all keys,
 *                                              each next step for all at once
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { lmdbStore } from '../../dist/store/lmdb.js';

const [path, mode, ...rest] = process.argv.slice(2);
// Synchronous, so that the output is complete whenever the process ends.
const print = (text) => writeSync(1, `${text}\n`);
if (mode === 'open') print('opening');
const store = lmdbStore({ path });
const HOUR_MS = 60 * 60 * 1000;

const claim = (key, owner) =>
  store.claim(key, {
    owner,
    leaseMs: HOUR_MS,
    ttlMs: HOUR_MS,
    fingerprint: undefined,
    takeUnknown: true,
    takeFinished: false,
  });
const complete = (key, owner, payload) =>
  store.complete(key, owner, { state: 'done', codec: 'bytes', payload, ttlMs: HOUR_MS });

if (mode === 'write') {
  const [name] = rest;
  for (let index = 0; ; index++) {
    const key = `${name}-${index}`;
    await claim(key, name);
    print(`claimed ${key}`);
    await complete(key, name, new Uint8Array(index * 100).fill(index));
    print(`done ${key}`);
  }
}

if (mode === 'fill') {
  let count = 0;
  try {
    for (; count < 1000; count++) {
      await claim(`key-${count}`, 'owner');
      await complete(`key-${count}`, 'owner', new Uint8Array(50_000).fill(1));
    }
  } catch (error) {
    print(`${error.code} ${error.message}`);
  }
  // Stored results are readable, and the store works again when there is space.
  for (let index = 0; index < count; index++) {
    const { record } = await store.read(`key-${index}`);
    if (record?.payload?.length === 50_000) await store.evict(`key-${index}`);
  }
  await claim('last', 'owner');
  await complete('last', 'owner', new Uint8Array([1]));
  print((await store.read('last')).record.state);
  await store.close();
  process.exit();
}

if (mode === 'too-large') {
  const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
  await Promise.all(keys.map((key) => claim(key, 'owner')));
  const ends = await Promise.allSettled(
    keys.map((key, index) =>
      complete(key, 'owner', new Uint8Array(index === 17 ? 3_000_000 : 10).fill(index)),
    ),
  );
  const states = await Promise.all(keys.map(async (key) => (await store.read(key)).record?.state));
  print(JSON.stringify(ends.map(({ status, value }, index) => [value ?? status, states[index]])));
  await store.close();
  process.exit();
}

print('ready');
if (mode === 'together') {
  await once(process.stdin, 'data');
  const owner = String(process.pid);
  const claims = await Promise.all(rest.map((key) => claim(key, owner)));
  const won = rest.filter((_, index) => claims[index].claimed);
  const ends = await Promise.all(
    rest.map((key) => complete(key, owner, new TextEncoder().encode(owner))),
  );
  print(JSON.stringify({ won, completed: rest.filter((_, index) => ends[index]) }));
} else if (mode === 'claim') {
  await once(process.stdin, 'data');
  const owner = String(process.pid);
  const results = await Promise.all(rest.map((key) => claim(key, owner)));
  print(JSON.stringify(rest.filter((_, index) => results[index].claimed)));
} else {
  const [key] = rest;
  await claim(key, 'other process');
  print('claimed');
  await once(process.stdin, 'data');
  await complete(key, 'other process', new Uint8Array([7]));
}
await store.close();
process.stdin.destroy();
