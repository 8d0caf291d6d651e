/**
 * Fills the disk of a Durable Object: `node full-disk.mjs <folder of the bundle> <folder on a small disk>`.
 * Prints what the calls of the store and of `once` gave, as JSON.
 */
import { startWorkers } from './durable-workers.mjs';

const [, , bundle = '', disk = ''] = process.argv;
const { scene, stop } = await startWorkers(bundle, 1, disk);
const { ask, key, object, runs } = scene;
try {
  const keys = Array.from({ length: 40 }, key);
  /** @type {any[]} */
  const answers = [];
  for (const own of keys) {
    answers.push(await ask(0, 'once', { key: own, own: 1, shards: 1, bytes: 200_000 }));
    if (answers.at(-1).code) break;
  }
  const stored = answers.slice(0, -1);
  const replays = [];
  for (const own of keys.slice(0, stored.length)) {
    replays.push(await ask(0, 'once', { key: own, own: 1, shards: 1 }));
  }
  // One result less, and there is room for a small one.
  await object('sql', `UPDATE samekey_records SET payload = NULL WHERE key = '${keys[0]}'`);
  const afterwards = await ask(0, 'once', { key: key(), own: 1, shards: 1 });
  const outcomes = (/** @type {any[]} */ list) => [...new Set(list.map(({ outcome }) => outcome))];
  console.log(
    JSON.stringify({
      stored: outcomes(stored),
      refused: answers.at(-1),
      runsOfRefused: runs(String(keys[stored.length])),
      replays: outcomes(replays),
      afterwards: afterwards.outcome,
    }),
  );
} finally {
  await stop();
}
